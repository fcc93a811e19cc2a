"""What a person has in front of them: a picture and the cells they painted, as frozen values.

The browser owns the picture, the mask and the history, and sends a `Drawing`. Painting marks the
cells of a *lattice*: the picture's short side has as many cells as the model's token grid, the
long side goes on with cells of the same size. So a painted cell is exactly a token wherever the
model's square window is laid on the lattice.

Read in this order:
    Lattice         cells and pixels of a picture of any size
    choose_window   the square of the picture that the model sees
    Document        what the canvas sent, as arrays

The canvas computes the same lattice in JavaScript: both use double precision and round halves
up, so they agree to the pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.canvas.drawing import Drawing, lattice_shape

Cells = NDArray[np.bool_]  # (rows, cols) True = painted: to be imagined anew
Region = NDArray[np.bool_]  # (H, W) the same in pixels


@dataclass(frozen=True)
class Lattice:
    """The cells of a picture.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        grid: Tokens along one side of the model's square window.
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

    def cells_of(self, cells: Cells, grid: int) -> Cells:
        """Cut this window out of the cells of a picture; beyond its edge nothing is painted."""
        inside = cells[self.row : self.row + grid, self.col : self.col + grid]
        missing = [(0, grid - length) for length in inside.shape]
        return np.pad(inside, missing)


def choose_window(lattice: Lattice, cells: Cells) -> Window | None:
    """Lay the model's window on the lattice so that the painted cells are in its middle.

    Args:
        lattice: Of the picture.
        cells: At least one is painted.

    Returns:
        A window inside the picture wherever the painted cells allow it, or None when they do
        not fit into one window; the engine then takes a larger square.
    """
    row = _first_cell(np.any(cells, axis=1), lattice.grid, lattice.height / lattice.cell_px)
    col = _first_cell(np.any(cells, axis=0), lattice.grid, lattice.width / lattice.cell_px)
    if row is None or col is None:
        return None
    top, left = (math.floor(first * lattice.cell_px + 0.5) for first in (row, col))
    return Window(row=row, col=col, left=left, top=top, side=lattice.side)


def _first_cell(painted: NDArray[np.bool_], grid: int, length: float) -> int | None:
    """Give the first of `grid` cells around the painted ones on a line of `length` cells."""
    positions = np.flatnonzero(painted)
    first, last = int(positions[0]), int(positions[-1])
    if last - first >= grid:
        return None
    centred = (first + last + 1 - grid) // 2
    inside = max(0, min(centred, math.floor(length + 1e-6) - grid))
    return max(inside, last + 1 - grid)  # a cut last cell pulls the window over the edge


@dataclass(frozen=True, eq=False)
class Document:
    """What the canvas shows.

    Attributes:
        picture: Id by which the studio knows the picture; None for a picture that was never sent.
        lattice: Of the picture.
        cells: What is painted.
    """

    picture: str | None
    lattice: Lattice
    cells: Cells

    @property
    def region(self) -> Region:
        """The painted pixels."""
        return self.lattice.region(self.cells)

    @classmethod
    def of(cls, drawing: Drawing, grid: int) -> Document | None:
        """Take what the canvas sent; None where it shows nothing at all.

        Args:
            drawing: What was sent.
            grid: Tokens along one side of the model that is to work on it. The canvas may still
                have had the lattice of another one.
        """
        if not drawing.width:
            return None
        painted = Lattice(drawing.width, drawing.height, drawing.grid)
        lattice = Lattice(drawing.width, drawing.height, grid)
        cells = painted.unpack(drawing.cells)
        return cls(drawing.picture, lattice, painted.carry(cells, lattice))
