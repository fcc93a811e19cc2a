"""From logits to ids: guidance, which codes may be drawn, the draw, and how sure it was.

Everything here looks at single cells, `(B, M, K)` for M cells in each of B rows. Parameters are one
value per row, as plain numbers: the host sees at once what no row asks for and skips it, which is
nearly always all but the draw.

The draw is the Gumbel-max trick: the arg max of logits plus Gumbel noise is a sample from their
softmax. The caller brings the noise (maskgit.noise).
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CellLogits: TypeAlias = Float[Tensor, "B M K"]
Number: TypeAlias = int | float
PerRow: TypeAlias = Sequence[Number] | Tensor  # a tensor is on the device already


class Draw(NamedTuple):
    """Codes, and how likely they were after guidance and before anything else.

    The cells are those of the grid, or some that are listed elsewhere.
    """

    ids: Int[Tensor, "B M"]
    log_p: Float[Tensor, "B M"]
    logits: Float[Tensor, "B M"]


def guide(conditional: CellLogits, unconditional: CellLogits, scale: PerRow) -> CellLogits:
    """Push logits away from what the model predicts without a class: u + s (c - u).

    Args:
        conditional: Logits c with the class.
        unconditional: Logits u with the null label.
        scale: s per row; 1 = off, 0 = without the class, above 1 = more of the class.

    Source:
        Ho and Salimans 2022 (arXiv:2207.12598), in the parametrisation of open-muse and diffusers.
    """
    s = per_row(scale, conditional)[..., None, None]
    return (conditional - unconditional).mul_(s).add_(unconditional)


def shape(
    logits: CellLogits,
    temperature: Sequence[Number],
    top_k: Sequence[int],
    top_p: Sequence[Number],
    banned: Bool[Tensor, "B _ K"] | None = None,
) -> CellLogits:
    """Set the logits of codes that may not be drawn to minus infinity.

    First the bans, then top-k among what is left, then top-p among what that left. Codes exactly as
    likely as the last one that stays, stay as well.

    Args:
        logits: Not changed.
        temperature: Divides the logits for top-p, per row; at 0 the draw is the arg max anyway.
        top_k: How many of the likeliest codes stay, per row; 0 = all.
        top_p: The likeliest codes stay until they have this probability together, per row;
            1 = all.
        banned: True where a code is not allowed; at least one code is left in each cell.

    Returns:
        `logits` itself where nothing is asked for.
    """
    if banned is not None:
        logits = logits.masked_fill(banned, -torch.inf)
    if any(top_k):
        logits = logits.masked_fill(logits < _top_k_floor(logits, top_k), -torch.inf)
    if any(p < 1 for p in top_p):
        divisor = [t or 1.0 for t in temperature]
        floor = top_p_floor(logits, divisor, top_p)
        logits = logits.masked_fill(logits < floor, -torch.inf)
    return logits


def draw(
    logits: CellLogits, gumbel: CellLogits | None, temperature: Sequence[Number]
) -> Int[Tensor, "B M"]:
    """Sample a code in every cell from the softmax of logits / temperature.

    The arg max of logits / t + gumbel is that of logits + t * gumbel, which also holds at t = 0.

    Args:
        logits: Minus infinity where a code may not be drawn.
        gumbel: Standard Gumbel noise; used up: the sum is made in this tensor. None: no noise.
        temperature: Per row; 0 takes the likeliest code.

    Returns:
        Ids in [0, K); among equals the smallest.
    """
    scores = logits
    if gumbel is not None:
        if any(t != 1 for t in temperature):
            gumbel *= per_row(temperature, gumbel)[..., None, None]
        scores = gumbel.add_(logits)
    return scores.max(dim=-1).indices  # the same as argmax, three times faster on a CPU


def log_probability(logits: CellLogits, ids: Int[Tensor, "B M"]) -> Float[Tensor, "B M"]:
    """Give the log-probability of one code per cell under the softmax of the logits."""
    return logits.log_softmax(dim=-1).gather(-1, ids[..., None])[..., 0]


def per_row(values: PerRow, like: Tensor) -> Float[Tensor, " B"]:
    """Bring one float32 number per row to a tensor's device without waiting for it."""
    if isinstance(values, Tensor):
        return values
    return torch.tensor(values, dtype=torch.float32).to(like.device, non_blocking=True)


def whole_per_row(values: Sequence[int], like: Tensor) -> Int[Tensor, " B"]:
    """Bring one whole number per row to a tensor's device without waiting for it."""
    return torch.tensor(values).to(like.device, non_blocking=True)


def _top_k_floor(logits: CellLogits, top_k: Sequence[int]) -> Float[Tensor, "B M 1"]:
    """Find the k-th largest logit of each cell; minus infinity in rows that keep all."""
    num_codes = logits.shape[-1]
    is_on = [0 < k < num_codes for k in top_k]
    ranks = [k - 1 if on else 0 for k, on in zip(top_k, is_on, strict=True)]
    largest = logits.topk(max(ranks) + 1, dim=-1).values  # (B, M, k), descending
    rank = per_row(ranks, logits).long()[:, None, None].expand(*logits.shape[:2], 1)
    off = ~per_row(is_on, logits).bool()
    return largest.gather(-1, rank).masked_fill(off[:, None, None], -torch.inf)


def top_p_floor(logits: CellLogits, temperature: PerRow, top_p: PerRow) -> Float[Tensor, "B M 1"]:
    """Find the smallest logit in each cell's nucleus; minus infinity in rows that keep all.

    Args:
        logits: Not changed.
        temperature: Divides the logits, per row; above 0.
        top_p: Probability of the nucleus, per row.
    """
    descending = _descending(logits)
    divisor = per_row(temperature, logits)[:, None, None]
    probability = (descending / divisor).softmax(dim=-1)
    likelier = probability.cumsum(dim=-1) - probability  # mass of the codes before each one
    share = per_row(top_p, logits)[:, None, None]
    size = (likelier < share).sum(dim=-1, keepdim=True)  # (B, M, 1)
    last = (size - 1).clamp_min(0)  # a share or temperature may be 0 in float32
    return descending.gather(-1, last).masked_fill(share >= 1, -torch.inf)


def _descending(logits: CellLogits) -> CellLogits:
    """Sort the logits of each cell, the largest first.

    PyTorch's sort carries along where each value stood; NumPy's, without, takes a CPU a sixth of
    the time, and this would be half of all that is done between two forward passes.
    """
    if logits.device.type != "cpu":
        return logits.sort(dim=-1, descending=True).values
    return torch.from_numpy(np.sort(logits.neg().numpy(), axis=-1)).neg_()
