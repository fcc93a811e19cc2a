"""Smaller and smaller windows over a hole that was filled from afar.

The model draws one square size. Where a window shows more of the picture than that, what it draws
is enlarged and looks soft beside the sharp picture. So a finished fill is gone over again, coarse
to fine: the windows of a level stand over the hole side by side, overlapping, and show less of the
picture than those of the level before, until a pixel of the model is about one of the picture.

Read in this order:
    Tile, Plan     what will be done, in words, too
    plan_tiles     which windows, in which order

What callers may rely on (tests/engine/test_tiles.py holds each promise):
    * Every pixel of the region inside the coarse window lies in a tile of every level.
    * There are at most MAX_TILES tiles; where that is too few, the finest levels are left out.
    * Nothing is planned where the fill is sharp already.

Elsewhere: what is done in each tile (refining), the coarse window (window).
"""

import math
from dataclasses import dataclass

from maskgit.masks import bounding_box
from maskgit.types import Region
from maskgit.window import Window, place

SOFT = 4.0  # picture pixels per model pixel from which on a fill is drawn again: docs/algorithm.md
STRIDE = 2.0  # a level shows about so many times as much detail as the one before
OVERLAP = 0.25  # part of the side that neighbours share
RING = 0.125  # part of the side that is seen around the hole, where the picture has it
MAX_TILES = 48
MAX_LEVELS = 8


@dataclass(frozen=True)
class Tile:
    """One window of a refinement.

    Attributes:
        number: Its place in the plan, from 0.
        window: What the model sees.
        before: Side of the windows of the level before.
        is_first: Whether a level begins with it.
        is_last: Whether a level ends with it.
    """

    number: int
    window: Window
    before: int
    is_first: bool
    is_last: bool


@dataclass(frozen=True)
class Plan:
    """What will be done to a finished fill so that it is sharp.

    Attributes:
        tiles: Windows that are drawn again, in order.
        borrows: Whether it is written with pieces of the picture instead (`maskgit.borrowing`).
    """

    tiles: tuple[Tile, ...] = ()
    borrows: bool = False

    @property
    def num_levels(self) -> int:
        """How many times the hole is gone over."""
        return sum(tile.is_first for tile in self.tiles)

    def __str__(self) -> str:
        """Say it in words, such as "12 windows in 2 levels"."""
        return f"{_counted(len(self.tiles), 'window')} in {_counted(self.num_levels, 'level')}"


def plan_tiles(hole: Region, before: int, size: int, levels: int = MAX_LEVELS) -> Plan:
    """Plan the windows that refine a fill.

    Args:
        hole: True where the picture was filled.
        before: Side of the window that it was filled in, or of each of them.
        size: Side of the model's square in pixels.
        levels: At most so many, 0 to MAX_LEVELS; more than are needed are not taken.

    Raises:
        ValueError: If `levels` is out of range.
    """
    if not 0 <= levels <= MAX_LEVELS:
        raise ValueError(f"levels of refinement must be 0 to {MAX_LEVELS}, got {levels}")
    tiles: list[Tile] = []
    for side in _sides(before, size)[:levels]:
        windows = _windows(hole, side)
        if len(tiles) + len(windows) > MAX_TILES:
            break
        last = len(windows) - 1
        tiles += [
            Tile(len(tiles) + index, window, before, index == 0, index == last)
            for index, window in enumerate(windows)
        ]
        before = side
    return Plan(tuple(tiles))


def _sides(coarse: int, size: int) -> list[int]:
    """Give the side of each level: evenly from the coarse window's down to the model's own."""
    if coarse <= SOFT * size:
        return []
    count = max(1, math.ceil(math.log(coarse / size, STRIDE) - 0.25))
    return [round(coarse * (size / coarse) ** (k / count)) for k in range(1, count + 1)]


def _windows(hole: Region, side: int) -> list[Window]:
    """Lay windows of one side over the hole, row by row; those with nothing to do are left out."""
    height, width = hole.shape
    box = bounding_box(hole)
    if box is None:
        return []
    windows = [
        Window(x, y, side)
        for y in _starts(box.top, box.height, side, height)
        for x in _starts(box.left, box.width, side, width)
    ]
    return [window for window in windows if hole[window.inside(height, width).slices].any()]


def _starts(start: int, length: int, side: int, size: int) -> list[int]:
    """Give where windows begin that together cover a stretch and a ring around it."""
    ring = round(RING * side)
    lo, hi = max(start - ring, 0), min(start + length + ring, size)
    spare = hi - lo - side
    if spare <= 0:
        return [place(start, length, side, size)]
    gaps = math.ceil(spare / (side * (1 - OVERLAP)))
    return [lo + round(i * spare / gaps) for i in range(gaps + 1)]


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + "s" * (number != 1)
