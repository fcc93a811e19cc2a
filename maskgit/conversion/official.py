"""The official MaskGIT checkpoints: flax parameter trees to our state dictionaries.

The sizes of a network are read off the shapes of a few leaves; from them follows the table of every
leaf there must be (`official_tables`), which is checked against the file as a whole. So a file that
does not fit is refused with the names of everything missing, left over or misshapen.

Read in this order:
    read_tokenizer      a file to a network (also read_transformer)
    tokenizer_config    sizes off shapes (also transformer_config)
    convert             the tensors, one at a time
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from maskgit.checkpoints import CheckpointError, differences
from maskgit.conversion.msgpack import read_msgpack
from maskgit.conversion.official_tables import Table, tokenizer_table, transformer_table
from maskgit.conversion.sizes import multipliers, reading_sizes
from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.models.empty import without_weights
from maskgit.sizes import TokenizerConfig, TransformerConfig

Tree = Mapping[str, Any]  # nested, as the file has it; the variables dict or its "params"
Network = TypeVar("Network", bound=nn.Module)
Leaves = Mapping[str, np.ndarray]  # flat: "encoder/Conv_0/kernel" -> array


def read_tokenizer(file: str | Path) -> tuple[TokenizerConfig, VQGAN]:
    """Read a published tokenizer, e.g. `tokenizer_imagenet256_checkpoint`.

    Args:
        file: Flax msgpack file.

    Returns:
        Every size read off the file, and the network in float32, in evaluation mode and without
        gradients.

    Raises:
        CheckpointError: If the file is damaged or is no such checkpoint.
    """
    leaves = flatten(read_msgpack(file))
    config = tokenizer_config(leaves)
    with without_weights():
        network = VQGAN(config)
    return config, _fill(network, leaves, tokenizer_table(config))


def read_transformer(
    file: str | Path, codebook_size: int
) -> tuple[TransformerConfig, BidirectionalTransformer]:
    """Read a published transformer, e.g. `maskgit_imagenet256_checkpoint`.

    Args:
        file: Flax msgpack file.
        codebook_size: How many of the vocabulary's first rows are codes; the tokenizer knows.

    Returns:
        As `read_tokenizer`.

    Raises:
        CheckpointError: If the file is damaged or is no such checkpoint.
    """
    leaves = flatten(read_msgpack(file))
    config = transformer_config(leaves, codebook_size)
    with without_weights():
        network = BidirectionalTransformer(config)
    return config, _fill(network, leaves, transformer_table(config))


def tokenizer_state(params: Tree) -> dict[str, Tensor]:
    """Convert an official tokenizer tree to the state dictionary of `VQGAN`.

    Raises:
        CheckpointError: If leaves are missing, left over, or of another shape.
    """
    leaves = flatten(params)
    return dict(convert(leaves, tokenizer_table(tokenizer_config(leaves))))


def transformer_state(params: Tree) -> dict[str, Tensor]:
    """Convert an official transformer tree to the state dictionary of `BidirectionalTransformer`.

    Raises:
        CheckpointError: If leaves are missing, left over, or of another shape.
    """
    leaves = flatten(params)
    # The tree does not say how many of its words are codes; no tensor's shape depends on it.
    return dict(convert(leaves, transformer_table(transformer_config(leaves, codebook_size=1))))


def flatten(params: Tree) -> dict[str, np.ndarray]:
    """Lay a nested tree out flat, `encoder/Conv_0/kernel`; the top level `params` is dropped.

    Raises:
        CheckpointError: If a leaf is not an array.
    """
    leaves: dict[str, np.ndarray] = {}

    def walk(tree: Tree, prefix: str) -> None:
        for key, value in tree.items():
            if isinstance(value, Mapping):
                walk(value, f"{prefix}{key}/")
            elif isinstance(value, np.ndarray):
                leaves[prefix + key] = value
            else:
                raise CheckpointError(
                    f"{prefix}{key}: expected an array, found {type(value).__name__}"
                )

    inner = params.get("params", params)
    if not isinstance(inner, Mapping):
        raise CheckpointError(f"params: expected a tree, found {type(inner).__name__}")
    walk(inner, "")
    return leaves


def convert(leaves: Leaves, table: Table) -> Iterator[tuple[str, Tensor]]:
    """Make our tensors one after another, so that a second copy of one at most is alive.

    Raises:
        CheckpointError: Before the first tensor, if the leaves are not exactly the table's;
            later, if a leaf is not of a floating-point type or holds NaN or infinity.
    """
    _require_match(leaves, table)
    for name, rule in table.items():
        arrays = [leaves[source] for source in rule.sources]
        for source, array in zip(rule.sources, arrays, strict=True):
            if array.dtype.kind != "f":
                raise CheckpointError(f"{source}: expected floats, found {array.dtype}")
            if not np.isfinite(array).all():
                raise CheckpointError(f"{source}: expected finite numbers, found NaN or infinity")
        ours = np.array(rule.build(*arrays), dtype=np.float32, order="C", copy=True)
        yield name, torch.from_numpy(ours)


def tokenizer_config(leaves: Leaves) -> TokenizerConfig:
    """Read the sizes off the shapes: the decoder has one convolution per upsampling, plus two.

    Raises:
        CheckpointError: If the tree is not a tokenizer's.
    """
    levels = _count(leaves, "decoder/Conv_") - 1
    blocks = _count(leaves, "encoder/ResBlock_")
    if levels < 1 or blocks < levels + 1 or blocks % (levels + 1):
        raise CheckpointError(
            "not an official tokenizer: expected encoder/ResBlock_*, decoder/Conv_* and "
            f"quantizer/codebook, found {_some(leaves)}"
        )
    per_level = blocks // (levels + 1)
    filters = _shape(leaves, "encoder/Conv_0/kernel", 4)[-1]
    widths = [
        _shape(leaves, f"encoder/ResBlock_{i * per_level}/Conv_0/kernel", 4)[-1]
        for i in range(levels)
    ]
    channel_multipliers = multipliers(widths, filters)
    codes, width = _shape(leaves, "quantizer/codebook", 2)
    with reading_sizes("an official tokenizer"):
        return TokenizerConfig(filters, channel_multipliers, per_level, codes, width)


def transformer_config(leaves: Leaves, codebook_size: int) -> TransformerConfig:
    """Read the sizes off the shapes.

    Args:
        leaves: The official tree, flat.
        codebook_size: How many of the vocabulary's first rows are codes; the tokenizer knows.

    Raises:
        CheckpointError: If the tree is not a transformer's.
    """
    layers = _count(leaves, "TransformerLayer_")
    if not layers:
        raise CheckpointError(
            "not an official transformer: expected Embed_0, TransformerLayer_*, MlmLayer_0, "
            f"found {_some(leaves)}"
        )
    words, width = _shape(leaves, "Embed_0/word_embeddings/embedding", 2)
    positions, _ = _shape(leaves, "Embed_0/position_embeddings/embedding", 2)
    attention = "TransformerLayer_0/Attention_0/self_attention/query/kernel"
    _, heads, _ = _shape(leaves, attention, 3)
    _, mlp = _shape(leaves, "TransformerLayer_0/Mlp_0/intermediate_output/kernel", 2)
    with reading_sizes(f"an official transformer over {codebook_size} codes"):
        return TransformerConfig(
            num_layers=layers,
            hidden_size=width,
            num_heads=heads,
            mlp_size=mlp,
            num_tokens=positions - 1,
            codebook_size=codebook_size,
            num_classes=words - codebook_size - 1,
        )


def _fill(network: Network, leaves: Leaves, table: Table) -> Network:
    network.load_state_dict(dict(convert(leaves, table)), assign=True)
    return network.eval().requires_grad_(False)


def _require_match(leaves: Leaves, table: Table) -> None:
    wanted = {source: shape for rule in table.values() for source, shape in rule.sources.items()}
    if faults := differences(wanted, {name: array.shape for name, array in leaves.items()}):
        raise CheckpointError(f"parameters do not fit: {faults}")


def _count(leaves: Leaves, prefix: str) -> int:
    """Number of different layers `prefix`0, `prefix`1, ..."""
    return len({name[len(prefix) :].split("/")[0] for name in leaves if name.startswith(prefix)})


def _shape(leaves: Leaves, name: str, rank: int) -> tuple[int, ...]:
    if name not in leaves:
        raise CheckpointError(f"missing {name}")
    if leaves[name].ndim != rank:
        raise CheckpointError(f"{name} expected {rank} axes, found shape {leaves[name].shape}")
    return leaves[name].shape


def _some(leaves: Leaves) -> str:
    tops = sorted({"/".join(name.split("/")[:2]) for name in leaves})
    return ", ".join(tops[:5]) + (", ..." if len(tops) > 5 else "") if tops else "nothing"
