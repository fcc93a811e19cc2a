"""Sheets of pictures to look at: nothing chosen by hand, always the same places of the set."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from maskgit.types import Picture, Pictures, Region

GAP_PX = 2
GREY = 128


def grid(pictures: Pictures, columns: int) -> UInt8[np.ndarray, "height width 3"]:
    """Lay pictures out row by row on white.

    Raises:
        ValueError: If there are none, or no columns.
    """
    if not len(pictures) or columns < 1:
        raise ValueError(f"a sheet needs pictures and columns, got {len(pictures)} and {columns}")
    height, width = (side + GAP_PX for side in pictures.shape[1:3])
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height - GAP_PX, columns * width - GAP_PX, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height - GAP_PX, left : left + width - GAP_PX] = picture
    return sheet


def columns_of(rows: Sequence[Pictures]) -> UInt8[np.ndarray, "height width 3"]:
    """Lay sets of equally many pictures under each other: picture i of each in column i."""
    return grid(np.concatenate(rows), len(rows[0]))


def evenly(total: int, count: int) -> list[int]:
    """Choose `count` places of `total`, evenly and without looking; all where there are fewer."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int)).tolist()


def with_hole(pictures: Pictures, region: Region) -> Pictures:
    """Paint a region grey."""
    holes = pictures.copy()
    holes[:, region] = GREY
    return holes


def to_webp(picture: Picture, quality: int = 80) -> bytes:
    """Encode a sheet as WebP, which takes a fifth of PNG's bytes.

    Raises:
        ValueError: If it cannot be, as where a side is longer than 16383 px.
    """
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    is_done, encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not is_done:
        raise ValueError(f"a picture of {picture.shape} cannot be written as WebP")
    return encoded.tobytes()
