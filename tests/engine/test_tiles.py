"""Tiles over a hole: all of it, on every level, within a bound, and only where it is soft."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgit.tiles import MAX_LEVELS, MAX_TILES, SOFT, Plan, plan_tiles
from maskgit.types import Region
from maskgit.window import Window, choose

SIZE, GRID = 64, 8


def hole(height: int, width: int, top: int, left: int, rows: int, columns: int) -> Region:
    region = np.zeros((height, width), bool)
    region[top : top + rows, left : left + columns] = True
    return region


def planned(region: Region, window: Window, levels: int = MAX_LEVELS) -> Plan:
    return plan_tiles(window.shown(region), window.side, SIZE, levels)


@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    corner=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    rows=st.integers(1, 700),
    columns=st.integers(1, 700),
)
@settings(max_examples=200, deadline=None)
def test_every_level_covers_the_whole_hole(
    height: int, width: int, corner: tuple[float, float], rows: int, columns: int
) -> None:
    region = hole(height, width, int(corner[0] * height), int(corner[1] * width), rows, columns)
    plan = planned(region, choose(region, GRID))
    levels: list[Region] = []
    for tile in plan.tiles:
        if tile.is_first:
            levels.append(np.zeros_like(region))
        part = tile.window.inside(height, width).slices
        assert region[part].any(), f"{tile} has nothing to do"
        levels[-1][part] = True
    assert all(covered[region].all() for covered in levels)
    assert [tile.number for tile in plan.tiles] == list(range(len(plan.tiles)))
    assert len(plan.tiles) <= MAX_TILES


def test_levels_shrink_evenly_to_the_size_of_the_model() -> None:
    region = hole(600, 900, 200, 300, 150, 150)
    plan = planned(region, Window(200, 100, 512))
    firsts = [tile for tile in plan.tiles if tile.is_first]
    assert [tile.window.side for tile in firsts] == [256, 128, 64]
    assert [tile.before for tile in firsts] == [512, 256, 128]
    lasts = [tile.number for tile in plan.tiles if tile.is_last]
    assert lasts == [*(tile.number - 1 for tile in firsts[1:]), len(plan.tiles) - 1]


@pytest.mark.parametrize(("side", "is_soft"), [(128, False), (256, False), (257, True)])
def test_a_sharp_fill_is_left_alone(side: int, is_soft: bool) -> None:
    assert (side > SOFT * SIZE) is is_soft
    region = hole(200, 200, 50, 50, 30, 30)
    assert bool(planned(region, Window(20, 20, side)).tiles) is is_soft


def test_neighbours_overlap() -> None:
    region = hole(400, 400, 100, 100, 200, 200)
    plan = planned(region, Window(0, 0, 400), levels=1)
    lefts = sorted({tile.window.left for tile in plan.tiles})
    side = plan.tiles[0].window.side
    assert len(lefts) > 1
    assert max(np.diff(lefts)) <= 0.75 * side + 1


def test_huge_holes_stop_before_the_levels_that_take_too_long() -> None:
    region = np.ones((3000, 4000), bool)
    plan = planned(region, choose(region, GRID))
    assert 0 < len(plan.tiles) <= MAX_TILES
    finest = min(tile.window.side for tile in plan.tiles)
    assert finest > SIZE
    assert plan.tiles[-1].is_last


def test_what_lies_outside_of_the_coarse_window_is_not_refined() -> None:
    region = hole(300, 900, 100, 20, 40, 40) | hole(300, 900, 100, 800, 40, 40)
    plan = planned(region, Window(0, 0, 300))
    assert max(tile.window.left for tile in plan.tiles) < 300
    assert planned(region, Window(400, 0, 300)) == Plan()


def test_a_plan_says_what_it_will_do() -> None:
    region = hole(400, 400, 100, 100, 200, 200)
    whole = planned(region, Window(0, 0, 400))
    assert str(whole) == f"{len(whole.tiles)} windows in {whole.num_levels} levels"
    one = planned(hole(400, 400, 200, 200, 9, 9), Window(100, 100, 300), levels=1)
    assert str(one) == "1 window in 1 level"
    assert planned(region, Window(0, 0, 400), levels=0) == Plan()


@pytest.mark.parametrize("levels", [-1, MAX_LEVELS + 1])
def test_impossible_levels_are_refused(levels: int) -> None:
    with pytest.raises(ValueError, match="0 to 8"):
        planned(np.ones((9, 9), bool), Window(0, 0, 9), levels)
