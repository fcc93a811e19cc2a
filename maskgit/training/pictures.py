"""Training pictures in memory: squares of one size with labels, whatever they were read from."""

import logging
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from maskgit.classes import Classes
from maskgit.types import Pictures

logger = logging.getLogger(__name__)

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Square pictures of one size with their classes.

    Attributes:
        pictures: RGB.
        labels: Index into `classes` per picture, -1 where a picture has no class.
        classes: Entries of `classes.json` in the order of the labels.
    """

    pictures: Pictures
    labels: np.ndarray
    classes: tuple[dict, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    def labelled(self) -> "ImageSet":
        """Give the pictures that have a class."""
        known = self.labels >= 0
        return replace(self, pictures=self.pictures[known], labels=self.labels[known])


@dataclass
class Gathering:
    """Encoded pictures as they come in; those that cannot be read are counted and left out.

    Attributes:
        source: Where they come from, for messages.
        size: Side that they are scaled to, in pixels.
    """

    source: str
    size: int
    broken: int = 0
    _pictures: list[np.ndarray] = field(default_factory=list)
    _labels: list[int] = field(default_factory=list)

    def add(self, encoded: bytes | np.ndarray, label: int) -> None:
        """Decode one picture, cut its middle square out and scale it."""
        data = np.frombuffer(encoded, np.uint8) if isinstance(encoded, bytes) else encoded
        image = _decoded(data)
        if image is None:
            self.broken += 1
            return
        self._pictures.append(_square(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self.size))
        self._labels.append(label)

    def finish(self, classes: tuple[dict, ...], expected: str) -> ImageSet:
        """Give what was gathered, with a warning that says how many were left out.

        Raises:
            ValueError: If there is nothing; says what was `expected`.
        """
        if self.broken:
            logger.warning(
                "%d files in %s could not be read and were left out", self.broken, self.source
            )
        if not self._pictures:
            raise ValueError(f"{self.source} holds no pictures; expected {expected}")
        return ImageSet(np.stack(self._pictures), np.array(self._labels), classes)


def _decoded(data: np.ndarray) -> np.ndarray | None:
    """Decode a picture; None where it cannot be, or claims more pixels than anything has."""
    try:
        return cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error:
        return None


def split_off(everything: ImageSet, split: str, source: str) -> ImageSet:
    """Keep every 20th picture for validation, and at least one.

    Raises:
        ValueError: If there is only one picture.
    """
    if len(everything) < 2:
        raise ValueError(f"{source} holds one picture; at least one more is needed for validation")
    is_val = np.arange(len(everything)) % 20 == min(19, len(everything) - 1)
    keep = is_val if split == "val" else ~is_val
    return ImageSet(everything.pictures[keep], everything.labels[keep], everything.classes)


def named_classes(names: list[str]) -> tuple[dict, ...]:
    """Describe classes by their names; WordNet ids of ImageNet-1k's classes are recognised."""
    known = {entry.wnid: entry for entry in Classes.imagenet()}
    entries = []
    for label, name in enumerate(names):
        entry: dict = {"label": label, "name": name}
        if found := known.get(name):
            entry = {"name": found.name, "wnid": name, "imagenet_index": found.id}
        entries.append(class_entry(label, entry))
    return tuple(entries)


def class_entry(number: int, entry: dict) -> dict:
    """Give the entry of `classes.json` for one class; one outside ImageNet gets 1000 + label."""
    index = entry.get("imagenet_index", -1)
    return {
        "label": number,
        "id": index if index is not None and index >= 0 else 1000 + entry["label"],
        "name": entry["name"],
        "synonyms": [],
        "wnid": entry.get("wnid") or None,
    }


def _square(image: np.ndarray, size: int) -> np.ndarray:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = image[top : top + side, left : left + side]
    if side == size:
        return crop
    return cv2.resize(
        crop, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    )
