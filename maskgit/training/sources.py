"""Pictures from tar shards in webdataset's layout, and from Hugging Face datasets."""

import importlib
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from maskgit.training.pictures import SUFFIXES, Gathering, ImageSet, named_classes, split_off

HUB = "hf://"
NAMES_FILE = "classes.txt"
_VAL_SPLITS = ("validation", "val", "test")


def has_shards(folder: Path) -> bool:
    """Whether a folder holds tar shards, directly or in its `train` folder."""
    return bool(_shards(folder, "train"))


def load_shards(folder: Path, split: str, size: int) -> ImageSet:
    """Read tar shards: consecutive files `KEY.jpg` and `KEY.cls` are a picture and its label.

    `.json` with a `label` serves as well as `.cls`. Shards lie in `train` and `val` folders, or
    side by side with names that begin so; without validation shards every 20th picture is kept.
    `classes.txt` names the classes, a line each, where they are to have names.

    Raises:
        ValueError: If there are no pictures, or a label has no name.
    """
    train, val = _shards(folder, "train"), _shards(folder, "val")
    names = _class_names(folder, train)
    gathering = Gathering(str(folder), size)
    for data, label in _samples(val if val and split == "val" else train):
        if label >= len(names):
            raise ValueError(f"{folder} has a picture of label {label}, but {len(names)} classes")
        gathering.add(data, label)
    found = gathering.finish(named_classes(names), "tar shards with pictures")
    return found if val else split_off(found, split, str(folder))


def is_dataset(path: str | Path) -> bool:
    """Whether this is a Hugging Face dataset: `hf://owner/name`, or a folder saved to disk."""
    if str(path).startswith(HUB):
        return True
    return any((Path(path) / f).is_file() for f in ("dataset_dict.json", "dataset_info.json"))


def load_dataset(path: str | Path, split: str, size: int) -> ImageSet:
    """Read a Hugging Face dataset: its first column of images, its first column of class labels.

    Without a validation split every 20th picture of `train` is kept for validation.

    Raises:
        ValueError: If the package `datasets` is missing, or there is no column of images.
    """
    library = _library()
    stored: Any = (
        library.load_dataset(str(path).removeprefix(HUB))
        if str(path).startswith(HUB)
        else library.load_from_disk(str(path))
    )
    splits = stored if isinstance(stored, dict) else {"train": stored}
    val = next((name for name in _VAL_SPLITS if name in splits), None)
    rows = splits[val if val and split == "val" else "train"]
    image = _column(rows.features, library.Image)
    if image is None:
        raise ValueError(f"{path} has no column of images, only {', '.join(rows.features)}")
    label = _column(rows.features, library.ClassLabel)
    names = splits["train"].features[label].names if label else []
    gathering = Gathering(str(path), size)
    for row in rows.cast_column(image, library.Image(decode=False)):
        gathering.add(_content(row[image]), row[label] if label and row[label] is not None else -1)
    found = gathering.finish(named_classes(names), "a column of images")
    return found if val else split_off(found, split, str(path))


def _shards(folder: Path, split: str) -> list[Path]:
    """Find a split's shards; shards whose names say nothing are training data."""
    inside = sorted((folder / split).glob("*.tar"))
    beside = sorted(folder.glob("*.tar"))
    named = [file for file in beside if file.name.startswith(split)]
    is_unsaid = not any(file.name.startswith(("train", "val")) for file in beside)
    return inside or named or (beside if split == "train" and is_unsaid else [])


def _class_names(folder: Path, shards: Sequence[Path]) -> list[str]:
    file = folder / NAMES_FILE
    if file.is_file():
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line]
    return [str(label) for label in range(max((n for _, n in _samples(shards)), default=-1) + 1)]


def _samples(shards: Sequence[Path]) -> Iterator[tuple[bytes, int]]:
    """Give every picture with its label, -1 where it has none."""
    for shard in shards:
        key, picture, label = "", None, -1
        for name, data in _files(shard):
            extension = name.rpartition("/")[2].partition(".")[2]
            stem = name.removesuffix(extension)
            if stem != key:
                if picture is not None:
                    yield picture, label
                key, picture, label = stem, None, -1
            if f".{extension.lower()}" in SUFFIXES:
                picture = data
            elif extension in ("cls", "json"):
                label = _label(data, f"{shard}: {name}", label)
        if picture is not None:
            yield picture, label


def _label(data: bytes, source: str, otherwise: int) -> int:
    """Read a label: a number or, from JSON, that of an object, which may have none."""
    try:
        found = json.loads(data) if source.endswith("json") else data
        label: Any = found.get("label", otherwise) if isinstance(found, dict) else found
        if isinstance(label, float):
            raise TypeError(f"{label} is no whole number")
        return int(label)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{source} holds no label, a whole number") from error


def _files(shard: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(shard, "r|") as tar:  # read once, front to back
            for member in tar:
                if member.isfile() and (file := tar.extractfile(member)):
                    yield member.name, file.read()
    except tarfile.TarError as error:
        raise ValueError(f"{shard} is damaged or cut short: {error}") from error


def _library() -> Any:
    try:
        return importlib.import_module("datasets")
    except ModuleNotFoundError as error:
        raise ValueError("Hugging Face data needs a package: pip install datasets") from error


def _column(features: dict[str, Any], kind: type) -> str | None:
    return next((name for name, feature in features.items() if isinstance(feature, kind)), None)


def _content(image: dict[str, Any]) -> bytes:
    if image["bytes"] is not None:
        return image["bytes"]
    path = Path(image["path"])
    return path.read_bytes() if path.is_file() else b""
