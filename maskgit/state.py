"""What a decode is made of: the options of each row, and the value that pass hands to pass.

A `DecodeState` is everything: it can be shown, stored, sent to another process and continued from
anywhere. Whatever may differ between two people is one value per row, so the steps of several
people run as one batch. `maskgit.decoding` moves it forward.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from numbers import Integral, Real

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from maskgit import schedules
from maskgit.checks import MAX_SEED
from maskgit.constraints import Constraints, take_rows
from maskgit.reveal import REVEAL_RULES
from maskgit.sampling import Number
from maskgit.types import Confidence, TokenMask, Tokens

KNOWN, MASKED = -1, -2  # values of DecodeState.revealed_at that are no step
GUIDANCE_SCHEDULES = ("constant", "ramp")
TEMPERATURE_SCHEDULES = ("constant", "fade")
KNOWN_CELLS = ("recomputed", "cached")
_NAMES = ("schedule", "guidance_schedule", "temperature_schedule", "reveal", "known_cells")


@dataclass(frozen=True)
class DecodeOptions:
    """How one row is decoded. Validated on creation; `dataclasses.replace` varies it.

    Attributes:
        steps: Passes, 1 to 1024. More than there are open tokens is allowed: the last token is
            then drawn again in every pass.
        start_step: First pass, 0 to `steps` - 1; above 0 skips the most uncertain passes, which
            keeps an edit closer to its surroundings.
        schedule: A name that `schedules.mask_ratio` knows.
        temperature: Divides the logits, 0 to 100; 0 takes the likeliest code.
        choice_temperature: Scale of the Gumbel noise on confidence, which falls to 0 over the
            passes, 0 to 100; 0 keeps strictly the surest.
        top_k: Draw among so many of the likeliest codes; 0 = all.
        top_p: Draw among the likeliest codes that have this probability together, above 0 to 1.
        guidance_scale: s in u + s (c - u), 0 to 100; 1 = off. Others need a model that knows a
            null label.
        guidance_schedule: `constant`, or `ramp`: from 1 in the first pass evenly towards s, which
            keeps early passes varied (MUSE-Pytorch). Passes whose scale is 1 cost half.
        temperature_schedule: `constant`, or `fade`: evenly from `temperature` to 0 in the last
            pass, which takes the likeliest codes (MUSE-Pytorch).
        reveal: A name in `REVEAL_RULES`. `raster` reveals one token in each pass, however many
            these are; `steps`, `start_step` and `schedule` then mean nothing.
        known_cells: `recomputed`: every pass looks at all cells; or `cached`: at the known ones
            once, with all open cells masked, so that they do not hear of what is drawn. An edit of
            a small hole then takes a large model on a CPU a third of the time. Only an `Engine` on
            a CPU does that; whatever else decodes looks at all.
        seed: 0 to 2**63 - 1.

    Raises:
        ValueError: If a value is not allowed.
        TypeError: If a whole number is expected and something else came.
    """

    steps: int = 8
    start_step: int = 0
    schedule: str = "cosine"
    temperature: Number = 1.0
    choice_temperature: Number = 4.5
    top_k: int = 0
    top_p: Number = 1.0
    guidance_scale: Number = 1.0
    guidance_schedule: str = "constant"
    temperature_schedule: str = "constant"
    reveal: str = "confidence"
    known_cells: str = "recomputed"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that are not allowed."""
        self._check("steps", 1, 1024, whole=True)
        self._check("start_step", 0, self.steps - 1, whole=True)
        self._check("top_k", 0, 2**31 - 1, whole=True)
        self._check("seed", 0, MAX_SEED, whole=True)
        for name in ("temperature", "choice_temperature", "guidance_scale"):
            self._check(name, 0, 100)
        self._check("top_p", math.ulp(0), 1)
        for name in _NAMES:
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a name, got {getattr(self, name)!r}")
        schedules.mask_ratio(self.schedule, 0.0, 1)
        self._check_name("guidance_schedule", GUIDANCE_SCHEDULES)
        self._check_name("temperature_schedule", TEMPERATURE_SCHEDULES)
        self._check_name("known_cells", KNOWN_CELLS)
        if self.reveal not in REVEAL_RULES:
            raise ValueError(f"no reveal rule {self.reveal!r}; choose one of {list(REVEAL_RULES)}")

    def _check(self, name: str, low: Number, high: Number, whole: bool = False) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
            kind = "a whole number" if whole else "a number"
            raise TypeError(f"{name} must be {kind}, got {value!r}")
        value = int(value) if isinstance(value, Integral) else float(value)
        object.__setattr__(self, name, value)  # NumPy's numbers become plain ones
        if not low <= value <= high:  # refuses NaN, too
            limits = f"above 0, at most {high}" if name == "top_p" else f"{low} to {high}"
            raise ValueError(f"{name} must be {limits}, got {value}")

    def _check_name(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            words = name.replace("_", " ")
            raise ValueError(f"no {words} {value!r}; choose one of {list(choices)}")

    def guidance(self, step: int, num_open: int) -> float:
        """Give the guidance scale of pass `step`."""
        if self.guidance_schedule == "constant":
            return float(self.guidance_scale)
        return 1 + (self.guidance_scale - 1) * step / max(self.passes(num_open), 1)

    def draw_temperature(self, step: int, num_open: int) -> float:
        """Give the temperature of the draws of pass `step`."""
        if self.temperature_schedule == "constant":
            return float(self.temperature)
        return self._faded(self.temperature, step, num_open)

    def reveal_temperature(self, step: int, num_open: int) -> float:
        """Give the scale of the noise on confidence in pass `step`."""
        return self._faded(self.choice_temperature, step, num_open)

    def _faded(self, value: Number, step: int, num_open: int) -> float:
        """Fade a value evenly to 0 in the last pass, in float32."""
        left = schedules.ONE - schedules.ratio_done(step, max(self.passes(num_open), 1))
        return float(np.float32(value) * left)

    def passes(self, num_open: int) -> int:
        """Count the passes of a whole decode, those that `start_step` skips included."""
        return num_open if REVEAL_RULES[self.reveal].one_by_one else self.steps

    def first_pass(self) -> int:
        """Give the index of the first pass."""
        return 0 if REVEAL_RULES[self.reveal].one_by_one else self.start_step

    def remaining(self, step: int, num_open: int, masked_now: int) -> int:
        """Count the tokens that stay masked after pass `step`."""
        if REVEAL_RULES[self.reveal].one_by_one:
            return max(masked_now - 1, 0)
        return schedules.remaining(self.schedule, step, self.steps, num_open, masked_now)


@dataclass(frozen=True, eq=False)
class DecodeState:
    """A batch of token grids between two passes: a value of a few kilobytes per row.

    Stepping back is keeping the old value; forking is stepping twice from one.

    Attributes:
        constraints: What may change; the same throughout.
        options: One per row.
        mask_id: Id of the mask token, K.
        tokens: Ids of the closed cells, `mask_id` at the others.
        drawn: The last complete proposal, which is what to show; before the first pass the same as
            `tokens`, and so with mask ids. Under a rule that does not look at draws, cells that
            stay masked have their likeliest code here instead of a draw.
        confidence: Log-probability of each cell's code in `drawn`, before temperature, top-k, top-p
            and bans; plus infinity at known cells, minus infinity before the first pass.
        revealed_at: Index of the pass that closed a cell; KNOWN (-1) where it was never open,
            MASKED (-2) where it still is.
        step: Index of the next pass, per row; it only grows, so every pass has noise of its own.
        lag: Passes by which the schedule is behind `step`, per row. 0 unless somebody steered:
            sending cells back to the mask puts the schedule back, but not the count of passes.
        num_open: Cells that were masked at the start, per row.
        num_masked: Cells that are masked now, per row.
    """

    constraints: Constraints
    options: tuple[DecodeOptions, ...]
    mask_id: int
    tokens: Tokens
    drawn: Tokens
    confidence: Confidence
    revealed_at: Int[Tensor, "B N"]
    step: tuple[int, ...]
    lag: tuple[int, ...]
    num_open: tuple[int, ...]
    num_masked: tuple[int, ...]

    @property
    def batch(self) -> int:
        """Number of rows, B."""
        return len(self.options)

    @property
    def steps(self) -> tuple[int, ...]:
        """Passes in all, per row; `step` runs up to it."""
        rows = zip(self.options, self.num_open, self.lag, strict=True)
        return tuple(options.passes(num_open) + lag for options, num_open, lag in rows)

    @property
    def position(self) -> tuple[int, ...]:
        """Index of the next pass in the schedule of its row: what counts and temperatures obey."""
        return tuple(step - lag for step, lag in zip(self.step, self.lag, strict=True))

    def of_pass(self, wanted: Callable[[DecodeOptions, int, int], float]) -> list[float]:
        """Ask the options of each row for a value that may change from pass to pass."""
        rows = zip(self.options, self.position, self.num_open, strict=True)
        return [wanted(options, index, num_open) for options, index, num_open in rows]

    @property
    def finished(self) -> bool:
        """Whether no cell is masked any more."""
        return not any(self.num_masked)

    @property
    def mask(self) -> TokenMask:
        """True where a cell is still masked."""
        return self.revealed_at == MASKED

    @property
    def rows(self) -> list["DecodeState"]:
        """Every row as a batch of one."""
        return [self.row(index) for index in range(self.batch)]

    def row(self, index: int) -> "DecodeState":
        """Take one row, as a batch of one that shares memory; errors as `take`."""
        return self.take([index])

    def take(self, rows: Sequence[int]) -> "DecodeState":
        """Take some rows, in the order given.

        Raises:
            IndexError: If there are none, or one is not from 0 to `batch` - 1.
        """
        if not rows or not all(0 <= row < self.batch for row in rows):
            raise IndexError(f"rows are 0 to {self.batch - 1}, at least one, got {list(rows)}")
        return DecodeState(
            constraints=self.constraints.take(rows),
            options=tuple(self.options[row] for row in rows),
            mask_id=self.mask_id,
            tokens=take_rows(self.tokens, rows),
            drawn=take_rows(self.drawn, rows),
            confidence=take_rows(self.confidence, rows),
            revealed_at=take_rows(self.revealed_at, rows),
            step=tuple(self.step[row] for row in rows),
            lag=tuple(self.lag[row] for row in rows),
            num_open=tuple(self.num_open[row] for row in rows),
            num_masked=tuple(self.num_masked[row] for row in rows),
        )

    def to(self, device: torch.device | str) -> "DecodeState":
        """Move to a device."""
        return replace(
            self,
            constraints=self.constraints.to(device),
            tokens=self.tokens.to(device),
            drawn=self.drawn.to(device),
            confidence=self.confidence.to(device),
            revealed_at=self.revealed_at.to(device),
        )

    @staticmethod
    def stack(states: Sequence["DecodeState"]) -> "DecodeState":
        """Put the rows of several states under each other, to be stepped as one batch.

        Raises:
            ValueError: If they have different grids or mask ids.
        """
        if len({state.mask_id for state in states}) != 1:
            raise ValueError(f"cannot stack mask ids {[state.mask_id for state in states]}")
        return DecodeState(
            constraints=Constraints.stack([state.constraints for state in states]),
            options=tuple(chain.from_iterable(state.options for state in states)),
            mask_id=states[0].mask_id,
            tokens=torch.cat([state.tokens for state in states]),
            drawn=torch.cat([state.drawn for state in states]),
            confidence=torch.cat([state.confidence for state in states]),
            revealed_at=torch.cat([state.revealed_at for state in states]),
            step=tuple(chain.from_iterable(state.step for state in states)),
            lag=tuple(chain.from_iterable(state.lag for state in states)),
            num_open=tuple(chain.from_iterable(state.num_open for state in states)),
            num_masked=tuple(chain.from_iterable(state.num_masked for state in states)),
        )


def start(
    constraints: Constraints, options: DecodeOptions | Sequence[DecodeOptions], mask_id: int
) -> DecodeState:
    """Mask every open cell. The only place that waits for the device, to count them.

    Args:
        constraints: What may change.
        options: One for all rows, or one per row.
        mask_id: The predictor's.

    Raises:
        ValueError: If there are not as many options as rows, a known id is not a code of this
            model, or bans are for another codebook.
    """
    batch, is_open = constraints.batch, constraints.is_open
    if isinstance(options, DecodeOptions):
        options = [options] * batch
    if len(options) != batch:
        raise ValueError(f"{len(options)} options for {batch} rows; give one, or one per row")
    if constraints.banned is not None and constraints.banned.shape[-1] != mask_id:
        raise ValueError(f"bans are for {constraints.banned.shape[-1]} codes, expected {mask_id}")

    wrong = ~is_open & ((constraints.tokens < 0) | (constraints.tokens >= mask_id))
    *num_open, num_wrong = torch.cat([is_open.sum(dim=1), wrong.sum()[None]]).tolist()
    if num_wrong:
        raise ValueError(f"{num_wrong} known tokens are outside the codebook, 0 to {mask_id - 1}")

    tokens = constraints.tokens.long().masked_fill(is_open, mask_id)
    infinity = torch.full_like(tokens, torch.inf, dtype=torch.float32)
    revealed_at = torch.full_like(tokens, KNOWN, dtype=torch.int16)
    return DecodeState(
        constraints,
        tuple(options),
        mask_id,
        tokens=tokens,
        drawn=tokens,
        confidence=infinity.masked_fill(is_open, -torch.inf),
        revealed_at=revealed_at.masked_fill(is_open, MASKED),
        step=tuple(row.first_pass() for row in options),
        lag=(0,) * batch,
        num_open=tuple(num_open),
        num_masked=tuple(num_open),
    )
