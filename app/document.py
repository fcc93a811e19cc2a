"""What a person has in front of them: a picture and the cells they painted, as frozen values.

The browser owns the picture, the mask and the history, and sends a `Drawing`. Painting marks the
cells of a *lattice*, and the model's square window is laid on whole cells of it, so a painted cell
is exactly a token, or one of the four by four that make one where fine things are painted. As a
rule the window is as large as the picture allows: its short side has as many cells as the model
has tokens. A smaller window is a finer lattice.

Read in this order:
    Lattice         cells and pixels of a picture of any size
    choose_window   the square of the picture that the model sees
    Document        what the canvas sent, as arrays; which tokens and pixels may change

The canvas computes the same lattice in JavaScript: both use double precision and round halves
up, so they agree to the pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.canvas.drawing import MAX_CELLS, MAX_GRID, Drawing, lattice_shape
from app.lens import MOST_FINE, Lens

Cells = NDArray[np.bool_]  # (rows, cols) True = painted: to be imagined anew
Region = NDArray[np.bool_]  # (H, W) the same in pixels
Regions = tuple[tuple[int | None, Region], ...]  # by class; a later one lies over those before


@dataclass(frozen=True)
class Lattice:
    """The cells of a picture.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        grid: Cells on the short side.
    """

    width: int
    height: int
    grid: int

    @property
    def side(self) -> int:
        """Side of the largest square in the picture, in pixels; `grid` cells long."""
        return min(self.width, self.height)

    @property
    def cell_px(self) -> float:
        """Side of one cell in pixels; not whole in general."""
        return self.side / self.grid

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns; the last of the long side may be cut by the picture's edge."""
        return lattice_shape(self.width, self.height, self.grid)

    def edges(self, count: int, limit: int) -> NDArray[np.int64]:
        """Give the pixel where each of `count` cells begins, and where the last one ends."""
        edges = np.floor(np.arange(count + 1) * self.cell_px + 0.5).astype(np.int64)
        return np.minimum(edges, limit)

    def region(self, cells: Cells) -> Region:
        """Turn cells into the pixels they cover."""
        rows, cols = self.shape
        heights = np.diff(self.edges(rows, self.height))
        widths = np.diff(self.edges(cols, self.width))
        return np.repeat(np.repeat(cells, heights, axis=0), widths, axis=1)

    def unpack(self, text: str) -> Cells:
        """Read cells from hexadecimal digits, the inverse of `pack`."""
        rows, cols = self.shape
        packed = np.frombuffer(bytes.fromhex(text), np.uint8)
        return np.unpackbits(packed, count=rows * cols).astype(bool).reshape(rows, cols)

    def carry(self, cells: Cells, to: Lattice) -> Cells:
        """Carry cells to another lattice of the same picture: every cell they touch is painted."""
        ratio = to.grid / self.grid  # cells of one lattice in a cell of the other
        spans = []
        for painted, limit in zip(np.nonzero(cells), to.shape, strict=True):
            first = np.floor(painted * ratio + 1e-6).astype(np.int64)
            end = np.ceil((painted + 1) * ratio - 1e-6).astype(np.int64)
            spans.append((np.minimum(first, limit - 1), np.minimum(end, limit)))
        (top, bottom), (left, right) = spans
        corners = np.zeros((to.shape[0] + 1, to.shape[1] + 1), np.int64)
        for sign, rows, cols in (
            (1, top, left),
            (-1, top, right),
            (-1, bottom, left),
            (1, bottom, right),
        ):
            np.add.at(corners, (rows, cols), sign)
        return corners.cumsum(0).cumsum(1)[:-1, :-1] > 0


def pack(cells: NDArray[np.bool_]) -> str:
    """Write cells as hexadecimal digits: bits row by row, the highest bit first."""
    return np.packbits(cells).tobytes().hex()


@dataclass(frozen=True)
class Window:
    """A square of whole cells that the model sees.

    Attributes:
        row: First row of cells.
        col: First column of cells.
        left: Its left edge in the picture, in pixels.
        top: Its top edge in the picture, in pixels.
        side: In pixels. Where the last row or column of the lattice is cut by the picture's
            edge, the window may reach beyond the picture by less than a cell.
    """

    row: int
    col: int
    left: int
    top: int
    side: int

    def cells_of(self, cells: Cells, span: int) -> Cells:
        """Cut this window of `span` cells a side out of a picture's; beyond them is nothing."""
        inside = cells[self.row : self.row + span, self.col : self.col + span]
        missing = [(0, span - length) for length in inside.shape]
        return np.pad(inside, missing)


def place_window(lattice: Lattice, row: int, col: int, span: int) -> Window:
    """Lay a window of `span` cells a side on the lattice; all pixels of its cells are inside."""
    top, left = (math.floor(first * lattice.cell_px + 0.5) for first in (row, col))
    side = math.ceil(span * lattice.cell_px - 1e-6)
    return Window(row=row, col=col, left=left, top=top, side=side)


def choose_window(
    lattice: Lattice, cells: Cells, span: int | None = None, fine: int = 1
) -> Window | None:
    """Lay the model's window on the lattice so that the painted cells are in its middle.

    Args:
        lattice: Of the picture.
        cells: At least one is painted.
        span: Cells along one side of the window; by default it is as large as the picture allows.
        fine: Cells along a token: where possible it begins at a multiple of them, so that tokens
            stay where they are while somebody paints.

    Returns:
        A window inside the picture wherever the painted cells allow it, or None when they do
        not fit into one window; the engine then takes a larger square.
    """
    span = span or lattice.grid
    row = _first_cell(np.any(cells, axis=1), span, fine, lattice.height / lattice.cell_px)
    col = _first_cell(np.any(cells, axis=0), span, fine, lattice.width / lattice.cell_px)
    return None if row is None or col is None else place_window(lattice, row, col, span)


def _first_cell(painted: NDArray[np.bool_], span: int, fine: int, length: float) -> int | None:
    """Give the first of `span` cells around the painted ones on a line of `length` cells."""
    positions = np.flatnonzero(painted)
    first, last = int(positions[0]), int(positions[-1])
    if last - first >= span:
        return None
    centred = (first + last + 1 - span) // 2
    inside = max(0, min(centred, math.floor(length + 1e-6) - span))
    begin = max(inside, last + 1 - span)  # a cut last cell pulls the window over the edge
    snapped = begin - begin % fine
    return snapped if last < snapped + span else begin


@dataclass(frozen=True, eq=False)
class Document:
    """What the canvas shows.

    Attributes:
        picture: Id by which the studio knows the picture; None for a picture that was never sent.
        lattice: Of the picture.
        cells: What is painted.
        tokens: Along one side of the model's window.
        span: Cells along one side of it, a multiple of `tokens`.
        at: Row and column of its first cell; None: it follows what is painted.
        coverage: Share of a token's cells, 0 up to but not including 1, that must be exceeded for
            it to open.
        classes: Ids of further classes, each with those of the painted cells that are of it.
    """

    picture: str | None
    lattice: Lattice
    cells: Cells
    tokens: int
    span: int
    at: tuple[int, int] | None = None
    coverage: float = 0.0
    classes: tuple[tuple[int, Cells], ...] = ()

    @cached_property
    def window(self) -> Window | None:
        """What the model sees; None where the engine has to choose, or nothing is painted."""
        if self.at is not None:
            return place_window(self.lattice, *self.at, self.span)
        if not self.cells.any():
            return None
        return choose_window(self.lattice, self.cells, self.span, self.span // self.tokens)

    @cached_property
    def opened(self) -> Cells | None:
        """The window's tokens that may change; None where there is no window."""
        if self.window is None:
            return None
        painted = self._count(self.window.cells_of(self.cells, self.span))
        there = self._count(self.window.cells_of(np.ones_like(self.cells), self.span))
        return painted > self.coverage * there

    @property
    def region(self) -> Region:
        """The pixels that may change: of painted cells in open tokens, and in no others.

        Where the engine has to choose a window, it opens all tokens that are touched.
        """
        if self.window is None or self.opened is None:
            return self.lattice.region(self.cells)
        fine = self.span // self.tokens
        row, col = self.window.row, self.window.col
        place = slice(row, row + self.span), slice(col, col + self.span)
        may_change = np.zeros_like(self.cells)
        height, width = may_change[place].shape
        may_change[place] = np.kron(self.opened, np.ones((fine, fine), bool))[:height, :width]
        return self.lattice.region(self.cells & may_change)

    @property
    def lens(self) -> Lens | None:
        """How it is looked at, for files; None where that is as usual."""
        fine = self.span // self.tokens
        grid, rest = divmod(self.lattice.grid, fine)
        if rest or fine > MOST_FINE:
            return None
        lens = Lens(tokens=self.tokens, fine=fine, grid=grid, at=self.at, coverage=self.coverage)
        return None if lens.is_plain else lens

    @property
    def regions(self) -> Regions:
        """The pixels that are of further classes; what may not change is among them, too."""
        return tuple((label, self.lattice.region(cells)) for label, cells in self.classes)

    def _count(self, cells: Cells) -> NDArray[np.int64]:
        """Count the cells of each token of a window."""
        fine = self.span // self.tokens
        return cells.reshape(self.tokens, fine, self.tokens, fine).sum((1, 3))

    @classmethod
    def of(cls, drawing: Drawing, tokens: int) -> Document | None:
        """Take what the canvas sent; None where it shows nothing at all.

        Args:
            drawing: What was sent.
            tokens: Along one side of the model that is to work on it. The canvas may still have
                had the lattice of another one.
        """
        if not drawing.width:
            return None
        painted = Lattice(drawing.width, drawing.height, drawing.grid)
        cells = painted.unpack(drawing.cells)
        classes = [(label, painted.unpack(text)) for label, text in drawing.classes]
        if drawing.span % tokens == 0:
            looks = tokens, drawing.span, drawing.at, drawing.coverage
            return cls(drawing.picture, painted, cells, *looks, tuple(classes))
        lattice, span = _lattice_for(painted, drawing.span, tokens)
        at = drawing.at and _carried(drawing.at, painted, lattice, span)
        carried = painted.carry(cells, lattice)
        classes = tuple((label, painted.carry(cells, lattice)) for label, cells in classes)
        looks = tokens, span, at, drawing.coverage
        return cls(drawing.picture, lattice, carried, *looks, classes)


def _lattice_for(painted: Lattice, span: int, tokens: int) -> tuple[Lattice, int]:
    """Give the lattice for another model, its window as large, and how many cells that spans."""
    for fine in (max(1, round(span / tokens)), 1):
        grid = max(fine * tokens, min(MAX_GRID, round(painted.grid * fine * tokens / span)))
        lattice = Lattice(painted.width, painted.height, grid)
        if math.prod(lattice.shape) <= MAX_CELLS:
            return lattice, fine * tokens
    return Lattice(painted.width, painted.height, tokens), tokens


def _carried(at: tuple[int, int], painted: Lattice, to: Lattice, span: int) -> tuple[int, int]:
    """Carry a window's place to another lattice."""
    row, col = (
        min(round(first * to.grid / painted.grid), length - span)
        for first, length in zip(at, to.shape, strict=True)
    )
    return row, col
