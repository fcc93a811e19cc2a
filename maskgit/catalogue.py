"""Every model there is to choose from: those on this computer, and the published ones.

Only configurations and cards are read, so this takes milliseconds and no network; whether a
model's weights are whole is known when it is loaded.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from maskgit import hub, loading
from maskgit.checkpoints import CARD_FILE, CONFIG_FILE
from maskgit.config import ModelConfig
from maskgit.published import MODELS, Published


class Entry(NamedTuple):
    """One model.

    Attributes:
        id: What to call it; no other entry has the same.
        title: What to show.
        good_for: One sentence that helps to choose, or nothing.
        licence: Of the weights, or nothing where it is not said.
        quality: The published figure, or nothing.
        classes: What its labels are, or nothing where that cannot be read.
        image_size: Side of its square in pixels; 0 where that cannot be read.
        num_bytes: On this computer, or of the download.
        folder: Where it lies; None: it would have to be downloaded.
        is_published: Whether `maskgit.hub` can download it.
        fault: Why it cannot be used although it is here, as far as the configuration tells.
    """

    id: str
    title: str
    good_for: str
    licence: str
    quality: str
    classes: str
    image_size: int
    num_bytes: int
    folder: Path | None
    is_published: bool
    fault: str | None = None


def catalogue(also: Path | None = None, models: Mapping[str, Published] = MODELS) -> list[Entry]:
    """List models: those that come along, published ones in their order, others in the cache.

    Args:
        also: One more model folder, which is listed first unless it is listed anyway.
        models: Those that are published.
    """
    found: dict[str, Path] = {}
    for place in (loading.MODELS, hub.where()):
        for folder in _folders(place):
            found.setdefault(folder.name, folder)
    entries = [
        *(_here(id, f) for id, f in found.items() if f.parent == loading.MODELS),
        *(_published(model, found.get(model.id)) for model in models.values()),
        *(
            _here(id, f)
            for id, f in found.items()
            if f.parent != loading.MODELS and id not in models
        ),
    ]
    if also is None or any(e.folder and e.folder.resolve() == also.resolve() for e in entries):
        return entries
    taken = {entry.id for entry in entries}
    own = also.resolve().name
    while own in taken:
        own += " (other)"
    return [_here(own, also), *entries]


def _folders(place: Path) -> Iterator[Path]:
    if place.is_dir():
        for folder in sorted(place.iterdir()):
            if not folder.name.startswith(".") and (folder / CONFIG_FILE).is_file():
                yield folder


def _here(model_id: str, folder: Path) -> Entry:
    """Describe a folder by its configuration and what its card says."""
    try:
        config = ModelConfig.from_json((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        image_size, classes = config.image_size, f"{config.transformer.num_classes} classes"
        fault = None
    except (OSError, ValueError, RecursionError) as error:
        image_size, classes, fault = 0, "", f"{folder / CONFIG_FILE}: {error}"
    title, good_for, licence = _card(folder)
    return Entry(
        id=model_id,
        title=title or model_id,
        good_for=good_for,
        licence=licence,
        quality="",
        classes=classes,
        image_size=image_size,
        num_bytes=_num_bytes(folder),
        folder=folder,
        is_published=False,
        fault=fault,
    )


def _published(model: Published, folder: Path | None) -> Entry:
    here = None if folder is None else _here(model.id, folder)
    return Entry(
        id=model.id,
        title=model.title,
        good_for=model.good_for,
        licence=model.licence,
        quality=model.quality,
        classes=model.classes,
        image_size=model.image_size,
        num_bytes=model.num_bytes if here is None else here.num_bytes,
        folder=folder,
        is_published=True,
        fault=None if here is None else here.fault,
    )


def _card(folder: Path) -> tuple[str, str, str]:
    """Read heading, first sentence and licence off a card; what is not there is empty."""
    try:
        text = (folder / CARD_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return "", "", ""
    title = re.search(r"^# +(.+)$", text, re.MULTILINE)
    licence = re.search(r"^\* Licence: (.+)$", text, re.MULTILINE)
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text)]
    prose = next((part for part in paragraphs if part[:1] not in ("#", "*", "|", "")), "")
    sentence = re.split(r"(?<=[.!?])\s", " ".join(prose.replace("`", "").split()), maxsplit=1)[0]
    return (title[1] if title else ""), sentence, (licence[1] if licence else "")


def _num_bytes(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    except OSError:
        return 0
