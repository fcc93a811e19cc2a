"""Painted pixels to token cells and back: one rule for where a cell begins and ends.

A grid of h x w cells lies over a mask of any size. Cell (i, j) owns the pixel rows from
`cell_edges(H, h)[i]` up to, not including, `cell_edges(H, h)[i + 1]`, and columns likewise, so
every pixel belongs to exactly one cell and no size has to be a multiple of another.

Read in this order:
    cell_edges         the rule
    to_token_mask      pixels to cells: what was touched must be imagined anew
    to_region          cells to pixels: what a change of these cells may alter
    official_box_mask  the box editing rule of the official code, kept for comparison

Elsewhere: masks seen through a window (window), blending along their border (compositing).
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from maskgit.types import Region

Edges: TypeAlias = Int[np.ndarray, " edges"]  # pixel positions along one side, ascending


class Box(NamedTuple):
    """A rectangle of pixels; the order of the fields is the official code's."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array with."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )


def cell_edges(size: int, cells: int) -> Edges:
    """Give where cells begin along one side: `cells + 1` pixel positions, the last one is `size`.

    Edge i is `i * size / cells` rounded to the nearest pixel, halves up (as JavaScript's
    `Math.round` does, so that a browser draws the very same cells). A side with fewer pixels than
    cells leaves some cells without a pixel.

    Raises:
        ValueError: If `size` or `cells` is not positive.
    """
    if size < 1 or cells < 1:
        raise ValueError(f"size and cells must be positive, got {size} px and {cells} cells")
    return (2 * np.arange(cells + 1, dtype=np.int64) * size + cells) // (2 * cells)


def painted_share(mask: Region, grid: tuple[int, int]) -> Float[np.ndarray, "h w"]:
    """Give the share of painted pixels of every cell, in [0, 1].

    A cell without a pixel of its own (the mask is smaller than the grid) shows the pixel its
    centre lies in.
    """
    (top, bottom), (left, right) = (
        _at_least_one_pixel(size, cells) for size, cells in zip(mask.shape, grid, strict=True)
    )
    # Row by row of cells: many times faster than one `reduceat` over both axes.
    strips = np.stack([mask[a:b].sum(0, dtype=np.int32) for a, b in zip(top, bottom, strict=True)])
    counts = np.add.reduceat(strips, left, axis=1)  # (h, w)
    areas = (bottom - top)[:, None] * (right - left)
    return (counts / areas).astype(np.float32)


def to_token_mask(
    mask: Region, grid: tuple[int, int], coverage: float = 0.0
) -> Bool[np.ndarray, "h w"]:
    """Turn a painted pixel mask into the token mask that covers it.

    Args:
        mask: True where it was painted; any size.
        grid: Cells (down, across).
        coverage: Share of a cell's pixels, in [0, 1), that must be exceeded for the cell to count
            as painted. 0 (default) takes every touched cell.

    Returns:
        True where the token is to be predicted again.

    Raises:
        ValueError: If `coverage` is outside [0, 1) or a side is empty.
    """
    if not 0 <= coverage < 1:
        raise ValueError(f"coverage must be in [0, 1), got {coverage}")
    return painted_share(mask, grid) > coverage


def to_region(token_mask: Bool[np.ndarray, "h w"], height: int, width: int) -> Region:
    """Turn a token mask into the pixels its cells own in a picture of the given size."""
    rows, columns = (
        np.diff(cell_edges(size, cells))
        for size, cells in zip((height, width), token_mask.shape, strict=True)
    )
    return token_mask.repeat(columns, axis=1).repeat(rows, axis=0)


def bounding_box(mask: Region) -> Box | None:
    """Give the smallest box around everything painted, or None where nothing is."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    return Box(top, left, bottom - top, right - left)


def official_box_mask(
    box: Box | tuple[int, int, int, int], image_size: int, stride: int = 16
) -> Bool[np.ndarray, "h w"]:
    """Give the cells the official demo regenerates for a box `(top, left, height, width)`.

    The box is grown by one cell at the top and left, and by one at the bottom and right when it
    is aligned to cells. A box that is not aligned may be left uncovered at the bottom and right:
    both floors are taken before they are added. The editor uses `to_token_mask`, which covers
    every painted pixel; this one exists to compare with official results.

    Source:
        google-research/maskgit, `inference.py`,
        `create_latent_mask_and_input_tokens_for_image_editing`.
    """
    cells = image_size // stride
    top, left, height, width = box
    token_mask = np.zeros((cells, cells), dtype=bool)
    token_mask[_official_span(top, height, stride), _official_span(left, width, stride)] = True
    return token_mask


def _official_span(start: int, length: int, stride: int) -> slice:
    return slice(max(0, start // stride - 1), start // stride + length // stride + 1)


def _at_least_one_pixel(size: int, cells: int) -> tuple[Edges, Edges]:
    """Give begin and end of every cell, an empty one taking the pixel its centre lies in."""
    edges = cell_edges(size, cells)
    begin, end = edges[:-1], edges[1:]
    centre = (2 * np.arange(cells) + 1) * size // (2 * cells)
    begin = np.where(begin == end, centre, begin)
    return begin, np.maximum(end, begin + 1)
