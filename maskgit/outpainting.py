"""Growing a picture by any amount on each side: which windows to imagine, in which order.

The known area stays a rectangle and grows strip by strip: first to the right and left over the
picture's height, then down and up over the full new width (the other way round for a picture
lower than a window). A strip is at most half a window wide and is filled by windows that stand
side by side, so every window sees at least half of itself already known. Only a picture smaller
than half a window cannot offer that to the first ones.

The loop around it, where `imagine` stands for the model (encode, decode the open cells, draw):

    plan = outpaint_windows(height, width, left, top, right, bottom, grid_size=grid)
    canvas, unknown = plan.lay_out(picture)
    for window in plan.windows:
        hole = open_cells(unknown, window, size, size)
        seen = mirror_fill(view(canvas, window, size), hole)
        square = imagine(seen, open_cells(unknown, window, size, grid))
        fill(canvas, unknown, harmonise(square, seen, hole, radius_px), window)

What callers may rely on (tests/engine/test_outpainting.py holds each promise):
    * Every new pixel is filled, exactly once; the old picture is never written to.
    * No window is planned that has nothing to fill.

Elsewhere: reading and projecting one window (window), writing into the canvas (compositing).
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, UInt8

from maskgit.masks import Box
from maskgit.types import Picture
from maskgit.window import PIXELS_PER_CELL, Window, place

Canvas: TypeAlias = UInt8[np.ndarray, "{self.height} {self.width} 3"]
Unknown: TypeAlias = Bool[np.ndarray, "{self.height} {self.width}"]

# Windows side by side share this part of their side, so that each sees what its neighbour drew.
OVERLAP = 0.25


@dataclass(frozen=True)
class OutpaintPlan:
    """How a picture grows: the new canvas, where the picture lies in it, and what to do in order.

    Attributes:
        height: Height of the canvas in pixels.
        width: Width of the canvas in pixels.
        picture: Where the old picture lies.
        windows: Imagine each in turn. Whatever is unknown in a window when its turn comes is to be
            filled; the last one leaves nothing unknown.
    """

    height: int
    width: int
    picture: Box
    windows: tuple[Window, ...]

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

    Raises:
        ValueError: If an amount is negative, all are zero, or the picture has no pixels.
    """
    _require_growth(height, width, left, top, right, bottom)
    canvas = (height + top + bottom, width + left + right)
    smallest = min(min_side or PIXELS_PER_CELL * grid_size, max(canvas))
    side = max(min(height, width), smallest)
    known = [(top, top + height), (left, left + width)]  # rows, columns
    corners: list[tuple[int, int]] = []  # (top, left) of each window
    if max(height, width) < side:  # one window holds the whole picture: begin around it
        row = place(top, height, side, canvas[0])
        column = place(left, width, side, canvas[1])
        corners.append((row, column))
        known = [_cut(row, side, canvas[0]), _cut(column, side, canvas[1])]

    is_tall_enough = known[0][1] - known[0][0] >= min(side, canvas[0])
    for axis in (1, 0) if is_tall_enough else (0, 1):
        across = _side_by_side(known[1 - axis], canvas[1 - axis], side)
        while known[axis] != (0, canvas[axis]):
            start = _advance(known[axis], canvas[axis], side, grid_size)
            corners += [(start, other) if axis == 0 else (other, start) for other in across]
            lo, hi = _cut(start, side, canvas[axis])
            known[axis] = (min(lo, known[axis][0]), max(hi, known[axis][1]))
    return OutpaintPlan(
        height=canvas[0],
        width=canvas[1],
        picture=Box(top, left, height, width),
        windows=tuple(Window(left=x, top=y, side=side) for y, x in corners),
    )


def _require_growth(height: int, width: int, left: int, top: int, right: int, bottom: int) -> None:
    if height < 1 or width < 1:
        raise ValueError(f"the picture has no pixels: {height}x{width}")
    if min(left, top, right, bottom) < 0 or not max(left, top, right, bottom):
        raise ValueError(
            "pixels to add must not be negative and at least one side must grow, got "
            f"left={left}, top={top}, right={right}, bottom={bottom}"
        )


def _advance(known: tuple[int, int], size: int, side: int, grid_size: int) -> int:
    """Give where the next strip's windows begin along the axis that grows: far end first."""
    lo, hi = known
    reach = max(side // 2, side - (hi - lo), 1)
    missing = size - hi if hi < size else lo
    strips = -(-missing // reach)  # of equal width, so that none is a sliver
    step = -(-missing // strips)
    cells = -(-step * grid_size // side)
    step = min(cells * side // grid_size, reach, missing)
    return place(hi + step - side if hi < size else lo - step, side, side, size)


def _side_by_side(known: tuple[int, int], size: int, side: int) -> list[int]:
    """Give where windows begin that together cover the known stretch across."""
    lo, hi = known
    spare = hi - lo - side
    if spare <= 0:
        return [place(lo, hi - lo, side, size)]
    gaps = math.ceil(spare / (side * (1 - OVERLAP)))
    return [lo + round(i * spare / gaps) for i in range(gaps + 1)]


def _cut(start: int, side: int, size: int) -> tuple[int, int]:
    """Give what a window's stretch shows of the canvas."""
    return max(start, 0), min(start + side, size)
