"""Labelled pictures of any layout, and which of them a training step sees.

Which pictures a step uses, how they are cropped and flipped and which tokens are masked are pure
functions of (seed, step). A run that was killed therefore continues exactly, nothing about the
order of the data has to be stored, and several processes agree on a step's batch without a word.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Int, UInt8

from maskgit.classes import NUM_IMAGENET_CLASSES, Classes, ImageClass, imagenet_class
from maskgit.images import to_images
from maskgit.training import sources
from maskgit.training.pictures import (
    SUFFIXES,
    Gathering,
    ImageSet,
    class_entry,
    named_classes,
    split_off,
)
from maskgit.types import Images, Pictures

Item = TypeVar("Item")
Made = TypeVar("Made")

AHEAD_THREADS = 4  # of which a CPU keeps one busy for a small part of the time


def load_packs(
    folder: Path, names: Sequence[str], split: str, size: int, background: Sequence[str] = ()
) -> ImageSet:
    """Read image packs: `{name}-{split}.npz` beside a `classes.json`.

    A pack holds encoded images one after another (`blob`, `offsets`) and a `label` for each. Only
    classes with training pictures are kept and numbered from 0, the same in every split; a class
    outside ImageNet-1k gets 1000 + its number in the packs as id, so that ids stay the same
    whichever packs are used.

    Args:
        folder: Where the packs are.
        names: Those whose classes count.
        split: `train` or `val`.
        size: Side of the pictures in pixels.
        background: Further packs, whose pictures are given without a class.
    """
    listed = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    entries = {entry["label"]: entry for entry in listed["classes"]}
    present = sorted(_trained_labels(folder, names))
    number = {label: i for i, label in enumerate(present)}
    gathering = Gathering(str(folder), size)
    for name in (*names, *background):
        with np.load(folder / f"{name}-{split}.npz") as pack:
            blob, offsets, labels = pack["blob"], pack["offsets"], pack["label"]
        for (start, end), label in zip(pairwise(offsets), labels, strict=True):
            known = number.get(int(label), -1) if name in names else -1
            gathering.add(blob[start:end], known)
    classes = tuple(class_entry(i, entries[label]) for label, i in number.items())
    return gathering.finish(classes, "image packs with pictures")


def load_folder(folder: Path, size: int, names: Sequence[str] | None = None) -> ImageSet:
    """Read a folder with one sub-folder per class; pictures are centre-cropped and resized.

    Files that cannot be read are counted and left out, with a warning that says how many.

    Args:
        folder: The folder; sub-folders that begin with a dot are left out.
        size: Side of the pictures in pixels.
        names: The classes in the order of their labels, where they are fixed already.

    Raises:
        ValueError: If no picture was found, or a class is not among `names`.
    """
    found = _class_names(folder)
    if names is not None and (unknown := sorted(set(found) - set(names))):
        raise ValueError(f"{folder} has classes that the training pictures lack: {unknown}")
    names = found if names is None else list(names)
    gathering = Gathering(str(folder), size)
    for label, name in enumerate(names):
        for path in sorted((folder / name).rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                gathering.add(path.read_bytes(), label)
    return gathering.finish(named_classes(names), "one sub-folder per class")


def load_images(
    path: str | Path, split: str, packs: Sequence[str], size: int, background: Sequence[str] = ()
) -> ImageSet:
    """Read pictures, whatever holds them.

    Args:
        path: Image packs, tar shards, a Hugging Face dataset (`sources`), or a folder of class
            folders. The last may hold `train` and `val` sub-folders; without `val` every 20th
            picture is kept for validation, and at least one.
        split: `train` or `val`.
        packs: Which image packs.
        size: Side of the pictures in pixels.
        background: Which further image packs, without their classes.

    Raises:
        ValueError: If there are no pictures, or classes to validate that were not trained.
    """
    if sources.is_dataset(path):
        return sources.load_dataset(path, split, size)
    path = Path(path)
    if any(path.glob("*.npz")):
        return load_packs(path, packs, split, size, background)
    if sources.has_shards(path):
        return sources.load_shards(path, split, size)
    root = path / "train" if (path / "train").is_dir() else path
    if root != path and (path / "val").is_dir():
        if split == "train":
            return load_folder(root, size)
        return load_folder(path / "val", size, _class_names(root))
    return split_off(load_folder(root, size), split, str(root))


def known_classes(images: ImageSet, null_label: int | None = None) -> Classes:
    """Give the classes of a set in the order of its labels, those of ImageNet with all synonyms."""
    return Classes([_image_class(entry) for entry in images.classes], null_label)


def step_generator(seed: int, step: int, purpose: int = 0) -> np.random.Generator:
    """The only source of randomness of a step's data; other purposes draw other numbers."""
    return np.random.default_rng([seed, step, purpose])


class BalancedDraw:
    """Draws pictures so that a class of n appears in proportion to n ** power."""

    def __init__(self, labels: np.ndarray, power: float) -> None:
        """Count the classes once.

        Args:
            labels: Class per picture, -1 counting as one more class.
            power: 1 draws pictures evenly, 0 draws classes evenly.
        """
        _, which, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        weight = sizes.astype(np.float64)[which] ** (power - 1)
        self._cumulative = np.cumsum(weight) / weight.sum()
        self._cumulative[-1] = 1.0

    def __call__(self, count: int, generator: np.random.Generator) -> Int[np.ndarray, " n"]:
        """Draw `count` pictures, with replacement."""
        return self._cumulative.searchsorted(generator.random(count), side="right")


def ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Give `make(item)` for each item in order; threads work on the next ones meanwhile.

    Args:
        make: Called from several threads at once.
        items: Only a few more of them are taken than were given back.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(AHEAD_THREADS) as pool:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > 2 * AHEAD_THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def random_crops(
    pictures: Pictures, size: int, generator: np.random.Generator
) -> UInt8[np.ndarray, "B {size} {size} 3"]:
    """Cut a random square of `size` px out of each picture and mirror every second one."""
    return cut(pictures, draw_crops(len(pictures), pictures.shape[1], size, generator), size)


def draw_crops(
    count: int, side: int, size: int, generator: np.random.Generator
) -> Int[np.ndarray, "{count} 3"]:
    """Draw where to cut squares of `size` px out of pictures: top, left, whether mirrored."""
    tops, lefts = generator.integers(0, side - size + 1, (2, count))
    return np.stack([tops, lefts, generator.random(count) < 0.5], axis=1)


def cut(
    pictures: Pictures, crops: Int[np.ndarray, "B 3"], size: int
) -> UInt8[np.ndarray, "B {size} {size} 3"]:
    """Cut out of each picture what was drawn for it."""
    out = np.empty((len(pictures), size, size, 3), np.uint8)
    for i, (top, left, is_mirrored) in enumerate(crops):
        crop = pictures[i, top : top + size, left : left + size]
        out[i] = crop[:, ::-1] if is_mirrored else crop
    return out


def as_images(pictures: Pictures) -> Images:
    """uint8 pictures to float images in the networks' memory layout."""
    return to_images(pictures).contiguous(memory_format=torch.channels_last)


def _class_names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _trained_labels(folder: Path, names: Sequence[str]) -> set[int]:
    labels: set[int] = set()
    for name in names:
        with np.load(folder / f"{name}-train.npz") as pack:  # only what is asked for is read
            labels.update(int(label) for label in pack["label"] if label >= 0)
    return labels


def _image_class(entry: dict) -> ImageClass:
    if entry["id"] < NUM_IMAGENET_CLASSES:
        return replace(imagenet_class(entry["id"], entry["label"]), name=entry["name"])
    return ImageClass(entry["label"], entry["id"], entry["name"], (), entry["wnid"])
