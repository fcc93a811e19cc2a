"""What the canvas tells Python after a stroke: which cells of which picture are painted.

The browser owns the picture, the mask and the history. What travels is one short JSON message, and
because anybody can post to the server it is checked here, once, before the app sees it.

The lattice: a cell is `min(width, height) / grid` pixels wide, so the short side always holds
`grid` cells and the last column or row of the long side may be cut by the picture's edge. The
model's window is a square of `span` by `span` of these cells. With `span` = `grid` it is as large
as the picture allows, and where `span` is a multiple of the model's tokens, several cells make a
token: then finer things than tokens are painted, and `coverage` says which tokens open.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, TypeGuard

MAX_SIDE = 32767  # pixels, the longest canvas a browser draws; the engine has the same limit
MAX_GRID = 1024  # cells on the short side
MAX_COVERAGE = 0.95
MAX_ASPECT = 1000  # of a picture that is opened: longer ones would have too many cells
MAX_CELLS = 1 << 20  # a very long and thin picture would otherwise ask for gigabytes of cells
MAX_CLASSES = 8  # in one picture, the one that is chosen beside it included
MAX_LABEL = 2**31 - 1
NO_CLASS_ID = -1  # where any class will do; Gradio keeps None for "nothing chosen"
ID_DIGITS = 32  # a picture's id: the first half of a SHA-256 in hex


@dataclass(frozen=True)
class Drawing:
    """The painted cells of one picture.

    Attributes:
        picture: The server's id of the picture, or None while it has none (nothing opened yet, or
            a blank canvas that was never uploaded).
        width: Picture width in pixels; 0 where there is no picture.
        height: Picture height in pixels; 0 where there is no picture.
        grid: Cells on the short side.
        rows: Lattice rows.
        cols: Lattice columns.
        cells: Painted cells as hex of bits, row by row, most significant bit first
            (`numpy.packbits` order), zero bits at the end.
        count: Number of painted cells.
        span: Cells along one side of the model's window.
        at: Row and column of the window's first cell, where a person has put it; None: it
            follows what is painted.
        coverage: Share of a token's cells that must be exceeded for the token to open; 0: any.
        classes: Painted cells that are of other classes than the one that is chosen: the id of
            each class, and its cells. No cell is of two.
    """

    picture: str | None = None
    width: int = 0
    height: int = 0
    grid: int = 1
    rows: int = 0
    cols: int = 0
    cells: str = ""
    count: int = 0
    span: int = 1
    at: tuple[int, int] | None = None
    coverage: float = 0.0
    classes: tuple[tuple[int, str], ...] = ()

    @property
    def is_blank(self) -> bool:
        """Whether nothing is painted."""
        return self.count == 0

    @property
    def is_full(self) -> bool:
        """Whether every cell is painted: nothing of the picture is to stay."""
        return 0 < self.count == self.rows * self.cols


def lattice_shape(width: int, height: int, grid: int) -> tuple[int, int]:
    """Count the lattice's rows and columns for a picture.

    The tolerance keeps 16 cells 16 where the division leaves 16.000000001.
    """
    cell = min(width, height) / grid
    return math.ceil(height / cell - 1e-6), math.ceil(width / cell - 1e-6)


def read_drawing(message: str | None) -> Drawing:
    """Check a message of the canvas.

    Args:
        message: JSON with `picture`, `width`, `height`, `grid`, `cells` and `count`, and, where
            they are not as usual, `span` (= `grid`), `at` (= null), `coverage` (= 0) and `classes`
            (= [], pairs of a class and its cells); None or an empty string before the first
            picture.

    Raises:
        ValueError: If the message is not what a canvas sends.
    """
    if not message:
        return Drawing()
    try:
        fields = json.loads(message)
    except (TypeError, ValueError):
        raise ValueError("the drawing is not JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("the drawing is not a JSON object")
    width, height = (_whole(fields, name, MAX_SIDE) for name in ("width", "height"))
    grid = _whole(fields, "grid", MAX_GRID)
    rows, cols = lattice_shape(width, height, grid)
    if rows * cols > MAX_CELLS:
        raise ValueError(f"a picture of {width}x{height} px has too many cells of 1/{grid}")
    cells, count = _cells(fields.get("cells"), rows * cols), fields.get("count")
    painted = int(cells or "0", 16).bit_count()
    if count != painted:
        raise ValueError(f"the drawing counts {count!r} cells and paints {painted}")
    picture = _picture_id(fields.get("picture"))
    span = _whole({"span": grid, **fields}, "span", grid)
    at, coverage = _place(fields.get("at"), rows - span, cols - span), _share(fields, "coverage")
    classes = _classes(fields.get("classes", []), cells, rows * cols)
    size = picture, width, height, grid, rows, cols
    return Drawing(*size, cells, painted, span, at, coverage, classes)


def _whole(fields: dict[str, Any], name: str, limit: int) -> int:
    value = fields.get(name)
    if not _is_whole(value) or not 1 <= value <= limit:
        raise ValueError(f"{name} must be an integer from 1 to {limit}")
    return value


def _place(value: object, last_row: int, last_col: int) -> tuple[int, int] | None:
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value)):
        row, col = value
        if 0 <= row <= last_row and 0 <= col <= last_col:
            return row, col
    raise ValueError(f"at must be null or [0 to {last_row}, 0 to {last_col}]")


def _share(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name, 0)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_COVERAGE:
        raise ValueError(f"{name} must be a number from 0 to {MAX_COVERAGE}")
    return float(value)


def _cells(value: object, num_cells: int) -> str:
    digits = 2 * math.ceil(num_cells / 8)
    if not isinstance(value, str) or len(value) != digits or not _is_hex(value):
        raise ValueError(f"cells must be {digits} lower-case hex digits for {num_cells} cells")
    spare = 4 * digits - num_cells
    if int(value, 16) & ((1 << spare) - 1):
        raise ValueError("cells paints beyond the last cell")
    return value


def _classes(value: object, painted: str, num_cells: int) -> tuple[tuple[int, str], ...]:
    if not isinstance(value, list) or len(value) >= MAX_CLASSES:
        raise ValueError(f"classes must be a list of at most {MAX_CLASSES - 1}")
    found, left = [], int(painted or "0", 16)
    for each in value:
        if not isinstance(each, list) or len(each) != 2 or not _is_whole(each[0]):
            raise ValueError("a further class is [id, cells]")
        label, cells = each[0], _cells(each[1], num_cells)
        own = int(cells, 16)
        is_new = NO_CLASS_ID <= label <= MAX_LABEL and label not in dict(found)
        if not is_new or not own or own & ~left:
            raise ValueError("a further class has an id, and painted cells that no other class has")
        found.append((label, cells))
        left &= ~own
    return tuple(found)


def _picture_id(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) != ID_DIGITS or not _is_hex(value):
        raise ValueError(f"picture must be null or {ID_DIGITS} lower-case hex digits")
    return value


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_hex(value: str) -> bool:
    return set(value) <= set("0123456789abcdef")
