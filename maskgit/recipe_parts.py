"""The parts of a recipe as text, and what is read checked: masks, token grids, pixels, numbers.

Whatever is read comes from anybody. Unpacking stops at the size that is expected.
"""

import base64
import binascii
import re
import zlib
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Int

from maskgit.types import Picture, Region

MAX_GRID = 256
MAX_WINDOWS = 1024

Grid: TypeAlias = Int[np.ndarray, "h w"]  # token ids, square
Cells: TypeAlias = Bool[np.ndarray, "h w"]


class RecipeError(ValueError):
    """A recipe that is absent or cannot be used; its message is a sentence for the person."""


def damaged(name: str) -> RecipeError:
    """Say which part cannot be read."""
    return RecipeError(f"The recipe is damaged: its {name} cannot be read.")


def grid_text(grid: Grid) -> list[Any]:
    """Write token ids."""
    return [len(grid), packed(grid.astype("<u2").tobytes())]


def grids(values: object) -> tuple[Grid, ...]:
    """Read what `grid_text` wrote, of one window or several."""
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_WINDOWS:
        raise damaged("tokens")
    return tuple(_grid(value) for value in values)


def _grid(value: object) -> Grid:
    if not isinstance(value, list) or len(value) != 2:
        raise damaged("tokens")
    side = whole_number("tokens", value[0], 1, MAX_GRID)
    tokens = np.frombuffer(unpacked(value[1], 2 * side**2), "<u2")
    return tokens.astype(np.int64).reshape(side, side)


def cells_text(is_open: Cells) -> list[Any]:
    """Write which cells of a square grid are open, a bit per cell."""
    return [len(is_open), np.packbits(is_open).tobytes().hex()]


def cells(values: object) -> Cells | None:
    """Read what `cells_text` wrote."""
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != 2 or not isinstance(values[1], str):
        raise damaged("cells")
    grid = whole_number("cells", values[0], 1, MAX_GRID)
    if len(values[1]) != 2 * -(-(grid**2) // 8) or not re.fullmatch("[0-9a-f]*", values[1]):
        raise damaged("cells")
    bits = np.frombuffer(bytes.fromhex(values[1]), np.uint8)
    return np.unpackbits(bits, count=grid**2).astype(bool).reshape(grid, grid)


def mask_text(region: Region) -> str:
    """Write a mask, a bit per pixel."""
    return packed(np.packbits(region).tobytes())


def mask(text: object, picture: Picture) -> Region:
    """Read what `mask_text` wrote, for a mask of the picture's size."""
    height, width = picture.shape[:2]
    bits = unpacked(text, -(-height * width // 8))
    region = np.unpackbits(np.frombuffer(bits, np.uint8), count=height * width).astype(bool)
    if not region.any():
        raise RecipeError("The recipe is damaged: its mask is empty.")
    return region.reshape(height, width)


def packed(data: bytes) -> str:
    """Write bytes: zlib in base 85."""
    return base64.b85encode(zlib.compress(data, 9)).decode("ascii")


def unpacked(text: object, size: int) -> bytes:
    """Read what `packed` wrote, for exactly `size` bytes; unpacks no more than one byte beyond."""
    try:
        if not isinstance(text, str):
            raise ValueError("not text")
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b85decode(text), size + 1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise RecipeError("The recipe is damaged: its pixels cannot be unpacked.") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise RecipeError("The recipe does not fit its picture.")
    return data


def whole_numbers(name: str, values: object, lowest: tuple[int, ...], highest: int) -> Any:
    """Take a list of whole numbers, each from its lowest on."""
    if not isinstance(values, list) or len(values) != len(lowest):
        raise damaged(name)
    bounds = zip(values, lowest, strict=True)
    return tuple(whole_number(name, value, low, highest) for value, low in bounds)


def whole_number(name: str, value: object, lowest: int, highest: int) -> int:
    """Take a whole number."""
    if type(value) is not int or not lowest <= value <= highest:
        raise damaged(name)
    return value
