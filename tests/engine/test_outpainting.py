"""Growing a picture: everything new is filled once, and always beside something known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgit.compositing import fill
from maskgit.outpainting import MAX_TRIM, OutpaintPlan, outpaint_windows

GRID = 16
sides = st.integers(1, 300)
amounts = st.integers(0, 400)
trims = st.integers(0, MAX_TRIM)


def known_shares(plan: OutpaintPlan) -> list[float]:
    """Follow a plan: how much of each window is known when its turn comes."""
    picture = np.zeros((plan.picture.height, plan.picture.width, 3), dtype=np.uint8)
    _, unknown = plan.lay_out(picture)
    shares = []
    for window in plan.windows:
        shares.append(1 - unknown[window.inside(*unknown.shape).slices].mean())
        part = unknown[plan.part(window).slices]
        assert part.any(), f"{window} has nothing to fill"
        part[:] = False
    assert not unknown.any()
    return shares


@given(
    height=sides, width=sides, left=amounts, top=amounts, right=amounts, bottom=amounts,
    trim=trims, grid=st.sampled_from([2, 4, GRID, 32]),
)  # fmt: skip
@settings(max_examples=200)
def test_every_new_pixel_is_filled_and_no_window_is_idle(
    height: int, width: int, left: int, top: int, right: int, bottom: int, trim: int, grid: int
) -> None:
    right += not (left or top or right or bottom)
    plan = outpaint_windows(
        height, width, left, top, right, bottom, grid_size=grid, min_side=64, trim=trim
    )
    assert (plan.height, plan.width) == (height + top + bottom, width + left + right)
    known_shares(plan)


@given(
    height=sides, width=sides, left=amounts, top=amounts, right=amounts, bottom=amounts,
    trim=st.integers(0, 1),
)  # fmt: skip
@settings(max_examples=200)
def test_every_window_is_about_half_known_where_the_picture_is_large_enough(
    height: int, width: int, left: int, top: int, right: int, bottom: int, trim: int
) -> None:
    height, width, right = height + 64, width + 64, right + 1
    plan = outpaint_windows(
        height, width, left, top, right, bottom, grid_size=GRID, min_side=64, trim=trim
    )
    assert min(known_shares(plan)) >= 0.5 - trim * 2 / GRID  # what was drawn and left is missing


def test_a_tiny_picture_has_one_poor_window_and_then_good_ones() -> None:
    shares = known_shares(outpaint_windows(20, 20, 500, 500, 500, 500, grid_size=GRID))
    assert shares[0] < 0.01
    assert min(shares[1:]) >= 0.5


def test_one_window_is_enough_for_a_strip_of_half_its_side() -> None:
    plan = outpaint_windows(512, 512, 0, 0, 256, 0, grid_size=GRID)
    assert [(w.left, w.top, w.side) for w in plan.windows] == [(256, 0, 512)]


def test_strips_are_about_equal_and_end_between_cells() -> None:
    plan = outpaint_windows(512, 512, 0, 0, 700, 0, grid_size=GRID)
    ends = [w.left + w.side - 512 for w in plan.windows]
    assert ends == [256, 480, 700]  # 8 and 7 cells of 32 px, and what is left


def test_what_a_window_draws_at_its_sides_is_left_to_the_next_one() -> None:
    plan = outpaint_windows(512, 512, 0, 0, 700, 100, grid_size=GRID, trim=1)
    assert plan.margin == 32
    first, *_, last = (plan.part(window) for window in plan.windows)
    assert (first.top, first.left + first.width) == (0, plan.windows[0].left + 512 - 32)
    assert first.top + first.height == 512 - 32
    assert (last.left + last.width, last.top + last.height) == (1212, 612)  # the canvas ends there


def test_one_strip_alone_is_not_trimmed() -> None:
    plain = outpaint_windows(512, 512, 0, 0, 256, 0, grid_size=GRID)
    trimmed = outpaint_windows(512, 512, 0, 0, 256, 0, grid_size=GRID, trim=1)
    assert trimmed.windows == plain.windows


def test_a_trim_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="trim must be 0 to 4 cells, got 5"):
        outpaint_windows(512, 512, 0, 0, 256, 0, grid_size=GRID, trim=5)


def test_sides_come_before_top_and_bottom() -> None:
    plan = outpaint_windows(256, 256, 128, 128, 128, 128, grid_size=GRID)
    assert [(w.left, w.top) for w in plan.windows[:2]] == [(256, 128), (0, 128)]
    assert {w.top for w in plan.windows[2:]} == {0, 256}


def test_a_thousandfold_panorama_takes_a_bounded_number_of_windows() -> None:
    plan = outpaint_windows(1, 1, 0, 0, 10_000, 0, grid_size=GRID)
    assert len(plan.windows) <= 10_000 // 128 + 1
    known_shares(plan)


def test_the_old_picture_survives_and_the_rest_is_the_models() -> None:
    picture = np.random.default_rng(0).integers(0, 200, (50, 70, 3), dtype=np.uint8)
    plan = outpaint_windows(50, 70, 30, 0, 90, 200, grid_size=GRID, min_side=32)
    canvas, unknown = plan.lay_out(picture)
    white = np.full((32, 32, 3), 255, dtype=np.uint8)
    for window in plan.windows:
        fill(canvas, unknown, white, window, plan.part(window))
    assert not unknown.any()
    assert (canvas[plan.picture.slices] == picture).all()
    canvas[plan.picture.slices] = 255
    assert (canvas == 255).all()


@pytest.mark.parametrize("amounts", [(0, 0, 0, 0), (-1, 5, 5, 5)])
def test_amounts_that_do_not_grow_the_picture_are_refused(amounts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one side must grow"):
        outpaint_windows(10, 10, *amounts, grid_size=GRID)


def test_a_canvas_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 500 megapixels"):
        outpaint_windows(480, 720, 1_000_000_000, 0, 0, 0, grid_size=GRID)


def test_a_plan_refuses_another_picture() -> None:
    plan = outpaint_windows(10, 10, 1, 0, 0, 0, grid_size=GRID)
    with pytest.raises(ValueError, match="planned for 10x10 px"):
        plan.lay_out(np.zeros((10, 11, 3), dtype=np.uint8))
