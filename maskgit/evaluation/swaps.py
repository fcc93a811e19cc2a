"""Things that the picture does not show: holes in held-out pictures, filled with other classes.

A person who picks a class for a hole wants to see it there. The middle of every picture, half of
each side at `large_holes.ENLARGED` times its size, is filled with a class drawn at random among
all others: as fills are made by default, and so that it stands out (`window.standing_out`). The
hole is then shown to the classifier alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from typing_extensions import Unpack

from maskgit.config import ModelConfig
from maskgit.evaluation.editing import centre, changed_outside
from maskgit.evaluation.generation import Judge
from maskgit.evaluation.large_holes import ENLARGED, SHOWN_PX
from maskgit.evaluation.report import Row
from maskgit.evaluation.sampling import share_out
from maskgit.jobs import Choices
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.types import Picture, Pictures, Region
from maskgit.window import resample, standing_out

Wish = Callable[[Region, ModelConfig], dict[str, Any]]
Others = UInt8[np.ndarray, "B h w 3"]  # pictures of another size


WAYS: dict[str, Wish] = {"as usual": lambda _, __: {}, "to stand out": standing_out}


def others(images: ImageSet, num_classes: int, seed: int) -> Int[np.ndarray, " B"]:
    """Draw another class for each picture than its own."""
    steps = np.random.default_rng(seed).integers(1, num_classes, len(images))
    return (images.labels + steps) % num_classes


def enlarged(pictures: Pictures) -> Others:
    """Give the pictures as large as they are edited."""
    side = ENLARGED * pictures.shape[1]
    return np.stack([resample(picture, side, side) for picture in pictures])


def fill(
    engine: MaskGIT,
    pictures: Pictures,
    wanted: Int[np.ndarray, " B"],
    way: str,
    seed: int = 0,
    **choices: Unpack[Choices],
) -> Pictures:
    """Fill the middle of enlarged pictures, shared out among processes; picture i has seed + i."""
    region = centre(*pictures.shape[1:3])

    def one(index: int) -> Picture:
        label = engine.classes[int(wanted[index])].id
        wish = {**WAYS[way](region, engine.config), **choices, "borrow": engine.config.borrow}
        return engine.edit(pictures[index], region, label, seed=seed + index, **wish).pictures[0]

    return np.stack(share_out(range(len(pictures)), one, way))


def measure(
    name: str, pictures: Pictures, wanted: Int[np.ndarray, " B"], before: Pictures, judge: Judge
) -> Row:
    """Say whether the holes show their class, at the size that held-out pictures have."""
    region = centre(*pictures.shape[1:3])
    side = pictures.shape[1] // ENLARGED // 2
    holes = np.stack([resample(each, side, side) for each in _middles(pictures, region)])
    seen = judge.describe(holes, wanted).consistency
    return {
        "fill": name,
        "count": len(pictures),
        "class_top1": seen.top1,
        "class_p": seen.probability,
        "changed_outside": changed_outside(before, pictures, region),
    }


def shown(pictures: Pictures) -> Others:
    """Give enlarged pictures as small as a sheet shows them."""
    return np.stack([resample(picture, SHOWN_PX, SHOWN_PX) for picture in pictures])


def _middles(pictures: Pictures, region: Region) -> Others:
    rows, columns = region.any(1), region.any(0)
    return pictures[:, rows][:, :, columns]
