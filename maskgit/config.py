"""All that describes a model: its networks' sizes and its defaults, with JSON in and out.

`config.json` in a model folder is `ModelConfig.to_json()`; nothing else describes a model's shape.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from inspect import signature
from math import isfinite
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from maskgit.sizes import (
    TOKENIZERS,
    TRANSFORMERS,
    AnyTokenizerConfig,
    AnyTransformerConfig,
    TokenizerConfig,
    TransformerConfig,
)

T = TypeVar("T")


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
    known_cells: str = "recomputed"


@dataclass(frozen=True)
class ModelConfig:
    """One model: tokenizer, transformer, the picture size they were trained on, defaults.

    Attributes:
        name: Short id, e.g. `embedded`.
        image_size: Side of the square pictures in pixels; a multiple of the tokenizer's stride.
        tokenizer: Architecture and sizes of the tokenizer.
        transformer: Architecture and sizes of the predictor.
        decode: Decoding defaults.
        edit: Those of edits and of outpainting, where they differ.
        borrow: Whether interfaces write fills with pieces of the picture (`maskgit.borrowing`)
            unless they are asked not to: what a small model draws itself is soft.
        stand_out: Guidance at which it draws things that the picture around does not show, in a
            window framed closely (`maskgit.window.close_up`); None: not known to help.
    """

    name: str
    image_size: int
    tokenizer: AnyTokenizerConfig = field(default_factory=TokenizerConfig)
    transformer: AnyTransformerConfig = field(default_factory=TransformerConfig)
    decode: DecodeDefaults = field(default_factory=DecodeDefaults)
    edit: DecodeDefaults | None = None
    borrow: bool = False
    stand_out: float | None = None

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

    @property
    def decode_edits(self) -> DecodeDefaults:
        """Decoding defaults of edits and of outpainting."""
        return self.edit or self.decode

    def to_json(self) -> str:
        """Write as the text of `config.json`."""
        values = asdict(self)
        for name in ("edit", "stand_out"):
            if values[name] is None:
                del values[name]
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
        if "edit" in values:
            built["edit"] = from_mapping(DecodeDefaults, values.pop("edit"))
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
    hints = get_type_hints(kind)
    types = {name: hints[name] for name in signature(kind).parameters}  # no class variables
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
    if (kind is float or kind == float | None) and type(value) is int:
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
