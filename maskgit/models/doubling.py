"""Twice the size and a convolution: how a decoder goes from one level to the next finer one.

After nearest upsampling each pixel is there four times, so weights of a 3x3 kernel that meet copies
of the same one can be added before they are multiplied. Even and odd rows and columns of the result
are then four convolutions of the small map, by 2x2 kernels: 16 products where there were 36.
Rounding differs, in bfloat16 as much as either form differs from float32.
"""

from itertools import product

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Doubling(nn.Conv2d):
    """Nearest upsampling by two, and a 3x3 convolution of what comes of it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, input: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h2 w2"]:
        """Map (B, C, h, w) to (B, C, 2h, 2w)."""
        return super().forward(F.interpolate(input, scale_factor=2.0, mode="nearest"))


class DoublingInPhases(nn.Module):
    """The same, phase by phase; for inference."""

    def __init__(self, doubling: Doubling) -> None:
        """Add the weights that meet the same pixel.

        Args:
            doubling: In any precision; not changed.
        """
        super().__init__()
        weight = doubling.weight.detach()
        for down, right in product((0, 1), repeat=2):
            halved = _halved(_halved(weight.double(), 2, down), 3, right)
            kernel = halved.to(weight.dtype).contiguous(memory_format=_layout(weight))
            self.register_buffer(f"phase{down}{right}", kernel, persistent=False)
        self.register_buffer("bias", doubling.bias, persistent=False)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h2 w2"]:
        """Map (B, C, h, w) to (B, C, 2h, 2w)."""
        batch, channels, height, width = x.shape
        size, layout = (batch, channels, 2 * height, 2 * width), _layout(self.get_buffer("phase00"))
        drawn = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout)
        for down, right in product((0, 1), repeat=2):
            padded = F.pad(x, (1 - right, right, 1 - down, down))
            kernel = self.get_buffer(f"phase{down}{right}")
            drawn[:, :, down::2, right::2] = F.conv2d(padded, kernel, self.get_buffer("bias"))
        return drawn


def in_phases(network: nn.Module) -> None:
    """Replace the doublings of a network, where that is known to be faster: on a CPU.

    The network is then for inference only: their weights are in no state dictionary any more.

    Args:
        network: Changed in place.
    """
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Doubling) and child.weight.device.type == "cpu":
                setattr(parent, name, DoublingInPhases(child))


def _halved(kernel: Tensor, axis: int, phase: int) -> Tensor:
    """Add the two of three weights along an axis that meet the same pixel.

    In phase 0, an even row of the large map, they are the last two; in phase 1 the first two.
    """
    first, middle, last = kernel.unbind(axis)
    return torch.stack((first + middle, last) if phase else (first, middle + last), axis)


def _layout(kernel: Tensor) -> torch.memory_format:
    """Give the layout that a convolution's result has, whatever that of its input."""
    has_channels_last = kernel.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if has_channels_last else torch.contiguous_format
