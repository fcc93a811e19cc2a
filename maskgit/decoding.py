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

Elsewhere: counts (schedules), noise (noise), which codes (sampling), which cells (reveal), what
may change (constraints), pixels (pipeline). Shapes are named in maskgit.types.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.constraints import take_rows
from maskgit.models.predictor import listed, take_cells
from maskgit.models.protocols import PartialPredictor, TokenPredictor
from maskgit.noise import HASHED, Noise
from maskgit.reveal import REVEAL_RULES, Proposal, lowest, scores
from maskgit.sampling import Draw, Number, draw, guide, log_probability, shape
from maskgit.state import KNOWN, MASKED, DecodeOptions, DecodeState, start
from maskgit.types import Cells, Labels, Logits, TokenMask, Tokens

__all__ = ["KNOWN", "MASKED", "DecodeOptions", "DecodeState", "decode", "start", "step", "trace"]

CELLS_TOGETHER = 32  # cells a CPU is asked about are a multiple: it prepares for every shape
LOGITS_IN_CACHE = 2**18  # 1 MiB of float32; with its noise it fits the cache of one core


@dataclass(frozen=True, eq=False)
class Prediction:
    """Logits of all masked cells, with those without a class for the rows that want guidance.

    Attributes:
        conditional: Logits with the class.
        unconditional: Logits with the null label, of the guided rows only.
        guided: Which rows these are.
        scale: Their guidance scales.
    """

    conditional: Logits
    unconditional: Float[Tensor, "G N K"] | None = None
    guided: Sequence[int] = ()
    scale: Sequence[Number] = ()

    def at(self, cells: Cells) -> Float[Tensor, "B M K"]:
        """Give the guided logits of some masked cells; a new tensor."""
        logits = take_cells(self.conditional, cells)
        if self.unconditional is not None:
            without = take_cells(self.unconditional, take_rows(cells, self.guided))
            guided = guide(take_rows(logits, self.guided), without, self.scale)
            logits.index_copy_(0, _whole(self.guided, logits), guided)
        return logits

    @classmethod
    def of_rows(cls, rows: Sequence["Prediction"]) -> "Prediction":
        """Put predictions of one row each under each other."""
        if len(rows) == 1:
            return rows[0]  # the logits are large; they need not be copied
        unconditional = [row.unconditional for row in rows if row.unconditional is not None]
        return cls(
            torch.cat([row.conditional for row in rows]),
            torch.cat(unconditional) if unconditional else None,
            [at for at, row in enumerate(rows) if row.guided],
            [scale for row in rows for scale in row.scale],
        )


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

    seeds = _whole([options.seed for options in state.options], state.tokens)
    steps = _whole(state.step, state.tokens)
    num_masked = num_masked_next(state)
    proposal = Proposal(
        state.confidence,
        state.confidence,
        of_pass(DecodeOptions.reveal_temperature, state),
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


def predict(predictor: TokenPredictor, state: DecodeState) -> Prediction:
    """Run the model once; on a CPU once for each row of the state, with all that is asked about it.

    A matrix product may round differently for other row counts, and a CPU gains little from many.
    One by one, a picture is bit for bit the same alone and in a batch.
    """
    if state.tokens.device.type != "cpu" or not isinstance(predictor, PartialPredictor):
        return _ask(predictor, state, predictor.logits)
    only_masked = partial(_masked_logits, predictor)
    rows = [state] if state.batch == 1 else [state.take([row]) for row in range(state.batch)]
    return Prediction.of_rows([_ask(predictor, row, only_masked) for row in rows])


def _ask(
    predictor: TokenPredictor, state: DecodeState, network: Callable[[Tokens, Labels], Logits]
) -> Prediction:
    """Run the model's network once, each row with all its classes.

    Rows that ask for guidance are asked once more without a class, in that one run.
    """
    tokens, labels = state.tokens, state.constraints.labels
    classes = state.constraints.classes
    if classes is not None:
        rows, labels = classes.asked(labels)
        tokens = take_rows(tokens, rows)
    scale = of_pass(DecodeOptions.guidance, state)
    guided = [row for row, s in enumerate(scale) if s != 1]
    if guided:
        if predictor.null_label is None:
            raise ValueError("this model knows no null label; guidance_scale must be 1")
        null = labels.new_full((len(guided),), predictor.null_label)
        tokens = torch.cat([tokens, take_rows(state.tokens, guided)])
        labels = torch.cat([labels, null])
    logits = network(tokens, labels)
    num_asked = len(labels) - len(guided)
    conditional, unconditional = logits.split([num_asked, len(guided)])
    if classes is not None:
        was_open = state.revealed_at != KNOWN
        conditional = classes.mixed(conditional, was_open, state.constraints.grid)
    if not guided:
        return Prediction(conditional)
    return Prediction(conditional, unconditional, guided, [scale[row] for row in guided])


def _masked_logits(predictor: PartialPredictor, tokens: Tokens, labels: Labels) -> Logits:
    """Predict the masked cells of rows that are all about one picture; others may have zeros."""
    is_masked, num_cells = tokens[:1] == predictor.mask_id, tokens.shape[1]
    num_asked = -(-int(is_masked.sum()) // CELLS_TOGETHER) * CELLS_TOGETHER
    if num_asked >= num_cells:
        return predictor.logits(tokens, labels)
    cells = listed(is_masked, num_asked)
    found = predictor.logits_at(tokens, labels, cells.expand(len(tokens), -1))
    return found.new_zeros(len(tokens), num_cells, found.shape[-1]).index_copy_(1, cells[0], found)


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
    temperature = of_pass(DecodeOptions.draw_temperature, state) if noise else [0.0] * state.batch
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


def of_pass(wanted: Callable[[DecodeOptions, int, int], float], state: DecodeState) -> list[float]:
    """Ask the options of each row for a value that may change from pass to pass."""
    rows = zip(state.options, state.position, state.num_open, strict=True)
    return [wanted(options, index, num_open) for options, index, num_open in rows]


def _whole(values: Sequence[int], like: Tensor) -> Int[Tensor, " B"]:
    """Bring one whole number per row to a tensor's device without waiting for it."""
    return torch.tensor(values).to(like.device, non_blocking=True)
