"""Checkpoint files as the official code publishes them, small and with random numbers."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from maskgit.conversion.official_tables import tokenizer_table, transformer_table
from maskgit.sizes import TokenizerConfig, TransformerConfig


def pack(value: Any) -> bytes:
    """Write msgpack by the specification; arrays as flax does. Small values only."""
    if isinstance(value, dict):
        return b"\xdf" + struct.pack(">I", len(value)) + b"".join(map(pack, flat_items(value)))
    if isinstance(value, list):
        return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(pack, value))
    if isinstance(value, str):
        return b"\xd9" + struct.pack(">B", len(value)) + value.encode()
    if isinstance(value, bytes):
        return b"\xc6" + struct.pack(">I", len(value)) + value
    if isinstance(value, int):
        return b"\xce" + struct.pack(">I", value)
    return extension([list(value.shape), str(value.dtype), value.tobytes()])


def extension(parts: list[Any], kind: int = 1) -> bytes:
    payload = pack(parts)
    return b"\xc9" + struct.pack(">Ib", len(payload), kind) + payload


def flat_items(value: dict[str, Any]) -> list[Any]:
    return [part for item in value.items() for part in item]


def tiny_trees() -> tuple[dict[str, Any], dict[str, Any]]:
    """Random official trees of the smallest networks, made from the tables themselves."""
    rng = np.random.default_rng(0)
    trees = []
    for table in (
        tokenizer_table(TokenizerConfig(32, (1, 2), 1, 8, 4)),
        transformer_table(TransformerConfig(2, 12, 3, 20, 9, 8, 5)),
    ):
        tree: dict[str, Any] = {}
        for rule in table.values():
            for path, shape in rule.sources.items():
                *parents, name = path.split("/")
                node = tree
                for parent in parents:
                    node = node.setdefault(parent, {})
                node[name] = rng.standard_normal(shape, dtype=np.float32)
        trees.append({"params": tree})
    return trees[0], trees[1]


def write_official_pair(folder: Path) -> tuple[Path, Path]:
    """Write the files of a transformer and of its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, transformer = (pack(tree) for tree in tiny_trees())
    (folder / "tokenizer").write_bytes(tokenizer)
    (folder / "transformer").write_bytes(transformer)
    return folder / "transformer", folder / "tokenizer"
