"""A whole decode on one picture: every pass side by side, masked cells in grey."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from maskgit.decoding import DecodeState
from maskgit.masks import to_region
from maskgit.pipeline import MaskGIT
from maskgit.types import Picture

GAP_PX = 4
GREY = 128
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
    """Lay square pictures of one size in rows of COLUMNS.

    Raises:
        ValueError: If there are none.
    """
    if not tiles:
        raise ValueError("the trace is empty")
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    side = len(tiles[0]) + GAP_PX
    sheet = np.full((rows * side - GAP_PX, columns * side - GAP_PX, 3), 255, np.uint8)
    for i, each in enumerate(tiles):
        top, left = i // columns * side, i % columns * side
        sheet[top : top + len(each), left : left + len(each)] = each
    return sheet
