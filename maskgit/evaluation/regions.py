"""Several classes in one picture: both at once, or one after the other as with a single brush.

Two boxes side by side, each three quarters of the picture high and three eighths wide, are painted
over every held-out picture, for two classes drawn at random. Each box is then shown to the
classifier alone. In turn means two edits: the second sees what the first has made, and the first
what was in the second's place before.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from typing_extensions import Unpack

from maskgit.evaluation.editing import changed_outside, seams
from maskgit.evaluation.generation import Judge
from maskgit.evaluation.report import Row
from maskgit.evaluation.sampling import share_out
from maskgit.jobs import Choices, Regions
from maskgit.masks import Box
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.types import Picture, Pictures, Region

Way = Callable[..., Picture]


class Filled(NamedTuple):
    """Pictures whose boxes were filled.

    Attributes:
        pictures: One for every held-out picture.
        seconds: How long one took, on one process.
    """

    pictures: Pictures
    seconds: float


def boxes(height: int, width: int) -> tuple[Box, Box]:
    """Give the two boxes: they touch in the middle."""
    top, left, middle = height // 8, width // 8, width // 2
    return (
        Box(top, left, height - 2 * top, middle - left),
        Box(top, middle, height - 2 * top, width - left - middle),
    )


def pairs(count: int, num_classes: int, seed: int) -> Int[np.ndarray, "{count} 2"]:
    """Draw two different classes for each picture."""
    generator = np.random.default_rng(seed)
    first = generator.integers(0, num_classes, count)
    second = (first + generator.integers(1, num_classes, count)) % num_classes
    return np.stack([first, second], axis=1)


def together(
    engine: MaskGIT, picture: Picture, regions: Regions, seed: int, **choices: Unpack[Choices]
) -> Picture:
    """Fill all regions at once."""
    mask: Region = np.logical_or.reduce(list(regions.values()))
    return engine.edit(picture, mask, regions=regions, seed=seed, **choices).pictures[0]


def in_turn(
    engine: MaskGIT, picture: Picture, regions: Regions, seed: int, **choices: Unpack[Choices]
) -> Picture:
    """Fill region after region."""
    for label, region in regions.items():
        picture = engine.edit(picture, region, label, seed=seed, **choices).pictures[0]
    return picture


WAYS: dict[str, Way] = {"all at once": together, "one after the other": in_turn}


def fill(
    engine: MaskGIT,
    images: ImageSet,
    wanted: Int[np.ndarray, "B 2"],
    way: str,
    seed: int = 0,
    **choices: Unpack[Choices],
) -> Filled:
    """Fill the boxes of every picture, shared out among processes; picture i has seed + i."""

    def one(index: int) -> tuple[Picture, float]:
        picture = images.pictures[index]
        labels = [engine.classes[label].id for label in wanted[index].tolist()]
        masks = [_mask(box, picture) for box in boxes(*picture.shape[:2])]
        began = time.perf_counter()
        regions = dict(zip(labels, masks, strict=True))
        made = WAYS[way](engine, picture, regions, seed=seed + index, **choices)
        return made, time.perf_counter() - began

    results = share_out(range(len(images)), one, way)
    seconds = sum(duration for _, duration in results) / len(results)
    return Filled(np.stack([made for made, _ in results]), seconds)


def measure(
    way: str, images: ImageSet, wanted: Int[np.ndarray, "B 2"], filled: Filled, judge: Judge
) -> Row:
    """Say whether each box shows its class, and how it joins what is beside it."""
    first, second = boxes(*images.pictures.shape[1:3])
    whole = Box(first.top, first.left, first.height, first.width + second.width)
    mask = _mask(whole, images.pictures[0])
    left = _mask(first, images.pictures[0])
    ours, theirs = _crop(filled.pictures, whole), _crop(images.pictures, whole)
    return {
        **consistency(way, filled.pictures, wanted, judge),
        "outer_seam_ratio": _ratio(filled.pictures, images.pictures, mask),
        "inner_seam_ratio": _ratio(ours, theirs, left[whole.slices]),
        "seconds": filled.seconds,
        "changed_outside": changed_outside(images.pictures, filled.pictures, mask),
    }


def consistency(name: str, pictures: Pictures, wanted: Int[np.ndarray, "B 2"], judge: Judge) -> Row:
    """Show each box to the classifier alone."""
    parts = [_crop(pictures, box) for box in boxes(*pictures.shape[1:3])]
    left, right = (judge.describe(part, wanted[:, i]) for i, part in enumerate(parts))
    swapped = [judge.describe(part, wanted[:, 1 - i]) for i, part in enumerate(parts)]
    return {
        "boxes": name,
        "count": 2 * len(pictures),
        "class_top1": (left.consistency.top1 + right.consistency.top1) / 2,
        "class_p": (left.consistency.probability + right.consistency.probability) / 2,
        "left_top1": left.consistency.top1,
        "right_top1": right.consistency.top1,
        "swapped_top1": sum(seen.consistency.top1 for seen in swapped) / 2,
    }


def _mask(box: Box, picture: Picture) -> Region:
    mask = np.zeros(picture.shape[:2], bool)
    mask[box.slices] = True
    return mask


def _ratio(ours: Pictures, theirs: Pictures, region: Region) -> float:
    """Compare the step at a region's border with that of the real pictures."""
    return float(seams(ours, region).mean() / max(seams(theirs, region).mean(), 1e-9))


def _crop(pictures: Pictures, box: Box) -> UInt8[np.ndarray, "B h w 3"]:
    rows, columns = box.slices
    return pictures[:, rows, columns]
