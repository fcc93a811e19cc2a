"""Pictures close to a finished one: a share of its cells is drawn again, all else is kept.

The cells are those the model was least certain of, so what is surest of a picture stays. Each seed
draws the same cells, differently. They are decoded at the end of the schedule, where a decode that
was left alone has as many cells masked.
"""

from collections.abc import Sequence

from maskgit.reveal import lowest
from maskgit.state import DecodeState
from maskgit.steering import certainty, pinned, remask, set_options, was_open


def vary(state: DecodeState, share: float, seeds: Sequence[int]) -> DecodeState:
    """Send the least certain share of a finished grid back to the mask, once for each seed.

    Args:
        state: One row, finished. Known and pinned cells stay.
        share: Of the cells that were open and are not pinned, above 0 and at most 1; rounded down,
            but at least one cell.
        seeds: One per picture.

    Returns:
        One row per seed; stepping goes on from there.

    Raises:
        ValueError: If the grid is not finished, no cell is free, a value is not allowed, or the
            picture has so many classes that fewer can be drawn at once.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0, at most 1, got {share}")
    if not state.finished:
        raise ValueError("only a finished picture can be varied; step on until nothing is masked")
    if not seeds:
        raise ValueError("give at least one seed")
    free = was_open(state) & ~pinned(state)
    counts = [min(number, max(int(share * number), 1)) for number in free.sum(dim=1).tolist()]
    if state.constraints.classes is not None:
        state.constraints.classes.require_room(len(seeds))
    again = remask(state, lowest(certainty(state), free, counts))
    return DecodeState.stack([set_options(again, {"seed": seed}) for seed in seeds])
