"""The official VQGAN tokenizer: a convolutional autoencoder with a codebook, without attention.

Source: google-research/maskgit, `nets/vqgan_tokenizer.py`; MaskGIT section 3 and VQGAN (Esser et
al. 2021, arXiv:2012.09841). Copied to the last detail so that the published weights run unchanged:
32 groups with eps 1e-6, average pooling without a convolution, pixels in [0, 1], and a shortcut
that is applied to the block's *output* where the width changes (see `ResBlock`).
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from maskgit.models.autoencoder import Autoencoder, Features, laid_out_like, new_codebook
from maskgit.models.doubling import Doubling
from maskgit.models.fused import group_norm
from maskgit.sizes import TokenizerConfig
from maskgit.types import Images, TokenGrid


class ResBlock(nn.Module):
    """Pre-activation residual block; keeps the size, may change the width."""

    def __init__(self, in_channels: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(in_channels, groups)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = _norm(out_channels, groups)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        # The official code overwrites its residual with the second convolution's output before
        # the shortcut sees it. The published kernels only make sense this way.
        changes_width = in_channels != out_channels
        self.shortcut = (
            nn.Conv2d(out_channels, out_channels, 1, bias=False) if changes_width else None
        )
        if not changes_width:  # begin as the identity: a deep stack learns several times sooner
            nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        h = self.conv1(group_norm(self.norm1, x))
        return self.joined(x, self.conv2(group_norm(self.norm2, h)))

    def joined(self, x: Tensor, h: Tensor) -> Tensor:
        """Put together what came in and what the convolutions made of it."""
        return h + (x if self.shortcut is None else self.shortcut(h))


class Encoder(nn.Module):
    """Images to features at 1/f of the size."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        widths = [config.filters * m for m in config.channel_multipliers]
        self.stem = nn.Conv2d(3, config.filters, 3, padding=1, bias=False)
        before = [config.filters, *widths[:-1]]
        self.levels = nn.ModuleList(
            _blocks(w_in, w_out, config) for w_in, w_out in zip(before, widths, strict=True)
        )
        self.middle = _blocks(widths[-1], widths[-1], config)
        self.norm = _norm(widths[-1], config.norm_groups)
        self.head = nn.Conv2d(widths[-1], config.embedding_dim, 1)

    def forward(self, images: Images) -> Features:
        """Encode; H and W must be multiples of f."""
        x = self.stem(images)
        for i, level in enumerate(self.levels):
            x = level(F.avg_pool2d(x, 2) if i else x)
        return self.head(group_norm(self.norm, self.middle(x)))


class Decoder(nn.Module):
    """Codebook vectors on the grid to images; no output activation."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        multipliers = config.decoder_multipliers or config.channel_multipliers
        widths = [config.filters * m for m in reversed(multipliers)]
        self.stem = nn.Conv2d(config.embedding_dim, widths[0], 3, padding=1)
        self.middle = _blocks(widths[0], widths[0], config)
        before = [widths[0], *widths[:-1]]
        self.levels = nn.ModuleList(
            _blocks(w_in, w_out, config) for w_in, w_out in zip(before, widths, strict=True)
        )
        self.upsamplers = nn.ModuleList(Doubling(width) for width in widths[:-1])
        self.norm = _norm(widths[-1], config.norm_groups)
        self.head = nn.Conv2d(widths[-1], 3, 3, padding=1)

    @property
    def fine_levels(self) -> list[list[ResBlock]]:
        """The blocks of the levels that are finer than the grid; an upsampler leads to each."""
        return [[*cast("Iterable[ResBlock]", level)] for level in self.levels[1:]]

    def coarse(self, codes: Features) -> Tensor:
        """Run the levels of the grid's own size."""
        return self.levels[0](self.middle(self.stem(codes)))

    def forward(self, codes: Features) -> Images:
        """Decode to f times the size of the grid."""
        x = self.coarse(codes)
        for upsample, level in zip(self.upsamplers, self.levels[1:], strict=True):
            x = level(upsample(x))
        return self.head(group_norm(self.norm, x))


class VQGAN(Autoencoder[TokenizerConfig]):
    """The tokenizer: encoder, codebook, decoder. Implements `models.Tokenizer`."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.codebook = new_codebook(config)

    def features(self, images: Images) -> Features:
        """Run the encoder over RGB in [0, 1]."""
        return self.encoder(laid_out_like(self.decoder.stem.weight, images))

    def codes(self, tokens: TokenGrid) -> Features:
        """Lay the codes of a grid out as the decoder takes them."""
        return laid_out_like(self.decoder.stem.weight, self.lookup(tokens))

    def decode(self, tokens: TokenGrid) -> Images:
        """Draw the picture of a complete grid of ids in [0, K); float32, not clipped."""
        return self.pixels(self.decoder(self.codes(tokens)))

    def pixels(self, drawn: Tensor) -> Images:
        """Bring what the decoder draws to float32; it draws in [0, 1], or a little beyond."""
        return drawn.float()

    def nearest_codes(self, features: Features) -> TokenGrid:
        """Pick the code with the smallest squared distance; the first on ties."""
        x = features.float().movedim(1, -1)  # (B, h, w, D)
        codebook = self.codebook.float()
        distances = codebook.square().sum(-1) - 2 * x @ codebook.T  # |x|^2 is the same for all
        return distances.argmin(-1)

    def lookup(self, tokens: TokenGrid) -> Features:
        """Lay the codebook vectors of a grid out as feature maps."""
        return F.embedding(tokens, self.codebook).movedim(-1, 1)


def _norm(channels: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, channels, eps=1e-6)


def _blocks(in_channels: int, out_channels: int, config: TokenizerConfig) -> nn.Sequential:
    """The residual blocks of one level; the first one changes the width."""
    widths = [in_channels] + [out_channels] * config.num_res_blocks
    return nn.Sequential(
        *(ResBlock(before, after, config.norm_groups) for before, after in pairwise(widths))
    )
