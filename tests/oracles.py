"""Slow twins of the fast parts: plain loops over one row, to be compared with."""

import math

import numpy as np
from numpy.typing import NDArray

MASK64, MASK32 = 2**64 - 1, 2**32 - 1
KNOWN, MASKED = -1, -2


def splitmix64(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def hashed_uniform(seed: int, step: int, cell: int, code: int, stream: int) -> float:
    """The noise of one code, in unsigned whole numbers without any tensor."""
    key = splitmix64((seed + 0x9E3779B97F4A7C15 * stream) & MASK64)
    key = splitmix64((key + step) & MASK64)
    key = splitmix64((key + cell) & MASK64)
    x = (key & MASK32) ^ (code * 0x9E3779B9 & MASK32)
    x = (x ^ (x >> 16)) * 0x7FEB352D & MASK32
    x ^= key >> 32
    x = (x ^ (x >> 15)) * 0x846CA68B & MASK32
    return (2 * (x >> 9) + 1) / 2**24


def allowed_codes(
    logits: NDArray, temperature: float, top_k: int, top_p: float, banned: NDArray
) -> NDArray:
    """Which codes of one cell may be drawn."""
    allowed = ~banned
    order = sorted(np.flatnonzero(allowed), key=lambda code: -logits[code])
    if 0 < top_k < len(order):
        allowed &= logits >= logits[order[top_k - 1]]
    if top_p < 1:
        left = [code for code in order if allowed[code]]
        weights = np.exp((logits[left] - logits[left[0]]) / (temperature or 1.0))
        mass, size = 0.0, 0
        while size < len(left) and mass < top_p:
            mass += weights[size] / weights.sum()
            size += 1
        allowed &= logits >= logits[left[size - 1]]
    return allowed


def log_softmax(logits: NDArray) -> NDArray:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - math.log(np.exp(shifted).sum())


def halton_order(height: int, width: int) -> list[int]:
    """Cells in the order in which the Halton sequence hits them first."""

    def mirrored(index: int, base: int) -> tuple[int, int]:
        numerator, denominator = 0, 1
        while index:
            index, digit = divmod(index, base)
            numerator, denominator = numerator * base + digit, denominator * base
        return numerator, denominator

    order: list[int] = []
    index = 0
    while len(order) < height * width:
        index += 1
        (a, b), (c, d) = mirrored(index, 2), mirrored(index, 3)
        cell = a * height // b * width + c * width // d
        if cell not in order:
            order.append(cell)
    return order


def keep_scores(
    rule: str,
    confidence: NDArray,
    logits: NDArray,
    noise: NDArray,
    fixed_noise: NDArray,
    grid: tuple[int, int],
) -> NDArray:
    """Score the cells of one row; `noise` is scaled already."""
    if rule == "confidence":
        return confidence + noise
    if rule == "logit":
        return logits + noise
    if rule == "random":
        return fixed_noise
    order = list(range(grid[0] * grid[1])) if rule == "raster" else halton_order(*grid)
    if rule == "halton_rolled":
        offset = int(fixed_noise.argmax())
        order = order[len(order) - offset :] + order[: len(order) - offset]
    return np.array([-float(order.index(cell)) for cell in range(len(order))])


def mask_again(score: NDArray, masked: NDArray, count: int) -> NDArray:
    """Mark the `count` masked cells with the lowest scores, earlier cells first among equals."""
    candidates = sorted(np.flatnonzero(masked), key=lambda cell: (score[cell], cell))
    marked = np.zeros(len(score), bool)
    marked[candidates[:count]] = True
    return marked
