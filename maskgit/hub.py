"""Published models on this computer: which are here, how to get one, how to be rid of it.

A model is downloaded once, converted once to a model folder and then loaded like any other. All of
it lives in the user's cache folder (`MASKGIT_CACHE` moves it):

    models/ID/        a converted model folder; it appears whole, by one rename, or not at all
    downloads/        published files until they are converted, and parts of them after a cut
    locks/            so that two processes do not write the same thing

Read in this order:
    download    the files, then the conversion
    is_here     also find, folder, where, remove

Elsewhere: what is published (published), how one file is fetched (download). Importing this file
loads no network library, and with `offline` none is used.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from maskgit import runtime
from maskgit.checkpoints import CONFIG_FILE
from maskgit.published import MODELS, Published, RemoteFile

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
    "remove",
    "where",
]

Models = Mapping[str, Published]


class HubError(RuntimeError):
    """A model could not be had; says what happened and what to do, for people."""


class StoppedError(HubError):
    """Whoever asked for the model changed their mind."""


class Progress(NamedTuple):
    """How far a download is.

    Attributes:
        stage: What happens, e.g. `downloading` or `converting`.
        done: Bytes of the whole model that are here.
        total: Bytes of the whole model.
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
    models: Models = MODELS,
) -> Path:
    """Make a published model ready to be loaded; at once if it is already.

    Args:
        model_id: Which.
        on_progress: Told how far it is, often.
        cancelled: Asked often; True stops. What came so far is kept and continued next time.
        offline: Use only what is on this computer; HF_HUB_OFFLINE asks for it, too.
        models: Those there are.

    Returns:
        The model folder.

    Raises:
        StoppedError: If `cancelled` said so.
        HubError: If the model cannot be had.
    """
    find(model_id, models)
    if is_here(model_id):
        return folder(model_id)
    del on_progress, cancelled, offline
    raise HubError(f"{model_id} is not here, and downloads are still to come.")


def remove(model_id: str) -> None:
    """Delete a model's folder.

    Raises:
        HubError: If there is none.
    """
    if not is_here(model_id):
        raise HubError(f"{model_id} is not on this computer, so there is nothing to remove.")
    shutil.rmtree(folder(model_id))
