"""Norms with what stands beside them, in one go over memory where a GPU's kernels can do it.

On a GPU every operator of its own reads and writes all its numbers once more; PyTorch's GroupNorm
turns a channels-last feature map to another layout and back, too. The gain is not measured yet.

Each function has two forms. The plain one says what is meant; it is used in training, in float32,
on a CPU and under the compiler. The other rounds to bfloat16 once, at the end.
"""

import logging
import os
from functools import cache
from importlib import import_module
from types import ModuleType

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

logger = logging.getLogger(__name__)

SWITCH = "MASKGIT_GRAPHS"  # "1": what was made for GPUs is used; off, since it was run on none yet
TILE = 4096  # numbers that a program looks at together
PROGRAMS = 528  # four for each multiprocessor of a large GPU


def layer_norm_of_sum(
    norm: nn.LayerNorm, x: Float[Tensor, "... D"], y: Float[Tensor, "... D"]
) -> Float[Tensor, "... D"]:
    """Give `norm(x + y)`."""
    found = _kernels_for(x)
    if found is None:
        return norm(x + y)
    width, out = x.shape[-1], torch.empty_like(x, memory_format=torch.contiguous_format)
    found.layer_norm_of_sum[(x.numel() // width,)](
        x.contiguous(), y.contiguous(), norm.weight, norm.bias, out, width, norm.eps,
        BLOCK=_power_of_two(width),
    )  # fmt: skip
    return out


def rms_norm(
    x: Float[Tensor, "B L *parts D"],
    eps: float,
    scale: Float[Tensor, "B 1 D"] | None = None,
    shift: Float[Tensor, "B 1 D"] | None = None,
) -> Float[Tensor, "B L *parts D"]:
    """Divide by the root mean square over the last axis, in float32, then scale and shift rows.

    Vectors may be in parts, as queries and keys are, which lie side by side in memory.
    """
    found = _kernels_for(x)
    if found is None:
        mean_square = x.float().square().mean(dim=-1, keepdim=True)
        normalised = x * (mean_square + eps).rsqrt().to(x.dtype)
        if scale is None or shift is None:
            return normalised
        return torch.addcmul(shift, normalised, scale)
    length, width, out = x.shape[1], x.shape[-1], x.new_empty(x.shape)
    vectors = x.flatten(0, 1) if x.ndim == 4 else x.contiguous().view(-1, 1, width)
    found.rms_norm[(x.numel() // width,)](
        vectors,
        x if scale is None else scale.contiguous(),
        x if shift is None else shift.contiguous(),
        out, width, vectors.shape[1], vectors.stride(0), length, eps,
        HAS_SCALE=scale is not None, BLOCK=_power_of_two(width),
    )  # fmt: skip
    return out


def silu_gate(x: Float[Tensor, "... _"]) -> Float[Tensor, "... _"]:
    """Multiply the second half of the last axis by SiLU of the first."""
    found = _kernels_for(x)
    if found is None:
        gate, value = x.chunk(2, dim=-1)
        return F.silu(gate) * value
    width = x.shape[-1] // 2
    out = x.new_empty(*x.shape[:-1], width)
    programs = (out.numel() // width, -(-width // 1024))
    found.silu_gate[programs](x.contiguous(), out, width, BLOCK=1024)
    return out


def group_norm(
    norm: nn.GroupNorm, x: Float[Tensor, "B C h w"], silu: bool = True
) -> Float[Tensor, "B C h w"]:
    """Give `norm(x)`, with SiLU behind it if wished."""
    found = _kernels_for(x)
    if found is None or not _has_plain_shape(norm, x):
        normalised = norm(x)
        return F.silu(normalised, inplace=not torch.is_grad_enabled()) if silu else normalised
    batch, channels, size = x.shape[0], x.shape[1], x.shape[2] * x.shape[3]
    rows = max(1, TILE // channels)
    tiles = -(-size // rows)
    each = -(-tiles // max(1, min(tiles, PROGRAMS // batch)))  # tiles of one part
    parts = -(-tiles // each)
    sums = x.new_empty(batch, parts, 2, channels, dtype=torch.float32)
    scales = x.new_empty(batch, 2, channels, dtype=torch.float32)
    out = torch.empty_like(x)
    shape = {"ROWS": rows, "CHANNELS": channels, "num_warps": 8}
    found.channel_sums[(batch, parts)](x, sums, size, each * rows, **shape)
    found.group_scales[(batch,)](
        sums, norm.weight, norm.bias, scales, parts, size * channels // norm.num_groups, norm.eps,
        GROUPS=norm.num_groups, CHANNELS=channels,
    )  # fmt: skip
    found.scaled_silu[(batch, tiles)](x, scales, out, size, HAS_SILU=silu, **shape)
    return out


def is_wanted() -> bool:
    """Whether recordings and fused kernels are to be used where there is a GPU."""
    return os.environ.get(SWITCH) == "1"


@cache
def kernels() -> ModuleType | None:
    """Give the GPU kernels, or None where they are not wanted or Triton does not work."""
    if not is_wanted():
        return None
    try:
        found = import_module("maskgit.models.kernels")
        x = torch.ones(1, 16, dtype=torch.bfloat16, device="cuda")
        found.silu_gate[(1, 1)](x, torch.empty_like(x[:, :8]), 8, BLOCK=16)
    except Exception as error:  # a missing compiler, an old driver: whatever it is, plain works
        logger.info("no fused kernels here: %s", error)
        return None
    return found


def _kernels_for(x: Tensor) -> ModuleType | None:
    """Give the kernels, if they are for this tensor."""
    if not x.is_cuda or x.dtype != torch.bfloat16:
        return None
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return None
    return kernels()


def _has_plain_shape(norm: nn.GroupNorm, x: Tensor) -> bool:
    """Whether channels lie last and are as many as a tile can hold."""
    channels = x.shape[1]
    return (
        x.is_contiguous(memory_format=torch.channels_last)
        and channels == _power_of_two(channels)
        and norm.num_groups == _power_of_two(norm.num_groups)
        and channels <= TILE
    )


def _power_of_two(number: int) -> int:
    """Round up to a power of two."""
    return 1 << (number - 1).bit_length()
