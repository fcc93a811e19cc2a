"""A painted cell is exactly a token, wherever the window lies."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.canvas.drawing import Drawing
from app.document import Document, Lattice, choose_window, pack, place_window
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


@given(painted_lattices(), st.integers(1, 16))
def test_a_smaller_window_holds_all_pixels_of_the_paint_or_there_is_none(
    painted: tuple[Lattice, np.ndarray], span: int
) -> None:
    lattice, cells = painted
    window = choose_window(lattice, cells, min(span, lattice.grid))
    if window is None:
        spans = [np.ptp(np.flatnonzero(cells.any(axis=axis))) + 1 for axis in (0, 1)]
        assert max(spans) > min(span, lattice.grid)
        return
    rows, cols = np.nonzero(lattice.region(cells))
    assert ((rows >= window.top) & (rows < window.top + window.side)).all()
    assert ((cols >= window.left) & (cols < window.left + window.side)).all()
    assert window.side < lattice.cell_px * min(span, lattice.grid) + 1


@given(lattices, st.data())
def test_a_placed_window_begins_at_its_cell_and_leaves_the_picture_by_less_than_one(
    lattice: Lattice, data: st.DataObject
) -> None:
    span = data.draw(st.integers(1, lattice.grid))
    row, col = (data.draw(st.integers(0, length - span)) for length in lattice.shape)
    window = place_window(lattice, row, col, span)
    assert window.top == lattice.edges(row, lattice.height)[-1]
    assert window.left == lattice.edges(col, lattice.width)[-1]
    assert window.left + window.side < lattice.width + lattice.cell_px + 1
    assert window.top + window.side < lattice.height + lattice.cell_px + 1


def test_cells_on_a_line_of_broken_width_are_rounded_half_up() -> None:
    assert Lattice(100, 8, 16).edges(4, 100).tolist() == [0, 1, 1, 2, 2]


def test_a_drawing_becomes_a_document_with_its_pixels() -> None:
    document = Document.of(drawing(painted=(0, 7)), tokens=4)
    assert document is not None
    assert document.region.sum() == 200
    assert document.region[:10, :10].all()


@pytest.mark.parametrize("empty", [Drawing()])
def test_no_picture_is_no_document(empty: Drawing) -> None:
    assert Document.of(empty, tokens=4) is None


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
    document = Document.of(drawing(painted=(0, 7)), tokens=8)
    assert document is not None
    assert document.lattice.grid == 8
    assert document.region.sum() == 200  # twice as fine: the same pixels


def document(tokens: int = 2, **fields: Any) -> Document:
    found = Document.of(drawing(**fields), tokens)
    assert found is not None
    return found


def test_a_window_follows_what_is_painted_and_stands_still_where_it_was_put() -> None:
    # 12 by 8 cells of 5 px; the window has 4 by 4 of them.
    follows = document(painted=(12 * 5 + 7,), grid=8, span=4)
    assert follows.window is not None
    assert (follows.window.row, follows.window.col) == (2, 4)  # whole tokens, of two cells
    assert (follows.window.left, follows.window.top, follows.window.side) == (20, 10, 20)
    put = document(painted=(12 * 5 + 7,), grid=8, span=4, at=[3, 5])
    assert put.window is not None
    assert (put.window.left, put.window.top, put.window.side) == (25, 15, 20)


def test_what_is_painted_outside_of_a_window_stays() -> None:
    painted = document(painted=(0, 12 * 5 + 7), grid=8, span=4, at=[2, 4])
    assert painted.region.sum() == 25
    assert painted.region[25:30, 35:40].all()
    assert not document(painted=(0,), grid=8, span=4, at=[2, 4]).region.any()


@pytest.mark.parametrize(("coverage", "tokens_open"), [(0, 2), (0.24, 2), (0.25, 1), (0.5, 0)])
def test_a_token_opens_where_more_of_it_is_painted_than_asked_for(
    coverage: float, tokens_open: int
) -> None:
    # Two of four cells of the first token and one of the second, in a window of 2 by 2 tokens.
    found = document(painted=(0, 1, 2), grid=4, coverage=coverage, at=[0, 0])
    assert found.opened is not None
    assert found.opened.sum() == tokens_open
    assert found.region.sum() == 100 * (0, 2, 3)[tokens_open]


def test_fine_paint_opens_tokens_and_changes_nothing_beside_itself() -> None:
    found = document(painted=(7,), grid=4, at=[0, 0])
    assert found.opened is not None
    assert found.opened.tolist() == [[True, False], [False, False]]
    assert found.region.sum() == 100


def test_beyond_the_edge_of_the_picture_counts_neither_as_painted_nor_as_not() -> None:
    # A picture of 45 px across has 4.5 cells: the window's last cells are cut, or not there.
    found = document(width=45, painted=(3, 4, 8, 9), grid=4, at=[0, 1], coverage=0.9)
    assert found.opened is not None
    assert found.opened.tolist() == [[False, True], [False, False]]


def test_on_another_model_the_window_is_as_large_and_where_it_was() -> None:
    found = document(tokens=3, painted=(0,), grid=8, span=4, at=[4, 4])
    assert (found.span, found.lattice.grid, found.at) == (3, 6, (3, 3))
    fine = document(tokens=3, painted=(0,), grid=32, span=8)
    assert (fine.span, fine.lattice.grid) == (9, 36)


def test_cells_of_further_classes_are_regions_of_the_picture() -> None:
    sent = drawing(painted=(0, 1, 2), classes=[[978, "600000"], [-1, "800000"]])
    document = Document.of(sent, 4)
    assert document is not None
    (label, region), (other, first) = document.regions
    assert (label, other) == (978, None)  # -1: any class will do
    assert region[:10, 10:30].all()
    assert region.sum() == 200
    assert first.sum() == 100
    finer = Document.of(sent, 8)  # another model: carried as what is painted is
    assert finer is not None
    assert [int(found.sum()) for _, found in finer.regions] == [200, 100]


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({}, "a list of at most 7"),
        ([[1, "800000"]] * 8, "a list of at most 7"),
        ([1], "is .id, cells."),
        ([["tulip", "800000"]], "is .id, cells."),
        ([[True, "800000"]], "is .id, cells."),
        ([[1, "8"]], "hex digits"),
        ([[1, None]], "hex digits"),
        ([[-2, "800000"]], "no other class has"),
        ([[2**40, "800000"]], "no other class has"),
        ([[1, "000000"]], "no other class has"),
        ([[1, "100000"]], "no other class has"),
        ([[1, "800000"], [2, "c00000"]], "no other class has"),
        ([[1, "800000"], [1, "400000"]], "no other class has"),
    ],
)
def test_classes_that_no_canvas_sends_are_refused(classes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        drawing(painted=(0, 1, 2), classes=classes)
