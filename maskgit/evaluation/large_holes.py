"""Holes that are larger than the model's square: each fill before and after what is done to it.

Two sets. Each hole is filled by one decode, which is put into the picture in four ways: as the
model drew it, with colours evened out and the edge faded in (what `finish` does), refined, and
written with pieces of the picture around it:

    held out, enlarged   the middle of held-out pictures at ENLARGED times their size; their class
                         is known, so it can be asked whether the filled picture still shows it
    photos               round holes in whole photos, without a class: real detail to compare with
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool
from typing_extensions import Unpack

from maskgit.compositing import paste
from maskgit.evaluation.editing import centre, changed_outside, seams
from maskgit.evaluation.generation import Judge
from maskgit.evaluation.report import Row
from maskgit.evaluation.sampling import share_out
from maskgit.jobs import Choices, Label
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.types import Picture, Region
from maskgit.window import choose, resample, view

ENLARGED = 3
HOLES = (0.25, 0.5, 0.75)  # where holes in photos lie along the long side
DIAMETER = 0.3  # of them, by the photo's short side
REACH_PX = 8  # how far from the border colours are compared
SHOWN_PX = 192  # of the sheet's pictures
WAYS = ("as drawn", "plain", "refined", "borrowed")
MAX_PIXELS = 2**20  # of a photo; larger ones are made smaller first


class Hole(NamedTuple):
    """A picture and what of it is to be filled."""

    picture: Picture
    region: Region
    label: Label


class Filled(NamedTuple):
    """A hole filled in all `WAYS`."""

    pictures: Sequence[Picture]
    seconds: Sequence[float]


def in_enlarged(engine: MaskGIT, images: ImageSet) -> list[Hole]:
    """Hide the middle of enlarged pictures of known classes."""
    side = ENLARGED * images.pictures.shape[1]
    return [
        Hole(resample(picture, side, side), centre(side, side), engine.classes[int(label)].id)
        for picture, label in zip(images.pictures, images.labels, strict=True)
    ]


def in_photos(photos: Sequence[np.ndarray]) -> list[Hole]:
    """Hide round parts of photos (H, W, 3) of any sizes, several in each, one at a time."""
    holes = []
    for photo in photos:
        rows, columns = photo.shape[:2]
        scale = min((MAX_PIXELS / (rows * columns)) ** 0.5, 1)
        height, width = round(rows * scale), round(columns * scale)
        shown = resample(photo, height, width)
        holes += [Hole(shown, _disc(height, width, where), None) for where in HOLES]
    return holes


def fill(
    engine: MaskGIT, holes: Sequence[Hole], seed: int = 0, **choices: Unpack[Choices]
) -> list[Filled]:
    """Fill holes in all ways, shared out among processes; hole i has seed + i."""

    def one(index: int) -> Filled:
        picture, region, label = holes[index]
        began = time.perf_counter()
        job = engine.prepare_edit(picture, region, label, seed=seed + index, **choices)
        state = job.state
        while not state.finished:
            state = engine.step(state)
        place = job.place
        assert place is not None  # of an edit
        square = engine.preview(state)[0]
        drawn = paste(place.picture, square, place.window, place.region, 0)
        first = time.perf_counter()
        result = engine.finish(job, state)
        middle = time.perf_counter()
        refined = engine.refine(job, state, result, engine.plan(job))
        third = time.perf_counter()
        borrowed = engine.borrow(job, result)
        fourth = middle + time.perf_counter() - third
        seconds = [each - began for each in (first, middle, third, fourth)]
        made = [each.pictures[0] for each in (result, refined, borrowed)]
        return Filled([drawn, *made], seconds)

    return share_out(range(len(holes)), one, "large holes")


def measure(name: str, holes: Sequence[Hole], filled: Sequence[Filled]) -> list[Row]:
    """Compare the fills with the real pictures; a row for each way."""
    return [_row(name, way, index, holes, filled) for index, way in enumerate(WAYS)]


def with_classes(
    rows: Sequence[Row], filled: Sequence[Filled], images: ImageSet, judge: Judge
) -> list[Row]:
    """Add whether the filled pictures, at the size they had, show their class."""
    size = images.pictures.shape[1:3]
    found = []
    for index, row in enumerate(rows):
        small = np.stack([resample(each.pictures[index], *size) for each in filled])
        top1 = judge.describe(small, images.labels).consistency.top1
        found.append({**row, "class_top1": top1})
    return found


def looked_at(hole: Hole, filled: Filled) -> list[Picture]:
    """Cut the surroundings of a hole out of the real picture and of its fills, all in one size."""
    window = choose(hole.region, 1, min_side=1, context=0.4)
    return [view(picture, window, SHOWN_PX) for picture in (hole.picture, *filled.pictures)]


def detail(picture: Picture, region: Region) -> float:
    """Mean step between neighbouring pixels that both lie in a region, in levels of 255."""
    levels = picture.astype(np.float32)
    across, down = region[:, 1:] & region[:, :-1], region[1:] & region[:-1]
    steps = np.abs(np.diff(levels, axis=1)).mean(-1)[across]
    return float(np.concatenate([steps, np.abs(np.diff(levels, axis=0)).mean(-1)[down]]).mean())


def colour_shift(picture: Picture, region: Region, reach: int = REACH_PX) -> float:
    """Mean difference of colour between the two sides of a region's border, in levels of 255.

    At each pixel of the border the mean colour of what is near inside is compared with the mean of
    what is near outside, so detail does not count and a shade does. Real pictures have some, too.
    """
    around = np.ones((2 * reach + 1,) * 2, np.uint8)
    whole = region.astype(np.uint8)
    inner = region & (cv2.erode(whole, around, borderValue=1) == 0)
    outer = ~region & (cv2.dilate(whole, around) > 0)
    border = ~region & (cv2.dilate(whole, np.ones((3, 3), np.uint8)) > 0)
    return float(np.abs(_near(picture, inner, reach) - _near(picture, outer, reach))[border].mean())


def _near(picture: Picture, region: Region, reach: int) -> np.ndarray:
    """Give the mean colour of a region's pixels near each pixel."""
    share = region.astype(np.float32)
    window = (4 * reach + 1,) * 2
    sums = cv2.blur(picture.astype(np.float32) * share[..., None], window)
    return sums / np.maximum(cv2.blur(share, window), 1e-6)[..., None]


def _row(name: str, way: str, index: int, holes: Sequence[Hole], filled: Sequence[Filled]) -> Row:
    pairs = list(zip(holes, filled, strict=True))

    def mean(figure: Callable[[Picture, Region], float], is_real: bool = False) -> float:
        shown = [h.picture if is_real else f.pictures[index] for h, f in pairs]
        return float(np.mean([figure(p, h.region) for p, h in zip(shown, holes, strict=True)]))

    def seam(picture: Picture, region: Region) -> float:
        return float(seams(picture[None], region)[0])

    return {
        "set": name,
        "fill": way,
        "count": len(holes),
        "sharpness": mean(detail) / max(mean(detail, is_real=True), 1e-9),
        "shift": mean(colour_shift),
        "shift_real": mean(colour_shift, is_real=True),
        "seam": mean(seam),
        "seam_real": mean(seam, is_real=True),
        "error": float(np.mean([_error(h, f.pictures[index]) for h, f in pairs])),
        "changed_outside": sum(
            changed_outside(h.picture[None], f.pictures[index][None], h.region) for h, f in pairs
        ),
        "seconds": float(np.mean([f.seconds[index] for f in filled])),
    }


def _error(hole: Hole, picture: Picture) -> float:
    """Mean difference from the real picture inside the hole, in levels of 255."""
    return float(np.abs(picture.astype(np.float32) - hole.picture)[hole.region].mean())


def _disc(height: int, width: int, where: float) -> Bool[np.ndarray, "height width"]:
    """Mark a disc in the middle of the short side, somewhere along the long one."""
    short = min(height, width)
    y, x = (where * height, width / 2) if height > width else (height / 2, where * width)
    rows, columns = np.mgrid[:height, :width] + 0.5
    return (rows - y) ** 2 + (columns - x) ** 2 <= (DIAMETER * short / 2) ** 2
