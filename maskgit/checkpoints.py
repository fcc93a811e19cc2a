"""Model folders in and out.

    config.json         sizes and defaults: `ModelConfig`
    model.safetensors   weights, `tokenizer.*` and `transformer.*`; or several files and an index
    classes.json        what the labels mean: `Classes`
    CARD.md             for people: data, licence, training, quality; not needed for loading

A folder may come from anywhere, so nothing in it is trusted: no pickles, every file is checked
against what the configuration asks for, and each fault is a `CheckpointError` that names the file,
what was expected and what was found.

Read in this order:
    load_model    a folder to networks that are ready to run
    save_model    the reverse
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from shutil import copymode
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from maskgit.classes import Classes
from maskgit.config import ModelConfig
from maskgit.models import AnyTokenizer, AnyTransformer, build_tokenizer, build_transformer
from maskgit.models.empty import without_weights
from maskgit.state import DecodeOptions
from maskgit.whole_files import beside, write_text

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
CLASSES_FILE = "classes.json"
CARD_FILE = "CARD.md"

_TOKENIZER, _TRANSFORMER = "tokenizer", "transformer"  # what the names of tensors begin with
_DTYPES = ("F32", "F16", "BF16")
_SHOWN = 8  # faults named in one message
_MAPPED_BYTES = 64 * 2**20  # how much of a weights file is kept in memory while it is read


class CheckpointError(ValueError):
    """A model file is missing, damaged or does not fit; names the file, the expected, the found."""


class Model(NamedTuple):
    """A loaded model folder."""

    config: ModelConfig
    tokenizer: AnyTokenizer
    transformer: AnyTransformer
    classes: Classes


def load_model(
    folder: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    tokenizer_dtype: torch.dtype | None = None,
) -> Model:
    """Load a model folder.

    Weights go from the file to their final place, precision and layout one by one; there is never
    a second copy of the model in memory.

    Args:
        folder: The model folder.
        device: Where the weights go.
        dtype: Their precision; the file's may be another.
        tokenizer_dtype: Precision of the tokenizer, where it is to be another than `dtype`.

    Returns:
        Networks in evaluation mode, without gradients, convolutions in channels-last layout.

    Raises:
        CheckpointError: If a file is missing, damaged, or does not fit the others.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: expected a model folder, found no folder of this name")
    config = _read_config(folder / CONFIG_FILE)
    classes = _read_classes(folder / CLASSES_FILE, config)
    places = _find_tensors(folder)
    tokenizer, transformer = _build(config, folder / CONFIG_FILE, len(places))
    _require_fit(_shapes(tokenizer, transformer), places, folder)

    dtypes = {_TOKENIZER: tokenizer_dtype or dtype, _TRANSFORMER: dtype}
    states: dict[str, dict[str, Tensor]] = {_TOKENIZER: {}, _TRANSFORMER: {}}
    for file in dict.fromkeys(header.file for header in places.values()):
        names = [name for name, header in places.items() if header.file == file]
        for name, stored in _read_tensors(file, names):
            part, _, key = name.partition(".")
            states[part][key] = _place(stored, torch.device(device), dtypes[part])
            if not is_finite(states[part][key]):
                raise CheckpointError(
                    f"{file}: {name}: expected numbers that are finite in {dtypes[part]}, "
                    "found NaN or infinity"
                )
    for network, state in ((tokenizer, states[_TOKENIZER]), (transformer, states[_TRANSFORMER])):
        network.load_state_dict(state, assign=True)
        network.eval().requires_grad_(False)
    return Model(config, tokenizer, transformer, classes)


def save_model(
    folder: str | Path,
    tokenizer: nn.Module,
    transformer: nn.Module,
    config: ModelConfig,
    classes: Classes,
    card: str,
    dtype: torch.dtype | None = None,
    shard_bytes: int | None = None,
) -> None:
    """Write a model folder; an existing one is replaced file by file, the configuration last.

    Args:
        folder: Made if it does not exist.
        tokenizer: The network of `config.tokenizer`, or a module with the same tensors.
        transformer: The network of `config.transformer`, likewise.
        config: Sizes and defaults.
        classes: One for each label the transformer knows.
        card: Text of `CARD.md`.
        dtype: Precision to store, of float32, float16, bfloat16; None keeps each tensor's.
        shard_bytes: Start another weights file where one would grow beyond this; None: one file.

    Raises:
        ValueError: If networks, configuration and classes do not fit each other, the precision is
            another, or weights would be NaN or infinite in it.
        OSError: If the folder cannot be written.
    """
    if dtype not in (None, torch.float32, torch.float16, torch.bfloat16):
        raise ValueError(f"dtype must be float32, float16, bfloat16 or None, got {dtype}")
    expected = _shapes(*_empty_networks(config))
    if expected != (found := _shapes(tokenizer, transformer)):
        raise ValueError(
            f"the networks are not of the configured sizes: {differences(expected, found)}"
        )
    _require_all_labels(classes, config)
    tensors = {
        name: tensor.detach().to(device="cpu", dtype=dtype or tensor.dtype).contiguous()
        for name, tensor in _named_tensors(tokenizer, transformer)
    }
    if broken := [name for name, tensor in tensors.items() if not is_finite(tensor)]:
        raise ValueError(f"weights with NaN or infinity are not saved: {broken[:_SHOWN]}")

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / CLASSES_FILE, classes.to_json())
    write_text(folder / CARD_FILE, card)
    _write_weights(folder, tensors, shard_bytes)
    write_text(folder / CONFIG_FILE, config.to_json())


def _read_config(file: Path) -> ModelConfig:
    try:
        config = ModelConfig.from_json(_read_text(file))
        for defaults in (config.decode, config.decode_edits):
            DecodeOptions(**asdict(defaults))  # which checks them
        return config
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: not a model configuration: {error}") from error


def _read_classes(file: Path, config: ModelConfig) -> Classes:
    try:
        classes = Classes.from_json(_read_text(file), config.transformer.null_label)
        _require_all_labels(classes, config)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: not the classes of this model: {error}") from error
    return classes


def _require_all_labels(classes: Classes, config: ModelConfig) -> None:
    if len(classes) != config.transformer.num_classes:
        raise ValueError(
            f"expected {config.transformer.num_classes} classes, one for each label, "
            f"found {len(classes)}"
        )


def _find_tensors(folder: Path) -> dict[str, "_Header"]:
    """Say which file holds which tensor: the one file there is, or those the index names."""
    index = folder / INDEX_FILE
    if (folder / WEIGHTS_FILE).exists() or not index.exists():
        return _read_headers(folder / WEIGHTS_FILE)
    try:
        mapping = json.loads(_read_text(index))["weight_map"]
        wanted = {str(name): str(file) for name, file in mapping.items()}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{index}: expected a weight_map, found {error!r}") from error
    files = sorted(set(wanted.values()))
    for file in files:  # a name with a path in it would lead out of the folder
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise CheckpointError(f"{index}: expected a .safetensors file here, found {file!r}")
    headers = [header for file in files for header in _read_headers(folder / file).items()]
    held = {name: header.file.name for name, header in headers}
    if held != wanted or len(held) != len(headers):
        raise CheckpointError(f"{index}: does not match its files: {differences(wanted, held)}")
    return dict(headers)


class _Header(NamedTuple):
    """What a weights file says about one tensor."""

    file: Path
    shape: tuple[int, ...]
    dtype: str


def _read_headers(file: Path) -> dict[str, _Header]:
    with _opened(file) as tensors:
        slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
        return {
            name: _Header(file, tuple(part.get_shape()), part.get_dtype())
            for name, part in slices.items()
        }


def _read_tensors(file: Path, names: list[str]) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors that lie in the file itself; copy what is to stay.

    The file is mapped anew every 64 MB: what was read from a mapping counts as memory of the
    process until the mapping ends.
    """
    waiting = names[::-1]
    while waiting:
        with _opened(file) as tensors:
            num_bytes = 0
            while waiting and num_bytes < _MAPPED_BYTES:
                name = waiting.pop()
                tensor = tensors.get_tensor(name)
                num_bytes += tensor.nbytes
                yield name, tensor


@contextmanager
def _opened(file: Path) -> Iterator[Any]:  # safetensors has no types
    try:
        tensors = safe_open(file, framework="pt", device="cpu")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file}: expected safetensors weights, found {error}") from error
    with tensors as opened:
        yield opened


def _build(
    config: ModelConfig, file: Path, num_tensors: int
) -> tuple[AnyTokenizer, AnyTransformer]:
    """Build the networks without memory; refuse sizes that no weights of this number can have."""
    blocks = config.tokenizer.num_blocks + config.transformer.num_blocks
    if blocks > num_tensors:
        raise CheckpointError(
            f"{file}: expected weights for {blocks} blocks, found only {num_tensors} tensors"
        )
    try:
        return _empty_networks(config)
    except (RuntimeError, OverflowError, TypeError) as error:
        raise CheckpointError(f"{file}: expected sizes that can be built, found {error}") from error


def _empty_networks(config: ModelConfig) -> tuple[AnyTokenizer, AnyTransformer]:
    with without_weights():
        return build_tokenizer(config.tokenizer), build_transformer(config.transformer)


def _require_fit(
    expected: dict[str, tuple[int, ...]], places: dict[str, _Header], folder: Path
) -> None:
    found = {name: header.shape for name, header in places.items()}
    if expected != found:
        raise CheckpointError(
            f"{folder}: weights do not fit {CONFIG_FILE}: {differences(expected, found)}"
        )
    for name, header in places.items():
        if header.dtype not in _DTYPES:
            raise CheckpointError(
                f"{header.file}: {name}: expected dtype {', '.join(_DTYPES)}, found {header.dtype}"
            )


def _named_tensors(tokenizer: nn.Module, transformer: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for part, network in ((_TOKENIZER, tokenizer), (_TRANSFORMER, transformer)):
        for name, tensor in network.state_dict().items():
            yield f"{part}.{name}", tensor


def _shapes(tokenizer: nn.Module, transformer: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in _named_tensors(tokenizer, transformer)}


def differences(expected: Mapping[str, object], found: Mapping[str, object]) -> str:
    """Name what is missing, left over or another value, in one line; empty if nothing is."""
    faults = [f"missing {name} {value}" for name, value in expected.items() if name not in found]
    faults += [f"left over {name} {value}" for name, value in found.items() if name not in expected]
    faults += [
        f"{name} expected {value}, found {found[name]}"
        for name, value in expected.items()
        if name in found and found[name] != value
    ]
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(faults[:_SHOWN]) + more


def _place(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    is_kernel = tensor.ndim == 4
    layout = torch.channels_last if is_kernel else torch.contiguous_format
    return tensor.to(device=device, dtype=dtype, memory_format=layout, copy=True)


def is_finite(tensor: Tensor) -> bool:
    """Look for NaN and infinity, first by a sum, which is far faster and usually enough."""
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _write_weights(folder: Path, tensors: dict[str, Tensor], shard_bytes: int | None) -> None:
    shards: list[dict[str, Tensor]] = [{}]
    num_bytes = 0
    for name, tensor in tensors.items():
        if shard_bytes is not None and shards[-1] and num_bytes + tensor.nbytes > shard_bytes:
            shards.append({})
            num_bytes = 0
        shards[-1][name] = tensor
        num_bytes += tensor.nbytes
    is_whole = len(shards) == 1
    files = (
        [WEIGHTS_FILE]
        if is_whole
        else [f"model-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)]
    )
    for file, shard in zip(files, shards, strict=True):
        with beside(folder / file) as partial:
            save_file(shard, partial, metadata={"format": "pt"})
            copymode(folder / CLASSES_FILE, partial)  # safetensors makes it private
    if not is_whole:
        places = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
        write_text(folder / INDEX_FILE, json.dumps({"weight_map": places}, indent=1) + "\n")
    for old in (*folder.glob("model-*-of-*.safetensors"), folder / WEIGHTS_FILE):
        if old.name not in files:
            old.unlink(missing_ok=True)
    if is_whole:
        (folder / INDEX_FILE).unlink(missing_ok=True)


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"expected a text file, found {error.strerror}") from error
