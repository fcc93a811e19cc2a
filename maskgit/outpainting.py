"""Growing a picture by any amount on each side: which windows to imagine, in which order.

The known area stays a rectangle and grows strip by strip: first to the right and left over the
picture's height, then down and up over the full new width (the other way round for a picture
lower than a window). A strip is at most half a window wide and is filled by windows that stand
side by side, so every window sees at least half of itself already known. Only a picture smaller
than half a window cannot offer that to the first ones.

A tokenizer draws the outermost pixels of its square badly: they were never followed by others. So
a window draws `trim` cells more than it fills on every side that lies inside the canvas, and the
next one begins where the last has filled.

The loop around it, where `imagine` stands for the model (encode, decode the open cells, draw):

    plan = outpaint_windows(height, width, left, top, right, bottom, grid_size=grid)
    canvas, unknown = plan.lay_out(picture)
    for window in plan.windows:
        hole = open_cells(unknown, window, size, size)
        seen = mirror_fill(view(canvas, window, size), hole)
        square = imagine(seen, open_cells(unknown, window, size, grid))
        fill(canvas, unknown, harmonise(square, seen, hole, radius_px), window, plan.part(window))

What callers may rely on (tests/engine/test_outpainting.py holds each promise):
    * Every new pixel is filled, exactly once; the old picture is never written to.
    * No window is planned that has nothing to fill.

Elsewhere: reading and projecting one window (window), writing into the canvas (compositing).
"""

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, UInt8

from maskgit.checks import require_whole
from maskgit.masks import Box
from maskgit.types import Picture
from maskgit.window import PIXELS_PER_CELL, Window, place

Canvas: TypeAlias = UInt8[np.ndarray, "{self.height} {self.width} 3"]
Unknown: TypeAlias = Bool[np.ndarray, "{self.height} {self.width}"]

# Windows side by side share this part of their side, so that each sees what its neighbour drew.
OVERLAP = 0.25

TRIM = 1  # cells on each side: docs/algorithm.md
MAX_TRIM = 4
MAX_CANVAS = 500_000_000  # pixels: 1.5 GB


@dataclass(frozen=True)
class OutpaintPlan:
    """How a picture grows: the new canvas, where the picture lies in it, and what to do in order.

    Attributes:
        height: Height of the canvas in pixels.
        width: Width of the canvas in pixels.
        picture: Where the old picture lies.
        windows: Imagine each in turn. Whatever is unknown in its `part` when its turn comes is to
            be filled; the last one leaves nothing unknown.
        margin: Pixels that a window draws and does not fill, on each side inside the canvas.
    """

    height: int
    width: int
    picture: Box
    windows: tuple[Window, ...]
    margin: int = 0

    def part(self, window: Window) -> Box:
        """Give the part of the canvas that a window fills."""
        top, bottom = _inner(window.top, window.side, self.height, self.margin)
        left, right = _inner(window.left, window.side, self.width, self.margin)
        return Box(top, left, bottom - top, right - left)

    @property
    def added(self) -> Unknown:
        """True where the canvas is new."""
        added = np.ones((self.height, self.width), dtype=bool)
        added[self.picture.slices] = False
        return added

    def lay_out(self, picture: Picture) -> tuple[Canvas, Unknown]:
        """Give the new canvas with the picture on it, and the region that is still unknown.

        Raises:
            ValueError: If the picture is not of the size that was planned for.
        """
        if picture.shape[:2] != (self.picture.height, self.picture.width):
            raise ValueError(
                f"planned for {self.picture.height}x{self.picture.width} px, "
                f"got a picture of {picture.shape[0]}x{picture.shape[1]} px"
            )
        canvas = np.zeros((self.height, self.width, 3), dtype=np.uint8)
        canvas[self.picture.slices] = picture
        return canvas, self.added


def outpaint_windows(
    height: int,
    width: int,
    left: int,
    top: int,
    right: int,
    bottom: int,
    *,
    grid_size: int,
    min_side: int | None = None,
    trim: int = 0,
) -> OutpaintPlan:
    """Plan how to grow a picture by any number of pixels on each side.

    Args:
        height: Height of the picture.
        width: Width of the picture.
        left: Pixels to add on the left.
        top: Pixels to add above.
        right: Pixels to add on the right.
        bottom: Pixels to add below.
        grid_size: Cells along one side of a window; strips end between cells where they can.
        min_side: Smallest side of a window in pixels (default: 16 per cell). Windows are as large
            as the picture's short side, but not smaller than this.
        trim: Cells that a window draws and does not fill on sides inside the canvas, 0 to MAX_TRIM;
            never more than a quarter of its side.

    Raises:
        ValueError: If an amount is negative, all are zero, the picture has no pixels, or `trim` is
            out of range, or the result would have more than MAX_CANVAS pixels.
        TypeError: If `trim` is no whole number.
    """
    _require_growth(height, width, left, top, right, bottom)
    require_whole("trim", trim)
    if not 0 <= trim <= MAX_TRIM:
        raise ValueError(f"trim must be 0 to {MAX_TRIM} cells, got {trim}")
    canvas = (height + top + bottom, width + left + right)
    smallest = min(min_side or PIXELS_PER_CELL * grid_size, max(canvas))
    side = max(min(height, width), smallest)
    margin = min(-(-trim * side // grid_size), side // 4)
    known = [(top, top + height), (left, left + width)]  # rows, columns
    corners: list[tuple[int, int]] = []  # (top, left) of each window
    if max(height, width) < side:  # one window holds the whole picture: begin around it
        row = place(top, height, side, canvas[0])
        column = place(left, width, side, canvas[1])
        corners.append((row, column))
        known = [_inner(row, side, canvas[0], margin), _inner(column, side, canvas[1], margin)]

    is_tall_enough = known[0][1] - known[0][0] >= min(side, canvas[0]) - 2 * margin
    for axis in (1, 0) if is_tall_enough else (0, 1):
        across = _side_by_side(known[1 - axis], canvas[1 - axis], side, margin)
        if known[axis] == (0, canvas[axis]):
            continue
        while known[axis] != (0, canvas[axis]):
            start = _advance(known[axis], canvas[axis], side, grid_size, margin)
            corners += [(start, other) if axis == 0 else (other, start) for other in across]
            lo, hi = _inner(start, side, canvas[axis], margin)
            known[axis] = (min(lo, known[axis][0]), max(hi, known[axis][1]))
        ends = [_inner(other, side, canvas[1 - axis], margin) for other in (across[0], across[-1])]
        lo, hi = known[1 - axis]
        known[1 - axis] = (max(lo, ends[0][0]), min(hi, ends[1][1]))
    plan = OutpaintPlan(
        height=canvas[0],
        width=canvas[1],
        picture=Box(top, left, height, width),
        windows=tuple(Window(left=x, top=y, side=side) for y, x in corners),
        margin=margin,
    )
    return replace(plan, windows=_needed(plan))


def _needed(plan: OutpaintPlan) -> tuple[Window, ...]:
    """Leave out windows whose part is known when their turn comes.

    It is looked up on a grid of rectangles that no edge of a part crosses.
    """
    parts = [plan.part(window) for window in plan.windows]
    boxes = [plan.picture, *parts]
    rows = np.unique([edge for box in boxes for edge in (box.top, box.top + box.height)])
    columns = np.unique([edge for box in boxes for edge in (box.left, box.left + box.width)])
    unknown = np.ones((len(rows), len(columns)), bool)
    needed = []
    for index, box in enumerate(boxes):
        height = slice(*np.searchsorted(rows, (box.top, box.top + box.height)))
        width = slice(*np.searchsorted(columns, (box.left, box.left + box.width)))
        needed.append(index > 0 and bool(unknown[height, width].any()))
        unknown[height, width] = False
    return tuple(w for w, is_needed in zip(plan.windows, needed[1:], strict=True) if is_needed)


def _require_growth(height: int, width: int, left: int, top: int, right: int, bottom: int) -> None:
    if height < 1 or width < 1:
        raise ValueError(f"the picture has no pixels: {height}x{width}")
    if min(left, top, right, bottom) < 0 or not max(left, top, right, bottom):
        raise ValueError(
            "pixels to add must not be negative and at least one side must grow, got "
            f"left={left}, top={top}, right={right}, bottom={bottom}"
        )
    size = height + top + bottom, width + left + right
    if math.prod(size) > MAX_CANVAS:
        raise ValueError(
            f"a picture of {size[0]}x{size[1]} px has more than {MAX_CANVAS // 10**6} megapixels"
        )


def _advance(known: tuple[int, int], size: int, side: int, grid_size: int, margin: int) -> int:
    """Give where the next strip's windows begin along the axis that grows: far end first."""
    lo, hi = known
    last = max(side // 2, side - (hi - lo), 1)  # of a strip that ends where the canvas does
    reach = max(min(last - margin, side - 2 * margin), 1)
    missing = size - hi if hi < size else lo
    strips = 1 + max(-(-(missing - last) // reach), 0)  # of equal width, so that none is a sliver
    step = -(-missing // strips)
    cells = -(-step * grid_size // side)
    step = min(cells * side // grid_size, last if strips == 1 else reach, missing)
    if step < missing:
        step += margin
    return place(hi + step - side if hi < size else lo - step, side, side, size)


def _side_by_side(known: tuple[int, int], size: int, side: int, margin: int) -> list[int]:
    """Give where windows begin that together cover the known stretch across."""
    lo, hi = known
    spare = hi - lo - side
    if spare <= 0:
        return [place(lo, hi - lo, side, size)]
    gaps = math.ceil(spare / (side - max(side * OVERLAP, 2 * margin)))
    return [lo + round(i * spare / gaps) for i in range(gaps + 1)]


def _inner(start: int, side: int, size: int, margin: int) -> tuple[int, int]:
    """Give what a window's stretch fills of the canvas."""
    end = start + side
    return (start + margin if start > 0 else 0), (end - margin if end < size else size)
