"""Which pictures a model is judged on: those of its classes, numbered as it numbers them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from maskgit.classes import Classes
from maskgit.training.data import ImageSet, load_images

logger = logging.getLogger(__name__)


def pack_names(data: str | Path) -> list[str]:
    """List the image packs of a folder; none where it holds something else."""
    return sorted(file.name.removesuffix("-val.npz") for file in Path(data).glob("*-val.npz"))


def load_each(
    data: str | Path, split: str, size: int, packs: Sequence[str] = ()
) -> list[tuple[str, ImageSet]]:
    """Read every pack of a folder on its own, or the one set that other data is.

    Args:
        data: As for `maskgit train`.
        split: `train` or `val`.
        size: Side of the pictures in pixels.
        packs: Only these.

    Raises:
        ValueError: If there is nothing, or not one of these packs.
    """
    known = pack_names(data)
    if unknown := sorted(set(packs) - set(known)):
        raise ValueError(f"{data} has no pack {', '.join(unknown)}; it has {', '.join(known)}")
    if not known:
        return [(Path(data).name, load_images(data, split, (), size))]
    return [(name, load_images(data, split, (name,), size)) for name in packs or known]


def load_known(
    data: str | Path, split: str, size: int, classes: Classes, packs: Sequence[str] = ()
) -> ImageSet:
    """Read the pictures of a model's classes, with its labels.

    Raises:
        ValueError: As `load_each`; also if none shows a class of the model.
    """
    sets = [_of_classes(images, classes) for _, images in load_each(data, split, size, packs)]
    pictures = np.concatenate([images.pictures for images in sets])
    labels = np.concatenate([images.labels for images in sets])
    if not len(labels):
        raise ValueError(f"no {split} picture in {data} shows a class of this model")
    return ImageSet(pictures, labels, ())


def counts_of(labels: np.ndarray, num_classes: int) -> list[int]:
    """How many pictures each class has."""
    return np.bincount(labels, minlength=num_classes).tolist()


def spread(images: ImageSet, counts: Sequence[int]) -> ImageSet:
    """Take so many pictures of each class, evenly from those there are; fewer where there are."""
    rows = []
    for label, count in enumerate(counts):
        found = np.flatnonzero(images.labels == label)
        places = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
        rows.append(found[places])
    chosen = np.concatenate(rows)
    return ImageSet(images.pictures[chosen], images.labels[chosen], images.classes)


def _of_classes(images: ImageSet, classes: Classes) -> ImageSet:
    label_of = {entry.id: entry.label for entry in classes}
    # The last entry, which -1 finds, is for pictures without a class.
    table = np.array([label_of.get(entry["id"], -1) for entry in images.classes] + [-1])
    labels = table[images.labels]
    keep = labels >= 0
    return ImageSet(images.pictures[keep], labels[keep], ())
