"""MUSE-Pytorch's class-conditional U-ViT, `imagenet256-450000.ckpt/nnet_ema.pth`, to `models.UViT`.

Neither the number of heads nor how many rows of the vocabulary are codes can be read off the
shapes; both have the published values unless the caller knows better.

Source: baaivision/MUSE-Pytorch (MIT). Its guidance is c + s (c - u) with s growing evenly from 0
to 3, which is u + (1 + s) (c - u), and both its temperatures fade from 4.5.
"""

from maskgit.conversion.renames import Renames, State, count, fill, rename_layers, shape_of
from maskgit.conversion.sizes import reading_sizes
from maskgit.models import UViT
from maskgit.models.empty import without_weights
from maskgit.sizes import UViTConfig

NUM_HEADS, CODEBOOK_SIZE = 12, 1024
BIAS, POSITION_COUNTER = "mlm_layer.bias", "token_emb.position_ids"

_BLOCK = {
    "skip": "skip_linear",
    "attention_norm": "norm1",
    "attention.query_key_value": "attn.qkv",
    "attention.out": "attn.proj",
    "mlp_norm": "norm2",
    "mlp_in": "mlp.fc1",
    "mlp_out": "mlp.fc2",
}
_OUTSIDE = {
    "token_embedding": "token_emb.word_embeddings",
    "position_embedding": "token_emb.position_embeddings",
    "embedding_norm": "token_emb.LayerNorm",
    "norm": "norm",
    "head": "mlm_layer.fc",
    "head_norm": "mlm_layer.ln",
}


def recognises(state: State) -> bool:
    """Say whether this looks like such a network."""
    return "in_blocks.0.attn.qkv.weight" in state and "token_emb.word_embeddings.weight" in state


def transformer_from_state(
    state: State, codebook_size: int = CODEBOOK_SIZE, num_heads: int = NUM_HEADS
) -> tuple[UViTConfig, UViT]:
    """Build the network of a state dictionary.

    Args:
        state: Flat, as published.
        codebook_size: How many of the vocabulary's first rows are codes; the tokenizer knows.
        num_heads: Attention heads.

    Raises:
        CheckpointError: If tensors are missing, left over, misshapen or not finite floats.
    """
    rows, width = shape_of(state, "token_emb.word_embeddings.weight", 2)
    positions, _ = shape_of(state, "token_emb.position_embeddings.weight", 2)
    mlp_size, _ = shape_of(state, "mid_block.mlp.fc1.weight", 2)
    with reading_sizes(f"a U-ViT over {codebook_size} codes"):
        config = UViTConfig(
            num_skips=count(state, "in_blocks."),
            hidden_size=width,
            num_heads=num_heads,
            mlp_size=mlp_size,
            num_tokens=positions - 1,
            codebook_size=codebook_size,
            num_classes=rows - codebook_size - 2,  # the mask and the null class
        )
    with without_weights():
        network = UViT(config)
    shapes = {BIAS: (1, 1, rows)}
    return config, fill(network, state, _renames(network), shapes, ignored=[POSITION_COUNTER])


def _renames(network: UViT) -> Renames:
    layers = dict(_OUTSIDE)
    stages = {"middle": "mid_block"}
    for i in range(network.config.num_skips):
        stages[f"first_half.{i}"] = f"in_blocks.{i}"
        stages[f"second_half.{i}"] = f"out_blocks.{i}"
    for ours, theirs in stages.items():
        layers |= {f"{ours}.{layer}": f"{theirs}.{name}" for layer, name in _BLOCK.items()}
    return rename_layers(network, layers, {"output_bias": BIAS})
