"""Schedules: the official counts, the ends of the curves, the clamp of the decode loop."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgit.schedules import SCHEDULES, mask_ratio, num_masked, plan, remaining
from tests.shared import SHARED, needs_shared

OFFICIAL = SHARED / "golden/official"
ALIASES = {
    "linear": ("uniform", "pow1"),
    "square": ("pow2",),
    "cubic": ("pow3", "pow3.0"),
    "square_root": ("pow0.5",),
    "logarithmic": ("log",),
    "exponential": ("exp",),
}


@needs_shared
def test_every_official_count_is_reproduced() -> None:
    with np.load(OFFICIAL / "schedules.npz") as recorded:
        cases = [key for key in recorded.files if key.startswith("step_mask_len/")]
        for key in cases:
            _, schedule, tokens, steps = key.split("/")
            n, num_steps = int(tokens), int(steps)
            counts = [num_masked(schedule, i, num_steps, n) for i in range(num_steps)]
            assert counts == recorded[key].tolist(), key
            # The recording masks one token again at the very end; here a finished grid is finished.
            ours, theirs = plan(schedule, num_steps, n), recorded[f"plan/{key[14:]}"].tolist()
            assert (ours[:-1], ours[-1], theirs[-1]) == (theirs[:-1], 0, 1), key
    assert len(cases) == 224


@needs_shared
def test_the_curves_are_the_official_ones() -> None:
    with np.load(OFFICIAL / "schedules.npz") as recorded:
        for key in (key for key in recorded.files if key.startswith("mask_ratio/")):
            _, schedule, tokens = key.split("/")
            ours = mask_ratio(schedule, recorded["ratio"], int(tokens))
            np.testing.assert_allclose(ours, recorded[key], rtol=0, atol=6e-8, err_msg=key)


@needs_shared
def test_ambiguous_counts_follow_plain_float32() -> None:
    rows = json.loads((OFFICIAL / "schedules_ambiguous.json").read_text())["rows"]
    for schedule, n, steps, step, plain, _compiled, _double in rows:
        assert num_masked(schedule, step, steps, n) == plain, (schedule, n, steps, step)


@needs_shared
def test_every_halton_count_is_reproduced() -> None:
    with np.load(SHARED / "golden/halton/halton_order.npz") as recorded:
        cases = [key for key in recorded.files if key.startswith("counts_")]
        for key in cases:
            side, steps = map(int, key.removeprefix("counts_").split("_"))
            revealed, n = recorded[key], side**2
            ours = n - np.array(plan("arccos", steps, n))
            # With more passes than cells theirs counts on beyond the grid, with nothing left to do;
            # here the last cell is drawn again until the last pass.
            np.testing.assert_array_equal(ours[:-1], revealed[:-1].clip(max=n - 1), err_msg=key)
            assert ours[-1] == min(revealed[-1], n), key
    assert len(cases) == 65


def test_cosine_at_two_thirds_is_rounded_as_in_float32() -> None:
    assert [num_masked("cosine", 7, 12, n) for n in (16, 256, 1024)] == [7, 127, 511]


@pytest.mark.parametrize(("name", "alias"), [(n, a) for n, many in ALIASES.items() for a in many])
def test_official_names_mean_the_paper_s_curves(name: str, alias: str) -> None:
    ratios = np.linspace(0, 1, 33)
    np.testing.assert_array_equal(mask_ratio(name, ratios, 256), mask_ratio(alias, ratios, 256))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("num_open", [0, 1, 2, 256])
def test_curves_fall_from_one_to_almost_nothing(schedule: str, num_open: int) -> None:
    share = mask_ratio(schedule, np.linspace(0, 1, 101), num_open)
    assert share.dtype == np.float32
    assert np.isfinite(share).all()
    assert share.min() >= np.float32(1e-6)
    assert share.max() <= 1
    assert (np.diff(share) <= 0).all()
    if num_open == 256:  # the exponential one starts at 1 - 1 / n
        assert share[0] > 0.99
        assert share[-1] < 1e-5


def test_the_number_of_tokens_may_differ_per_row() -> None:
    both = mask_ratio("exponential", 0.5, np.array([16, 256]))
    assert both.tolist() == [float(mask_ratio("exponential", 0.5, n)) for n in (16, 256)]


@given(
    st.sampled_from([*SCHEDULES, "pow2.5"]),
    st.integers(1, 300),
    st.integers(0, 300),
    st.integers(0, 20),
)
def test_a_plan_falls_to_zero_and_never_stalls_above_one(
    schedule: str, steps: int, num_open: int, start_step: int
) -> None:
    counts = plan(schedule, steps, num_open, min(start_step, steps - 1))
    assert counts[-1] == 0
    for before, after in zip([num_open, *counts], counts, strict=False):
        assert after < before or (before, after) in {(1, 1), (0, 0)}
    assert all(counts[:-1]) or num_open == 0


def test_a_lone_token_stays_masked_until_the_last_pass() -> None:
    assert plan("cosine", 4, 1) == [1, 1, 1, 0]
    assert remaining("cosine", 0, 4, 0, 0) == 0


@pytest.mark.parametrize("name", ["", "cos", "pow", "pow0", "pow-1", "powx", "Cosine", "xpow2"])
def test_unknown_names_are_refused_with_the_choices(name: str) -> None:
    with pytest.raises(ValueError, match=r"no schedule .*choose one of cosine, linear"):
        mask_ratio(name, 0.5, 256)


@given(st.lists(st.floats(0, 1, width=16), max_size=31), st.integers(1, 40), st.integers(1, 300))
def test_a_custom_schedule_passes_through_its_points_and_never_rises(
    inner: list[float], steps: int, num_open: int
) -> None:
    shares = [1.0, *sorted(inner, reverse=True), 0.0]
    name = "custom:" + ",".join(f"{share:.6f}" for share in shares)
    points = [float(f"{share:.6f}") for share in shares]
    moments = np.linspace(0, 1, len(points))
    np.testing.assert_allclose(
        mask_ratio(name, moments, num_open), np.maximum(points, 1e-6), rtol=0, atol=1e-5
    )
    counts = plan(name, steps, num_open)
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_a_straight_custom_schedule_is_the_linear_one() -> None:
    assert plan("custom:1,0.75,0.5,0.25,0", 8, 256) == plan("linear", 8, 256)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ("", "numbers"),
        ("1", "2 to 33"),
        ("1," * 33 + "0", "2 to 33"),
        ("1,0.5", "from 1"),
        ("0.9,0", "from 1"),
        ("1,0.2,0.3,0", "never rises"),
        ("1,nan,0", "numbers"),
        ("1,1e0,0", "numbers"),
        ("1,-0.5,0", "numbers"),
        ("1,,0", "numbers"),
        ("1,.,0", "numbers"),
        ("1;0", "numbers"),
        ("1," + "0" * 10_000, "numbers"),
    ],
)
def test_what_is_no_custom_schedule_is_refused(points: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mask_ratio(f"custom:{points}", 0.5, 16)
