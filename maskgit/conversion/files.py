"""Read the tensors of a published file of weights without trusting it.

What a file is shows in its first bytes; names are not looked at. Nothing is ever run: a torch file
is a zip archive with a pickle in it, of which torch's restricted reader accepts tensors and plain
containers only. Tensors stay views of the mapped file, so reading copies nothing, and no size that
a file claims is believed before it was compared with the file's own.

Read in this order:
    file_kind     what a file is
    read_state    a torch or safetensors file to named tensors

Elsewhere: flax files (msgpack), what the names mean (one file a family).
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from maskgit.checkpoints import CheckpointError, is_finite

TORCH, SAFETENSORS, MSGPACK = "torch", "safetensors", "msgpack"

# Keys under which training scripts keep the weights, the most wanted first.
_WRAPPERS = ("ema", "state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")  # of torch's DataParallel and compile
_MAX_WRAPPERS = 4
_MAX_PICKLE = 64 * 2**20  # the largest published one has 1 MB
_MAX_GROWTH = 2  # tied weights are stored once and named twice
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


def file_kind(path: str | Path) -> str:
    """Say what a file of weights is, by its content: `torch`, `safetensors` or `msgpack`.

    Raises:
        CheckpointError: If it is something else or cannot be read; says what it looks like.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(512)
        num_bytes = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{path}: expected weights, found {error.strerror}") from error
    if start.startswith(b"PK\x03\x04"):
        return TORCH
    header_bytes = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and header_bytes >= 2:
        if header_bytes > num_bytes - 8:
            raise CheckpointError(
                f"{path}: expected {header_bytes + 8} bytes of safetensors or more, "
                f"found {num_bytes}: the file is cut short or damaged"
            )
        return SAFETENSORS
    if start and (0x81 <= start[0] <= 0x8F or start[0] in (0xDE, 0xDF)):  # a map
        return MSGPACK
    raise CheckpointError(f"{path}: expected weights, found {_looks_like(start)}")


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read a torch or safetensors file.

    The weights are taken out of their wrapping (`state_dict`, `model` and the like), which leaves
    the optimiser's state behind, and prefixes of training wrappers (`module.`) are dropped.

    Args:
        path: The file.

    Returns:
        Tensors by name; they lie in the file itself, so it must stay until they were copied.

    Raises:
        CheckpointError: If the file is missing, damaged, of another kind, holds anything but
            weights, or numbers that are NaN or infinite.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind == MSGPACK:
        raise CheckpointError(f"{path}: expected a torch or safetensors file, found msgpack")
    state = _read_safetensors(path) if kind == SAFETENSORS else _read_torch(path)
    try:
        state = _without_prefixes(state)
        _require_plain(state, path.stat().st_size)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: expected safetensors weights, found {error}") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        _require_stored(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return _unwrap(content)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except Exception as error:  # a damaged pickle is a damaged program: it may fail in any way
        raise CheckpointError(f"{path}: {_why_not(path, error)}") from error


def _require_stored(path: Path) -> None:
    """Refuse archives that unpack to more than they are: torch stores without compression."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CheckpointError("expected a torch file, found a compressed archive")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise CheckpointError("expected a torch file, found entries that are larger than the file")
    pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError(
            f"expected a torch file, found an archive with {len(pickles)} of them"
        )
    if pickles[0].file_size > _MAX_PICKLE:
        raise CheckpointError(f"expected an index of weights, found {pickles[0].file_size} bytes")


def _why_not(path: Path, error: Exception) -> str:
    """Say in a sentence why torch refused a file. Its own text advises to trust the file."""
    if isinstance(error, zipfile.BadZipFile):
        return "expected a torch file, found a damaged archive; it may be cut short"
    if code := _foreign_names(path):
        return (
            f"expected weights only, found Python code ({', '.join(code[:3])}); "
            "nothing of it was run. Do not load this file elsewhere either"
        )
    first = str(error).partition("\n")[0].partition(". ")[0]
    reason = first or type(error).__name__
    return f"expected a torch file of weights, found one that torch refuses ({reason})"


def _foreign_names(path: Path) -> list[str]:
    """List what a pickle would import besides what weights need."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # only the wording of a refusal depends on it
        return []


def _unwrap(content: Any) -> dict[str, Tensor]:
    """Take the weights out of what a training script saved around them."""
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(content, Mapping):
            raise CheckpointError(f"expected named tensors, found {type(content).__name__}")
        wrapped = [content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)]
        if not wrapped:
            break
        content = wrapped[0]
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            kind = type(value).__name__
            raise CheckpointError(f"expected named tensors, found {kind} as {str(name)[:80]!r}")
    return {name: value.detach() for name, value in content.items()}


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    plain: dict[str, Tensor] = {}
    for name, tensor in state.items():
        short = name
        while prefix := next((p for p in _PREFIXES if short.startswith(p)), None):
            short = short.removeprefix(prefix)
        if short in plain:
            raise CheckpointError(f"{short} is there twice, with and without a prefix")
        plain[short] = tensor
    return plain


def _require_plain(state: dict[str, Tensor], num_bytes: int) -> None:
    """Refuse tensors that are no dense numbers in the file, or claim to be more than it holds."""
    if not state:
        raise CheckpointError("expected weights, found none")
    claimed = 0
    for name, tensor in state.items():
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise CheckpointError(f"{name}: expected a dense tensor, found {tensor.layout}")
        if tensor.dtype not in _FLOATS + _INTEGERS:
            raise CheckpointError(
                f"{name}: expected a number type of weights, found {tensor.dtype}"
            )
        if tensor.nbytes > tensor.untyped_storage().nbytes():  # strides can repeat one number
            raise CheckpointError(
                f"{name}: expected the {tensor.nbytes} bytes of shape {tuple(tensor.shape)}, "
                f"found {tensor.untyped_storage().nbytes()}"
            )
        claimed += tensor.nbytes
    if claimed > _MAX_GROWTH * num_bytes:
        raise CheckpointError(f"expected at most {num_bytes} bytes of weights, found {claimed}")
    for name, tensor in state.items():
        if tensor.dtype in _FLOATS and not is_finite(tensor):
            raise CheckpointError(f"{name}: expected finite numbers, found NaN or infinity")


def _looks_like(start: bytes) -> str:
    text = start.lstrip().lower()
    if not start:
        return "an empty file"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page: the download was answered by a login or error page"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer: the weights themselves were not downloaded"
    if start.startswith(b"\x80"):
        return "a pickle; files of torch before 1.6 must be saved anew with a current torch"
    if start.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"ustar")):
        return "a packed archive: unpack it first"
    return f"a file that starts with {start[:8]!r}"
