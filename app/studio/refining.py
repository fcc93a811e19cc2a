"""Finished fills made sharp: drawn again in smaller windows, or written with the picture's own.

What callers may rely on (tests/app/test_studio.py):
    * The machine is held only while a network runs or a picture is put together; the passes of a
      window share batches with everybody's.
    * Where texture is borrowed nobody waits for it, which takes seconds for a hole of megapixels;
      pictures are written one at a time, as each takes memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TypeVar

import maskgit
from app.runs import Refining
from app.studio.cores import on_one_core
from maskgit import DecodeState, MaskGIT
from maskgit.batching import Batcher
from maskgit.images import stacked
from maskgit.tiles import MAX_LEVELS, Plan
from maskgit.types import Pictures

R = TypeVar("R")
WRITING = threading.Lock()


class Refiner:
    """Draws finished decodes."""

    def __init__(self, one_pass: threading.Lock, batcher: Batcher) -> None:
        """Share the machine; see `Walker`."""
        self._pass = one_pass
        self._batcher = batcher

    def drawn(
        self,
        engine: MaskGIT,
        job: maskgit.Job,
        state: DecodeState,
        refine: bool,
        borrow: bool,
        drawn: Pictures | None = None,
    ) -> Generator[Refining, None, maskgit.Result]:
        """Draw the finished pictures of a decode, in full; yields before every window.

        Args:
            engine: The model.
            job: What was prepared.
            state: After the last pass.
            refine: Whether windows are drawn again where a fill would be soft.
            borrow: Whether texture is borrowed instead.
            drawn: What the window shows, where it was drawn already.
        """
        with self._pass:
            result = engine.finish(job, state, drawn)
        plan = engine.plan(job, MAX_LEVELS if refine else 0, borrow)
        return (yield from self.refined(engine, job, state, result, plan))

    def refined(
        self,
        engine: MaskGIT,
        job: maskgit.Job,
        state: DecodeState,
        result: maskgit.Result,
        plan: Plan,
    ) -> Generator[Refining, None, maskgit.Result]:
        """Refine finished pictures as planned; yields before every window."""
        if plan.borrows:
            return (yield from self._borrowed(engine, job, result))
        if not plan.tiles:
            return result
        refining = engine.refining(job, state, result, plan)
        for tile in plan.tiles:
            yield Refining(tile.number + 1, len(plan.tiles))
            with self._pass:
                now = refining.begin(tile)
            while not now.finished:
                now = self._batcher.step(engine.predictor, now)
            with self._pass:
                refining.end(tile, now)
        return replace(result, pictures=refining.pictures)

    def _borrowed(
        self, engine: MaskGIT, job: maskgit.Job, result: maskgit.Result
    ) -> Generator[Refining, None, maskgit.Result]:
        """Write finished pictures with pieces of themselves; yields before each."""
        written = []
        for number, picture in enumerate(result.pictures, 1):
            yield Refining(number, len(result.pictures), borrows=True)
            with WRITING, on_one_core():
                one = replace(result, pictures=picture[None])
                written.append(engine.borrow(job, one).pictures[0])
        return replace(result, pictures=stacked(written))


def outcome(steps: Generator[object, None, R]) -> R:
    """Run a generator to its end and give what it returns."""
    found: list[R] = []

    def run() -> Iterator[object]:
        found.append((yield from steps))

    deque(run(), maxlen=0)
    return found[0]
