"""Linear layers in whole numbers of 8 bits, for CPUs: an option, `dtype="int8"`.

Weights are rounded once, to 255 levels for each output; what comes in is rounded in every call, to
127 levels for each vector, so no vector changes what becomes of another. oneDNN, which PyTorch
carries, multiplies them; all else stays in float32, and so does the tokenizer.

Processors without VNNI add two products in 16 bits, which overflow with 8 bits on both sides. With
7 of them on one side the largest sum, 2 x 127 x 127, just fits, so all processors give one result.

`python -m benchmarks.precision` measures what that costs in likeness and wins in time.
"""

from functools import cache

import torch
from torch import Tensor, nn

LEVELS = 63  # on either side of nought, of what comes in
ZERO = LEVELS + 1  # the operator takes numbers without a sign
WEIGHT_LEVELS = 127


class Int8Linear(nn.Module):
    """A linear layer whose products are of whole numbers."""

    def __init__(self, linear: nn.Linear, rows: int) -> None:
        """Round a layer's weight.

        Args:
            linear: In float32 on the CPU; not changed.
            rows: Vectors in a typical call, for which memory is laid out; others work, too.
        """
        super().__init__()
        weight = linear.weight.detach()
        scale = weight.abs().amax(1).clamp_min(torch.finfo(weight.dtype).tiny) / WEIGHT_LEVELS
        rounded = (weight / scale[:, None]).round().to(torch.int8)
        packed = torch.ops.onednn.qlinear_prepack(rounded, [rows, linear.in_features])
        self.register_buffer("weight", packed, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        zeros = torch.zeros(linear.out_features, dtype=torch.long)
        self.register_buffer("zeros", zeros, persistent=False)
        self.register_buffer("bias", linear.bias, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to the last axis."""
        largest = x.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
        rounded = (x / largest).mul_(LEVELS).add_(ZERO + 0.5).to(torch.uint8)
        product = torch.ops.onednn.qlinear_pointwise(
            *(rounded, 1 / LEVELS, ZERO),
            *(self.weight, self.scale, self.zeros),
            *(None, 1.0, 0, torch.float32),  # no bias yet; the result as it is
            *("none", [], ""),
        ).mul_(largest)
        return product if self.bias is None else product.add_(self.bias)


def quantize(network: nn.Module, rows: int) -> None:
    """Replace the linear layers of a network by rounded ones.

    The network is then for inference only: its weights are in no state dictionary any more.

    Args:
        network: In float32 on the CPU; changed in place.
        rows: Vectors in a typical call: the length of one sequence.
    """
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Linear:
                setattr(parent, name, Int8Linear(child, rows))


@cache
def works() -> bool:
    """Try it: the operators are meant for PyTorch's compiler, so a version may lack them."""
    linear = nn.Linear(32, 32).requires_grad_(False)
    x = torch.linspace(-1, 1, 64).view(2, 32)
    try:
        rounded = Int8Linear(linear, 2)(x)
    except (AttributeError, RuntimeError):
        return False
    return torch.allclose(rounded, linear(x), atol=0.05)
