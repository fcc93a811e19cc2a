"""A painted cell is exactly a token, wherever the window lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.canvas.drawing import Drawing
from app.document import Document, Lattice, choose_window, pack
from tests.app.fakes import drawing

lattices = st.builds(Lattice, st.integers(16, 900), st.integers(16, 900), st.sampled_from([4, 16]))


@st.composite
def painted_lattices(draw: st.DrawFn) -> tuple[Lattice, np.ndarray]:
    """A lattice and cells of which at least one is painted."""
    lattice = draw(lattices)
    rows, cols = lattice.shape
    cells = np.zeros((rows, cols), bool)
    places = st.tuples(st.integers(0, rows - 1), st.integers(0, cols - 1))
    for row, col in draw(st.lists(places, min_size=1, max_size=5)):
        cells[row, col] = True
    return lattice, cells


@given(lattices)
def test_cells_cover_every_pixel_exactly_once(lattice: Lattice) -> None:
    rows, cols = lattice.shape
    assert lattice.region(np.ones((rows, cols), bool)).shape == (lattice.height, lattice.width)
    for count, limit in ((rows, lattice.height), (cols, lattice.width)):
        widths = np.diff(lattice.edges(count, limit))
        assert (widths[:-1] > 0).all()  # only a sliver at the edge may be less than a pixel
        assert widths[-1] >= 0


@given(painted_lattices())
def test_packed_cells_come_back(painted: tuple[Lattice, np.ndarray]) -> None:
    lattice, cells = painted
    np.testing.assert_array_equal(lattice.unpack(pack(cells)), cells)


@given(painted_lattices())
def test_the_window_holds_all_painted_cells_or_there_is_none(
    painted: tuple[Lattice, np.ndarray],
) -> None:
    lattice, cells = painted
    window = choose_window(lattice, cells)
    spans = [np.ptp(np.flatnonzero(cells.any(axis=axis))) + 1 for axis in (0, 1)]
    if window is None:
        assert max(spans) > lattice.grid
        return
    inside = window.cells_of(cells, lattice.grid)
    assert inside.shape == (lattice.grid, lattice.grid)
    assert inside.sum() == cells.sum()


@given(painted_lattices())
def test_the_window_leaves_the_picture_by_less_than_a_cell(
    painted: tuple[Lattice, np.ndarray],
) -> None:
    lattice, cells = painted
    window = choose_window(lattice, cells)
    if window is not None:
        assert window.left >= 0
        assert window.top >= 0
        assert window.left + window.side < lattice.width + lattice.cell_px + 1
        assert window.top + window.side < lattice.height + lattice.cell_px + 1


def test_the_window_has_the_paint_in_its_middle() -> None:
    lattice = Lattice(1600, 400, 16)  # cells of 25 px, 64 in a row
    cells = np.zeros((16, 64), bool)
    cells[8, 30:34] = True
    window = choose_window(lattice, cells)
    assert window is not None
    assert (window.col, window.left, window.top, window.side) == (24, 600, 0, 400)


def test_cells_on_a_line_of_broken_width_are_rounded_half_up() -> None:
    assert Lattice(100, 8, 16).edges(4, 100).tolist() == [0, 1, 1, 2, 2]


def test_a_drawing_becomes_a_document_with_its_pixels() -> None:
    document = Document.of(drawing(painted=(0, 7)), grid=4)
    assert document is not None
    assert document.region.sum() == 200
    assert document.region[:10, :10].all()


@pytest.mark.parametrize("empty", [Drawing()])
def test_no_picture_is_no_document(empty: Drawing) -> None:
    assert Document.of(empty, grid=4) is None


def overlap(first: int, grid: int, second: int, other: int) -> float:
    """How much two cells of a line share, as a part of the whole line."""
    start = max(first / grid, second / other)
    return min((first + 1) / grid, (second + 1) / other) - start


@given(painted_lattices(), st.integers(1, 24))
def test_on_another_lattice_exactly_the_touched_cells_are_painted(
    painted: tuple[Lattice, np.ndarray], grid: int
) -> None:
    lattice, cells = painted
    other = Lattice(lattice.width, lattice.height, grid)
    carried = lattice.carry(cells, other)
    assert carried.shape == other.shape
    expected = np.zeros(other.shape, bool)
    for row, col in np.argwhere(cells):
        rows = [overlap(row, lattice.grid, r, grid) > 1e-6 for r in range(other.shape[0])]
        cols = [overlap(col, lattice.grid, c, grid) > 1e-6 for c in range(other.shape[1])]
        expected |= np.outer(rows, cols)
    np.testing.assert_array_equal(carried, expected)


def test_a_drawing_made_for_another_model_is_carried_to_its_lattice() -> None:
    document = Document.of(drawing(painted=(0, 7)), grid=8)
    assert document is not None
    assert document.lattice.grid == 8
    assert document.region.sum() == 200  # twice as fine: the same pixels
