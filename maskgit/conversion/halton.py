"""Halton-MaskGIT's transformers, `ImageNet_{256,384}_*.pth`, to `models.AdaLNTransformer`.

The number of heads cannot be read off the shapes: it is that of the published model of the same
width. A model of other make is taken to have 6, with a warning; as no tensor depends on the number,
it can still be put right in `config.json`.

Source: valeoai/Halton-MaskGIT (MIT). Its guidance is (1 + w) c - w u, which is u + (1 + w) (c - u);
its "temperature" multiplies the logits where ours divides them.
"""

import logging

import torch

from maskgit.checkpoints import CheckpointError
from maskgit.conversion.renames import Renames, State, Theirs, count, fill, shape_of
from maskgit.conversion.sizes import reading_sizes
from maskgit.models import AdaLNTransformer
from maskgit.models.empty import without_weights
from maskgit.sizes import AdaLNConfig

logger = logging.getLogger(__name__)

PUBLISHED_HEADS = {384: 6, 512: 6, 768: 12, 1024: 16}  # by width
OTHER_HEADS = 6
EMBEDDING, HEAD = "tok_emb.weight", "head.weight"  # one tensor, stored under both names
_FIRST_LAYER = "transformer.layers.0."

_LAYER = {
    "modulation.weight": ("mlp.1.weight",),
    "modulation.bias": ("mlp.1.bias",),
    "attention_scale": ("ln1.weight",),
    "attention.query_key_value.weight": ("attn.wq.weight", "attn.wk.weight", "attn.wv.weight"),
    "attention.out.weight": ("attn.wo.weight",),
    "mlp_scale": ("ln2.weight",),
    "mlp.gate_and_value.weight": ("ff.w1.weight", "ff.w3.weight"),
    "mlp.out.weight": ("ff.w2.weight",),
}
_OUTSIDE = {
    "token_embedding.weight": EMBEDDING,
    "position_embedding.weight": "pos_emb.weight",
    "class_embedding.weight": "cls_emb.weight",
    "registers": "reg_tokens.weight",
    "norm_scale": "last_norm.norm_final.weight",
    "norm_shift": "last_norm.norm_final.bias",
    "norm_modulation.weight": "last_norm.mlp.1.weight",
    "norm_modulation.bias": "last_norm.mlp.1.bias",
    "output_bias": "head.bias",
}


def recognises(state: State) -> bool:
    """Say whether this looks like such a transformer."""
    return f"{_FIRST_LAYER}attn.wq.weight" in state and "reg_tokens.weight" in state


def transformer_from_state(
    state: State, codebook_size: int | None = None, num_heads: int | None = None
) -> tuple[AdaLNConfig, AdaLNTransformer]:
    """Build the network of a state dictionary.

    Args:
        state: What stands under `model_state_dict`, without prefixes.
        codebook_size: How many codes the tokenizer has; None believes the file.
        num_heads: Attention heads; None takes the published number.

    Raises:
        CheckpointError: If tensors are missing, left over, misshapen or not finite floats.
    """
    rows, width = shape_of(state, EMBEDDING, 2)
    if codebook_size not in (None, rows - 1):
        raise CheckpointError(
            f"{EMBEDDING} expected {codebook_size + 1} rows, the codes and the mask, found {rows}"
        )
    with reading_sizes("a Halton-MaskGIT transformer"):
        config = AdaLNConfig(
            num_layers=count(state, "transformer.layers."),
            hidden_size=width,
            num_heads=num_heads or _num_heads(width),
            mlp_size=shape_of(state, f"{_FIRST_LAYER}ff.w1.weight", 2)[0],
            num_tokens=shape_of(state, "pos_emb.weight", 2)[0],
            codebook_size=rows - 1,
            num_classes=shape_of(state, "cls_emb.weight", 2)[0] - 1,
            num_registers=shape_of(state, "reg_tokens.weight", 2)[0],
        )
    if HEAD in state and not torch.equal(state[HEAD], state[EMBEDDING]):
        raise CheckpointError(f"{HEAD}: expected the numbers of {EMBEDDING}, found others")
    with without_weights():
        network = AdaLNTransformer(config)
    return config, fill(network, state, _renames(config.num_layers), ignored=[HEAD])


def _num_heads(width: int) -> int:
    if width not in PUBLISHED_HEADS:
        logger.warning(
            "no published Halton-MaskGIT is %d wide; taken to have %d heads", width, OTHER_HEADS
        )
    return PUBLISHED_HEADS.get(width, OTHER_HEADS)


def _renames(num_layers: int) -> Renames:
    renames: dict[str, Theirs] = dict(_OUTSIDE)
    for i in range(num_layers):
        theirs = f"transformer.layers.{i}."
        for name, parts in _LAYER.items():
            renames[f"layers.{i}.{name}"] = tuple(theirs + part for part in parts)
    return renames
