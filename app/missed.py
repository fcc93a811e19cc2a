"""Frames of the last runs, for pages that have missed some.

Gradio may merge two updates of a page, seen where its animation frames were held up. To send all
steps again with the result would be to send them twice to everybody; so they are kept here for a
minute, and a page asks for those that its timeline lacks.

What callers may rely on (tests/app/test_missed.py):
    * The frames are those that were sent, and only whoever knows a run's id gets them.
    * What is kept is bounded; of a run that is over for a minute, or was long, nothing is given.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import Field

from app.answers import Answer, answer
from app.overlays import Frame
from app.scene import Strict, read

KEPT_S = 60  # a page asks as soon as its run is over
RUNS = 16
STEPS = 64  # of longer runs nobody looks at each; with pictures a step is 10 to 40 kB


class MissedRequest(Strict):
    """A run, and its steps that a page has seen; 0 is how it started."""

    run: str = Field(max_length=64)
    seen: list[int] = Field(max_length=STEPS + 1)


class _Ended(NamedTuple):
    run: str
    at: float
    frames: Sequence[Frame]


class MissedFrames:
    """Keeps frames of the runs that ended last; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            clock: Gives seconds.
        """
        self._clock = clock
        self._ended: deque[_Ended] = deque(maxlen=RUNS)
        self._lock = threading.Lock()

    def keep(self, run: str, frames: Sequence[Frame]) -> None:
        """Keep how a run started and its steps, unless there are too many of them."""
        if len(frames) > STEPS + 1:
            return
        with self._lock:
            self._forget()
            self._ended.append(_Ended(run, self._clock(), frames))

    def missed(self, request: object) -> Answer:
        """Give the frames that a page has not seen, where they are kept: `{"run", "seen"}`."""

        def found() -> Answer:
            asked = read(MissedRequest, request)
            with self._lock:
                self._forget()
                frames = next((one.frames for one in self._ended if one.run == asked.run), ())
            return {"frames": [frame for frame in frames if frame["step"] not in asked.seen]}

        return answer(found)

    def _forget(self) -> None:
        while self._ended and self._clock() - self._ended[0].at > KEPT_S:
            self._ended.popleft()
