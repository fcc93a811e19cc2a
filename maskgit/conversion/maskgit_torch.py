"""maskgit-torch's copy of the official transformer, `maskgit_imagenet{256,512}.ckpt`, to ours.

The weights are the official ones, so they run in `models.BidirectionalTransformer` with the
official settings. The port's own code differs from those in the form of its GELU.

Neither the number of heads nor how many rows of the vocabulary are codes can be read off the
shapes; both have the published values unless the caller knows better.

Source: hmorimitsu/maskgit-torch, release `weights`. Order of the vocabulary: codes, classes, mask.
"""

from maskgit.conversion.renames import Renames, State, count, fill, shape_of
from maskgit.conversion.sizes import reading_sizes
from maskgit.models import BidirectionalTransformer
from maskgit.models.empty import without_weights
from maskgit.sizes import TransformerConfig

NUM_HEADS, CODEBOOK_SIZE = 16, 1024

_OUTSIDE = {
    "token_embedding.weight": "tok_emb.weight",
    "position_embedding.weight": "pos_emb",
    "embedding_norm.weight": "emb_ln.weight",
    "embedding_norm.bias": "emb_ln.bias",
    "head.weight": "Token_Prediction.0.weight",
    "head.bias": "Token_Prediction.0.bias",
    "head_norm.weight": "Token_Prediction.2.weight",
    "head_norm.bias": "Token_Prediction.2.bias",
    "output_bias": "bias",
}
_LAYER = {
    "attention.query_key_value.weight": "MultiHeadAttention.in_proj_weight",
    "attention.query_key_value.bias": "MultiHeadAttention.in_proj_bias",
    "attention.out.weight": "MultiHeadAttention.out_proj.weight",
    "attention.out.bias": "MultiHeadAttention.out_proj.bias",
    "attention_norm.weight": "AttentionLN.weight",
    "attention_norm.bias": "AttentionLN.bias",
    "mlp_in.weight": "MLP.0.weight",
    "mlp_in.bias": "MLP.0.bias",
    "mlp_out.weight": "MLP.2.weight",
    "mlp_out.bias": "MLP.2.bias",
    "mlp_norm.weight": "MlpLN.weight",
    "mlp_norm.bias": "MlpLN.bias",
}


def recognises(state: State) -> bool:
    """Say whether this looks like such a transformer."""
    return "blocks.0.MultiHeadAttention.in_proj_weight" in state and "tok_emb.weight" in state


def transformer_from_state(
    state: State, codebook_size: int = CODEBOOK_SIZE, num_heads: int = NUM_HEADS
) -> tuple[TransformerConfig, BidirectionalTransformer]:
    """Build the network of a state dictionary.

    Args:
        state: Without the `state_dict` around it.
        codebook_size: How many of the vocabulary's first rows are codes; the tokenizer knows.
        num_heads: Attention heads.

    Raises:
        CheckpointError: If tensors are missing, left over, misshapen or not finite floats.
    """
    rows, width = shape_of(state, "tok_emb.weight", 2)
    positions, _ = shape_of(state, "pos_emb", 2)
    mlp_size, _ = shape_of(state, "blocks.0.MLP.0.weight", 2)
    with reading_sizes(f"a maskgit-torch transformer over {codebook_size} codes"):
        config = TransformerConfig(
            num_layers=count(state, "blocks."),
            hidden_size=width,
            num_heads=num_heads,
            mlp_size=mlp_size,
            num_tokens=positions - 1,
            codebook_size=codebook_size,
            num_classes=rows - codebook_size - 1,  # the mask
        )
    with without_weights():
        network = BidirectionalTransformer(config)
    return config, fill(network, state, _renames(config.num_layers))


def _renames(num_layers: int) -> Renames:
    layers = {
        f"layers.{i}.{ours}": f"blocks.{i}.{theirs}"
        for i in range(num_layers)
        for ours, theirs in _LAYER.items()
    }
    return _OUTSIDE | layers
