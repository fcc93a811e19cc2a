"""GPU kernels in Triton, for what would otherwise read and write memory many times over.

Only `maskgit.models.fused` and `maskgit.fused_draw` use them, which say what each computes and
have the plain form beside it. Sums are in float32. Importing this needs Triton.
"""

# Triton's compiler gives the kernels other types than Python would.
# pyright: reportAssignmentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from triton.language.extra import libdevice  # pyright: ignore[reportMissingImports]


@triton.jit
def layer_norm_of_sum(x, y, weight, bias, out, width, eps, BLOCK: tl.constexpr):
    """Normalise x + y; one program for each vector."""
    start = tl.program_id(0).to(tl.int64) * width
    place = tl.arange(0, BLOCK)
    inside = place < width
    total = tl.load(x + start + place, inside, 0.0).to(tl.float32)
    total += tl.load(y + start + place, inside, 0.0).to(tl.float32)
    mean = tl.sum(total, axis=0) / width
    centred = tl.where(inside, total - mean, 0.0)
    variance = tl.sum(centred * centred, axis=0) / width
    scale = tl.load(weight + place, inside, 0.0).to(tl.float32)
    shift = tl.load(bias + place, inside, 0.0).to(tl.float32)
    result = centred * tl.rsqrt(variance + eps) * scale + shift
    tl.store(out + start + place, result.to(out.dtype.element_ty), inside)


@triton.jit
def rms_norm(
    x, scale, shift, out, width, inner, stride, length, eps,
    HAS_SCALE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Divide by the root mean square, then scale and shift with the numbers of the row.

    Vectors come in parts of `inner`, which begin `stride` numbers apart; `length` make a row.
    """
    vector = tl.program_id(0).to(tl.int64)
    place = tl.arange(0, BLOCK)
    inside = place < width
    start = vector // inner * stride + vector % inner * width
    value = tl.load(x + start + place, inside, 0.0).to(tl.float32)
    value *= tl.rsqrt(tl.sum(value * value, axis=0) / width + eps)
    if HAS_SCALE:
        row = vector // length * width
        value *= tl.load(scale + row + place, inside, 0.0).to(tl.float32)
        value += tl.load(shift + row + place, inside, 0.0).to(tl.float32)
    tl.store(out + vector * width + place, value.to(out.dtype.element_ty), inside)


@triton.jit
def silu_gate(x, out, width, BLOCK: tl.constexpr):
    """Multiply the second half of each vector by SiLU of the first."""
    vector = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = place < width
    gate = tl.load(x + vector * 2 * width + place, inside, 0.0).to(tl.float32)
    value = tl.load(x + vector * 2 * width + width + place, inside, 0.0).to(tl.float32)
    result = gate * tl.sigmoid(gate) * value
    tl.store(out + vector * width + place, result.to(out.dtype.element_ty), inside)


@triton.jit
def channel_sums(x, sums, size, rows, ROWS: tl.constexpr, CHANNELS: tl.constexpr):
    """Add up each channel and its squares over a part of a picture; channels lie last."""
    picture, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, CHANNELS)
    total = tl.zeros((ROWS, CHANNELS), tl.float32)
    squares = tl.zeros((ROWS, CHANNELS), tl.float32)
    for first in range(0, rows, ROWS):
        row = part * rows + first + tl.arange(0, ROWS)
        place = (picture * size + row)[:, None] * CHANNELS + channel[None, :]
        value = tl.load(x + place, (row < size)[:, None], 0.0).to(tl.float32)
        total += value
        squares += value * value
    to = sums + (picture * tl.num_programs(1) + part) * 2 * CHANNELS + channel
    tl.store(to, tl.sum(total, axis=0))
    tl.store(to + CHANNELS, tl.sum(squares, axis=0))


@triton.jit
def group_scales(
    sums, weight, bias, scales, parts, count, eps, GROUPS: tl.constexpr, CHANNELS: tl.constexpr
):
    """Turn the sums into a scale and a shift for each channel of a picture.

    The variance is that of the official code, the mean of squares less the square of the mean.
    """
    picture = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, CHANNELS)
    total = tl.zeros((CHANNELS,), tl.float32)
    squares = tl.zeros((CHANNELS,), tl.float32)
    for part in range(parts):
        start = sums + (picture * parts + part) * 2 * CHANNELS + channel
        total += tl.load(start)
        squares += tl.load(start + CHANNELS)
    shape: tl.constexpr = (GROUPS, CHANNELS // GROUPS)
    mean = tl.sum(tl.reshape(total, shape), axis=1) / count
    variance = tl.maximum(tl.sum(tl.reshape(squares, shape), axis=1) / count - mean * mean, 0.0)
    spread = tl.rsqrt(variance + eps)
    spread = tl.reshape(tl.broadcast_to(spread[:, None], shape), (CHANNELS,))
    mean = tl.reshape(tl.broadcast_to(mean[:, None], shape), (CHANNELS,))
    scale = tl.load(weight + channel).to(tl.float32) * spread
    shift = tl.load(bias + channel).to(tl.float32) - mean * scale
    tl.store(scales + picture * 2 * CHANNELS + channel, scale)
    tl.store(scales + picture * 2 * CHANNELS + CHANNELS + channel, shift)


@triton.jit
def scaled_silu(
    x, scales, out, size, HAS_SILU: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr
):
    """Scale and shift each channel, then SiLU if wished; channels lie last."""
    picture = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    channel = tl.arange(0, CHANNELS)
    scale = tl.load(scales + picture * 2 * CHANNELS + channel)
    shift = tl.load(scales + picture * 2 * CHANNELS + CHANNELS + channel)
    place = (picture * size + row)[:, None] * CHANNELS + channel[None, :]
    inside = (row < size)[:, None]
    value = tl.load(x + place, inside, 0.0).to(tl.float32) * scale[None, :] + shift[None, :]
    if HAS_SILU:
        value *= tl.sigmoid(value)
    tl.store(out + place, value.to(out.dtype.element_ty), inside)


@triton.jit
def draw(
    conditional, unconditional, guidance, floor, keys, temperature, ids, log_p, chosen,
    num_cells, num_codes,
    HAS_GUIDANCE: tl.constexpr, HAS_FLOOR: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Draw a code in one cell and say how sure it was; each lane looks at every BLOCK-th code."""
    cell = tl.program_id(0).to(tl.int64)
    key = tl.load(keys + cell)
    low, high = key.to(tl.uint32), (key >> 32).to(tl.uint32)
    heat = tl.load(temperature + cell)
    best = tl.full((BLOCK,), float("-inf"), tl.float32)
    best_code = tl.zeros((BLOCK,), tl.int32)
    best_logit = tl.zeros((BLOCK,), tl.float32)
    highest = tl.full((BLOCK,), -1e30, tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    for first in range(0, num_codes, BLOCK):
        code = first + tl.arange(0, BLOCK)
        inside = code < num_codes
        place = cell * num_codes + code
        logit = tl.load(conditional + place, inside, 0.0)
        if HAS_GUIDANCE:
            scale = tl.load(guidance + cell // num_cells)
            without = tl.load(unconditional + place, inside, 0.0)
            logit = tl.where(scale == 1.0, logit, (logit - without) * scale + without)
        logit = tl.where(inside, logit, float("-inf"))
        allowed = logit
        if HAS_FLOOR:
            allowed = tl.where(logit < tl.load(floor + cell), float("-inf"), logit)
        bits = low ^ (code.to(tl.uint32) * 0x9E3779B9)
        bits = (bits ^ (bits >> 16)) * 0x7FEB352D ^ high
        bits = (bits ^ (bits >> 15)) * 0x846CA68B
        bits = (bits >> 9) | 0x3F800000
        uniform = bits.to(tl.float32, bitcast=True) - 0.999999940395355224609375
        gumbel = -libdevice.log(-libdevice.log(uniform))
        score = gumbel * heat + allowed
        is_better = score > best
        best = tl.where(is_better, score, best)
        best_code = tl.where(is_better, code, best_code)
        best_logit = tl.where(is_better, logit, best_logit)
        higher = tl.maximum(highest, logit)
        total = total * tl.exp(highest - higher) + tl.exp(logit - higher)
        highest = higher
    first_best = tl.where(best == tl.max(best, axis=0), best_code, 2147483647)
    winner = tl.min(first_best, axis=0)
    logit = tl.max(tl.where(first_best == winner, best_logit, float("-inf")), axis=0)
    top = tl.max(highest, axis=0)
    mass = tl.sum(total * tl.exp(highest - top), axis=0)
    tl.store(ids + cell, winner.to(tl.int64))
    tl.store(log_p + cell, logit - top - tl.log(mass))
    tl.store(chosen + cell, logit)
