"""The lens: how large the model's window is, where it lies, and how fine is painted in it.

The page keeps one with each entry of its history (canvas/lens.js); here are the words of it that
files carry, checked.
"""

from __future__ import annotations

from math import ceil
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.canvas.drawing import MAX_CELLS, MAX_COVERAGE, MAX_GRID, lattice_shape

MOST_FINE = 16
Grid: TypeAlias = Annotated[int, Field(ge=1, le=MAX_GRID)]
First: TypeAlias = Annotated[int, Field(ge=0, lt=MAX_CELLS)]


class Lens(BaseModel):
    """How a picture was painted on.

    Attributes:
        tokens: Along one side of the window, of the model that was in use.
        fine: Painted cells to a token, on each side.
        grid: Tokens on the picture's short side.
        at: Row and column of the window's first cell; None: it followed what was painted.
        coverage: Share of a token's cells that had to be exceeded for it to open.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    tokens: Grid
    fine: Annotated[int, Field(ge=1, le=MOST_FINE)] = 1
    grid: Grid
    at: Annotated[tuple[First, First], Field(strict=False)] | None = None
    coverage: Annotated[float, Field(ge=0, le=MAX_COVERAGE)] = 0.0

    @model_validator(mode="after")
    def _fits_itself(self) -> Lens:
        if self.grid < self.tokens or self.grid * self.fine > MAX_GRID:
            raise ValueError("the window is larger than the picture, or its cells are too small")
        return self

    @property
    def is_plain(self) -> bool:
        """Whether the window is as large as the picture allows and follows whole tokens."""
        return self == Lens(tokens=self.tokens, grid=self.tokens)

    def fits(self, width: int, height: int) -> bool:
        """Whether its window lies on a picture, which has not too many cells."""
        rows, cols = lattice_shape(width, height, self.grid * self.fine)
        span = self.tokens * self.fine
        row, col = self.at or (0, 0)
        return rows * cols <= MAX_CELLS and row <= rows - span and col <= cols - span


def mask_digits(width: int, height: int, grid: int) -> int | None:
    """Say how many hexadecimal digits a mask has; None where there would be too many cells."""
    rows, cols = lattice_shape(width, height, grid)
    return 2 * ceil(rows * cols / 8) if rows * cols <= MAX_CELLS else None
