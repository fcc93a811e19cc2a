"""Two published files of any known format to one model: the front door of conversion.

A format is known by a row in one of the two tables below. The rows are asked in turn; file names
play no part.

Read in this order:
    TOKENIZER_READERS, TRANSFORMER_READERS    the formats
    convert                                   two files to two networks
    write_model                               networks to a model folder
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from math import isqrt
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maskgit.checkpoints import CheckpointError, save_model
from maskgit.classes import NUM_IMAGENET_CLASSES, Classes, ImageClass
from maskgit.config import DecodeDefaults, ModelConfig
from maskgit.conversion import halton, llamagen, maskgit_torch, muse, official, vqgan_torch
from maskgit.conversion.files import MSGPACK, file_kind, read_state
from maskgit.models import AnyTokenizer, AnyTransformer
from maskgit.published import DEFAULTS
from maskgit.sizes import AnyTokenizerConfig, AnyTransformerConfig

State = Mapping[str, Tensor]


class Reader(NamedTuple):
    """One format of PyTorch weights.

    Attributes:
        title: Whose it is.
        recognises: Says by the names of its tensors whether a file is of this format.
        build: Makes sizes and network of the tensors. That of a transformer is also told how many
            codes the tokenizer has, which some formats do not say.
    """

    title: str
    recognises: Callable[[State], bool]
    build: Callable[..., tuple[Any, Any]]


TOKENIZER_READERS: tuple[Reader, ...] = (
    Reader("LlamaGen", llamagen.recognises, llamagen.tokenizer_from_state),
    Reader("MaskGIT's VQGAN in PyTorch", vqgan_torch.recognises, vqgan_torch.tokenizer_from_state),
)
TRANSFORMER_READERS: tuple[Reader, ...] = (
    Reader("Halton-MaskGIT", halton.recognises, halton.transformer_from_state),
    Reader("maskgit-torch", maskgit_torch.recognises, maskgit_torch.transformer_from_state),
    Reader("MUSE-Pytorch", muse.recognises, muse.transformer_from_state),
)


class Converted(NamedTuple):
    """A model made of foreign files, in float32, in evaluation mode, without gradients."""

    config: ModelConfig
    tokenizer: AnyTokenizer
    transformer: AnyTransformer


def convert(
    transformer_file: str | Path,
    tokenizer_file: str | Path,
    name: str = "converted",
    decode: DecodeDefaults | None = None,
) -> Converted:
    """Make a model of two published files.

    Args:
        transformer_file: Weights of the transformer.
        tokenizer_file: Weights of the tokenizer it was trained with.
        name: Name for the configuration.
        decode: What the model decodes best with; by default what suits its family.

    Returns:
        Sizes read off the files, and both networks. They may lie in the files, so these must stay
        as long as the networks are used.

    Raises:
        CheckpointError: If a file is damaged, of no known format, or the two do not fit.
    """
    transformer_file, tokenizer_file = Path(transformer_file), Path(tokenizer_file)
    tokenizer_sizes, tokenizer = _read_tokenizer(tokenizer_file)
    sizes, transformer = _read_transformer(transformer_file, tokenizer_sizes.codebook_size)
    try:
        config = ModelConfig(
            name,
            image_size=isqrt(sizes.num_tokens) * tokenizer_sizes.stride,
            tokenizer=tokenizer_sizes,
            transformer=sizes,
            decode=decode or DEFAULTS[sizes.architecture],
        )
    except ValueError as error:
        raise CheckpointError(
            f"{transformer_file} does not go with {tokenizer_file}: {error}"
        ) from error
    return Converted(config, tokenizer, transformer)


def write_model(
    folder: str | Path,
    model: Converted,
    card: str,
    classes: Classes | None = None,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write a converted model as a model folder, which appears whole or not at all.

    Args:
        folder: Must not exist yet.
        model: What `convert` made.
        card: Text of its `CARD.md`.
        classes: What the labels mean; by default ImageNet-1k's, or numbers where there are not
            1000 of them.
        dtype: Precision to store; None keeps float32.

    Raises:
        CheckpointError: If the folder exists.
        ValueError: If the classes are not as many as the labels.
    """
    folder = Path(folder)
    if folder.exists():
        raise CheckpointError(f"{folder} exists already: name a new folder, or remove it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        inside = partial / "model"  # mkdtemp makes its folder private; this one is as others
        save_model(
            inside,
            model.tokenizer,
            model.transformer,
            model.config,
            classes or default_classes(model.config),
            card,
            dtype,
        )
        inside.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def default_classes(config: ModelConfig) -> Classes:
    """Name the classes of a model: ImageNet-1k's where there are 1000, else `class 0` and so on."""
    count, null_label = config.transformer.num_classes, config.transformer.null_label
    if count == NUM_IMAGENET_CLASSES:
        return Classes.imagenet(null_label)
    entries = [
        ImageClass(label, NUM_IMAGENET_CLASSES + label, f"class {label}") for label in range(count)
    ]
    return Classes(entries, null_label)


def _read_tokenizer(file: Path) -> tuple[AnyTokenizerConfig, AnyTokenizer]:
    if file_kind(file) == MSGPACK:
        return _named(file, lambda: official.read_tokenizer(file))
    state = read_state(file)
    reader = _choose(file, state, "tokenizer", TOKENIZER_READERS, TRANSFORMER_READERS)
    return _named(file, lambda: reader.build(state))


def _read_transformer(
    file: Path, codebook_size: int
) -> tuple[AnyTransformerConfig, AnyTransformer]:
    if file_kind(file) == MSGPACK:
        return _named(file, lambda: official.read_transformer(file, codebook_size))
    state = read_state(file)
    reader = _choose(file, state, "transformer", TRANSFORMER_READERS, TOKENIZER_READERS)
    return _named(file, lambda: reader.build(state, codebook_size))


def _choose(
    file: Path, state: State, part: str, readers: tuple[Reader, ...], others: tuple[Reader, ...]
) -> Reader:
    for reader in readers:
        if reader.recognises(state):
            return reader
    for reader in others:
        if reader.recognises(state):
            raise CheckpointError(
                f"{file}: expected a {part}, found the other part, of {reader.title}; "
                "the two files may be exchanged"
            )
    names = ", ".join(list(state)[:3])
    known = ", ".join(reader.title for reader in readers)
    raise CheckpointError(
        f"{file}: expected a {part} of a known format ({known}), found tensors such as {names}"
    )


def _named(file: Path, build: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """Let every fault name the file it was found in."""
    try:
        return build()
    except CheckpointError as error:
        text = str(error)
        raise CheckpointError(text if text.startswith(str(file)) else f"{file}: {text}") from error
