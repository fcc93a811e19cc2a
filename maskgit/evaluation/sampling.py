"""Many pictures, shared out among processes, the same however many there are.

Picture i of all has seed `seed` + i, and batches are cut before they are dealt out: a process only
ever sees whole batches. So one process, or eight started with `accelerate launch -m maskgit
evaluate ...`, give the same pictures in the same order.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from tqdm import tqdm
from typing_extensions import Unpack

from maskgit.jobs import Choices
from maskgit.pipeline import MaskGIT
from maskgit.types import Pictures

BATCH = 16

Part = TypeVar("Part")
Result = TypeVar("Result")


class Samples(NamedTuple):
    """Generated pictures.

    Attributes:
        pictures: In the order of the classes.
        labels: The model's label of each.
        seconds: How long one picture took, on one process.
    """

    pictures: Pictures
    labels: np.ndarray
    seconds: float


def sample(
    engine: MaskGIT,
    counts: Sequence[int],
    seed: int = 0,
    batch_size: int = BATCH,
    **choices: Unpack[Choices],
) -> Samples:
    """Generate `counts[label]` pictures of each class; every process gets all of them.

    Raises:
        ValueError: If there is not one count for each class, or all are 0.
    """
    if len(counts) != len(engine.classes) or not sum(counts) or min(counts) < 0:
        raise ValueError(
            f"one count for each of {len(engine.classes)} classes is needed, one of them above 0; "
            f"got {list(counts)}"
        )
    batches, first = [], 0
    for label, count in enumerate(counts):
        starts = range(0, count, batch_size)
        batches += [(label, first + start, min(batch_size, count - start)) for start in starts]
        first += count

    def generate(batch: tuple[int, int, int]) -> tuple[Pictures, float]:
        label, index, count = batch
        began = time.perf_counter()
        made = engine.generate(
            engine.classes[label].id, seed=seed + index, count=count, **choices
        ).pictures
        return made, time.perf_counter() - began

    results = share_out(batches, generate, "sampling")
    pictures = np.concatenate([made for made, _ in results])
    seconds = sum(duration for _, duration in results) / len(pictures)
    return Samples(pictures, np.repeat(np.arange(len(counts)), counts), seconds)


def share_out(
    parts: Sequence[Part], work: Callable[[Part], Result], what: str = "parts"
) -> list[Result]:
    """Do every part in one of the processes; give all results, in order, to each of them.

    Args:
        parts: What there is to do, the same in every process.
        work: Does one part; must not depend on those before it.
        what: Said beside the progress bar.
    """
    state = PartialState()
    mine = range(state.process_index, len(parts), state.num_processes)
    is_shown = state.is_main_process and sys.stderr.isatty()
    done = [(i, work(parts[i])) for i in tqdm(mine, desc=what, disable=not is_shown)]
    gathered: list[tuple[int, Result]] = gather_object(done)
    return [result for _, result in sorted(gathered, key=lambda pair: pair[0])]


def device_of_process(device: str) -> str | torch.device:
    """Give each of several processes its own GPU where the choice is left open."""
    state = PartialState()
    if device != "auto" or state.num_processes == 1 or state.device is None:
        return device
    return state.device
