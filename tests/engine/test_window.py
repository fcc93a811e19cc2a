"""Windows on pictures of any size: where they lie, what they show, what goes back."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgit.config import ModelConfig
from maskgit.masks import Box, bounding_box, to_region, to_token_mask
from maskgit.window import (
    Window,
    choose,
    class_cells,
    close_up,
    mirror_fill,
    open_cells,
    project,
    resample,
    standing_out,
    view,
)

GRID, SIZE = 16, 64


@st.composite
def painted(draw: st.DrawFn) -> np.ndarray:
    """A picture size, often extreme, with a painted box."""
    height, width = draw(st.integers(1, 400)), draw(st.integers(1, 400))
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    mask = np.zeros((height, width), dtype=bool)
    mask[
        top : top + draw(st.integers(1, height)),
        left : left + draw(st.integers(1, width)),
    ] = True
    return mask


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ramp(height: int, width: int) -> np.ndarray:
    """A smooth picture: resampling it to and fro changes little."""
    rows, columns = np.mgrid[0:height, 0:width]
    values = 40 + 150 * (rows / height + columns / width) / 2
    return np.repeat(values[..., None], 3, axis=-1).astype(np.uint8)


@given(mask=painted(), context=st.sampled_from([0.0, 0.25, 0.5, 2.0]))
@settings(max_examples=300, deadline=None)
def test_a_window_contains_the_mask_and_a_ring_around_it(mask: np.ndarray, context: float) -> None:
    window, box = choose(mask, GRID, min_side=32, context=context), bounding_box(mask)
    assert box is not None
    ring = -(-max(box.height, box.width) // (GRID - 2))
    height, width = mask.shape
    assert window.top <= max(box.top - ring, 0)
    assert window.left <= max(box.left - ring, 0)
    assert window.top + window.side >= min(box.top + box.height + ring, height)
    assert window.left + window.side >= min(box.left + box.width + ring, width)


@given(mask=painted())
@settings(max_examples=200, deadline=None)
def test_a_window_no_larger_than_the_picture_stays_inside_it(mask: np.ndarray) -> None:
    window, (height, width) = choose(mask, GRID, min_side=32), mask.shape
    if window.side <= height:
        assert 0 <= window.top <= height - window.side
    if window.side <= width:
        assert 0 <= window.left <= width - window.side


def test_a_small_mask_gets_the_smallest_window_in_the_middle() -> None:
    mask = np.zeros((600, 800), dtype=bool)
    mask[300:302, 400:402] = True
    assert choose(mask, GRID) == Window(left=273, top=173, side=256)


def test_context_is_measured_in_boxes_and_rounded_up_to_whole_cells() -> None:
    mask = np.zeros((2000, 2000), dtype=bool)
    mask[900:1101, 950:1000] = True  # 201 px, so 402 px with half a box on each side
    assert choose(mask, GRID, min_side=16).side == 416


def test_a_mask_near_the_edge_pushes_the_window_to_the_edge() -> None:
    mask = np.zeros((600, 800), dtype=bool)
    mask[590:, 790:] = True
    assert choose(mask, GRID) == Window(left=544, top=344, side=256)


def test_a_mask_wider_than_the_short_side_reaches_beyond_the_picture() -> None:
    mask = np.zeros((100, 1000), dtype=bool)
    mask[:, 300:700] = True
    window = choose(mask, GRID)
    assert window.side >= 400
    assert window.side % GRID == 0
    assert window.top < 0
    assert window.inside(100, 1000).height == 100


def test_a_mask_that_fills_the_short_side_keeps_known_pixels_in_view() -> None:
    mask = np.zeros((320, 960), dtype=bool)
    mask[:, 320:640] = True
    window = choose(mask, GRID)
    assert not mask[window.inside(320, 960).slices].all()
    assert not open_cells(mask, window, SIZE, GRID).all()


def test_a_close_up_shows_a_quarter_more_on_every_side() -> None:
    mask = np.zeros((480, 720), bool)
    mask[200:296, 300:380] = True
    assert close_up(mask, GRID) == Window(left=268, top=176, side=144)
    assert choose(mask, GRID).side == 256
    leads = ModelConfig("leads", GRID * 16, stand_out=6.0)
    assert standing_out(mask, leads) == {"window": close_up(mask, GRID), "guidance_scale": 6.0}
    assert standing_out(mask, replace(leads, stand_out=None)) == {"window": close_up(mask, GRID)}
    mask[:] = True
    assert close_up(mask, GRID) == choose(mask, GRID, context=0.25)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is painted"):
        choose(np.zeros((4, 4), dtype=bool), GRID)


@pytest.mark.parametrize("option", [{"min_side": 0}, {"context": -1.0}])
def test_options_out_of_range_are_refused(option: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        choose(np.ones((4, 4), dtype=bool), GRID, **option)


@given(mask=painted())
@settings(max_examples=150, deadline=None)
def test_every_painted_pixel_lies_in_an_open_cell(mask: np.ndarray) -> None:
    window = choose(mask, GRID, min_side=32)
    cells = open_cells(mask, window, SIZE, GRID)
    assert cells.shape == (GRID, GRID)
    height, width = mask.shape
    shown = mask[window.inside(height, width).slices]
    if shown.shape == (window.side, window.side):
        assert to_region(cells, window.side, window.side)[shown].all()
    else:
        spot = window.spot(height, width, SIZE)
        touched = to_token_mask(shown, (spot.height, spot.width))
        assert to_region(cells, SIZE, SIZE)[spot.slices][touched].all()


def test_the_mask_is_mirrored_beyond_the_edges_like_the_picture() -> None:
    mask = np.zeros((64, 192), dtype=bool)
    mask[0:4] = True
    cells = open_cells(mask, Window(left=0, top=-64, side=192), 192, 48)
    assert np.flatnonzero(cells.any(axis=1)).tolist() == [15, 16, 46, 47]


def test_a_coverage_decides_which_cells_open() -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[:, :6] = True  # a cell and a half
    window = Window(0, 0, 64)
    assert open_cells(mask, window, SIZE, GRID, coverage=0.4).sum() == 2 * GRID
    assert open_cells(mask, window, SIZE, GRID, coverage=0.6).sum() == GRID


@pytest.mark.parametrize("side", [1, 7, 64, 100, 333])
def test_a_view_has_the_models_size(side: int) -> None:
    assert view(noise(400, 500), Window(5, 9, side), SIZE).shape == (SIZE, SIZE, 3)


def test_a_window_of_the_models_size_is_shown_as_it_is() -> None:
    picture = noise(100, 90)
    shown = view(picture, Window(left=10, top=20, side=SIZE), SIZE)
    assert (shown == picture[20:84, 10:74]).all()
    assert not np.shares_memory(shown, picture)


def test_beyond_the_picture_lies_its_mirror_image() -> None:
    picture = noise(32, 64)
    shown = view(picture, Window(left=0, top=-16, side=64), 64)
    assert (shown[16:48] == picture).all()
    assert (shown[15] == picture[1]).all()
    assert (shown[48] == picture[-2]).all()


@given(mask=painted())
@settings(max_examples=150, deadline=None)
def test_a_view_comes_back_to_where_it_was_taken(mask: np.ndarray) -> None:
    height, width = mask.shape
    picture, window = ramp(height, width), choose(mask, GRID, min_side=32)
    shown = window.inside(height, width)
    back = project(view(picture, window, SIZE), window, height, width)
    assert back.shape == (shown.height, shown.width, 3)
    # Cubic overshoot and rounding, and half a pixel of the square where the ramp is steepest.
    step = 75 * max(window.side / SIZE, 1) * (1 / height + 1 / width)
    error = np.abs(back.astype(int) - picture[shown.slices])
    assert error.max() <= 4 + step


def test_a_panorama_costs_what_it_shows_not_what_its_window_spans() -> None:
    picture, mask = np.zeros((3, 30_000, 3), dtype=np.uint8), np.ones((3, 30_000), dtype=bool)
    window = choose(mask, GRID)  # 30,000 px a side: 2.7 GB if it were cut out
    assert view(picture, window, SIZE).shape == (SIZE, SIZE, 3)
    assert open_cells(mask, window, SIZE, GRID).all()
    assert project(noise(SIZE, SIZE), window, 3, 30_000).shape == (3, 30_000, 3)


def test_shrinking_averages_even_where_the_other_side_grows() -> None:
    stripes = np.zeros((4, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    assert (resample(stripes, 32, 8) == 100).all()


def test_a_window_outside_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="shows nothing of a picture"):
        Window(left=10, top=0, side=5).inside(10, 10)
    with pytest.raises(ValueError, match="side must be at least 1"):
        Window(left=0, top=0, side=0)
    assert Window(left=-3, top=8, side=5).inside(10, 10) == Box(8, 0, 2, 2)


def test_a_grid_that_does_not_divide_the_square_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of grid_size"):
        open_cells(np.ones((4, 4), dtype=bool), Window(0, 0, 4), 65, GRID)


def test_a_hole_is_filled_with_the_mirror_image_of_what_is_beside_it() -> None:
    picture = noise(8, 8)
    hole = np.zeros((8, 8), dtype=bool)
    hole[:, 5:] = True
    filled = mirror_fill(picture, hole)
    assert (filled[:, :5] == picture[:, :5]).all()
    assert (filled[:, 5:] == picture[:, 3:0:-1]).all()


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_a_filled_hole_shows_only_known_pixels(seed: int, share: float) -> None:
    picture = noise(16, 16)
    hole = np.random.default_rng(seed).random((16, 16)) < share
    filled = mirror_fill(picture, hole)
    assert (filled[~hole] == picture[~hole]).all()
    known = {tuple(pixel) for pixel in picture[~hole]} or {(128, 128, 128)}
    assert {tuple(pixel) for pixel in filled[hole]} <= known


def test_a_cell_belongs_to_the_region_that_has_most_of_it() -> None:
    mask = np.ones((64, 64), bool)
    left, top = mask.copy(), mask.copy()
    left[:, 22:] = False  # five whole columns of cells, and half of the sixth
    top[7:] = False  # one row of cells, and three quarters of the second
    whole = Window(0, 0, 64)
    found = class_cells(mask, [left, top], [7, 8, 9], whole, SIZE, GRID)
    expected = np.zeros((16, 16), np.uint8)
    expected[:, :5] = 1
    expected[:2] = 2  # later, so it lies over the other
    assert found.tolist() == expected.tolist()
    mask[:, :20] = False  # what is outside of the mask does not count: two pixels of four are left
    assert class_cells(mask, [left], [7, 8], whole, SIZE, GRID)[:, 5].tolist() == [0] * 16
    mask[:, 21:] = False
    assert class_cells(mask, [left], [7, 8], whole, SIZE, GRID)[:, 5].tolist() == [1] * 16


def test_regions_of_one_class_count_together() -> None:
    mask, left, middle = (np.zeros((64, 64), bool) for _ in range(3))
    mask[:] = True
    left[:, 0::4] = middle[:, 1::4] = True  # of every cell a quarter each, and half is the rest's
    middle[:, 2::8] = True  # and in every second cell one more quarter
    whole = Window(0, 0, 64)
    apart = class_cells(mask, [left, middle], [7, 8, 9], whole, SIZE, GRID)
    as_one = class_cells(mask, [left, middle], [7, 8, 8], whole, SIZE, GRID)
    of_the_rest = class_cells(mask, [left, middle], [7, 8, 7], whole, SIZE, GRID)
    assert apart[0].tolist() == [2, 0] * 8
    assert as_one[0].tolist() == [1, 0] * 8
    assert not of_the_rest.any()


@given(mask=painted())
@settings(max_examples=50, deadline=None)
def test_a_region_that_is_the_whole_mask_has_every_open_cell(mask: np.ndarray) -> None:
    window = choose(mask, GRID, min_side=32)
    is_open = open_cells(mask, window, SIZE, GRID)
    found = class_cells(mask, [mask], [7, 8], window, SIZE, GRID)
    assert (found[is_open] == 1).all()
    assert (found[~is_open] == 0).all()
