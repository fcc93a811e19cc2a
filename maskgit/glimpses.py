"""Pictures of a decode that is under way, each drawn only where it differs from the first.

    seen = None
    while not state.finished:
        state = engine.step(state)
        seen = engine.glimpse(state, seen)
        show(seen.picture)

The first one is drawn whole. The others are near in the cells that may change, and show the first
one around them (`maskgit.models.partial`). What is kept is drawn anew: `MaskGIT.finish`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from maskgit.images import to_pictures
from maskgit.masks import bounding_box
from maskgit.models import AnyTokenizer
from maskgit.models.partial import Extent, Sketch, draw_part, draw_whole
from maskgit.state import DecodeState
from maskgit.types import Picture


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What a state shows.

    Attributes:
        picture: The model's square.
        grid: What the first picture was drawn from.
        sketch: What drawing on from there takes; None where everything is always drawn whole.
    """

    picture: Picture
    grid: Int[Tensor, "1 h w"]
    sketch: Sketch | None = None

    def knows(self, grid: Int[Tensor, "1 h w"]) -> bool:
        """Whether a grid differs from the first one in no other cells than the sketch's."""
        if self.sketch is None or self.grid.shape != grid.shape:
            return False
        differs = self.grid != grid
        top, left, bottom, right = self.sketch.cells
        differs[:, top:bottom, left:right] = False
        return not bool(differs.any())


@torch.inference_mode()
def glimpse(
    tokenizer: AnyTokenizer, state: DecodeState, grid: Int[Tensor, "1 h w"], before: Glimpse | None
) -> Glimpse:
    """Draw a state of one row.

    Args:
        tokenizer: What draws.
        state: Says which cells may change.
        grid: What it shows: a complete grid.
        before: An earlier picture; where it is of another decode, everything is drawn.
    """
    if before is None or before.sketch is None or not before.knows(grid):
        images, sketch = draw_whole(tokenizer, grid, _open_box(state))
        return Glimpse(to_pictures(images)[0], grid, sketch)
    picture = before.picture.copy()
    top, left, bottom, right = before.sketch.cells.finer(tokenizer.stride)
    part = draw_part(tokenizer, grid, before.sketch)
    picture[top:bottom, left:right] = to_pictures(part)[0]
    return Glimpse(picture, before.grid, before.sketch)


def _open_box(state: DecodeState) -> Extent:
    """Give the smallest box of cells that holds all that may change; everything, if none may."""
    is_open = state.constraints.is_open.view(state.constraints.grid).cpu().numpy()
    box = bounding_box(is_open)
    if box is None:
        return Extent(0, 0, *is_open.shape)
    return Extent(box.top, box.left, box.top + box.height, box.left + box.width)
