"""Linear layers in the form that a machine's matrix units like best.

On a CPU: PyTorch's own linear layers bring the weight into the order in which those units read it
in every call, add the bias in a pass of its own, and GELU is one more pass over memory. oneDNN,
which PyTorch carries for its compiler, takes a weight that was brought into order once, and adds
bias and activation while a result is still in the registers. In float32 it also uses the whole
width of an AMD processor's vectors, half of which MKL, PyTorch's own choice, leaves alone.

On a GPU the order is no matter, but cuBLAS, too, can apply GELU while it holds the result.

Rounding differs from the plain layers in the last bit: sums are added up in another order, and in
bfloat16 they are rounded once, after bias and activation.
"""

from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskgit.models.fused import is_wanted
from maskgit.models.transformer import TanhGELU

_ACTIVATIONS: dict[type[nn.Module], tuple[str, str]] = {
    TanhGELU: ("gelu", "tanh"),
    nn.GELU: ("gelu", "none"),
}


class PackedLinear(nn.Module):
    """A linear layer with a packed weight and, if wished, the activation that follows it."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, rows: int, activation: nn.Module | None = None
    ) -> None:
        """Pack a layer's weight.

        Args:
            weight: In bfloat16 or float32 on the CPU; not changed.
            bias: Likewise.
            rows: Vectors in a typical call, for which the order is chosen; others work, too.
            activation: Applied to the result; one of `_ACTIVATIONS`.
        """
        super().__init__()
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)
        self.register_buffer("weight", packed, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.kind, self.form = _ACTIVATIONS[type(activation)] if activation else ("none", "")

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer and activation to the last axis."""
        return torch.ops.mkldnn._linear_pointwise(
            x, self.weight, self.bias, self.kind, [], self.form
        )


class LinearGELU(nn.Module):
    """A linear layer and the tanh GELU that follows it, for a GPU."""

    def __init__(self, linear: nn.Linear) -> None:
        """Share a layer's weight, in bfloat16 and with a bias."""
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer and activation to the last axis."""
        flat = torch.ops.aten._addmm_activation(
            self.linear.bias, x.flatten(0, -2), self.linear.weight.t(), use_gelu=True
        )
        return flat.unflatten(0, x.shape[:-1])


def pack(network: nn.Module, rows: int) -> None:
    """Replace the linear layers of a network by packed ones, where this machine has what it takes.

    A linear layer whose next sibling is an activation takes it along. The network is then for
    inference only: its weights are in no state dictionary any more.

    Args:
        network: Changed in place; on a GPU left alone unless it is in bfloat16.
        rows: Vectors in a typical call: the length of one sequence.
    """
    for parent in list(network.modules()):
        nothing = ("", nn.Identity())
        for (name, child), (after, next_child) in pairwise([*parent.named_children(), nothing]):
            if type(child) is not nn.Linear:
                continue
            activation = next_child if type(next_child) in _ACTIVATIONS else None
            packed = _packed(child, rows, activation)
            if packed is not None:
                setattr(parent, name, packed)
            if packed is not None and activation is not None:
                setattr(parent, after, nn.Identity())


def _packed(linear: nn.Linear, rows: int, activation: nn.Module | None) -> nn.Module | None:
    """Give the packed form of a layer; None where it stays as it is."""
    weight, bias = linear.weight, linear.bias
    if _can_pack(weight):
        return PackedLinear(weight, bias, rows, activation)
    fits_gpu = weight.is_cuda and weight.dtype is torch.bfloat16 and bias is not None
    if fits_gpu and isinstance(activation, TanhGELU) and is_wanted():
        return LinearGELU(linear)
    return None


def affine(weight: Tensor, bias: Tensor, rows: int) -> Callable[[Tensor], Tensor]:
    """Give x -> x weight^T + bias, for a weight that is used again and again.

    Args:
        weight: (outputs, inputs).
        bias: (outputs,).
        rows: Vectors in a typical call.
    """
    if _can_pack(weight):
        return PackedLinear(weight, bias, rows)
    return partial(F.linear, weight=weight, bias=bias)


def _can_pack(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and _works(weight.dtype)


@cache
def _works(dtype: torch.dtype) -> bool:
    """Try it: these operators are meant for PyTorch's compiler, so a version may lack them."""
    if dtype not in (torch.bfloat16, torch.float32):
        return False
    linear = nn.Linear(32, 32, dtype=dtype).requires_grad_(False)
    x = torch.linspace(-1, 1, 32, dtype=dtype)[None]
    try:
        packed = PackedLinear(linear.weight, linear.bias, 1, TanhGELU())(x)
    except (AttributeError, RuntimeError):
        return False
    return torch.allclose(packed, TanhGELU()(linear(x)), atol=0.02)
