"""A whole decode on one picture: every pass side by side, masked cells in grey."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from maskgit.decoding import DecodeState
from maskgit.masks import to_region
from maskgit.pipeline import MaskGIT
from maskgit.types import Picture, Pictures

GAP_PX = 4
GREY = 128  # of masked cells
COLUMNS = 6


def contact_sheet(engine: MaskGIT, trace: Sequence[DecodeState]) -> Picture:
    """Draw each state of one picture's trace.

    Args:
        engine: The model that made it.
        trace: States of one row; of the state before the first pass only the known cells show.

    Raises:
        ValueError: If the trace is empty.
    """
    return side_by_side([tile(engine.preview(state)[0], state) for state in trace])


def tile(picture: Picture, state: DecodeState) -> Picture:
    """Turn the masked cells of a state's picture grey."""
    masked = state.mask[0].view(state.constraints.grid).cpu().numpy()
    region = to_region(masked, *picture.shape[:2])
    return np.where(region[..., None], np.uint8(GREY), picture)


def side_by_side(tiles: Sequence[Picture]) -> UInt8[np.ndarray, "h w 3"]:
    """Lay pictures of one size in rows of COLUMNS.

    Raises:
        ValueError: If there are none.
    """
    if not tiles:
        raise ValueError("the trace is empty")
    return in_rows(tiles, min(COLUMNS, len(tiles)), GAP_PX)


def in_rows(
    pictures: Sequence[Picture] | Pictures, columns: int, gap_px: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Lay pictures of one size, at least one, row by row on white."""
    height, width = (side + gap_px for side in pictures[0].shape[:2])
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height - gap_px, columns * width - gap_px, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height - gap_px, left : left + width - gap_px] = picture
    return sheet
