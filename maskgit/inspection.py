"""What the model thinks of a cell: the codes it finds likely there, and what each would look like.

Nothing here moves a decode forward; every question is one forward pass, or a little drawing.

Read in this order:
    entropy     how undecided the model is, cell by cell
    inspect     one cell: its codes by likelihood
    patches     the surroundings of a cell, drawn with each of several codes in its place
"""

from dataclasses import dataclass, replace
from math import inf

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.asking import predict
from maskgit.decoding import DecodeState
from maskgit.images import to_pictures
from maskgit.pipeline import MaskGIT
from maskgit.steering import one_cell
from maskgit.types import Pictures

PATCH_CELLS = 3  # side of a drawn patch: a cell and its neighbours
CONTEXT_CELLS = 2  # drawn around a patch and cut off: what a code looks like depends on neighbours


@dataclass(frozen=True, eq=False)
class Inspection:
    """One cell, as the model sees it while the cell is masked and all others are as they are.

    Attributes:
        cell: Its place in the row-major grid.
        code: The code that stands there; None while it is masked.
        confidence: Probability the model gave to what it drew there last, 0 to 1; 1 where known or
            chosen.
        revealed_at: See `DecodeState`.
        logits: After guidance, before temperature, top-k and top-p; minus infinity for codes that
            are banned there.
        entropy: Of the softmax of `logits`, in nats: 0 to ln K.
    """

    cell: int
    code: int | None
    confidence: float
    revealed_at: int
    logits: Float[Tensor, " K"]
    entropy: float

    def top(self, count: int) -> Int[Tensor, " _"]:
        """List the likeliest codes that are allowed, the likeliest first."""
        allowed = int(self.logits.isfinite().sum())
        return self.logits.topk(min(count, allowed)).indices


@torch.inference_mode()
def entropy(engine: MaskGIT, state: DecodeState) -> Float[Tensor, "B N"]:
    """Say how undecided the model is about every masked cell, in nats: 0 to ln K.

    Banned codes do not count. Decided cells have none: the model was never asked to predict what it
    can see.
    """
    cells = torch.arange(state.tokens.shape[1], device=state.tokens.device)
    logits = predict(engine.predictor, state).at(cells.expand_as(state.tokens))
    if state.constraints.banned is not None:
        logits = logits.masked_fill(state.constraints.banned, -inf)
    return _entropy(logits).masked_fill(~state.mask, 0)


@torch.inference_mode()
def inspect(engine: MaskGIT, state: DecodeState, cell: int) -> Inspection:
    """Ask the model about one cell of one row, as if that cell were masked.

    Raises:
        ValueError: If there is no such cell, or more than one row.
    """
    if state.batch != 1:
        raise ValueError(f"one picture is inspected at a time, got {state.batch}; take a row")
    where = one_cell(state, cell)
    hidden = replace(state, tokens=state.tokens.masked_fill(where, state.mask_id))
    place = torch.tensor([[cell]], device=state.tokens.device)
    logits = predict(engine.predictor, hidden).at(place)[0, 0]  # (K,)
    banned = state.constraints.banned
    if banned is not None:
        logits = logits.masked_fill(banned[0, cell if banned.shape[1] > 1 else 0], -inf)
    is_masked = bool(state.mask[0, cell])
    return Inspection(
        cell=cell,
        code=None if is_masked else int(state.tokens[0, cell]),
        confidence=float(state.confidence[0, cell].clamp(max=0).exp()),
        revealed_at=int(state.revealed_at[0, cell]),
        logits=logits,
        entropy=float(_entropy(logits)),
    )


def patches(engine: MaskGIT, state: DecodeState, cell: int, codes: Int[Tensor, " C"]) -> Pictures:
    """Draw the surroundings of a cell, once with each code in its place.

    What a code changes hardly reaches beyond its neighbours, so only a part is drawn for each, and
    its difference from the part as it is goes into the whole picture. The part alone would have
    other colours: the decoder evens them out over all that it draws.

    Args:
        engine: The model.
        state: One row.
        cell: Place in the row-major grid.
        codes: What to put there.

    Returns:
        PATCH_CELLS cells each way, moved inside at the edges of the grid.
    """
    height, width = state.constraints.grid
    side = min(PATCH_CELLS + 2 * CONTEXT_CELLS, height, width)
    row, column = divmod(cell, width)
    top, left = _first(row, side, height), _first(column, side, width)
    grid = state.drawn.masked_fill(state.drawn == state.mask_id, 0).view(height, width)
    crops = grid[top : top + side, left : left + side].repeat(len(codes) + 1, 1, 1)  # (1 + C, ...)
    crops[1:, row - top, column - left] = codes
    as_it_is, *changed = to_pictures(engine.tokenizer.decode(crops)).astype(np.int16)
    whole = engine.decode(grid)[0]

    size = min(PATCH_CELLS, side)
    y, x = _first(row, size, height), _first(column, size, width)  # of the patch, in the grid
    stride = len(whole) // height
    in_whole = _stretch(y, size, stride), _stretch(x, size, stride)
    in_crop = _stretch(y - top, size, stride), _stretch(x - left, size, stride)
    differences = np.stack([crop[in_crop] - as_it_is[in_crop] for crop in changed])
    return np.clip(whole[in_whole] + differences, 0, 255).astype(np.uint8)


def _first(cell: int, side: int, size: int) -> int:
    """Give the first cell of a stretch of `side` around a cell, inside a line of `size`."""
    return min(max(cell - side // 2, 0), size - side)


def _stretch(first: int, cells: int, stride: int) -> slice:
    return slice(first * stride, (first + cells) * stride)


def _entropy(logits: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
    log_p = logits.float().log_softmax(dim=-1)
    return -(log_p.exp() * log_p.clamp(min=-1e4)).sum(dim=-1)  # 0 log 0 = 0
