"""Sizes of the networks: one frozen dataclass per architecture, validated on creation.

The fields of each are its part of `config.json`. What follows from them alike in every tokenizer,
and in every predictor, is said once in a base class that has no fields of its own.
"""

from dataclasses import Field, dataclass, fields
from math import isqrt
from typing import Any, ClassVar, TypeAlias


class _Sizes:
    """Fields of which those that are whole numbers are positive."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # of the dataclasses below

    architecture: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type in ("int", int) and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{f.name} must be a positive whole number, got {value!r}")


class TokenizerSizes(_Sizes):
    """Sizes of an autoencoder whose every level is half as fine as the one before it."""

    channel_multipliers: tuple[int, ...]
    num_res_blocks: int
    codebook_size: int
    embedding_dim: int

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        super().__post_init__()
        if not self.channel_multipliers or min(self.channel_multipliers) < 1:
            raise ValueError(
                f"channel_multipliers must be positive, got {self.channel_multipliers}"
            )

    @property
    def stride(self) -> int:
        """Pixels per token side, f."""
        return 2 ** (len(self.channel_multipliers) - 1)

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return len(self.channel_multipliers) * self.num_res_blocks


class PredictorSizes(_Sizes):
    """Sizes of a network over grids of N tokens, for codes, a mask and classes."""

    hidden_size: int
    num_heads: int
    num_tokens: int
    codebook_size: int
    num_classes: int
    has_null_label: bool = True  # always, where it is not a field

    @property
    def null_label(self) -> int | None:
        """The label that means "no class", or None where the weights know none."""
        return self.num_classes if self.has_null_label else None

    @property
    def mask_id(self) -> int:
        """The id of the mask token in a token grid: K, the first id that is not a code."""
        return self.codebook_size

    def _require_share(self, dropout: float) -> None:
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")

    def _require_equal_heads(self) -> None:
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_heads {self.num_heads}"
            )


@dataclass(frozen=True)
class TokenizerConfig(TokenizerSizes):
    """Sizes of the official VQGAN, `models.VQGAN`.

    Attributes:
        filters: Channels of the first level; every level has a multiple of it.
        channel_multipliers: Width of each resolution level in units of `filters`, finest first.
        decoder_multipliers: Likewise for the decoder, where it is wider; empty = the same.
        num_res_blocks: Residual blocks per level.
        codebook_size: Number of codes, K.
        embedding_dim: Width of one code.
        norm_groups: Groups of each GroupNorm; divides `filters`. Narrow networks need fewer: with
            one channel in each group a picture's brightness and colour would be normalised away.
    """

    architecture: ClassVar[str] = "vqgan"

    filters: int = 128
    channel_multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    num_res_blocks: int = 2
    codebook_size: int = 1024
    embedding_dim: int = 256
    norm_groups: int = 32
    decoder_multipliers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        super().__post_init__()
        if self.filters % self.norm_groups:
            raise ValueError(
                f"filters must be a multiple of norm_groups {self.norm_groups}, got {self.filters}"
            )
        levels = len(self.channel_multipliers)
        if self.decoder_multipliers and (
            len(self.decoder_multipliers) != levels or min(self.decoder_multipliers) < 1
        ):
            raise ValueError(
                f"decoder_multipliers must be {levels} positive numbers or none, "
                f"got {self.decoder_multipliers}"
            )


@dataclass(frozen=True)
class LlamaGenConfig(TokenizerSizes):
    """Sizes of LlamaGen's VQ tokenizer, `models.LlamaGenVQ`.

    Attributes:
        filters: Channels of the first level, a multiple of 32; every level has a multiple of it.
        channel_multipliers: Width of each resolution level in units of `filters`, finest first.
        num_res_blocks: Residual blocks per level of the encoder; the decoder has one more.
        latent_channels: Channels between the networks and the narrow codes.
        codebook_size: Number of codes, K.
        embedding_dim: Width of one code.
    """

    architecture: ClassVar[str] = "llamagen_vq"
    NORM_GROUPS: ClassVar[int] = 32

    filters: int = 128
    channel_multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    num_res_blocks: int = 2
    latent_channels: int = 256
    codebook_size: int = 16384
    embedding_dim: int = 8

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        super().__post_init__()
        if self.filters % self.NORM_GROUPS:
            raise ValueError(
                f"filters must be a multiple of {self.NORM_GROUPS}, got {self.filters}"
            )


@dataclass(frozen=True)
class TransformerConfig(PredictorSizes):
    """Sizes of the official transformer, `models.BidirectionalTransformer`.

    Attributes:
        num_layers: Encoder layers.
        hidden_size: Width; a multiple of `num_heads`.
        num_heads: Attention heads.
        mlp_size: Width of the hidden layer of each MLP.
        num_tokens: Image tokens in one picture, N; the sequence is one longer (the class).
        codebook_size: Number of codes, K.
        num_classes: Class labels the weights know.
        has_null_label: Whether there is a "no class" label, which guidance needs.
        dropout: Hidden and attention dropout in training; never active in inference.
    """

    architecture: ClassVar[str] = "bert"

    num_layers: int = 24
    hidden_size: int = 768
    num_heads: int = 16
    mlp_size: int = 3072
    num_tokens: int = 256
    codebook_size: int = 1024
    num_classes: int = 1000
    has_null_label: bool = False
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        super().__post_init__()
        self._require_equal_heads()
        self._require_share(self.dropout)

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return self.num_layers

    @property
    def vocabulary_size(self) -> int:
        """Rows of the embedding: codes, classes, the null class where there is one, the mask."""
        return self.codebook_size + self.num_classes + int(self.has_null_label) + 1


@dataclass(frozen=True)
class UViTConfig(PredictorSizes):
    """Sizes of MUSE-Pytorch's class-conditional U-ViT, `models.UViT`.

    Attributes:
        num_skips: Blocks in the first half, each joined to one of the second half by a long skip;
            one more block stands between the halves.
        hidden_size: Width; a multiple of `num_heads`.
        num_heads: Attention heads.
        mlp_size: Width of the hidden layer of each MLP.
        num_tokens: Image tokens in one picture, N; the sequence is one longer (the class).
        codebook_size: Number of codes, K.
        num_classes: Class labels the weights know, "no class" not counted.
    """

    architecture: ClassVar[str] = "uvit"

    num_skips: int = 6
    hidden_size: int = 768
    num_heads: int = 12
    mlp_size: int = 3072
    num_tokens: int = 256
    codebook_size: int = 1024
    num_classes: int = 1000

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        super().__post_init__()
        self._require_equal_heads()

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return 2 * self.num_skips + 1

    @property
    def vocabulary_size(self) -> int:
        """Rows of the embedding: codes, the mask, classes, the null class."""
        return self.codebook_size + 1 + self.num_classes + 1


@dataclass(frozen=True)
class AdaLNConfig(PredictorSizes):
    """Sizes of the Halton-MaskGIT transformer, `models.AdaLNTransformer`.

    Attributes:
        num_layers: Layers.
        hidden_size: Width.
        num_heads: Attention heads, each `hidden_size // num_heads` wide; a rest is left out.
        mlp_size: Width of each half of an MLP's hidden layer.
        num_tokens: Image tokens in one picture, N; the sequence is longer by the registers.
        codebook_size: Number of codes, K.
        num_classes: Class labels the weights know, "no class" not counted.
        num_registers: Learned tokens at the end of the sequence that stand for no cell.
    """

    architecture: ClassVar[str] = "adaln"

    num_layers: int = 12
    hidden_size: int = 768
    num_heads: int = 12
    mlp_size: int = 2048
    num_tokens: int = 256
    codebook_size: int = 16384
    num_classes: int = 1000
    num_registers: int = 1

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        super().__post_init__()
        if self.num_heads > self.hidden_size:
            raise ValueError(f"{self.num_heads} heads for a width of only {self.hidden_size}")

    @property
    def attention_size(self) -> int:
        """Width of query, key and value: that of all heads together."""
        return self.hidden_size // self.num_heads * self.num_heads

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return self.num_layers


@dataclass(frozen=True)
class HourglassConfig(PredictorSizes):
    """Sizes of the hourglass, `models.Hourglass`.

    Attributes:
        num_layers: Layers over groups of 2x2 cells.
        hidden_size: Width of a group; a multiple of `num_heads`.
        num_heads: Attention heads.
        num_cell_layers: Layers over cells, after those over groups.
        cell_size: Width of a cell.
        num_tokens: Image tokens in one picture, N; a square of an even side.
        codebook_size: Number of codes, K.
        num_classes: Class labels the weights know.
        has_null_label: Whether there is a "no class" label, which guidance needs.
        dropout: Of what every layer adds, in training; never active in inference.
    """

    architecture: ClassVar[str] = "hourglass"

    num_layers: int = 6
    hidden_size: int = 256
    num_heads: int = 4
    num_cell_layers: int = 1
    cell_size: int = 192
    num_tokens: int = 256
    codebook_size: int = 1024
    num_classes: int = 1000
    has_null_label: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        super().__post_init__()
        self._require_equal_heads()
        self._require_share(self.dropout)
        if self.grid_size**2 != self.num_tokens or self.grid_size % 2:
            raise ValueError(
                f"num_tokens must be the square of an even number, got {self.num_tokens}"
            )

    @property
    def grid_size(self) -> int:
        """Tokens along one side of the picture."""
        return isqrt(self.num_tokens)

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return self.num_layers + self.num_cell_layers


AnyTokenizerConfig: TypeAlias = TokenizerConfig | LlamaGenConfig
AnyTransformerConfig: TypeAlias = TransformerConfig | UViTConfig | AdaLNConfig | HourglassConfig

# What `architecture` in config.json may say. A part that says nothing is of the first kind.
TOKENIZERS: dict[str, type[AnyTokenizerConfig]] = {
    kind.architecture: kind for kind in (TokenizerConfig, LlamaGenConfig)
}
TRANSFORMERS: dict[str, type[AnyTransformerConfig]] = {
    kind.architecture: kind
    for kind in (TransformerConfig, UViTConfig, AdaLNConfig, HourglassConfig)
}
