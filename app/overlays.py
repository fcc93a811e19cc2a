"""What the canvas draws over the picture, packed small: frames of a run as JSON-able objects.

NumPy in, text out: masks as hexadecimal bits, confidence and reveal order as base64 bytes,
pictures as data URLs. A step of a 16 x 16 grid is 4 KB besides its preview. The canvas's
module documentation describes the frames from the other side.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.document import Region, pack
from app.export import png_url, preview_url
from app.runs import Picture, Result, Step
from app.words import Sentence

Frame: TypeAlias = dict[str, Any]


def seeds_used(seeds: Sequence[int]) -> str:
    """Say which seeds were used; they follow each other."""
    if len(seeds) == 1:
        return str(seeds[0])
    return Sentence("said.seeds", first=seeds[0], last=seeds[-1])


def step_frame(step: Step) -> Frame:
    """Describe a step; before the first pass it is the frame that starts a run."""
    confidence = np.rint(255 * np.clip(step.confidence, 0, 1)).astype(np.uint8)
    frame: Frame = {
        "kind": "step" if step.step else "start",
        "step": step.step,
        "steps": step.steps,
        "row": 0,
        "window": list(step.window),
        "grid": step.is_open.shape[0],
        "open": pack(step.is_open),
        "masked": pack(step.is_masked),
        "confidence": base64_of(confidence),
        "revealed_at": base64_of(step.revealed_at.astype("<i2")),
        "tokens": base64_of(step.tokens.astype("<u2")),
        "state": step.state,
        "image": None if step.image is None else preview_url(step.image),
    }
    if step.is_pinned is not None:
        frame["pinned"] = pack(step.is_pinned)
    return frame


def done_frame(result: Result, region: Region | None, picture_ids: Sequence[str]) -> Frame:
    """Describe a finished run: the changed part of every variation, without loss.

    Args:
        result: The variations.
        region: The pixels that could change; None where the whole picture is new.
        picture_ids: Id of each variation as a whole picture.
    """
    left, top, right, bottom = bounds(region, result.pictures[0])
    patches = [
        {
            "seed": seed,
            "left": left,
            "top": top,
            "width": right - left,
            "height": bottom - top,
            "png": png_url(_cut(picture, region, (slice(top, bottom), slice(left, right)))),
        }
        for picture, seed in zip(result.pictures, result.seeds, strict=True)
    ]
    for patch, state in zip(patches, result.states, strict=False):
        patch["state"] = state
    return {"kind": "done", "patches": patches, "picture_ids": list(picture_ids)}


def _cut(picture: Picture, region: Region | None, box: tuple[slice, slice]) -> NDArray[np.uint8]:
    """Cut a patch out; transparent where the picture must stay as the page has it.

    The page may know more of the picture than the server: colours under transparent parts, or a
    photo as another decoder reads it.
    """
    patch = picture[box]
    if region is None or region[box].all():
        return patch
    changed = region[box].astype(np.uint8)
    return np.dstack([patch * changed[..., None], changed * 255])


def bounds(region: Region | None, picture: Picture) -> tuple[int, int, int, int]:
    """Give left, top, right and bottom of the smallest rectangle that holds the region."""
    if region is None:
        height, width = picture.shape[:2]
        return 0, 0, width, height
    rows, cols = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    return int(cols[0]), int(rows[0]), int(cols[-1]) + 1, int(rows[-1]) + 1


def base64_of(values: NDArray[Any]) -> str:
    """Write the bytes of an array as text, row by row."""
    return base64.b64encode(values.tobytes()).decode("ascii")
