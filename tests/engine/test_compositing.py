"""Blending: nothing outside the region changes, and inside it nothing old remains."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgit.compositing import composite, feather, fill, harmonise, paste
from maskgit.masks import Box
from maskgit.window import Window, choose, project

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 90)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def blobs(height: int, width: int, seed: int) -> np.ndarray:
    """A few boxes, so that regions have insides, corners and holes."""
    rng, region = np.random.default_rng(seed), np.zeros((height, width), dtype=bool)
    for _ in range(4):
        top, left = rng.integers(height), rng.integers(width)
        region[top : top + rng.integers(1, 40), left : left + rng.integers(1, 40)] ^= True
    return region


@given(height=sides, width=sides, seed=seeds, radius=st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_pixels_outside_the_region_are_bit_identical(
    height: int, width: int, seed: int, radius: int
) -> None:
    original, generated = noise(height, width, 1), noise(height, width, 2)
    region = blobs(height, width, seed)
    before = original.copy()
    result = composite(original, generated, region, radius)
    assert (result[~region] == original[~region]).all()
    assert (original == before).all()


@given(height=sides, width=sides, seed=seeds, radius=st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_a_composite_is_the_feathered_mix_rounded(
    height: int, width: int, seed: int, radius: int
) -> None:
    original, generated = noise(height, width, 1), noise(height, width, 2)
    region = blobs(height, width, seed)
    alpha = feather(region, radius)[..., None]
    expected = original + alpha * (generated.astype(float) - original)
    # Thickness is looked up on a coarse lattice that starts at the region's box: small radii only.
    if radius < 8:
        error = np.abs(composite(original, generated, region, radius) - expected)
        assert error.max() <= 0.5 + 1e-3


@given(height=sides, width=sides, seed=seeds, radius=st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_feathering_stays_inside_the_region_and_rises_from_its_border(
    height: int, width: int, seed: int, radius: int
) -> None:
    region = blobs(height, width, seed)
    alpha = feather(region, radius)
    assert (alpha[~region] == 0).all()
    assert (alpha[region] > 0).all()
    assert alpha.max(initial=0) <= 1


def test_without_a_radius_the_region_is_replaced_outright() -> None:
    region = blobs(60, 60, 3)
    assert (feather(region, 0) == region).all()


def test_the_weight_rises_over_the_radius_and_is_one_behind_it() -> None:
    region = np.zeros((100, 100), dtype=bool)
    region[20:80, 20:80] = True
    middle = feather(region, 8)[50]
    assert (np.diff(middle[19:29]) > 0).all()
    assert (middle[28:72] == 1).all()


def test_at_the_pictures_own_border_nothing_falls_off() -> None:
    region = np.zeros((60, 60), dtype=bool)
    region[:, 30:] = True
    alpha = feather(region, 8)
    assert (alpha[:, -1] == 1).all()
    assert (alpha == alpha[0]).all()
    assert (feather(np.ones((5, 5), dtype=bool), 8) == 1).all()


@pytest.mark.parametrize("thickness", [1, 2, 5, 9, 20, 41])
@pytest.mark.parametrize("radius", [0, 4, 16, 60])
def test_the_middle_of_a_thin_line_is_entirely_new(thickness: int, radius: int) -> None:
    region = np.zeros((200, 200), dtype=bool)
    region[100 : 100 + thickness] = True
    assert (feather(region, radius)[100 + thickness // 2] == 1).all()


def test_a_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="radius_px must not be negative"):
        feather(np.ones((4, 4), dtype=bool), -1)


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="sizes differ: 4x4, 4x5, 4x4 px"):
        inspect.unwrap(composite)(noise(4, 4), noise(4, 5), np.ones((4, 4), dtype=bool), 0)


@given(height=sides, width=sides, seed=seeds, radius=st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_an_edit_changes_the_painted_pixels_alone(
    height: int, width: int, seed: int, radius: int
) -> None:
    picture, region = noise(height, width), blobs(height, width, seed)
    if region.any():
        window = choose(region, 16, min_side=32)
        result = paste(picture, noise(64, 64, 9), window, region, radius)
        assert (result[~region] == picture[~region]).all()


def test_the_models_square_lands_where_its_window_was() -> None:
    picture, square = noise(40, 50), noise(16, 16, 1)
    window, region = Window(left=30, top=-6, side=32), np.ones((40, 50), dtype=bool)
    result = paste(picture, square, window, region, 0)
    assert (result[:26, 30:] == project(square, window, 40, 50)).all()
    assert (result[26:] == picture[26:]).all()
    assert (result[:, :30] == picture[:, :30]).all()


def test_filling_writes_unknown_pixels_and_makes_them_known() -> None:
    canvas, unknown = noise(10, 10), np.zeros((10, 10), dtype=bool)
    unknown[:, 6:] = True
    before, square = canvas.copy(), np.full((8, 8, 3), 7, dtype=np.uint8)
    fill(canvas, unknown, square, Window(left=0, top=0, side=8), Box(0, 0, 7, 8))
    assert (canvas[:7, 6:8] == 7).all()
    assert not unknown[:7, :8].any()
    assert unknown[7:, 6:].all()
    assert unknown[:, 8:].all()
    canvas[:7, 6:8] = before[:7, 6:8]
    assert (canvas == before).all()


def test_a_shade_of_difference_disappears_at_the_border_and_fades_inside() -> None:
    original = np.full((64, 64, 3), 100, dtype=np.uint8)
    square = np.full((64, 64, 3), 112, dtype=np.uint8)
    hole = np.zeros((64, 64), dtype=bool)
    hole[:, 32:] = True
    row = harmonise(square, original, hole, 16)[32, :, 0].astype(int)
    assert (row[:32] == 112).all()  # known pixels are not its business
    assert abs(row[32] - 100) <= 1
    assert (np.diff(row[32:48]) >= 0).all()
    assert (row[49:] == 112).all()


def test_broad_differences_reach_into_the_hole_and_fine_ones_fade_at_once() -> None:
    square = np.full((64, 64, 3), 100, dtype=np.uint8)
    hole = np.zeros((64, 64), dtype=bool)
    hole[:, 32:] = True
    rows = np.arange(64)

    def contrast(steps: np.ndarray) -> np.ndarray:
        """Give the largest difference between rows, in each column."""
        original = (square + steps[:, None, None]).astype(np.uint8)
        return np.ptp(harmonise(square, original, hole, 32)[8:56, :, 0].astype(int), axis=0)

    fine, broad = contrast(rows % 2 * 40), contrast((rows < 32) * 40)
    assert fine[36:].max() <= 1
    assert broad[32] >= 35  # of 40: nothing shows at the border
    assert broad[40] >= 15
    assert (np.diff(broad[32:]) <= 0).all()


@given(side=sides, seed=st.integers(0, 2**31), radius=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_no_hole_is_corrected_by_more_than_its_surroundings_are_off(
    side: int, seed: int, radius: int
) -> None:
    square, original = noise(side, side, seed), noise(side, side, seed + 1)
    hole = blobs(side, side, seed)
    result = harmonise(square, original, hole, radius)
    assert (result[~hole] == square[~hole]).all()
    if hole.any() and not hole.all():
        shade = (original.astype(int) - square)[~hole]
        change = (result.astype(int) - square)[hole]
        assert change.min() >= min(shade.min(), 0) - 1
        assert change.max() <= max(shade.max(), 0) + 1


def test_there_is_nothing_to_harmonise_without_a_border() -> None:
    square, original = noise(8, 8), noise(8, 8, 1)
    for hole in (np.zeros((8, 8), dtype=bool), np.ones((8, 8), dtype=bool)):
        assert (harmonise(square, original, hole, 4) == square).all()
    with pytest.raises(ValueError, match="radius_px must be at least 1"):
        harmonise(square, original, hole, 0)
