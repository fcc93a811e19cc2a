"""How many tokens stay masked after each pass: the mask schedules by name, in float32.

A schedule gives the share of the open tokens that is still masked when a share r of the passes is
done: nearly 1 after the first pass, nearly 0 at the end. MaskGIT, Chang et al. 2022
(arXiv:2202.04200), section 3.3 and figure 8.

Counts are floors of float32 products, and at round ratios one unit in the last place decides
(cosine at r = 2/3 with 256 tokens leaves 127, in double precision 128). So every operation is
rounded to float32 as in the official code; cosines, powers and logarithms are computed in double
precision first, which makes the counts the same on every machine.

Read in this order:
    mask_ratio  the curve
    num_masked  the curve as a count
    remaining   the count that decoding uses: always fewer, never none too early
    plan        the counts of a whole decode

All of it runs on the host: counts are known before a pass starts, so nothing waits for a device.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

Numbers: TypeAlias = int | float | np.number | np.ndarray
F32: TypeAlias = NDArray[np.float32] | np.float32
Curve: TypeAlias = Callable[[F32, F32], F32]  # (share done, open tokens) -> share still masked

ONE = np.float32(1)
CUSTOM = "custom:"
MAX_POINTS = 33  # of a custom schedule
_POINT = r"(?:\d+(?:\.\d*)?|\.\d+)"
_POINTS = re.compile(rf"{_POINT}(?:,{_POINT})*", re.ASCII)
SMALLEST_RATIO = np.float32(1e-6)  # official clip; keeps the logarithm's end above zero


def mask_ratio(schedule: str, ratio: Numbers, num_open: Numbers) -> Float[np.ndarray, "..."]:
    """Give the share of open tokens still masked when a share of the passes is done.

    Args:
        schedule: A name in `SCHEDULES`, an official name (`uniform`, `log`, `exp`), `pow` followed
            by an exponent above 0, such as `pow2.5`, or `custom:` followed by the shares at evenly
            spaced moments, such as `custom:1,0.9,0.4,0`: from 1 to 0, never rising, straight in
            between, at most MAX_POINTS of them.
        ratio: Share of the passes done, in [0, 1].
        num_open: Tokens that were masked at the start; only `logarithmic` and `exponential`
            depend on it. Broadcast with `ratio`.

    Returns:
        float32 in [1e-6, 1], not increasing in `ratio`.

    Raises:
        ValueError: If there is no such schedule.

    Source:
        google-research/maskgit, `libml/mask_schedule.py`. Differs where that gives 0 / 0
        (logarithmic with one token, exponential with none, at the end): here 1e-6.
    """
    curve = _curve(schedule)
    r, n = np.asarray(ratio, np.float32), np.asarray(num_open, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):  # log2(0): the ends of two curves
        share = curve(r, n)
    return np.asarray(np.clip(np.nan_to_num(share, nan=0.0), SMALLEST_RATIO, ONE), np.float32)


@lru_cache(maxsize=4096)
def num_masked(schedule: str, step: int, steps: int, num_open: int) -> int:
    """Count the tokens that the schedule alone would leave masked after a pass.

    The official curves floor what stays masked; arccos, as its authors do, floors what is revealed.

    Args:
        schedule: As for `mask_ratio`.
        step: Index of the pass, from 0.
        steps: Passes in all.
        num_open: Tokens that were masked at the start.

    Source:
        google-research/maskgit, `libml/parallel_decode.py`; Halton-MaskGIT,
        `Sampler/halton_sampler.py`.
    """
    share, all_open = mask_ratio(schedule, ratio_done(step, steps), num_open), np.float32(num_open)
    if schedule in _FLOOR_REVEALED:
        return num_open - math.floor(all_open * (ONE - share))
    return math.floor(all_open * share)


def remaining(schedule: str, step: int, steps: int, num_open: int, masked_now: int) -> int:
    """Count the tokens that stay masked after a pass of the decode loop.

    Args:
        schedule: As for `mask_ratio`.
        step: Index of the pass, from 0.
        steps: Passes in all.
        num_open: Tokens that were masked at the start.
        masked_now: Tokens masked when the pass begins.

    Returns:
        The schedule's count, but fewer than `masked_now` and at least 1, so that a single token
        is drawn again until the last pass; 0 after the last pass or if none is masked.

    Source:
        google-research/maskgit, `libml/parallel_decode.py`. Differs after the last pass, where
        the official loop masks one token once more in a state that it then throws away.
    """
    if masked_now == 0 or step >= steps - 1:
        return 0
    return max(1, min(masked_now - 1, num_masked(schedule, step, steps, num_open)))


def plan(schedule: str, steps: int, num_open: int, start_step: int = 0) -> list[int]:
    """List the tokens still masked after each pass, from `start_step` to the last, which leaves 0.

    Raises:
        ValueError: If there is no such schedule.
    """
    masked, counts = num_open, []
    for step in range(start_step, steps):
        masked = remaining(schedule, step, steps, num_open, masked)
        counts.append(masked)
    return counts


def ratio_done(step: int, steps: int) -> np.float32:
    """Give the share of passes done once pass `step` (from 0) is over."""
    return np.float32(step + 1) / np.float32(steps)


def _power(exponent: float) -> Curve:
    return lambda r, _: ONE - _rounded(np.power, r, np.float32(exponent))


def _cosine(r: F32, _: F32) -> F32:
    return _rounded(np.cos, np.float32(np.pi / 2) * r)


def _logarithmic(r: F32, n: F32) -> F32:
    return -_rounded(np.log2, r) / _rounded(np.log2, n)


def _exponential(r: F32, n: F32) -> F32:
    return ONE - _rounded(np.exp2, -_rounded(np.log2, n) * (ONE - r))


def _arccos(r: F32, _: F32) -> F32:
    return _rounded(np.arccos, r) * np.float32(2 / np.pi)


def _rounded(function: np.ufunc, *arguments: F32) -> F32:
    """Apply a function in double precision and round once, whatever the machine's float32."""
    return function(*(np.asarray(a, np.float64) for a in arguments)).astype(np.float32)


_CURVES: dict[str, Curve] = {
    "cosine": _cosine,
    "linear": _power(1.0),
    "square": _power(2.0),
    "cubic": _power(3.0),
    "square_root": _power(0.5),
    "logarithmic": _logarithmic,
    "exponential": _exponential,
    "arccos": _arccos,
}
_FLOOR_REVEALED = {"arccos"}
_OFFICIAL_NAMES = {"uniform": "linear", "log": "logarithmic", "exp": "exponential"}

SCHEDULES = tuple(_CURVES)
"""The paper's names, and arccos, which Halton-MaskGIT was trained with."""


@lru_cache(maxsize=256)
def _custom(points: str) -> Curve:
    """Read the points of a custom schedule.

    Raises:
        ValueError: If they are no schedule, with what they must be.
    """
    if len(points) > 16 * MAX_POINTS or not _POINTS.fullmatch(points):
        raise ValueError(f"a custom schedule is numbers with commas between, got {points[:80]!r}")
    shares = [float(point) for point in points.split(",")]
    if not 2 <= len(shares) <= MAX_POINTS:
        raise ValueError(f"a custom schedule has 2 to {MAX_POINTS} points, got {len(shares)}")
    if shares[0] != 1 or shares[-1] != 0:
        raise ValueError(
            f"a custom schedule goes from 1 (all masked) to 0 (none), got {points[:80]!r}"
        )
    if any(after > before for before, after in pairwise(shares)):
        raise ValueError(f"a custom schedule never rises, got {points[:80]!r}")
    moments = np.linspace(0, 1, len(shares))
    return lambda r, _: np.asarray(np.interp(r, moments, shares), np.float32)


def _curve(schedule: str) -> Curve:
    if schedule.startswith(CUSTOM):
        return _custom(schedule.removeprefix(CUSTOM))
    if curve := _CURVES.get(_OFFICIAL_NAMES.get(schedule, schedule)):
        return curve
    power = re.fullmatch(r"pow(\d+(?:\.\d+)?)", schedule)
    if power and float(power[1]) > 0:
        return _power(float(power[1]))
    raise ValueError(
        f"no schedule {schedule!r}; choose one of {', '.join(SCHEDULES)}, "
        f"{', '.join(_OFFICIAL_NAMES)}, pow<exponent>, such as pow2.5, "
        f"or {CUSTOM} and shares from 1 to 0, such as {CUSTOM}1,0.9,0.4,0"
    )
