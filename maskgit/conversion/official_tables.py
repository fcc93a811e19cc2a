"""Which leaves of an official tree make which of our tensors, and how.

Flax counts the layers of one class in the order of calls, hence names such as `ResBlock_4/Conv_2`;
kernels have their output axis last where ours have it first.

Source: google-research/maskgit, `nets/vqgan_tokenizer.py` and `nets/maskgit_transformer.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.models.empty import without_weights
from maskgit.sizes import TokenizerConfig, TransformerConfig


@dataclass(frozen=True)
class Rule:
    """How one of our tensors is made.

    Attributes:
        sources: The official leaves it is made of, and the shape each must have.
        build: Turns these arrays into ours; may return a view.
    """

    sources: dict[str, tuple[int, ...]]
    build: Callable[..., np.ndarray]


Table = dict[str, Rule]  # our name -> how it is made


def tokenizer_table(config: TokenizerConfig) -> Table:
    """Say where each tensor of `VQGAN` comes from."""
    with without_weights():
        shapes = {key: tuple(value.shape) for key, value in VQGAN(config).state_dict().items()}
    levels, per_level = len(config.channel_multipliers), config.num_res_blocks
    layers = {
        "encoder.head": "encoder/Conv_1",
        "decoder.head": f"decoder/Conv_{levels}",
        **{f"decoder.upsamplers.{i}": f"decoder/Conv_{i + 1}" for i in range(levels - 1)},
    }
    for side in ("encoder", "decoder"):
        layers[f"{side}.stem"] = f"{side}/Conv_0"
        layers[f"{side}.norm"] = f"{side}/GroupNorm_0"
        stages = [f"{side}.levels.{i}" for i in range(levels)]
        stages.insert(levels if side == "encoder" else 0, f"{side}.middle")
        blocks = [f"{stage}.{i}" for stage in stages for i in range(per_level)]  # in call order
        for i, block in enumerate(blocks):
            official = f"{side}/ResBlock_{i}"
            layers[f"{block}.norm1"] = f"{official}/GroupNorm_0"
            layers[f"{block}.norm2"] = f"{official}/GroupNorm_1"
            layers[f"{block}.conv1"] = f"{official}/Conv_0"
            layers[f"{block}.conv2"] = f"{official}/Conv_1"
            layers[f"{block}.shortcut"] = f"{official}/Conv_2"

    table = {"codebook": _plain_rule("quantizer/codebook", shapes["codebook"])}
    for ours, official in layers.items():
        table |= _layer_rules(ours, official, shapes)
    return table


def transformer_table(config: TransformerConfig) -> Table:
    """Say where each tensor of `BidirectionalTransformer` comes from."""
    with without_weights():
        network = BidirectionalTransformer(config)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    singles = {
        "token_embedding.weight": "Embed_0/word_embeddings/embedding",
        "position_embedding.weight": "Embed_0/position_embeddings/embedding",
        "output_bias": "MlmLayer_0/mlm_bias/bias",
    }
    layers = {
        "embedding_norm": "Embed_0/embeddings_ln",
        "head": "MlmLayer_0/mlm_dense",
        "head_norm": "MlmLayer_0/mlm_ln",
    }
    for i in range(config.num_layers):
        official = f"TransformerLayer_{i}"
        layers[f"layers.{i}.attention_norm"] = f"{official}/Attention_0/attention_output_ln"
        layers[f"layers.{i}.mlp_in"] = f"{official}/Mlp_0/intermediate_output"
        layers[f"layers.{i}.mlp_out"] = f"{official}/Mlp_0/layer_output"
        layers[f"layers.{i}.mlp_norm"] = f"{official}/Mlp_0/layer_output_ln"

    table = {ours: _plain_rule(official, shapes[ours]) for ours, official in singles.items()}
    for ours, official in layers.items():
        table |= _layer_rules(ours, official, shapes)
    for i in range(config.num_layers):
        table |= _attention_rules(i, config)
    return table


def _layer_rules(ours: str, official: str, shapes: dict[str, tuple[int, ...]]) -> Table:
    """Weight and bias of one layer, as far as it has them."""
    weight = "scale" if "norm" in ours else "kernel"
    leaves = {f"{ours}.weight": f"{official}/{weight}", f"{ours}.bias": f"{official}/bias"}
    return {key: _plain_rule(leaf, shapes[key]) for key, leaf in leaves.items() if key in shapes}


def _attention_rules(layer: int, config: TransformerConfig) -> Table:
    """Join query, key and value, which flax keeps apart and split by head, into one matrix."""
    width, heads = config.hidden_size, config.num_heads
    split = (heads, width // heads)
    official = f"TransformerLayer_{layer}/Attention_0/self_attention"
    ours = f"layers.{layer}.attention"
    parts = [f"{official}/{part}" for part in ("query", "key", "value")]

    def join_kernels(*kernels: np.ndarray) -> np.ndarray:
        return np.concatenate([kernel.reshape(width, width).T for kernel in kernels])

    def join_biases(*biases: np.ndarray) -> np.ndarray:
        return np.concatenate([bias.reshape(width) for bias in biases])

    return {
        f"{ours}.query_key_value.weight": Rule(
            {f"{part}/kernel": (width, *split) for part in parts}, join_kernels
        ),
        f"{ours}.query_key_value.bias": Rule(
            {f"{part}/bias": split for part in parts}, join_biases
        ),
        f"{ours}.out.weight": Rule(
            {f"{official}/out/kernel": (*split, width)}, lambda k: k.reshape(width, width).T
        ),
        f"{ours}.out.bias": Rule({f"{official}/out/bias": (width,)}, _same),
    }


def _plain_rule(official: str, shape: tuple[int, ...]) -> Rule:
    """One leaf to one tensor; kernels have their axes the other way round in flax."""
    if not official.endswith("/kernel"):
        return Rule({official: shape}, _same)
    if len(shape) == 4:  # ours (out, in, height, width), theirs (height, width, in, out)
        return Rule({official: (*shape[2:], shape[1], shape[0])}, lambda k: k.transpose(3, 2, 0, 1))
    return Rule({official: shape[::-1]}, np.transpose)


def _same(array: np.ndarray) -> np.ndarray:
    return array
