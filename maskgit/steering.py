"""Reaching into a decode: every edit is a new state that stepping goes on from.

A decode can be changed between any two passes. What a person holds on to is closed, what they are
not content with goes back under the mask, and the schedule is entered again where it leaves as many
cells masked as there are now (`rejoin`), so the rest takes as many passes as it takes in a decode
that was left alone.

Read in this order:
    pin, unpin, choose      cells that stay
    remask, least_certain   cells that are drawn again
    ban, relabel, set_options   other rules from here on
    rejoin                  where the schedule goes on

Everything works on one row: a person steers one picture. A cell that was known from the start can
not be steered; a pinned one is closed in the constraints but was revealed in some pass.

What callers may rely on (tests/engine/test_steering.py holds each promise):
    * A pinned cell does not change until it is unpinned, whatever is banned or sent back.
    * Known cells never change, and exactly the cells that are asked for go back under the mask.
    * The given state is not changed; the new one goes on to the end.
"""

import operator
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, SupportsIndex

import torch
from jaxtyping import Bool
from torch import Tensor

from maskgit import schedules
from maskgit.checks import describe, require_whole
from maskgit.reveal import REVEAL_RULES, lowest
from maskgit.state import KNOWN, MASKED, DecodeOptions, DecodeState
from maskgit.types import Confidence, TokenMask

STEERABLE = {field.name for field in fields(DecodeOptions)} - {"start_step"}


def was_open(state: DecodeState) -> TokenMask:
    """Mark the cells that were masked at the start: those that can be steered."""
    return state.revealed_at != KNOWN


def pinned(state: DecodeState) -> TokenMask:
    """Mark the cells that somebody holds on to."""
    return was_open(state) & ~state.constraints.is_open


def pin(state: DecodeState, cells: TokenMask) -> DecodeState:
    """Hold on to what is drawn in some cells, whether they are masked or not.

    Args:
        state: One row, after its first pass.
        cells: Cells to hold on to; known ones among them are known anyway.

    Raises:
        ValueError: If none of them can be pinned, or nothing is drawn in one of them yet.
    """
    _require_cells(state, cells)
    held = cells & was_open(state)
    _require_some(held, "none of these cells can be pinned: they were known from the start")
    if (held & (state.drawn == state.mask_id)).any():
        raise ValueError("nothing is drawn in these cells yet; run a pass first, or choose a code")
    return rejoin(_close(state, held, state.drawn))


def unpin(state: DecodeState, cells: TokenMask) -> DecodeState:
    """Let go of pinned cells. They keep their code, but may be sent back to the mask again.

    Raises:
        ValueError: If none of them is pinned.
    """
    _require_cells(state, cells)
    _require_some(held := cells & pinned(state), "none of these cells is pinned")
    return replace(state, constraints=state.constraints.reopen(held))


def choose(state: DecodeState, cell: SupportsIndex, code: SupportsIndex) -> DecodeState:
    """Put another code into a cell and hold on to it; its confidence is that of a known cell.

    Raises:
        ValueError: If there is no such cell or code, or the cell was known from the start.
    """
    _require_one(state)
    where = one_cell(state, cell)
    code = _index("a code", code, state.mask_id)
    _require_some(where & was_open(state), f"cell {cell} was known from the start")
    drawn = state.drawn.masked_fill(where, code)
    certain = state.confidence.masked_fill(where, torch.inf)
    return rejoin(_close(replace(state, drawn=drawn, confidence=certain), where, drawn))


def remask(state: DecodeState, cells: TokenMask) -> DecodeState:
    """Send cells back to the mask, to be drawn again; pinned and known ones stay.

    Raises:
        ValueError: If none of them is decided and free.
    """
    _require_cells(state, cells)
    again = cells & was_open(state) & ~pinned(state) & ~state.mask
    _require_some(again, "none of these cells can go back: they are masked, pinned or known")
    return rejoin(_mask(state, again))


def least_certain(state: DecodeState, share: float) -> TokenMask:
    """Mark a share of the decided and free cells: those with the lowest confidence, at least one.

    Raises:
        ValueError: If the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0, at most 1, got {share}")
    free = was_open(state) & ~pinned(state) & ~state.mask
    counts = [max(round(share * number), 1) for number in free.sum(dim=1).tolist()]
    return lowest(certainty(state), free, counts)


def certainty(state: DecodeState) -> Confidence:
    """Give confidence to compare cells by, finite: what somebody chose, too, can be sent back.

    In half precision, as a packed state keeps it, so that both give the same cells.
    """
    most = torch.finfo(state.confidence.dtype).max
    return state.confidence.half().float().clamp(max=most)


def ban(state: DecodeState, code: SupportsIndex, cell: SupportsIndex | None = None) -> DecodeState:
    """Forbid a code, in one cell or everywhere; where it stands, unless pinned, is drawn again.

    Raises:
        ValueError: If there is no such cell or code, or a cell would have no code left.
    """
    _require_one(state)
    code = _index("a code", code, state.mask_id)
    codes = torch.arange(state.mask_id, device=state.tokens.device) == code
    where = None if cell is None else one_cell(state, cell)
    state = replace(state, constraints=state.constraints.ban(codes, where))
    stands = (state.tokens == code) & was_open(state) & ~pinned(state)
    return rejoin(_mask(state, stands if where is None else stands & where))


def relabel(state: DecodeState, label: int) -> DecodeState:
    """Condition on another of the model's labels from here on.

    Where several classes were painted, their regions keep them; the label is for the rest.

    Args:
        state: One row.
        label: One of the model's, which is not known here: `MaskGIT.require_possible` refuses
            others, before a pass would fail.

    Raises:
        ValueError: If there is no rest.
        TypeError: If the label is no whole number.
    """
    _require_one(state)
    require_whole("a label", label)
    classes = state.constraints.classes
    if classes is not None and None not in classes.labels[0]:
        raise ValueError("every cell has a class of its own, so another class would change none")
    labels = torch.full_like(state.constraints.labels, label)
    return replace(state, constraints=state.constraints.with_labels(labels))


def set_options(state: DecodeState, changes: Mapping[str, Any]) -> DecodeState:
    """Decode by other options from here on.

    Args:
        state: One row.
        changes: Names and values of `DecodeOptions`.

    Raises:
        ValueError: If a value is not allowed, or there is no such option.
        TypeError: If a value is of the wrong kind.
    """
    _require_one(state)
    if unknown := sorted(changes.keys() - STEERABLE):
        raise ValueError(
            f"no option {', '.join(unknown)}; there are {', '.join(sorted(STEERABLE))}"
        )
    first = {"start_step": 0} if "steps" in changes else {}  # it may not be below the new count
    options = replace(state.options[0], **first, **changes)
    return rejoin(replace(state, options=(options,)))


def rejoin(state: DecodeState) -> DecodeState:
    """Go on in the schedule where it has as many cells masked as there are now.

    A decode that was left alone stays where it is. Otherwise it is the last pass that begins with
    at least as many masked cells.
    """
    rows = zip(state.options, state.position, state.num_open, state.num_masked, strict=True)
    positions = [_position(*row) for row in rows]
    lag = tuple(step - position for step, position in zip(state.step, positions, strict=True))
    return replace(state, lag=lag)


def one_cell(state: DecodeState, cell: SupportsIndex) -> TokenMask:
    """Mark one cell, by its place in the row-major grid.

    Raises:
        ValueError: If there is no such cell.
    """
    count = state.tokens.shape[1]
    place = _index("a cell", cell, count)
    return torch.arange(count, device=state.tokens.device)[None] == place


def _position(options: DecodeOptions, now: int, num_open: int, masked: int) -> int:
    if REVEAL_RULES[options.reveal].one_by_one:
        return num_open - masked
    if masked == 0:
        return options.steps
    first = options.start_step
    begins = [num_open, *schedules.plan(options.schedule, options.steps, num_open, first)[:-1]]
    if 0 <= now - first < len(begins) and begins[now - first] == masked:
        return now
    return first + max(index for index, count in enumerate(begins) if count >= masked)


def _close(state: DecodeState, cells: TokenMask, ids: Tensor) -> DecodeState:
    """Pin cells; those that were masked count as revealed by the last pass."""
    revealed = torch.full_like(state.revealed_at, max(state.step[0] - 1, 0))
    return _counted(
        replace(
            state,
            constraints=state.constraints.pin(cells, ids),
            tokens=torch.where(cells, ids, state.tokens),
            revealed_at=torch.where(cells & state.mask, revealed, state.revealed_at),
        )
    )


def _mask(state: DecodeState, cells: TokenMask) -> DecodeState:
    """Mask cells; what was drawn in them still shows until the next pass."""
    return _counted(
        replace(
            state,
            tokens=state.tokens.masked_fill(cells, state.mask_id),
            revealed_at=state.revealed_at.masked_fill(cells, MASKED),
        )
    )


def _counted(state: DecodeState) -> DecodeState:
    return replace(state, num_masked=tuple(state.mask.sum(dim=1).tolist()))


def _require_one(state: DecodeState) -> None:
    if state.batch != 1:
        raise ValueError(f"one picture is steered at a time, got {state.batch}; take a row")


def _require_cells(state: DecodeState, cells: TokenMask) -> None:
    _require_one(state)
    shape = tuple(state.tokens.shape)
    if not isinstance(cells, Tensor) or cells.dtype != torch.bool or cells.shape != shape:
        raise ValueError(f"cells are a tensor of truth values, {shape}, got {describe(cells)}")


def _require_some(cells: Bool[Tensor, "..."], sentence: str) -> None:
    if not cells.any():
        raise ValueError(sentence)


def _index(what: str, number: SupportsIndex, end: int) -> int:
    """Take a number from 0 up to an end; NumPy's and those of one-element tensors, too."""
    try:
        index = -1 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        index = -1
    if not 0 <= index < end:
        raise ValueError(f"{what} is a whole number from 0 to {end - 1}, got {number!r}")
    return index
