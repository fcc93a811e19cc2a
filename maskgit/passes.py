"""A pass as a function of tensors alone, for devices that are told what to do in advance.

`decoding.step` takes decisions on the host: which rows go on, which cells need a draw. That saves a
CPU work, but a GPU waits for every launch. Here the host says all it knows of a decode first
(`foresee`), as one table of numbers; then a pass (`advance`) has the same shapes and operations
whatever the numbers, so it can be recorded once and replayed for other requests
(`maskgit.graphs`).

Callers may rely on: the tokens are those of `decoding.step`, as long as the network answers alike.

Read in this order:
    obstacle    what only `decoding.step` can do
    Kind        what must be the same to share a recording
    foresee     from a state to the numbers of its passes
    advance     one pass
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.asking import null_label
from maskgit.decoding import MASKED, num_masked_next
from maskgit.fused_draw import draw_cells, guided
from maskgit.models.protocols import TokenPredictor
from maskgit.noise import HASHED
from maskgit.reveal import REVEAL_RULES, Proposal, lowest
from maskgit.sampling import Draw, Number, top_p_floor
from maskgit.state import DecodeOptions, DecodeState
from maskgit.types import Confidence, Labels, Logits, TokenMask, Tokens


class Kind(NamedTuple):
    """What decides which operations a pass is made of.

    Attributes:
        batch: Rows.
        grid: Height and width in cells.
        rule: Name of the reveal rule.
        is_guided: Whether the network is asked without a class, too.
        has_nucleus: Whether some row asks for top-p.
    """

    batch: int
    grid: tuple[int, int]
    rule: str
    is_guided: bool
    has_nucleus: bool


class Grids(NamedTuple):
    """What pass hands to pass; as in `DecodeState`."""

    tokens: Tokens
    confidence: Confidence
    revealed_at: Int[Tensor, "B N"]


class Numbers(NamedTuple):
    """What the host knows of one pass, one number per row; on the device while it runs.

    Attributes:
        seeds: Of the options.
        steps: Index of the pass.
        num_masked: Cells that stay masked after it.
        temperature: Of the draws.
        reveal_temperature: Scale of the noise on confidence.
        guidance: Guidance scale.
        top_p: Of the options.
    """

    seeds: Int[Tensor, " B"]
    steps: Int[Tensor, " B"]
    num_masked: Float[Tensor, " B"]
    temperature: Float[Tensor, " B"]
    reveal_temperature: Float[Tensor, " B"]
    guidance: Float[Tensor, " B"]
    top_p: Float[Tensor, " B"]


@dataclass(frozen=True, eq=False)
class Foreseen:
    """Passes that are to come.

    Attributes:
        kinds: Of each pass.
        whole: Seeds and steps of each pass, on the host.
        real: The other numbers, likewise, in the order of `Numbers`. Rows that only fill the batch
            have a 1 everywhere.
        states: The state after each pass, but with the tensors of the one before all.
    """

    kinds: tuple[Kind, ...]
    whole: Int[Tensor, "T 2 B"]
    real: Float[Tensor, "T 5 B"]
    states: tuple[DecodeState, ...]


def obstacle(state: DecodeState, max_rows: int) -> str | None:
    """Say why a state's passes cannot be foreseen; None if they can."""
    options = state.options
    if state.batch > max_rows:
        return f"more than {max_rows} rows"
    if state.constraints.classes is not None:
        return "several classes on one grid"
    if state.constraints.banned is not None:
        return "banned codes"
    if any(row.top_k for row in options):
        return "top-k"
    if len({row.reveal for row in options}) > 1:
        return "several reveal rules in one batch"
    return None


def foresee(state: DecodeState, batch: int, most: int) -> Foreseen:
    """Tell the numbers of the next passes.

    Args:
        state: Not finished, and without an `obstacle`.
        batch: Rows to fill up to.
        most: Passes at most.
    """
    kinds, whole, real, states = [], [], [], []
    now = state
    while not now.finished and len(states) < most:
        going = [masked > 0 for masked in now.num_masked]
        num_masked = num_masked_next(now)
        guidance = _where(going, now.of_pass(DecodeOptions.guidance), 1.0)
        top_p = [float(row.top_p) for row in now.options]
        rows = (
            num_masked,
            _where(going, now.of_pass(DecodeOptions.draw_temperature), 0.0),
            _where(going, now.of_pass(DecodeOptions.reveal_temperature), 0.0),
            guidance,
            top_p,
        )
        kinds.append(
            Kind(
                batch,
                now.constraints.grid,
                now.options[0].reveal,
                is_guided=any(scale != 1 for scale in guidance),
                has_nucleus=any(p < 1 for p in top_p),
            )
        )
        whole.append([_filled([row.seed for row in now.options], batch), _filled(now.step, batch)])
        real.append([_filled(values, batch) for values in rows])
        steps = tuple(step + is_going for step, is_going in zip(now.step, going, strict=True))
        now = replace(now, step=steps, num_masked=num_masked)
        states.append(now)
    return Foreseen(
        tuple(kinds),
        torch.tensor(whole, dtype=torch.long),
        torch.tensor(real, dtype=torch.float32),
        tuple(states),
    )


def advance(
    predictor: TokenPredictor, grids: Grids, labels: Labels, numbers: Numbers, kind: Kind
) -> tuple[Grids, Tokens]:
    """Run one pass; nothing in it looks at a number, so the host never waits.

    Every cell is drawn, and what is not wanted is thrown away: on a GPU that costs less than
    finding out. A row that is finished stays as it is.

    Returns:
        The next grids and the complete proposal, `DecodeState.drawn`.

    Raises:
        ValueError: If guidance is asked of a model that knows no null label.
    """
    mask, rule = grids.revealed_at == MASKED, REVEAL_RULES[kind.rule]
    proposal = Proposal(
        grids.confidence,
        grids.confidence,
        numbers.reveal_temperature,
        numbers.seeds,
        numbers.steps,
        kind.grid,
        HASHED,
    )
    again = torch.zeros_like(mask)
    if not rule.looks_at_draw:
        again = lowest(rule.score(proposal), mask, numbers.num_masked)
    found = _draw(predictor, grids.tokens, labels, numbers, kind, again)
    drawn = torch.where(mask, found.ids, grids.tokens)
    confidence = torch.where(mask, found.log_p, grids.confidence)
    if rule.looks_at_draw:
        logits = torch.where(mask, found.logits, grids.confidence)
        proposal = replace(proposal, confidence=confidence, logits=logits)
        again = lowest(rule.score(proposal), mask, numbers.num_masked)
    tokens = drawn.masked_fill(again, predictor.mask_id)
    closed_now = mask & ~again
    revealed_at = torch.where(closed_now, numbers.steps[:, None], grids.revealed_at).short()
    return Grids(tokens, confidence, revealed_at), drawn


def _draw(
    predictor: TokenPredictor,
    tokens: Tokens,
    labels: Labels,
    numbers: Numbers,
    kind: Kind,
    only_shown: TokenMask,
) -> Draw:
    """Draw every cell; those that are masked again already get their likeliest code."""
    conditional, unconditional = _ask(predictor, tokens, labels, kind)
    temperature = numbers.temperature[:, None].masked_fill(only_shown, 0)  # (B, N)
    floor = None
    if kind.has_nucleus:
        divisor = torch.where(numbers.temperature == 0, 1.0, numbers.temperature)
        logits = guided(conditional, unconditional, numbers.guidance)
        floor = top_p_floor(logits, divisor, numbers.top_p)
    return draw_cells(
        conditional, unconditional, numbers.guidance, floor, numbers.seeds, numbers.steps,
        temperature,
    )  # fmt: skip


def _ask(
    predictor: TokenPredictor, tokens: Tokens, labels: Labels, kind: Kind
) -> tuple[Logits, Logits | None]:
    """Run the network once; without a class, too, if the pass is guided."""
    if not kind.is_guided:
        return predictor.logits(tokens, labels), None
    null = torch.full_like(labels, null_label(predictor))
    logits = predictor.logits(torch.cat([tokens, tokens]), torch.cat([labels, null]))
    conditional, unconditional = logits.chunk(2)
    return conditional, unconditional


def _where(going: Sequence[bool], values: Sequence[float], otherwise: float) -> list[float]:
    pairs = zip(going, values, strict=True)
    return [value if is_going else otherwise for is_going, value in pairs]


def _filled(values: Sequence[Number], batch: int) -> list[Number]:
    return [*values, *(1,) * (batch - len(values))]
