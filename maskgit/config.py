"""Sizes of the networks and a model's defaults: frozen, validated on creation, JSON in and out.

`config.json` in a model folder is `ModelConfig.to_json()`; nothing else describes a model's shape.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite, isqrt
from types import UnionType
from typing import Any, ClassVar, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True)
class TokenizerConfig:
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
        _require_positive(self)
        if not self.channel_multipliers or min(self.channel_multipliers) < 1:
            raise ValueError(
                f"channel_multipliers must be positive, got {self.channel_multipliers}"
            )
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

    @property
    def stride(self) -> int:
        """Pixels per token side, f."""
        return 2 ** (len(self.channel_multipliers) - 1)

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return len(self.channel_multipliers) * self.num_res_blocks


@dataclass(frozen=True)
class LlamaGenConfig:
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
        _require_positive(self)
        if not self.channel_multipliers or min(self.channel_multipliers) < 1:
            raise ValueError(
                f"channel_multipliers must be positive, got {self.channel_multipliers}"
            )
        if self.filters % self.NORM_GROUPS:
            raise ValueError(
                f"filters must be a multiple of {self.NORM_GROUPS}, got {self.filters}"
            )

    @property
    def stride(self) -> int:
        """Pixels per token side, f."""
        return 2 ** (len(self.channel_multipliers) - 1)

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return len(self.channel_multipliers) * self.num_res_blocks


@dataclass(frozen=True)
class TransformerConfig:
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
        _require_positive(self)
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_heads {self.num_heads}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return self.num_layers

    @property
    def null_label(self) -> int | None:
        """The label that means "no class", or None where the weights know none."""
        return self.num_classes if self.has_null_label else None

    @property
    def mask_id(self) -> int:
        """The id of the mask token in a token grid: K, the first id that is not a code."""
        return self.codebook_size

    @property
    def vocabulary_size(self) -> int:
        """Rows of the embedding: codes, classes, the null class where there is one, the mask."""
        return self.codebook_size + self.num_classes + int(self.has_null_label) + 1


@dataclass(frozen=True)
class UViTConfig:
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
        _require_positive(self)
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_heads {self.num_heads}"
            )

    @property
    def num_blocks(self) -> int:
        """Blocks that have weights of their own, at least."""
        return 2 * self.num_skips + 1

    @property
    def has_null_label(self) -> bool:
        """Whether there is a "no class" label: always."""
        return True

    @property
    def null_label(self) -> int:
        """The label that means "no class"."""
        return self.num_classes

    @property
    def mask_id(self) -> int:
        """The id of the mask token in a token grid: K, the first id that is not a code."""
        return self.codebook_size

    @property
    def vocabulary_size(self) -> int:
        """Rows of the embedding: codes, the mask, classes, the null class."""
        return self.codebook_size + 1 + self.num_classes + 1


@dataclass(frozen=True)
class AdaLNConfig:
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
        _require_positive(self)
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

    @property
    def has_null_label(self) -> bool:
        """Whether there is a "no class" label: always."""
        return True

    @property
    def null_label(self) -> int:
        """The label that means "no class"."""
        return self.num_classes

    @property
    def mask_id(self) -> int:
        """The id of the mask token in a token grid: K, the first id that is not a code."""
        return self.codebook_size


@dataclass(frozen=True)
class HourglassConfig:
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

    def __post_init__(self) -> None:
        """Refuse sizes the network cannot have."""
        _require_positive(self)
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_heads {self.num_heads}"
            )
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

    @property
    def null_label(self) -> int | None:
        """The label that means "no class", or None where the weights know none."""
        return self.num_classes if self.has_null_label else None

    @property
    def mask_id(self) -> int:
        """The id of the mask token in a token grid: K, the first id that is not a code."""
        return self.codebook_size


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


@dataclass(frozen=True)
class DecodeDefaults:
    """What a model decodes best with; the starting values of every interface.

    Their meaning and ranges are those of `decoding.DecodeOptions`, which checks them when used.
    """

    steps: int = 8
    schedule: str = "cosine"
    temperature: float = 1.0
    choice_temperature: float = 4.5
    top_p: float = 1.0
    guidance_scale: float = 1.0
    guidance_schedule: str = "constant"
    temperature_schedule: str = "constant"
    reveal: str = "confidence"


@dataclass(frozen=True)
class ModelConfig:
    """One model: tokenizer, transformer, the picture size they were trained on, defaults.

    Attributes:
        name: Short id, e.g. `embedded`.
        image_size: Side of the square pictures in pixels; a multiple of the tokenizer's stride.
        tokenizer: Architecture and sizes of the tokenizer.
        transformer: Architecture and sizes of the predictor.
        decode: Decoding defaults.
    """

    name: str
    image_size: int
    tokenizer: AnyTokenizerConfig = field(default_factory=TokenizerConfig)
    transformer: AnyTransformerConfig = field(default_factory=TransformerConfig)
    decode: DecodeDefaults = field(default_factory=DecodeDefaults)

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other."""
        if self.image_size < 1 or self.image_size % self.tokenizer.stride:
            raise ValueError(
                f"image_size {self.image_size} is not a positive multiple of the tokenizer's "
                f"stride {self.tokenizer.stride}"
            )
        if self.tokenizer.codebook_size != self.transformer.codebook_size:
            raise ValueError(
                f"tokenizer has {self.tokenizer.codebook_size} codes, "
                f"transformer {self.transformer.codebook_size}"
            )
        if self.grid_size**2 != self.transformer.num_tokens:
            raise ValueError(
                f"a {self.image_size} px picture has {self.grid_size**2} tokens, "
                f"the transformer expects {self.transformer.num_tokens}"
            )

    @property
    def grid_size(self) -> int:
        """Tokens along one side of the picture."""
        return self.image_size // self.tokenizer.stride

    def to_json(self) -> str:
        """Write as the text of `config.json`."""
        values = asdict(self)
        for name in ("tokenizer", "transformer"):
            values[name] = {"architecture": getattr(self, name).architecture, **values[name]}
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Read the text of `config.json`.

        Raises:
            ValueError: If it is not JSON, a field is unknown or missing, or a value is not allowed.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"expected a JSON object, got {type(values).__name__}")
        built = {
            "tokenizer": _part(TOKENIZERS, values.pop("tokenizer", {})),
            "transformer": _part(TRANSFORMERS, values.pop("transformer", {})),
            "decode": from_mapping(DecodeDefaults, values.pop("decode", {})),
        }
        return from_mapping(cls, {**values, **built})


def _part(kinds: Mapping[str, type[T]], values: object) -> T:
    """Build the sizes of a network of the architecture that the JSON object names."""
    if not isinstance(values, Mapping):
        raise ValueError(f"a network's sizes must be a JSON object, got {values!r}")
    rest = dict(values)
    architecture = rest.pop("architecture", next(iter(kinds)))
    if not isinstance(architecture, str) or architecture not in kinds:
        raise ValueError(f"architecture must be one of {list(kinds)}, got {architecture!r}")
    return from_mapping(kinds[architecture], rest)


def from_mapping(kind: type[T], values: object) -> T:
    """Build the dataclass `kind` from parsed JSON, refusing fields it does not have.

    Raises:
        ValueError: If a field is unknown, missing or of the wrong type.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{kind.__name__} must be a JSON object, got {values!r}")
    types = get_type_hints(kind)
    if unknown := sorted(set(values) - set(types)):
        raise ValueError(f"{kind.__name__} has no field {unknown}; it has {sorted(types)}")
    fitted = {name: _fit(value, types[name], name) for name, value in values.items()}
    try:
        return kind(**fitted)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


def _fit(value: Any, kind: Any, name: str) -> Any:
    """Give a parsed JSON value the type of its field, where JSON has no such type."""
    if isinstance(value, list):
        value = tuple(value)
    if kind is float and type(value) is int:
        value = float(value)
    if not _is_a(value, kind):
        wanted = kind.__name__ if isinstance(kind, type) else str(kind)
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return value


def _is_a(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:  # tuple[int, ...]
        return isinstance(value, tuple) and all(_is_a(item, get_args(kind)[0]) for item in value)
    if get_origin(kind) is UnionType:
        return any(_is_a(value, choice) for choice in get_args(kind))
    if kind is int:  # not True, which is an int too
        return type(value) is int
    return isinstance(value, kind) and not (kind is float and not isfinite(value))


def _require_positive(config: AnyTokenizerConfig | AnyTransformerConfig) -> None:
    for f in fields(config):
        value = getattr(config, f.name)
        if f.type in ("int", int) and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{f.name} must be a positive whole number, got {value!r}")
