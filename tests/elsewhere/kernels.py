"""The GPU's kernels where there is no GPU: run by Triton's interpreter, and compiled.

By hand, either says nothing if all is well:

    TRITON_INTERPRET=1 python -m tests.elsewhere.kernels interpreted
    python -m tests.elsewhere.kernels compiled
"""

import sys
from itertools import product
from unittest.mock import patch

import torch
import torch.nn.functional as F
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn
from triton.backends.compiler import GPUTarget  # pyright: ignore[reportMissingImports]
from triton.compiler import ASTSource  # pyright: ignore[reportMissingImports]

from maskgit import fused_draw
from maskgit.models import fused, kernels

HOPPER = GPUTarget("cuda", 90, 32)
# Of numbers rounded once, to bfloat16; the interpreter cuts off what a GPU rounds.
TOLERANCE = 2**-7
# Of every kernel the types of its arguments, and what is known when it is compiled.
COMPILED = {
    "layer_norm_of_sum": ("x:*bf16 y:*bf16 weight:*bf16 bias:*bf16 out:*bf16 width:i32 eps:fp32",
                          [{"BLOCK": 1024}]),
    "rms_norm": ("x:*bf16 scale:*bf16 shift:*bf16 out:*bf16 width:i32 inner:i32 stride:i32 "
                 "length:i32 eps:fp32",
                 [{"HAS_SCALE": True, "BLOCK": 1024}, {"HAS_SCALE": False, "BLOCK": 64}]),
    "silu_gate": ("x:*bf16 out:*bf16 width:i32", [{"BLOCK": 1024}]),
    "channel_sums": ("x:*bf16 sums:*fp32 size:i32 rows:i32",
                     [{"ROWS": 32, "CHANNELS": 128}, {"ROWS": 8, "CHANNELS": 512}]),
    "group_scales": ("sums:*fp32 weight:*bf16 bias:*bf16 scales:*fp32 parts:i32 count:i32 eps:fp32",
                     [{"GROUPS": 32, "CHANNELS": 128}, {"GROUPS": 32, "CHANNELS": 512}]),
    "scaled_silu": ("x:*bf16 scales:*fp32 out:*bf16 size:i32",
                    [{"HAS_SILU": silu, "ROWS": 32, "CHANNELS": 128} for silu in (False, True)]),
    "draw": ("conditional:*fp32 unconditional:*fp32 guidance:*fp32 floor:*fp32 keys:*i64 "
             "temperature:*fp32 ids:*i64 log_p:*fp32 chosen:*fp32 num_cells:i32 num_codes:i32",
             [{"HAS_GUIDANCE": guided, "HAS_FLOOR": floored, "BLOCK": fused_draw.BLOCK}
              for guided, floored in product((False, True), repeat=2)]),
}  # fmt: skip


def compiled() -> None:
    """Every kernel becomes code for a GPU of the H100's and H200's kind."""
    for name, (types, choices) in COMPILED.items():
        signature = dict(argument.split(":") for argument in types.split())
        for constants in choices:
            known = {**signature, **dict.fromkeys(constants, "constexpr")}
            source = ASTSource(getattr(kernels, name), known, constexprs=constants)
            assert triton.compile(source, target=HOPPER).asm["cubin"], name


@torch.inference_mode()
def interpreted() -> None:
    """Every kernel gives the numbers of its plain form, rounded once."""
    torch.manual_seed(0)
    with (
        patch.object(kernels, "libdevice", tl),  # the interpreter has no library of the GPU's
        patch.object(fused, "_kernels_for", lambda _: kernels),
        patch.object(fused_draw, "kernels", lambda: kernels),
    ):
        norms()
        gates()
        for has_guidance, has_floor in product((False, True), repeat=2):
            draws(has_guidance, has_floor)


def norms() -> None:
    """LayerNorm of a sum, GroupNorm with and without SiLU, RMSNorm with its modulation."""
    layer, group = lively(nn.LayerNorm(96)), lively(nn.GroupNorm(4, 16))
    x, y = rounded(2, 2, 7, 96)
    weight, bias = layer.weight.float(), layer.bias.float()
    wanted = F.layer_norm(x.float() + y.float(), (96,), weight, bias, layer.eps)
    assert_close(fused.layer_norm_of_sum(layer, x, y), wanted)
    maps = rounded(2, 16, 90, 5).to(memory_format=torch.channels_last)
    weight, bias = group.weight.float(), group.bias.float()
    wanted = F.group_norm(maps.float(), 4, weight, bias, group.eps)
    assert_close(fused.group_norm(group, maps, silu=False), wanted)
    assert_close(fused.group_norm(group, maps), F.silu(wanted))
    scale, shift = rounded(2, 2, 1, 96)
    normalised = F.rms_norm(x.float(), (96,), eps=1e-6)
    assert_close(fused.rms_norm(x, 1e-6, scale, shift), normalised * scale.float() + shift.float())
    queries = rounded(2, 7, 3 * 4 * 8)[..., 32:64].unflatten(-1, (4, 8))  # beside keys and values
    assert_close(fused.rms_norm(queries, 1e-6), F.rms_norm(queries.float(), (8,), eps=1e-6))


def gates() -> None:
    """SwiGLU's gate."""
    x = rounded(2, 7, 2 * 1100)
    gate, value = x.float().chunk(2, dim=-1)
    assert_close(fused.silu_gate(x), F.silu(gate) * value)


def draws(has_guidance: bool, has_floor: bool) -> None:
    """The codes are the same; how sure they are is nearly so."""
    conditional, unconditional = 3 * torch.randn(2, 2, 6, 3000)
    arguments = (
        conditional,
        unconditional if has_guidance else None,
        torch.tensor([1.0, 2.5]),
        conditional.quantile(0.3, dim=-1, keepdim=True) if has_floor else None,
        torch.tensor([1, 2**60]),
        torch.tensor([0, 3]),
        torch.rand(2, 6).round(decimals=1),
    )
    found, wanted = fused_draw.draw_fused(*arguments), fused_draw.draw_plainly(*arguments)
    assert torch.equal(found.ids, wanted.ids)
    torch.testing.assert_close(found.logits, wanted.logits)
    torch.testing.assert_close(found.log_p, wanted.log_p, rtol=1e-5, atol=1e-5)


def lively(norm: nn.LayerNorm | nn.GroupNorm):
    """Give a norm in bfloat16 with weights of its own."""
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm.bfloat16()


def rounded(*shape: int) -> Tensor:
    """Give random numbers in bfloat16."""
    return torch.randn(*shape).bfloat16()


def assert_close(found: Tensor, wanted: Tensor) -> None:
    """Compare what was rounded once with what was not."""
    torch.testing.assert_close(found.float(), wanted, rtol=TOLERANCE, atol=1e-6)


if __name__ == "__main__":
    {"compiled": compiled, "interpreted": interpreted}[sys.argv[1]]()
