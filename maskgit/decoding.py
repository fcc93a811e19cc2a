"""Iterative parallel decoding: complete a partly masked token grid in a few passes.

Every pass predicts all masked tokens at once, keeps the predictions the model trusts most and
masks the others again. The schedule fixes how many stay masked: nearly all after the first pass,
none after the last. MaskGIT, Chang et al. 2022 (arXiv:2202.04200), section 3.2.

Read in this order:
    start           from constraints and options to the first state (maskgit.state)
    step            one pass, pure
    trace, decode   the loop, pass by pass or at once

What callers may rely on (tests/engine/test_decoding.py holds each promise):
    * A known token comes out unchanged; a mask or class id is never drawn.
    * One seed, one result: a row does not depend on its neighbours in the batch.
    * Counts are exact, whatever the ties; a finished row stays as it is, bit for bit.
    * No pass waits for the device: all counts are plain numbers.

Elsewhere: what a network is asked (asking), counts (schedules), noise (noise), which codes
(sampling), which cells (reveal), what may change (constraints), pixels (engine). Shapes are named
in maskgit.types.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from maskgit.asking import Prediction, predict
from maskgit.models.predictor import listed, take_cells
from maskgit.models.protocols import TokenPredictor
from maskgit.noise import HASHED, Noise
from maskgit.reveal import REVEAL_RULES, Proposal, lowest, scores
from maskgit.sampling import Draw, draw, log_probability, shape, whole_per_row
from maskgit.state import KNOWN, MASKED, DecodeOptions, DecodeState, start
from maskgit.types import Cells, TokenMask

__all__ = ["KNOWN", "MASKED", "DecodeOptions", "DecodeState", "decode", "start", "step", "trace"]

LOGITS_IN_CACHE = 2**18  # 1 MiB of float32; with its noise it fits the cache of one core


@torch.inference_mode()
def step(predictor: TokenPredictor, state: DecodeState, noise: Noise = HASHED) -> DecodeState:
    """Run one pass: predict, draw every masked cell, keep the best, mask the rest again.

    Under a rule that does not look at draws, only the cells it reveals are drawn, to the same codes
    as if all were; the others show their likeliest code until their turn comes.

    Args:
        predictor: A model, with the state's mask id.
        state: Not changed. Rows that are finished come out as they are and cost nothing.
        noise: Where randomness comes from.

    Returns:
        The next state; `state` itself if it is finished.

    Raises:
        ValueError: If the model does not fit the state, or guidance is asked of one that knows no
            null label.

    Source:
        google-research/maskgit, `libml/parallel_decode.py`. Differs on purpose: ranks instead of
        a cut-off, and nothing is masked again after the last pass.
    """
    if predictor.mask_id != state.mask_id:
        raise ValueError(f"state has mask id {state.mask_id}, the model {predictor.mask_id}")
    going = [row for row, masked in enumerate(state.num_masked) if masked]
    if len(going) < state.batch:
        if not going:
            return state
        moved = iter(step(predictor, state.take(going), noise).rows)
        rows = zip(state.rows, state.num_masked, strict=True)
        return DecodeState.stack([next(moved) if masked else row for row, masked in rows])

    seeds = whole_per_row([options.seed for options in state.options], state.tokens)
    steps = whole_per_row(state.step, state.tokens)
    num_masked = num_masked_next(state)
    proposal = Proposal(
        state.confidence,
        state.confidence,
        state.of_pass(DecodeOptions.reveal_temperature),
        seeds,
        steps,
        state.constraints.grid,
        noise,
    )
    looks = [REVEAL_RULES[options.reveal].looks_at_draw for options in state.options]
    num_early = [0 if look else n for look, n in zip(looks, num_masked, strict=True)]
    num_late = [n if look else 0 for look, n in zip(looks, num_masked, strict=True)]
    early = _masked_again(state, proposal, num_early)  # known before the draw
    drawn = _propose(predict(predictor, state), state, early, num_early, seeds, steps, noise)
    proposal = replace(proposal, confidence=drawn.log_p, logits=drawn.logits)
    late = _masked_again(state, proposal, num_late)
    again = early | late
    return replace(
        state,
        tokens=drawn.ids.masked_fill(again, state.mask_id),
        drawn=drawn.ids,
        confidence=drawn.log_p,
        revealed_at=torch.where(state.mask & ~again, steps[:, None], state.revealed_at).short(),
        step=tuple(index + 1 for index in state.step),
        num_masked=num_masked,
    )


def trace(
    predictor: TokenPredictor, state: DecodeState, noise: Noise = HASHED
) -> Iterator[DecodeState]:
    """Step until every row is finished; give the state after each pass."""
    while not state.finished:
        state = step(predictor, state, noise)
        yield state


def decode(
    predictor: TokenPredictor,
    state: DecodeState,
    on_step: Callable[[DecodeState], None] | None = None,
    noise: Noise = HASHED,
) -> DecodeState:
    """Step until every row is finished; `on_step` sees the state after each pass."""
    for following in trace(predictor, state, noise):
        state = following
        if on_step is not None:
            on_step(state)
    return state


def _masked_again(state: DecodeState, proposal: Proposal, count: Sequence[int]) -> TokenMask:
    """Mark the cells that go back under the mask, so many in each row."""
    if not any(count):
        return torch.zeros_like(state.mask)
    rules = [options.reveal for options in state.options]
    return lowest(scores(rules, proposal), state.mask, count)


def _propose(
    prediction: Prediction,
    state: DecodeState,
    early: TokenMask,
    num_early: Sequence[int],
    seeds: Int[Tensor, " B"],
    steps: Int[Tensor, " B"],
    noise: Noise,
) -> Draw:
    """Give every masked cell of the grid a code, and leave the others as they are.

    Cells that are marked as masked again already are for show only: they get their likeliest code,
    without noise, which costs most of a draw.
    """
    grid = Draw(state.tokens, state.confidence, state.confidence)
    num_drawn = [now - later for now, later in zip(state.num_masked, num_early, strict=True)]
    for where, count, source in (
        (state.mask & ~early, num_drawn, noise),
        (early, num_early, None),
    ):
        if any(count):
            cells = listed(where, max(count))
            found = _draw(prediction, state, cells, seeds, steps, source)
            pairs = zip(grid, found, strict=True)
            grid = Draw(
                *(torch.where(where, old.scatter(1, cells, new), old) for old, new in pairs)
            )
    return grid


def _draw(
    prediction: Prediction,
    state: DecodeState,
    cells: Cells,
    seeds: Int[Tensor, " B"],
    steps: Int[Tensor, " B"],
    noise: Noise | None,
) -> Draw:
    """Draw a code in each of the given cells by the options of its row.

    Without noise it is the likeliest, which no option but a ban changes.
    """
    options = state.options if noise else [DecodeOptions()] * state.batch
    temperature = state.of_pass(DecodeOptions.draw_temperature) if noise else [0.0] * state.batch
    top_k, top_p = [row.top_k for row in options], [row.top_p for row in options]
    banned = state.constraints.banned
    parts = []
    for part in cells.split(_cells_at_once(state), dim=1):
        logits = prediction.at(part)
        bans = take_cells(banned, part) if banned is not None and banned.shape[1] > 1 else banned
        gumbel = None
        if noise and any(temperature):
            gumbel = noise.gumbel_codes(seeds, steps, part, state.mask_id)
        ids = draw(shape(logits, temperature, top_k, top_p, bans), gumbel, temperature)
        chosen = logits.gather(-1, ids[..., None])[..., 0]
        parts.append(Draw(ids, log_probability(logits, ids), chosen))
    return Draw(*(torch.cat(values, dim=1) for values in zip(*parts, strict=True)))


def _cells_at_once(state: DecodeState) -> int:
    """Bound the work set on a CPU, where memory beyond the cache costs more than the arithmetic."""
    if state.tokens.device.type != "cpu":
        return state.tokens.shape[1]
    return max(1, LOGITS_IN_CACHE // (state.batch * state.mask_id))


def num_masked_next(state: DecodeState) -> tuple[int, ...]:
    """Count the cells of each row that stay masked after the next pass."""
    rows = zip(state.options, state.position, state.num_open, state.num_masked, strict=True)
    return tuple(options.remaining(*counts) for options, *counts in rows)
