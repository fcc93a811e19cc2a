"""How well holes in real pictures are filled, as a person with the editor would fill them.

The two tasks are those of the paper's Table 2: the centre, half of each side, and the right half.
Every held-out picture is filled once, knowing its class. Source: MaskGIT section 4.3.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from typing_extensions import Unpack

from maskgit.evaluation.generation import Judge, Seen, distances
from maskgit.evaluation.report import Row
from maskgit.evaluation.sampling import share_out
from maskgit.jobs import Choices
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.types import Picture, Pictures, Region


def centre(height: int, width: int) -> Region:
    """Mark the middle, half of each side."""
    region = np.zeros((height, width), bool)
    region[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return region


def right_half(height: int, width: int) -> Region:
    """Mark the right half."""
    region = np.zeros((height, width), bool)
    region[:, width // 2 :] = True
    return region


TASKS: dict[str, Callable[[int, int], Region]] = {
    "inpaint the centre, 50 % x 50 %": centre,
    "outpaint the right 50 %": right_half,
}


def fill(
    engine: MaskGIT,
    images: ImageSet,
    task: str,
    seed: int = 0,
    *,
    borrow: bool = False,
    **choices: Unpack[Choices],
) -> Pictures:
    """Fill the same hole of every picture, shared out among processes; picture i has seed + i.

    With `borrow`, fills are written with pieces of the picture around them. Outpainting does not
    see the half it makes. Inpainting is what the editor does: the whole picture is encoded, so
    cells beside the hole know a few pixels of what was inside.
    """
    region = TASKS[task](*images.pictures.shape[1:3])
    missing = int(region.all(0).sum())  # columns of which nothing is known: they lie on the right

    def one(index: int) -> Picture:
        picture, label = images.pictures[index], engine.classes[int(images.labels[index])].id
        asked = {"label": label, "seed": seed + index, "borrow": borrow, **choices}
        if not missing:
            return engine.edit(picture, region, **asked).pictures[0]
        known = np.ascontiguousarray(picture[:, :-missing])
        return engine.outpaint(known, right=missing, **asked).pictures[0]

    return np.stack(share_out(range(len(images)), one, task))


def measure(task: str, images: ImageSet, filled: Pictures, real: Seen, judge: Judge) -> Row:
    """Compare filled pictures with the real ones.

    Args:
        task: Which.
        images: The real pictures.
        filled: The same with the hole filled.
        real: The real pictures as the judge sees them.
        judge: Looks at the filled ones.
    """
    region = TASKS[task](*filled.shape[1:3])
    seen = judge.describe(filled, images.labels)
    holes = [judge.describe(_hole(p, region), images.labels) for p in (filled, images.pictures)]
    ours, theirs = (seams(pictures, region) for pictures in (filled, images.pictures))
    return {
        "task": task,
        "count": len(filled),
        **distances(real.described, seen.described),
        "class_top1": seen.consistency.top1,
        "hole_top1": holes[0].consistency.top1,
        "hole_top1_real": holes[1].consistency.top1,
        "seam": float(ours.mean()),
        "seam_real": float(theirs.mean()),
        "seam_ratio": float(ours.mean() / max(theirs.mean(), 1e-9)),
        "changed_outside": changed_outside(images.pictures, filled, region),
    }


def seams(pictures: Pictures, region: Region) -> Float[np.ndarray, " B"]:
    """Mean step in level, 0 to 255, between neighbours on either side of a region's border.

    A seam shows where this is larger than in real pictures at the same place; where it is smaller,
    the picture was blurred.

    Raises:
        ValueError: If the region has no border inside the picture.
    """
    levels = pictures.astype(np.float32)
    across = region[:, 1:] != region[:, :-1]
    down = region[1:] != region[:-1]
    count = int(across.sum() + down.sum())
    if not count:
        raise ValueError("the region has no border inside the picture")
    steps_across = np.abs(levels[:, :, 1:] - levels[:, :, :-1]).mean(-1)[:, across]
    steps_down = np.abs(levels[:, 1:] - levels[:, :-1]).mean(-1)[:, down]
    return (steps_across.sum(1) + steps_down.sum(1)) / count


def changed_outside(before: Pictures, after: Pictures, region: Region) -> int:
    """Count pixels outside the region that differ; must be 0."""
    return int((before != after).any(-1)[:, ~region].sum())


def _hole(pictures: Pictures, region: Region) -> UInt8[np.ndarray, "B h w 3"]:
    """Cut out the rectangle that the region is."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    return pictures[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
