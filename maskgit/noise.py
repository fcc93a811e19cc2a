"""Randomness as a function: noise = f(seed, step, cell, code), by integer hashing on the device.

There is no stream to consume, so a cell's noise depends neither on its neighbours, nor on how many
cells are open, nor on the batch, the device or the order of calls. One seed is one picture.

Two hashes share the work. A thorough 64-bit one (SplitMix64) turns seed, step, stream and cell
into a key; a cheap 32-bit one (two multiplications, Ellis' "lowbias32") spreads the key over the
codes, because that is the loop that runs millions of times.

Callers may rely on: the same integers give the same bits on every device (the logarithms of
`gumbel` may differ in the last place); every value is finite, uniforms lie strictly in (0, 1).

Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64);
Ellis 2018, "Prospecting for hash functions" (lowbias32).
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

CODES_STREAM, CELLS_STREAM = 1, 2  # which codes are drawn; which cells are kept


@runtime_checkable
class Noise(Protocol):
    """Where decoding takes its randomness from; tests put recorded noise here.

    Seeds and steps are per row; cells are positions in the row-major token grid, and the noise of
    one cell must not depend on which others are asked for.
    """

    def gumbel_codes(
        self,
        seeds: Int[Tensor, " B"],
        steps: Int[Tensor, " B"],
        cells: Int[Tensor, "B M"],
        num_codes: int,
    ) -> Float[Tensor, "B M K"]:
        """Give standard Gumbel noise for the draw of a code in each cell; a new tensor."""
        ...

    def gumbel_cells(
        self, seeds: Int[Tensor, " B"], steps: Int[Tensor, " B"], cells: Int[Tensor, "B M"]
    ) -> Float[Tensor, "B M"]:
        """Give standard Gumbel noise for the choice of the cells that are kept; a new tensor."""
        ...


class HashedNoise:
    """The noise of every real decode. Implements `Noise`."""

    def gumbel_codes(
        self,
        seeds: Int[Tensor, " B"],
        steps: Int[Tensor, " B"],
        cells: Int[Tensor, "B M"],
        num_codes: int,
    ) -> Float[Tensor, "B M K"]:
        """See `Noise.gumbel_codes`."""
        return gumbel_(uniform(seeds, steps, cells, num_codes, CODES_STREAM))

    def gumbel_cells(
        self, seeds: Int[Tensor, " B"], steps: Int[Tensor, " B"], cells: Int[Tensor, "B M"]
    ) -> Float[Tensor, "B M"]:
        """See `Noise.gumbel_cells`."""
        return gumbel_(uniform(seeds, steps, cells, 1, CELLS_STREAM)[..., 0])


HASHED: Noise = HashedNoise()


def gumbel_(uniforms: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Turn uniforms into standard Gumbel noise, -log(-log u), in place."""
    return uniforms.log_().neg_().log_().neg_()


def uniform(
    seeds: Int[Tensor, " B"],
    steps: Int[Tensor, " B"],
    cells: Int[Tensor, "B M"],
    num_codes: int,
    stream: int,
) -> Float[Tensor, "B M K"]:
    """Hash to uniforms.

    Args:
        seeds: One per row, in [0, 2**63); int64.
        steps: Index of the pass, one per row.
        cells: Positions in the row-major grid.
        num_codes: K.
        stream: Keeps uses of the same (seed, step, cell) apart.

    Returns:
        Odd multiples of 2**-24, so in [2**-24, 1 - 2**-24], all equally likely.
    """
    bits = _spread(cell_keys(seeds, steps, cells, stream), num_codes)  # (B, M, K)
    # 23 bits become the mantissa of a float in [1, 2): exact, and one conversion less.
    bits.bitwise_and_(0x007FFFFF).bitwise_or_(0x3F800000)
    return bits.view(torch.float32).sub_(1 - 2**-24)


def cell_keys(
    seeds: Int[Tensor, " B"], steps: Int[Tensor, " B"], cells: Int[Tensor, "B M"], stream: int
) -> Int[Tensor, "B M"]:
    """Hash all but the code to 64 bits; arguments as for `uniform`."""
    key = _splitmix64(seeds.long() + _signed(0x9E3779B97F4A7C15 * stream, 64))
    key = _splitmix64(key + steps)  # (B,)
    return _splitmix64(key[:, None] + cells)


def _spread(key: Int[Tensor, "B M"], num_codes: int) -> Int[Tensor, "B M K"]:
    """Hash a 64-bit key with each code to 32 bits, of which the low 23 are to be used.

    In place throughout: this tensor is the largest of a whole pass.
    """
    low, high = key.int()[..., None], (key >> 32).int()[..., None]  # (B, M, 1), wrapping
    codes = torch.arange(num_codes, dtype=torch.int32, device=key.device)
    bits = low ^ (codes * _signed(0x9E3779B9, 32))  # (B, M, K)
    shifted = torch.empty_like(bits)
    _fold_(bits, shifted, 16).mul_(0x7FEB352D).bitwise_xor_(high)
    _fold_(bits, shifted, 15).mul_(_signed(0x846CA68B, 32))
    return torch.bitwise_right_shift(bits, 9, out=bits)  # the high bits are the better mixed


def _fold_(bits: Tensor, shifted: Tensor, by: int) -> Tensor:
    """Do `bits ^= bits >> by` in place; `>>` copies the sign, a hash needs zeros."""
    torch.bitwise_right_shift(bits, by, out=shifted)
    return bits.bitwise_xor_(shifted.bitwise_and_((1 << (32 - by)) - 1))


def _splitmix64(x: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Mix 64 bits: one step of the generator's finaliser, a bijection."""
    x = x + _signed(0x9E3779B97F4A7C15, 64)
    x = (x ^ _shift_right(x, 30)) * _signed(0xBF58476D1CE4E5B9, 64)
    x = (x ^ _shift_right(x, 27)) * _signed(0x94D049BB133111EB, 64)
    return x ^ _shift_right(x, 31)


def _shift_right(x: Int[Tensor, "..."], by: int) -> Int[Tensor, "..."]:
    return (x >> by) & ((1 << (64 - by)) - 1)


def _signed(word: int, bits: int) -> int:
    """Read an unsigned word, modulo 2**bits, as the signed number torch wants."""
    word %= 1 << bits
    return word - (word >> (bits - 1) << bits)
