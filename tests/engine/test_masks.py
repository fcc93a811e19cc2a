"""Painted pixels and token cells: sizes that fit and sizes that do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgit.masks import (
    Box,
    bounding_box,
    cell_edges,
    official_box_mask,
    painted_share,
    to_region,
    to_token_mask,
)

sizes = st.integers(1, 70)
grids = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)


def paint(height: int, width: int, seed: int, share: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width)) < share


def test_cell_edges_round_halves_up_as_a_browser_does() -> None:
    assert cell_edges(10, 4).tolist() == [0, 3, 5, 8, 10]  # 2.5 and 7.5 go up
    assert cell_edges(2, 4).tolist() == [0, 1, 1, 2, 2]


def test_every_touched_cell_is_masked_and_no_other() -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[3, 4] = True
    assert np.argwhere(to_token_mask(mask, (2, 2))).tolist() == [[0, 1]]


def test_coverage_is_the_share_that_must_be_exceeded() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2, :1] = True  # half of the first of four cells
    assert painted_share(mask, (2, 2)).tolist() == [[0.5, 0], [0, 0]]
    assert to_token_mask(mask, (2, 2), coverage=0.49)[0, 0]
    assert not to_token_mask(mask, (2, 2), coverage=0.5).any()


@given(height=sizes, width=sizes, rows=grids, columns=grids, seed=seeds)
@settings(max_examples=80, deadline=None)
def test_shares_equal_a_slow_count(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    mask = paint(height, width, seed, 0.4)
    down, across = cell_edges(height, rows), cell_edges(width, columns)
    share = painted_share(mask, (rows, columns))
    for i in range(rows):
        for j in range(columns):
            cell = mask[down[i] : down[i + 1], across[j] : across[j + 1]]
            if cell.size:
                assert share[i, j] == np.float32(cell.mean())


@given(height=sizes, width=sizes, rows=grids, columns=grids, seed=seeds)
@settings(max_examples=80, deadline=None)
def test_the_cells_of_a_mask_cover_it(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    mask = paint(height, width, seed)
    assert to_region(to_token_mask(mask, (rows, columns)), height, width)[mask].all()


@given(rows=grids, columns=grids, seed=seeds)
@settings(max_examples=50, deadline=None)
def test_cells_survive_the_way_to_pixels_and_back(rows: int, columns: int, seed: int) -> None:
    cells = paint(rows, columns, seed, 0.5)
    region = to_region(cells, rows * 3 + 1, columns * 5 + 2)
    assert (to_token_mask(region, (rows, columns)) == cells).all()


def test_a_mask_smaller_than_the_grid_still_marks_cells() -> None:
    assert to_token_mask(np.ones((1, 1), dtype=bool), (16, 16)).all()
    assert to_token_mask(np.array([[True, False]]), (2, 4)).tolist() == [[1, 1, 0, 0]] * 2


@pytest.mark.parametrize("coverage", [-0.1, 1.0])
def test_an_impossible_coverage_is_refused(coverage: float) -> None:
    with pytest.raises(ValueError, match=r"coverage must be in \[0, 1\)"):
        to_token_mask(np.ones((4, 4), dtype=bool), (2, 2), coverage)


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        to_token_mask(np.ones((0, 4), dtype=bool), (2, 2))


def test_the_bounding_box_is_tight() -> None:
    mask = np.zeros((9, 7), dtype=bool)
    assert bounding_box(mask) is None
    mask[2, 5] = mask[6, 1] = True
    assert bounding_box(mask) == Box(top=2, left=1, height=5, width=5)


def test_the_official_rule_grows_an_aligned_box_by_one_cell_each_way() -> None:
    expected = np.zeros((16, 16), dtype=bool)
    expected[7:13, 3:11] = True
    assert (official_box_mask((128, 64, 64, 96), 256) == expected).all()


def test_the_official_rule_leaves_the_end_of_an_unaligned_box_uncovered() -> None:
    rows = official_box_mask((15, 15, 31, 31), 256).any(axis=1)
    assert np.flatnonzero(rows).tolist() == [0, 1]  # the box ends in row 2
