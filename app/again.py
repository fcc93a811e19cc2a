"""What the page remembers of its last run, and what of it the next seed repeats.

Read in this order:
    LastRun     kept by the page's session between two presses
    next_seed   the same wish again, with the seeds that come after
    same_seed   the same wish again, exactly
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from app.canvas.drawing import Drawing
from app.controls import COUNTS, MAX_SEED, Controls
from app.desk import Action


class LastRun(NamedTuple):
    """The run that was begun last.

    Attributes:
        action: Which button began it.
        run: Its id.
        seed: Of its first variation.
        drawing: What was painted, and on which picture.
        picture_ids: Its results, once there are any.
    """

    action: Action
    run: str
    seed: int
    drawing: Drawing
    picture_ids: tuple[str, ...] = ()


class Wish(NamedTuple):
    """What a press asks for."""

    action: Action
    drawing: Drawing
    controls: Controls


def next_seed(last: LastRun | None, drawing: Drawing, controls: Controls) -> Wish:
    """Repeat what is on the page with the seeds after those in use.

    As long as a result is shown as it came, the picture before it is filled once more: otherwise
    the model would read the last result, and no seed would give the same picture twice.
    """
    seeded = controls._replace(seed=_after(controls), randomise=False)
    if last is None or not _is_result(last, drawing):
        return Wish("fill", drawing, seeded)
    action = "generate" if last.action == "generate" else "fill"
    return Wish(action, last.drawing, seeded)


def same_seed(last: LastRun, drawing: Drawing, controls: Controls) -> Wish:
    """Repeat a run that could not begin, with the seed it would have had."""
    return Wish(last.action, drawing, controls._replace(seed=last.seed, randomise=False))


def _after(controls: Controls) -> float | None:
    """Skip the seeds of all variations; what is no number is refused later, with a sentence."""
    if not isinstance(controls.seed, int | float):
        return controls.seed
    count = controls.variations if controls.variations in COUNTS else 1
    following = controls.seed + count
    return following if following + count <= MAX_SEED + 1 else 0


def _is_result(last: LastRun, drawing: Drawing) -> bool:
    """Whether a result of the run is shown, with the mask that the run has left."""
    if last.action == "outpaint" or drawing.picture not in last.picture_ids:
        return False
    leaves_no_mask = last.action == "generate" or last.drawing.is_full
    if leaves_no_mask:
        return drawing.is_blank
    return replace(drawing, picture=None) == replace(last.drawing, picture=None)
