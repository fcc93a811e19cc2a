"""Published models on this computer: which are here, how to get one, how to be rid of it.

A model is downloaded once, converted once to a model folder and then loaded like any other. All of
it lives in the user's cache folder (`MASKGIT_CACHE` moves it):

    models/ID/        a converted model folder; it appears whole, by one rename, or not at all
    downloads/        published files until they are converted, and parts of them after a cut
    locks/            so that two processes do not write the same thing

Read in this order:
    download    the files, then the conversion
    prepare     the conversion alone, of files that are here
    is_here     also find, folder, where, remove

Elsewhere: what is published (published), how one file is fetched (transfer). Importing this file
loads no network library, and offline none is used.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch

from maskgit import conversion, runtime
from maskgit.checkpoints import CONFIG_FILE, CheckpointError
from maskgit.published import MODELS, HubError, Mirrors, Published, RemoteFile, StoppedError

__all__ = [
    "MODELS",
    "HubError",
    "Progress",
    "Published",
    "RemoteFile",
    "StoppedError",
    "download",
    "find",
    "folder",
    "is_here",
    "prepare",
    "remove",
    "where",
]

Models = Mapping[str, Published]


class Progress(NamedTuple):
    """How far a download is.

    Attributes:
        stage: `downloading`, then `converting`.
        done: Bytes of the whole model that are here.
        total: Bytes of the whole model, about.
    """

    stage: str
    done: int
    total: int


def where() -> Path:
    """Give the folder that holds the converted models. Not made by asking."""
    return runtime.cache_folder() / "models"


def folder(model_id: str) -> Path:
    """Give the folder of a model, whether it is here or not."""
    return where() / model_id


def is_here(model_id: str) -> bool:
    """Say whether a model can be loaded without a download."""
    return (folder(model_id) / CONFIG_FILE).is_file()


def find(model_id: str, models: Models = MODELS) -> Published:
    """Give what is known of a model.

    Raises:
        HubError: If no such model is published.
    """
    if model_id not in models:
        raise HubError(f"No published model is called {model_id!r}; there are {', '.join(models)}.")
    return models[model_id]


def download(
    model_id: str,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    offline: bool = False,
    dtype: torch.dtype | None = None,
    models: Models = MODELS,
) -> Path:
    """Make a published model ready to be loaded; at once if it is already.

    Args:
        model_id: Which.
        on_progress: Told how far it is, often.
        cancelled: Asked often; True stops. What came so far is kept and continued next time.
        offline: Use only what is on this computer; HF_HUB_OFFLINE asks for it, too.
        dtype: Precision to store; by default float32, as published.
        models: Those there are.

    Returns:
        The model folder.

    Raises:
        StoppedError: If `cancelled` said so.
        HubError: If the model cannot be had.
    """
    model = find(model_id, models)
    if is_here(model_id):
        return folder(model_id)
    from maskgit import transfer  # loads network libraries, which nothing else needs

    tell, stop = on_progress or (lambda _: None), cancelled or (lambda: False)
    try:
        with transfer.locked(_lock(model_id), stop):
            if not is_here(model_id):  # another process may have been faster
                files = _obtain(model, tell, stop, offline or _is_offline())
                size = sum(file.stat().st_size for file in files)
                tell(Progress("converting", size, size))
                _convert(model, files, dtype)
                others = [other for other in models.values() if other.id != model_id]
                _discard(set(model.files) - _files_of(others))
    except OSError as error:
        raise HubError(f"{runtime.cache_folder()} cannot be used: {error}.") from error
    return folder(model_id)


def prepare(
    model_id: str,
    transformer: str | Path,
    tokenizer: str | Path,
    dtype: torch.dtype | None = None,
    models: Models = MODELS,
) -> Path:
    """Make a published model ready from files that are here already; uses no network.

    Args:
        model_id: Which.
        transformer: Its published file, of any known format; not changed.
        tokenizer: Likewise.
        dtype: As for `download`.
        models: Those there are.

    Raises:
        CheckpointError: If the files are no such model, or the model is here already.
        HubError: If no such model is published.
    """
    from maskgit import transfer

    model = find(model_id, models)
    with transfer.locked(_lock(model_id), lambda: False):
        return _make(model, Path(transformer), Path(tokenizer), dtype)


def remove(model_id: str, models: Models = MODELS) -> None:
    """Delete a model, and what was downloaded for it and no other model here needs.

    Raises:
        HubError: If there is nothing to delete, or it cannot be deleted.
    """
    from maskgit import transfer

    model = find(model_id, models)
    parts = [_target(file) for file in model.files]
    if not is_here(model_id) and not any(transfer.num_bytes_here(part) for part in parts):
        raise HubError(f"{model_id} is not on this computer, so there is nothing to remove.")
    try:
        with transfer.locked(_lock(model_id), lambda: False):
            if is_here(model_id):
                doomed = Path(tempfile.mkdtemp(prefix=f".{model_id}-", dir=where()))
                folder(model_id).rename(doomed / "model")  # gone at once, whatever happens next
            _sweep(model_id)
            _discard(set(model.files) - _files_of(m for m in models.values() if is_here(m.id)))
    except OSError as error:
        raise HubError(f"{folder(model_id)} cannot be deleted: {error}.") from error


def _obtain(
    model: Published, tell: Callable[[Progress], None], stop: Callable[[], bool], offline: bool
) -> list[Path]:
    """Give the files of transformer and tokenizer; fetch those that are not here."""
    from maskgit import transfer

    found = {mirrors: _find_here(mirrors) for mirrors in (model.transformer, model.tokenizer)}
    absent = [mirrors[0] for mirrors, file in found.items() if file is None]
    if offline and absent:
        raise HubError(
            f"{model.id} is not on this computer, and it was asked to stay offline. Missing: "
            f"{', '.join(file.url for file in absent)}. Download it without --offline and "
            "HF_HUB_OFFLINE, or prepare it from files as docs/models.md says."
        )
    left = sum(file.num_bytes - transfer.num_bytes_here(_target(file)) for file in absent)
    transfer.require_space(where(), left + model.num_bytes)  # the files, then the model

    sizes = {mirrors: mirrors[0].num_bytes for mirrors in found}
    here = dict.fromkeys(found, 0)
    for mirrors, file in found.items():

        def on_bytes(done: int, size: int, mirrors: Mirrors = mirrors) -> None:
            here[mirrors], sizes[mirrors] = done, size
            tell(Progress("downloading", sum(here.values()), sum(sizes.values())))

        found[mirrors] = file or _fetch_from_any(mirrors, on_bytes, stop)
        here[mirrors] = sizes[mirrors]
    return [file for file in found.values() if file is not None]


def _fetch_from_any(
    mirrors: Mirrors, on_bytes: Callable[[int, int], None], stop: Callable[[], bool]
) -> Path:
    """Fetch a file from the first place that has it."""
    from maskgit import transfer

    faults: list[str] = []
    for file in mirrors:
        try:
            return transfer.fetch(file, _target(file), _checksums(), on_bytes, stop)
        except StoppedError:  # noqa: PERF203 # a handful of places
            raise
        except HubError as error:
            faults.append(str(error))
    raise HubError(" ".join(dict.fromkeys(faults)))


def _find_here(mirrors: Mirrors) -> Path | None:
    from maskgit import transfer

    for file in mirrors:
        if _target(file).is_file():
            return _target(file)
        if cached := transfer.in_hub_cache(file):
            return cached
    return None


def _convert(model: Published, files: list[Path], dtype: torch.dtype | None) -> None:
    transformer, tokenizer = files
    try:
        _make(model, transformer, tokenizer, dtype)
    except CheckpointError as error:
        _discard(model.files)  # so that the next try fetches them anew
        raise HubError(
            f"{model.id} came, but is no model that can be used: {error}. The files were deleted; "
            "try again, and if it happens again, report it."
        ) from error


def _make(model: Published, transformer: Path, tokenizer: Path, dtype: torch.dtype | None) -> Path:
    """Convert to the model's folder; the caller holds its lock."""
    _sweep(model.id)
    made = conversion.convert(transformer, tokenizer, model.id, model.decode)
    if made.config.image_size != model.image_size:
        raise CheckpointError(
            f"{transformer} makes pictures of {made.config.image_size} px, "
            f"{model.id} of {model.image_size} px"
        )
    return conversion.write_model(folder(model.id), made, card(model), dtype=dtype)


def card(model: Published) -> str:
    """Write the text of a published model's `CARD.md`."""
    places = "\n".join(f"* {mirrors[0].url}" for mirrors in (model.transformer, model.tokenizer))
    return (
        f"# {model.title}\n\n{model.good_for}\n\n"
        f"* Source: {model.source}\n* Licence: {model.licence}\n"
        f"* Quality, as published: {model.quality}\n* Pictures: {model.image_size} px\n"
        f"* Classes: {model.classes}\n\nConverted from\n\n{places}\n"
    )


def _files_of(models: Iterable[Published]) -> set[RemoteFile]:
    return {file for model in models for file in model.files}


def _discard(files: Iterable[RemoteFile]) -> None:
    from maskgit import transfer

    for file in files:
        transfer.discard(_target(file))


def _sweep(model_id: str) -> None:
    """Delete folders that a killed process left half-written or half-deleted."""
    for left in where().glob(f".{model_id}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _target(file: RemoteFile) -> Path:
    """Where a published file goes; also where to put it by hand."""
    place = file.place.partition("://")[2].replace(":", "_")
    return runtime.cache_folder() / "downloads" / place


def _checksums() -> Path:
    return runtime.cache_folder() / "downloads" / "checksums.json"


def _lock(model_id: str) -> Path:
    return runtime.cache_folder() / "locks" / model_id


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "on", "true", "yes"}
