"""A whole decode on one picture: every pass side by side, masked cells in grey."""

from collections.abc import Sequence

import numpy as np

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
    if not trace:
        raise ValueError("the trace is empty")
    tiles = [_tile(engine, state) for state in trace]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    side = engine.image_size + GAP_PX
    sheet = np.full((rows * side - GAP_PX, columns * side - GAP_PX, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * side, i % columns * side
        sheet[top : top + len(tile), left : left + len(tile)] = tile
    return sheet


def _tile(engine: MaskGIT, state: DecodeState) -> Picture:
    tile = engine.preview(state)[0]
    masked = state.mask[0].view(state.constraints.grid).cpu().numpy()
    tile[to_region(masked, *tile.shape[:2])] = GREY
    return tile
