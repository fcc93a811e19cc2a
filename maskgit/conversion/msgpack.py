"""Read what `flax.serialization.to_bytes` writes, with neither flax nor msgpack installed.

The official checkpoints are one msgpack value: nested maps with text keys whose leaves are arrays.
An array is extension type 1, whose payload is again msgpack: `[shape, dtype name, raw bytes]`, in
C order, little endian. A file is mapped into memory and arrays are views on it, so reading copies
nothing. The data is not trusted: every length is checked before it is used.

Source: msgpack specification (github.com/msgpack/msgpack/blob/master/spec.md);
flax `serialization.py`. Not supported: arrays above 2^30 bytes (flax splits them), complex numbers.
"""

import mmap
import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from maskgit.checkpoints import CheckpointError

_ARRAY, _SCALAR = 1, 3  # extension types of flax
_MAX_DEPTH = 64
_DTYPES = {
    "float16", "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "bool",
}  # fmt: skip

# First byte of values with a big-endian number behind it; struct knows the number's format.
_NUMBERS = {
    0xCA: "f", 0xCB: "d",
    0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q",
    0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q",
}  # fmt: skip
_BINARY = {0xC4: "B", 0xC5: "H", 0xC6: "I"}
_TEXT = {0xD9: "B", 0xDA: "H", 0xDB: "I"}
_LIST = {0xDC: "H", 0xDD: "I"}
_MAP = {0xDE: "H", 0xDF: "I"}
_EXTENSION = {0xC7: "B", 0xC8: "H", 0xC9: "I"}
_FIXED_EXTENSION = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def read_msgpack(source: str | Path | bytes) -> dict[str, Any]:
    """Read a tree of arrays.

    Args:
        source: A file, or its content.

    Returns:
        Nested dictionaries; the leaves are read-only arrays. bfloat16 arrives as float32, which
        holds every value of it.

    Raises:
        CheckpointError: If the file is missing, cut short, or holds something else.
    """
    if isinstance(source, bytes):
        return _read_tree(memoryview(source), "msgpack data")
    path = Path(source)
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise CheckpointError(f"{path}: expected a msgpack file, found {error}") from error
    return _read_tree(memoryview(data), str(path))


def _read_tree(data: memoryview, name: str) -> dict[str, Any]:
    reader = _Reader(data)
    try:
        tree = reader.value()
        if not isinstance(tree, dict):
            raise ValueError(f"expected a map of arrays, found {type(tree).__name__}")
        if reader.position != len(data):
            raise ValueError(f"{len(data) - reader.position} bytes follow the end of the data")
    except (ValueError, struct.error) as error:
        raise CheckpointError(f"{name}: not a readable flax msgpack file: {error}") from error
    return tree


class _Reader:
    """A cursor over msgpack bytes."""

    def __init__(self, data: memoryview, depth: int = 0) -> None:
        self.data = data
        self.position = 0
        self.depth = depth

    def value(self) -> Any:
        """Read the value at the cursor and step behind it."""
        first = self._number("B")
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first < 0x90:
            return self._map(first & 0x0F)
        if first < 0xA0:
            return self._list(first & 0x0F)
        if first < 0xC0:
            return self._text(first & 0x1F)
        return self._long_value(first)

    def _long_value(self, first: int) -> Any:  # one branch for each kind of value
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            return self._number(_NUMBERS[first])
        if first in _BINARY:
            return self._take(self._number(_BINARY[first]))
        if first in _TEXT:
            return self._text(self._number(_TEXT[first]))
        if first in _LIST:
            return self._list(self._number(_LIST[first]))
        if first in _MAP:
            return self._map(self._number(_MAP[first]))
        if first in _FIXED_EXTENSION:
            return self._extension(_FIXED_EXTENSION[first])
        if first in _EXTENSION:
            return self._extension(self._number(_EXTENSION[first]))
        raise ValueError(f"byte {first:#x} at {self.position - 1} starts no msgpack value")

    def _take(self, size: int) -> memoryview:
        end = self.position + size
        if end > len(self.data):
            raise ValueError(f"cut short: {end} bytes expected, {len(self.data)} found")
        part = self.data[self.position : end]
        self.position = end
        return part

    def _number(self, kind: str) -> Any:
        return struct.unpack(">" + kind, self._take(struct.calcsize(">" + kind)))[0]

    def _text(self, size: int) -> str:
        return str(self._take(size), "utf-8")

    def _list(self, count: int) -> list[Any]:
        if self.depth == _MAX_DEPTH:
            raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
        self.depth += 1
        items = [self.value() for _ in range(count)]
        self.depth -= 1
        return items

    def _map(self, count: int) -> dict[str, Any]:
        flat = self._list(2 * count)
        keys = flat[::2]
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) < count:
            raise ValueError("a map has keys that are not text, or one key twice")
        return dict(zip(keys, flat[1::2], strict=True))

    def _extension(self, size: int) -> Any:
        kind = self._number("b")
        payload = self._take(size)
        if kind not in (_ARRAY, _SCALAR):
            raise ValueError(f"extension type {kind} is not an array")
        return _array(_Reader(payload, self.depth).value())


def _array(parts: Any) -> np.ndarray:
    """Make a view from `[shape, dtype name, raw bytes]`."""
    if not isinstance(parts, list) or len(parts) != 3:
        raise ValueError("an array is not [shape, dtype, bytes]")
    shape, dtype, raw = parts
    is_shape = isinstance(shape, list) and all(type(n) is int and n >= 1 for n in shape)
    if not is_shape or not isinstance(raw, memoryview):
        raise ValueError("an array has a damaged shape or no bytes")
    if not isinstance(dtype, str) or (dtype not in _DTYPES and dtype != "bfloat16"):
        raise ValueError(f"dtype {dtype!r} is not one of {sorted(_DTYPES)} or bfloat16")
    stored = np.dtype("uint16" if dtype == "bfloat16" else dtype).newbyteorder("<")
    if prod(shape) * stored.itemsize != len(raw):
        raise ValueError(f"an array of shape {shape} and dtype {dtype} has {len(raw)} bytes")
    values = np.frombuffer(raw, stored).reshape(shape)
    if dtype == "bfloat16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values
