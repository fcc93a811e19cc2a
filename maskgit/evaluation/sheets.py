"""Sheets of pictures to look at: nothing chosen by hand, always the same places of the set."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from maskgit.contact_sheet import GREY, in_rows
from maskgit.types import Picture, Pictures, Region

GAP_PX = 2


def grid(pictures: Pictures, columns: int) -> UInt8[np.ndarray, "height width 3"]:
    """Lay pictures out row by row on white.

    Raises:
        ValueError: If there are none, or no columns.
    """
    if not len(pictures) or columns < 1:
        raise ValueError(f"a sheet needs pictures and columns, got {len(pictures)} and {columns}")
    return in_rows(pictures, columns, GAP_PX)


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
