"""LlamaGen's VQ tokenizer: a convolutional autoencoder with attention and a codebook of directions.

Source: FoundationVision/LlamaGen, `tokenizer/tokenizer_image/vq_model.py`; Sun et al. 2024
(arXiv:2406.06525), section 2.1. Details that matter for published weights: pixels in [-1, 1] (here
rescaled at the border); GroupNorm with 32 groups and eps 1e-6; attention after every block of the
coarsest level; codes and what is compared with them have length 1; downsampling pads right and
bottom only.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from maskgit.models.autoencoder import Autoencoder, Features, laid_out_like, new_codebook
from maskgit.models.doubling import Doubling
from maskgit.models.fused import group_norm
from maskgit.sizes import LlamaGenConfig
from maskgit.types import Images, TokenGrid


class ResBlock(nn.Module):
    """Pre-activation residual block; keeps the size, may change the width."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = _norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = _norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        changes_width = in_channels != out_channels
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if changes_width else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        h = self.conv1(group_norm(self.norm1, x))
        return self.joined(x, self.conv2(group_norm(self.norm2, h)))

    def joined(self, x: Tensor, h: Tensor) -> Tensor:
        """Put together what came in and what the convolutions made of it."""
        return h + (x if self.shortcut is None else self.shortcut(x))


class Attention(nn.Module):
    """Every position looks at every other, with a single head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Features) -> Features:
        """Keep the shape."""
        positions = group_norm(self.norm, x, silu=False).flatten(2).transpose(1, 2)  # (B, h * w, D)
        query, key, value = self.query_key_value(positions)[:, None].chunk(3, dim=-1)
        mixed = self.out(F.scaled_dot_product_attention(query, key, value)[:, 0])
        return x + mixed.transpose(1, 2).unflatten(2, x.shape[2:])


class Encoder(nn.Module):
    """Images to features at 1/f of the size."""

    def __init__(self, config: LlamaGenConfig) -> None:
        super().__init__()
        widths = [config.filters * m for m in config.channel_multipliers]
        num_blocks, last = config.num_res_blocks, len(widths) - 1
        self.stem = nn.Conv2d(3, config.filters, 3, padding=1)
        self.levels = nn.ModuleList(
            _level(before, after, num_blocks, has_attention=i == last)
            for i, (before, after) in enumerate(pairwise([config.filters, *widths]))
        )
        self.downsamplers = nn.ModuleList(nn.Conv2d(w, w, 3, stride=2) for w in widths[:-1])
        self.middle = _middle(widths[-1])
        self.norm = _norm(widths[-1])
        self.head = nn.Conv2d(widths[-1], config.latent_channels, 3, padding=1)
        self.to_code = nn.Conv2d(config.latent_channels, config.embedding_dim, 1)

    def forward(self, pixels: Tensor) -> Features:
        """Encode pixels in [-1, 1]; H and W must be multiples of f."""
        x = self.stem(pixels)
        for i, level in enumerate(self.levels):
            x = level(self.downsamplers[i - 1](F.pad(x, (0, 1, 0, 1))) if i else x)
        return self.to_code(self.head(group_norm(self.norm, self.middle(x))))


class Decoder(nn.Module):
    """Codebook vectors on the grid to images; no output activation."""

    def __init__(self, config: LlamaGenConfig) -> None:
        super().__init__()
        widths = [config.filters * m for m in reversed(config.channel_multipliers)]
        num_blocks = config.num_res_blocks + 1  # one more than in the encoder
        self.from_code = nn.Conv2d(config.embedding_dim, config.latent_channels, 1)
        self.stem = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.middle = _middle(widths[0])
        self.levels = nn.ModuleList(
            _level(before, after, num_blocks, has_attention=i == 0)
            for i, (before, after) in enumerate(pairwise([widths[0], *widths]))
        )
        self.upsamplers = nn.ModuleList(Doubling(width) for width in widths[:-1])
        self.norm = _norm(widths[-1])
        self.head = nn.Conv2d(widths[-1], 3, 3, padding=1)

    @property
    def fine_levels(self) -> list[list[ResBlock]]:
        """The blocks of the levels that are finer than the grid; an upsampler leads to each."""
        return [[*cast("Iterable[ResBlock]", level)] for level in self.levels[1:]]

    def coarse(self, codes: Features) -> Tensor:
        """Run the levels of the grid's own size."""
        return self.levels[0](self.middle(self.stem(self.from_code(codes))))

    def forward(self, codes: Features) -> Tensor:
        """Decode to pixels in [-1, 1] at f times the size of the grid."""
        x = self.coarse(codes)
        for upsample, level in zip(self.upsamplers, self.levels[1:], strict=True):
            x = level(upsample(x))
        return self.head(group_norm(self.norm, x))


class LlamaGenVQ(Autoencoder[LlamaGenConfig]):
    """The tokenizer: encoder, codebook, decoder. Implements `models.Tokenizer`."""

    def __init__(self, config: LlamaGenConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.codebook = new_codebook(config)

    def features(self, images: Images) -> Features:
        """Run the encoder over RGB in [0, 1]."""
        return self.encoder(laid_out_like(self.decoder.stem.weight, images * 2 - 1))

    def codes(self, tokens: TokenGrid) -> Features:
        """Lay the codes of a grid out as the decoder takes them."""
        return laid_out_like(self.decoder.stem.weight, self.lookup(tokens))

    def decode(self, tokens: TokenGrid) -> Images:
        """Draw the picture of a complete grid of ids in [0, K); float32, not clipped."""
        return self.pixels(self.decoder(self.codes(tokens)))

    def pixels(self, drawn: Tensor) -> Images:
        """Bring what the decoder draws from [-1, 1] to [0, 1], in float32."""
        return drawn.float().add(1).div(2)

    def nearest_codes(self, features: Features) -> TokenGrid:
        """Pick the code with the nearest direction; the first on ties."""
        x = F.normalize(features.float().movedim(1, -1), dim=-1)  # (B, h, w, D)
        return (x @ F.normalize(self.codebook.float(), dim=-1).T).argmax(-1)

    def lookup(self, tokens: TokenGrid) -> Features:
        """Lay the codes of a grid out as feature maps, each scaled to length 1."""
        return F.normalize(F.embedding(tokens, self.codebook).float(), dim=-1).movedim(-1, 1)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(LlamaGenConfig.NORM_GROUPS, channels, eps=1e-6)


def _level(
    in_channels: int, out_channels: int, num_blocks: int, has_attention: bool
) -> nn.Sequential:
    """The blocks of one level, the first of which changes the width, each with its attention."""
    layers: list[nn.Module] = []
    for i in range(num_blocks):
        layers.append(ResBlock(out_channels if i else in_channels, out_channels))
        if has_attention:
            layers.append(Attention(out_channels))
    return nn.Sequential(*layers)


def _middle(channels: int) -> nn.Sequential:
    return nn.Sequential(
        ResBlock(channels, channels), Attention(channels), ResBlock(channels, channels)
    )
