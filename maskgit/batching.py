"""Passes of many people as one batch: whoever waits when a pass begins takes part in it.

    batcher = Batcher()
    while not state.finished:
        state = batcher.step(predictor, state)  # from any thread

One thread runs all passes. A decode that joins late, has other options or ends early is a matter
of its rows alone, so people never wait for each other's decodes, only for a pass.

What callers may rely on (tests/engine/test_batching.py holds each promise):
    * The next state is the one that `decoding.step` gives alone: exactly on a CPU
      (`decoding.predict`), up to floating-point ties elsewhere.
    * Who has waited longest is in the next pass; nobody overtakes within a model.
    * An error reaches only the caller whose state caused it.
    * Nothing is kept of a pass that is over, and an idle batcher has no thread.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from maskgit.decoding import DecodeState
from maskgit.graphs import step
from maskgit.models.protocols import TokenPredictor

# On a CPU rows run one after the other: more of them only make everybody wait for the slowest.
MAX_ROWS_CPU = 8
MAX_ROWS = 64  # elsewhere; the logits of so many rows, with guidance, are a few hundred MB
MAX_WAITING = 64
LINGER_S = 10.0  # how long an idle thread waits for more


Within: TypeAlias = Callable[[TokenPredictor], AbstractContextManager[object]]


def nothing(_: TokenPredictor) -> AbstractContextManager[object]:
    """Let passes run as they are."""
    return nullcontext()


class FullError(RuntimeError):
    """So many passes wait already that another one is refused."""


class ClosedError(RuntimeError):
    """The batcher was closed before the pass was run."""


@dataclass(eq=False)
class Waiting:
    """A pass that somebody waits for."""

    predictor: TokenPredictor
    state: DecodeState
    future: Future[DecodeState] = field(default_factory=Future)

    @property
    def kind(self) -> Hashable:
        """What must be the same to share a batch."""
        return id(self.predictor), self.state.mask_id, self.state.constraints.grid

    @property
    def num_rows(self) -> int:
        """How much of a batch it takes: every class of a row is a row for the network."""
        return self.state.constraints.num_asked


class Batcher:
    """Runs passes that are asked for from any thread; safe to share."""

    def __init__(
        self,
        max_rows: int | None = None,
        max_waiting: int = MAX_WAITING,
        machine: AbstractContextManager[object] | None = None,
        linger_s: float = LINGER_S,
        within: Within = nothing,
        at_rest: Callable[[], object] = lambda: None,
    ) -> None:
        """Begin without a thread; it comes with the first pass.

        Args:
            max_rows: Rows of a batch; by default what suits the device. A state that has more
                runs alone.
            max_waiting: Passes that may wait.
            machine: Held during a pass; shared with others that run networks.
            linger_s: How long an idle thread waits for more before it ends.
            within: What passes of a predictor run in; given the cores that they may use, say.
            at_rest: Called in a thread that has waited so long, before it ends.

        Raises:
            ValueError: If a limit is below 1.
        """
        if max_waiting < 1 or (max_rows is not None and max_rows < 1):
            raise ValueError(f"limits are at least 1, got {max_rows} rows, {max_waiting} waiting")
        self._max_rows, self._max_waiting, self._linger_s = max_rows, max_waiting, linger_s
        self._machine = machine or threading.Lock()
        self._within, self._at_rest = within, at_rest
        self._changed = threading.Condition()  # guards all below
        self._waiting: deque[Waiting] = deque()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def step(self, predictor: TokenPredictor, state: DecodeState) -> DecodeState:
        """Run one pass together with whatever else waits; errors as `submit` and `decoding.step`.

        Whoever is interrupted while waiting gives the place back.
        """
        future = self.submit(predictor, state)
        try:
            return future.result()
        finally:
            future.cancel()  # without effect where there is a result

    def submit(self, predictor: TokenPredictor, state: DecodeState) -> Future[DecodeState]:
        """Ask for one pass; the future can be cancelled until it begins.

        Raises:
            FullError: If too many wait.
            ClosedError: After `close`.
        """
        one = Waiting(predictor, state)
        with self._changed:
            if self._is_closed:
                raise ClosedError("no more passes are run here")
            if len(self._waiting) >= self._max_waiting:
                self._waiting = deque(w for w in self._waiting if not w.future.cancelled())
            if len(self._waiting) >= self._max_waiting:
                raise FullError(f"{self._max_waiting} passes wait already; try again in a moment")
            self._waiting.append(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="passes", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return one.future

    def close(self) -> None:
        """Finish the pass that is under way and refuse those that wait; may be called again."""
        with self._changed:
            self._is_closed = True
            left, self._waiting = self._waiting, deque()
            thread = self._thread
            self._changed.notify_all()
        for one in left:
            if one.future.set_running_or_notify_cancel():
                one.future.set_exception(ClosedError("closed before this pass was run"))
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        """Run batches until there was nothing to do for a while."""
        while self._something_waits():
            with self._machine:
                # Only now, so that who came while others had the machine takes part, too.
                _run(self._next_batch(), self._within)
        self._at_rest()

    def _something_waits(self) -> bool:
        """Wait for work; without any, sign off, so that the next caller starts a new thread."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed, self._linger_s)
            if not self._waiting:
                self._thread = None
            return bool(self._waiting)

    def _next_batch(self) -> list[Waiting]:
        """Take who has waited longest, and in order whoever can share a batch with that one."""
        batch: list[Waiting] = []
        rest: deque[Waiting] = deque()
        rows, is_full = 0, False
        with self._changed:
            for one in self._waiting:
                if one.future.cancelled():
                    continue
                if not is_full and (not batch or one.kind == batch[0].kind):
                    limit = self._limit(one.state)
                    is_full = bool(batch) and rows + one.num_rows > limit
                    if not is_full:
                        if one.future.set_running_or_notify_cancel():
                            batch.append(one)
                            rows += one.num_rows
                        continue
                rest.append(one)
            self._waiting = rest
        return batch

    def _limit(self, state: DecodeState) -> int:
        if self._max_rows is not None:
            return self._max_rows
        return MAX_ROWS_CPU if state.tokens.device.type == "cpu" else MAX_ROWS


def _run(batch: list[Waiting], within: Within) -> None:
    """Run one pass and hand out its rows; if it fails, one by one, to find out whose fault it is.

    The batch is emptied on the way: the thread must not keep the last one while it is idle.
    """
    if len(batch) > 1:
        try:
            with within(batch[0].predictor):
                moved = step(batch[0].predictor, DecodeState.stack([one.state for one in batch]))
        except Exception:  # whatever it is, each caller below gets their own
            pass
        else:
            first = 0
            for one in batch:
                rows = moved.take(range(first, first + one.state.batch))
                first += one.state.batch
                # Stacking may have widened bans and classes; the caller's own never change.
                one.future.set_result(replace(rows, constraints=one.state.constraints))
            batch.clear()
    while batch:
        one = batch.pop(0)
        try:
            with within(one.predictor):
                moved = step(one.predictor, one.state)
            one.future.set_result(moved)
        except Exception as error:
            one.future.set_exception(error)
