"""Which of the drawn cells stay, and which go back under the mask: the reveal rules by name.

A rule gives every cell a score; the cells with the lowest scores are masked again, exactly as many
as the schedule says (`lowest` ranks, it does not compare with a cut-off). Cells that were not
masked take no part, so a rule may score the whole grid without knowing what is open.

    confidence     the paper's: the surest draws stay, with Gumbel noise that fades over the passes
    logit          the same with plain logits, which do not say how many others were likely, too
    random         an order fixed by the seed
    halton         a quasi-random order that spreads over the grid evenly
    halton_rolled  the same, begun at another place of the order for each seed
    raster         row by row, one cell in each pass: the autoregressive baseline

Source: Chang et al. 2022 (arXiv:2202.04200), section 3.2; Besnier et al. 2025 (arXiv:2503.17076)
for Halton; baaivision/MUSE-Pytorch for logits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maskgit.noise import Noise
from maskgit.sampling import PerRow, per_row
from maskgit.types import Confidence, TokenMask


@dataclass(frozen=True, eq=False)
class Proposal:
    """A complete draw, as a rule sees it.

    Attributes:
        confidence: Log-probability of each drawn code; plus infinity at known cells. Only a rule
            that looks at draws may read it: for others it is that of the pass before.
        logits: Logit of each drawn code, after guidance and before anything else; for the same
            rules. Any number at known cells.
        temperature: Scale of the noise on confidence in this pass, per row.
        seeds: One per row.
        steps: Index of this pass, per row.
        grid: Height and width of the token grid.
        noise: Where randomness comes from.
    """

    confidence: Confidence
    logits: Confidence
    temperature: PerRow
    seeds: Int[Tensor, " B"]
    steps: Int[Tensor, " B"]
    grid: tuple[int, int]
    noise: Noise

    def gumbel(self, steps: Int[Tensor, " B"]) -> Float[Tensor, "B N"]:
        """Give noise for every cell of the grid."""
        cells = torch.arange(self.confidence.shape[1], device=self.confidence.device)
        return self.noise.gumbel_cells(self.seeds, steps, cells.expand_as(self.confidence))


@dataclass(frozen=True)
class RevealRule:
    """A way to choose the cells that stay.

    Attributes:
        score: Scores every cell of a proposal; the lowest go back under the mask.
        one_by_one: Whether each pass reveals one cell, whatever the schedule says.
        looks_at_draw: Whether scores may depend on what was drawn. Where not, only the cells that
            a pass reveals need a draw.
    """

    score: Callable[[Proposal], Float[Tensor, "#B N"]]
    one_by_one: bool = False
    looks_at_draw: bool = True


def by_confidence(proposal: Proposal) -> Float[Tensor, "B N"]:
    """Score by log-probability plus Gumbel noise."""
    return _with_noise(proposal.confidence, proposal)


def by_logit(proposal: Proposal) -> Float[Tensor, "B N"]:
    """Score by logit plus Gumbel noise."""
    return _with_noise(proposal.logits, proposal)


def at_random(proposal: Proposal) -> Float[Tensor, "B N"]:
    """Score by noise that is the same in every pass, so that one order holds throughout."""
    return proposal.gumbel(torch.zeros_like(proposal.steps))


def by_halton(proposal: Proposal) -> Float[Tensor, "1 N"]:
    """Score by place in the Halton order, the first highest."""
    return _halton_scores(proposal.grid, proposal.confidence.device)


def by_rolled_halton(proposal: Proposal) -> Float[Tensor, "B N"]:
    """Score by place in the Halton order after rolling it, the first highest."""
    offset = proposal.gumbel(torch.zeros_like(proposal.steps)).argmax(dim=1, keepdim=True)
    return -((offset - by_halton(proposal)) % proposal.confidence.shape[1])


def by_raster(proposal: Proposal) -> Float[Tensor, "1 N"]:
    """Score by position, the first highest."""
    last = proposal.confidence.shape[1]
    return torch.arange(last, 0, -1, device=proposal.confidence.device).float()[None]


REVEAL_RULES = {
    "confidence": RevealRule(by_confidence),
    "logit": RevealRule(by_logit),
    "random": RevealRule(at_random, looks_at_draw=False),
    "halton": RevealRule(by_halton, looks_at_draw=False),
    "halton_rolled": RevealRule(by_rolled_halton, looks_at_draw=False),
    "raster": RevealRule(by_raster, one_by_one=True, looks_at_draw=False),
}


def scores(rules: Sequence[str], proposal: Proposal) -> Float[Tensor, "#B N"]:
    """Score every cell by the rule of its row."""
    first, *others = sorted(set(rules))
    result = REVEAL_RULES[first].score(proposal)
    for name in others:
        here = per_row([rule == name for rule in rules], proposal.confidence).bool()
        result = torch.where(here[:, None], REVEAL_RULES[name].score(proposal), result)
    return result


def _with_noise(score: Confidence, proposal: Proposal) -> Float[Tensor, "B N"]:
    if not isinstance(proposal.temperature, Tensor) and not any(proposal.temperature):
        return score
    temperature = per_row(proposal.temperature, score)[:, None]
    return score + temperature * proposal.gumbel(proposal.steps)


def lowest(score: Float[Tensor, "#B N"], among: TokenMask, count: PerRow) -> Bool[Tensor, "B N"]:
    """Mark the cells with the lowest scores of each row.

    Ranks instead of comparing with a cut-off value: equal confidences are common (saturated
    softmax, half precision) and a cut-off would then mark too many or too few.

    Args:
        score: Finite; only its order matters.
        among: Cells that may be marked.
        count: How many to mark per row; more than there are marks all of them.

    Returns:
        Exactly `min(count, among)` cells per row; among equals the earlier ones.
    """
    order = score.masked_fill(~among, torch.inf).argsort(dim=-1, stable=True)
    places = torch.arange(order.shape[1], device=order.device)
    is_low = places < per_row(count, score)[:, None]  # (B, N) along the order
    return torch.zeros_like(among).scatter_(1, order, is_low) & among


@lru_cache(maxsize=16)
def _halton_scores(grid: tuple[int, int], device: torch.device) -> Float[Tensor, "1 N"]:
    """Score by place; kept on the device, since a graph that is being captured may copy nothing."""
    place = np.empty(grid[0] * grid[1], np.float32)
    place[halton_order(*grid)] = -np.arange(len(place))
    return torch.from_numpy(place).to(device, non_blocking=True)[None]


@lru_cache(maxsize=16)
def halton_order(height: int, width: int) -> Int[np.ndarray, " N"]:
    """List the cells of a grid, as row-major positions, in the order of the 2-D Halton sequence.

    Rows follow the sequence in base 2, columns in base 3, both from index 1; a cell counts when it
    is hit first. Whole-number arithmetic, so the order is exact.

    Source:
        Halton-MaskGIT, `Sampler/halton_sampler.py`, for square grids.
    """
    num_points = 8 * height * width
    while True:
        index = np.arange(1, num_points + 1)
        cells = _van_der_corput(index, 2, height) * width + _van_der_corput(index, 3, width)
        hit, first = np.unique(cells, return_index=True)
        if len(hit) == height * width:
            return hit[np.argsort(first)]
        num_points *= 2


def _van_der_corput(index: Int[np.ndarray, " P"], base: int, size: int) -> Int[np.ndarray, " P"]:
    """Mirror the digits of an index behind the point, scale to [0, size) and floor."""
    mirrored, denominator = np.zeros_like(index), 1
    while index.any():
        mirrored, index = mirrored * base + index % base, index // base
        denominator *= base
    return mirrored * size // denominator
