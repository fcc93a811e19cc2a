"""What both tokenizers share: an encoder and a decoder that meet in a codebook."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskgit.sizes import TokenizerSizes
from maskgit.types import Images, TokenGrid

Features = Float[Tensor, "B D h w"]  # encoder output, or codebook vectors laid out on the grid
Sizes = TypeVar("Sizes", bound=TokenizerSizes)


class Autoencoder(nn.Module, ABC, Generic[Sizes]):
    """Encoder, codebook, decoder. Implements `models.Tokenizer`."""

    def __init__(self, config: Sizes) -> None:
        super().__init__()
        self.config = config

    @property
    def stride(self) -> int:
        """Pixels per token side, f."""
        return self.config.stride

    @property
    def codebook_size(self) -> int:
        """Number of codes, K."""
        return self.config.codebook_size

    def encode(self, images: Images) -> TokenGrid:
        """Give the nearest code of every cell.

        Args:
            images: RGB in [0, 1]; both sides multiples of the stride.

        Raises:
            ValueError: If a side is not a multiple of the stride.
        """
        height, width = images.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ValueError(
                f"image is {height}x{width} px; both sides must be multiples of {self.stride}"
            )
        return self.nearest_codes(self.features(images))

    @abstractmethod
    def features(self, images: Images) -> Features:
        """Run the encoder over RGB in [0, 1]."""

    @abstractmethod
    def nearest_codes(self, features: Features) -> TokenGrid:
        """Pick the most similar code of every cell; the first on ties."""

    @abstractmethod
    def lookup(self, tokens: TokenGrid) -> Features:
        """Lay the codes of a grid out as the decoder takes them."""

    @abstractmethod
    def decode(self, tokens: TokenGrid) -> Images:
        """Draw the picture of a complete grid of ids in [0, K); float32, not clipped."""


def new_codebook(config: TokenizerSizes) -> nn.Parameter:
    """Make K codes, evenly spread over a small cube."""
    codebook = nn.Parameter(torch.empty(config.codebook_size, config.embedding_dim))
    nn.init.uniform_(codebook, -1 / config.codebook_size, 1 / config.codebook_size)
    return codebook


def laid_out_like(weight: Tensor, x: Tensor) -> Tensor:
    """Bring a tensor to the precision and memory layout of a convolution's weight."""
    layout = (
        torch.channels_last
        if weight.is_contiguous(memory_format=torch.channels_last)
        else torch.contiguous_format
    )
    return x.to(weight.dtype).contiguous(memory_format=layout)
