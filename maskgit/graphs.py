"""Passes and pictures recorded once on a GPU and replayed: no launch waits for Python.

A pass of a small batch is some hundred kernels of a few microseconds each; launched one by one, the
GPU mostly waits. As a CUDA graph they are one launch, and a whole decode is that launch repeated.
All numbers of a decode are uploaded before the first pass (`maskgit.passes`), a counter on the GPU
says which pass it is, and every pass writes its grid into a record, so that the host waits for
nothing and a timeline costs one copy at the end.

One recording serves every request of its `Kind`, whatever its seeds, labels, steps, temperatures
and scales; batches are filled up to a power of two. What cannot be recorded, and any machine
without CUDA, takes `decoding.step`; `Graphed.status` says so.

Read in this order:
    step, trace, decode     what the pipeline calls, with any predictor
    Graphed                 a predictor that has recordings
    Slots                   the memory that recordings read and write
    Painter                 pictures of token grids, replayed likewise
    Recorder                recordings by key
"""

import logging
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Generic, TypeAlias, TypeVar

import torch
from jaxtyping import UInt8
from torch import Tensor

from maskgit import decoding
from maskgit.asking import null_label
from maskgit.images import to_levels
from maskgit.models.protocols import Tokenizer, TokenPredictor
from maskgit.passes import Grids, Kind, Numbers, advance, foresee, obstacle
from maskgit.runtime import Around
from maskgit.state import KNOWN, DecodeState
from maskgit.types import Labels, Logits, TokenGrid, Tokens

logger = logging.getLogger(__name__)

MAX_ROWS = 64
MAX_PASSES = 32  # foreseen at a time; longer decodes are taken in parts
MAX_RECORDINGS = 32
MAX_PIXELS = 2**23  # of pictures drawn at once; libraries count the numbers of a layer in 31 bits
WARM_UP = 2  # runs before a recording: libraries choose algorithms and take memory in the first
Key = TypeVar("Key", bound=Hashable)
Shape: TypeAlias = tuple[int, int, int]  # of token grids: pictures, height and width in cells


def step(predictor: TokenPredictor, state: DecodeState) -> DecodeState:
    """Run one pass as `decoding.step`, replayed where that is possible."""
    if isinstance(predictor, Graphed) and not state.finished:
        return (predictor.passes(state, 1) or [decoding.step(predictor, state)])[0]
    return decoding.step(predictor, state)


def trace(predictor: TokenPredictor, state: DecodeState) -> Iterator[DecodeState]:
    """Step until every row is finished as `decoding.trace`, replayed where that is possible."""
    while isinstance(predictor, Graphed) and not state.finished:
        states = predictor.passes(state, MAX_PASSES)
        if states is None:
            break
        yield from states
        state = states[-1]
    yield from decoding.trace(predictor, state)


def decode(predictor: TokenPredictor, state: DecodeState) -> DecodeState:
    """Step until every row is finished; a state that is finished already is the answer."""
    for following in trace(predictor, state):
        state = following
    return state


class Recorder(Generic[Key]):
    """Recordings of functions by key; the oldest are given up. Not for several threads at once."""

    def __init__(self, device: torch.device, tries_convolutions: bool = False) -> None:
        """Begin without recordings.

        Args:
            device: On a CPU functions are simply called.
            tries_convolutions: Whether to look for the fastest algorithms while warming up.
        """
        self._device, self._tries_convolutions = device, tries_convolutions
        self._recordings: dict[Key, Callable[[], object]] = {}
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

    def __len__(self) -> int:
        """Count the recordings."""
        return len(self._recordings)

    def __iter__(self) -> Iterator[Key]:
        """Give the keys of the recordings, the oldest first."""
        return iter(self._recordings)

    def get(self, key: Key, function: Callable[[], None]) -> Callable[[], object]:
        """Give what replays a function; record it first if it is new.

        Args:
            key: Of the function.
            function: Reads and writes tensors that stay where they are, and never waits for the
                device. It is run a few times before it is recorded.
        """
        found = self._recordings.pop(key, None) or self._record(function)
        self._recordings[key] = found  # the newest last
        if len(self._recordings) > MAX_RECORDINGS:
            del self._recordings[next(iter(self._recordings))]
        return found

    def _record(self, function: Callable[[], None]) -> Callable[[], object]:
        if self._device.type != "cuda":
            return function
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with _trying_convolutions(self._tries_convolutions):
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    function()
            torch.cuda.current_stream(self._device).wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads may use the GPU meanwhile.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"
            ):
                function()
        return graph.replay


class Slots:
    """The memory that recordings of one batch size and grid read and write."""

    def __init__(self, batch: int, cells: int, device: torch.device) -> None:
        """Allocate it, with rows that are finished."""

        def zeros(*shape: int, dtype: torch.dtype = torch.long) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        self.labels = zeros(batch)
        self.grids = Grids(
            zeros(batch, cells),
            zeros(batch, cells, dtype=torch.float32),
            zeros(batch, cells, dtype=torch.int16).fill_(KNOWN),
        )
        self.index = zeros(1)  # of the pass
        self.whole = zeros(MAX_PASSES, 2, batch)
        self.real = zeros(MAX_PASSES, 5, batch, dtype=torch.float32).fill_(1)
        self.record = Grids(*(torch.stack([grid] * MAX_PASSES) for grid in self.grids))
        self.drawn = zeros(MAX_PASSES, batch, cells)

    def load(self, state: DecodeState, whole: Tensor, real: Tensor) -> None:
        """Put a request in its place, without waiting for the device."""
        own = Grids(state.tokens, state.confidence, state.revealed_at)
        for to, values in zip(self.grids, own, strict=True):
            to[: state.batch].copy_(values)
        self.labels[: state.batch].copy_(state.constraints.labels)
        self.index.zero_()
        for to, values in ((self.whole, whole), (self.real, real)):
            pinned = values.pin_memory() if to.is_cuda else values
            to[: len(values)].copy_(pinned, non_blocking=True)

    def run(self, predictor: TokenPredictor, kind: Kind) -> None:
        """Run the pass that is next, and write down what came of it."""
        whole, real = (table.index_select(0, self.index)[0] for table in (self.whole, self.real))
        grids, drawn = advance(predictor, self.grids, self.labels, Numbers(*whole, *real), kind)
        for record, to, values in zip(self.record, self.grids, grids, strict=True):
            to.copy_(values)
            record.index_copy_(0, self.index, values[None])
        self.drawn.index_copy_(0, self.index, drawn[None])
        self.index.add_(1).clamp_(max=MAX_PASSES - 1)

    def passes(self, count: int, batch: int) -> list[tuple[Grids, Tokens]]:
        """Copy the first passes of the record, and of them the first rows."""
        grids = [record[:count, :batch].clone() for record in self.record]
        drawn = self.drawn[:count, :batch].clone()
        return [(Grids(*(grid[i] for grid in grids)), drawn[i]) for i in range(count)]


class Graphed(Around):
    """A predictor whose passes are replayed. Implements `models.TokenPredictor`; safe to share."""

    def __init__(self, predictor: TokenPredictor, device: torch.device) -> None:
        """Begin without recordings; they are made when a request first needs them."""
        super().__init__(predictor)
        self._device = device
        self._lock = threading.Lock()
        self._recorder = Recorder[Kind](device)
        self._slots: dict[tuple[int, int], Slots] = {}
        self._broken = ""

    @property
    def status(self) -> str:
        """Say in words how passes run."""
        if self._broken:
            return f"step by step, since recording failed: {self._broken}"
        return f"recorded as CUDA graphs ({len(self._recorder)} so far)"

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        """Predict every cell."""
        return self._predictor.logits(tokens, labels)

    @torch.inference_mode()
    def passes(self, state: DecodeState, most: int) -> list[DecodeState] | None:
        """Run the next passes by replaying; None where only `decoding.step` can do it.

        Args:
            state: Not finished.
            most: Passes at most, up to MAX_PASSES.

        Raises:
            ValueError: As `decoding.step`.
        """
        if self._broken or obstacle(state, MAX_ROWS):
            return None
        if state.mask_id != self.mask_id:
            raise ValueError(f"state has mask id {state.mask_id}, the model {self.mask_id}")
        foreseen = foresee(state, bucket(state.batch), most)
        if any(kind.is_guided for kind in foreseen.kinds):
            null_label(self)  # here, as it is no failure of a recording
        with self._lock:
            slots = self._slots_for(state)
            try:
                replays = [self._replay(kind, slots) for kind in foreseen.kinds]
            except Exception as error:  # no matter why: the plain way works, too
                self._broken = str(error).partition("\n")[0]
                logger.warning("passes are not recorded here: %s", error)
                return None
            slots.load(state, foreseen.whole, foreseen.real)
            for replay in replays:
                replay()
            found = slots.passes(len(replays), state.batch)
        return [
            replace(
                after,
                tokens=grids.tokens,
                drawn=drawn,
                confidence=grids.confidence,
                revealed_at=grids.revealed_at,
            )
            for after, (grids, drawn) in zip(foreseen.states, found, strict=True)
        ]

    def _slots_for(self, state: DecodeState) -> Slots:
        key = bucket(state.batch), state.tokens.shape[1]
        if key not in self._slots:
            self._slots[key] = Slots(*key, self._device)
        return self._slots[key]

    def _replay(self, kind: Kind, slots: Slots) -> Callable[[], object]:
        return self._recorder.get(kind, lambda: slots.run(self._predictor, kind))


class Painter:
    """Draws the pictures of token grids, replayed on a GPU; safe to share."""

    def __init__(self, tokenizer: Tokenizer, device: torch.device) -> None:
        """Begin without recordings."""
        self._tokenizer, self._device = tokenizer, device
        self._lock = threading.Lock()
        self._recorder = Recorder[Shape](device, tries_convolutions=True)
        self._places: dict[Shape, tuple[Tensor, Tensor]] = {}  # of those that are recorded
        self._broken = False

    @torch.inference_mode()
    def levels(self, tokens: TokenGrid) -> UInt8[Tensor, "B H W 3"]:
        """Give pictures in 8-bit levels; the host does not wait for them."""
        return torch.cat([self._part(part) for part in tokens.split(self._most(tokens))])

    def _most(self, tokens: TokenGrid) -> int:
        """Say how many pictures are drawn at once: a power of two, so that none are filled up."""
        pixels = tokens.shape[1] * tokens.shape[2] * self._tokenizer.stride**2
        return bucket(max(1, MAX_PIXELS // pixels) + 1) // 2

    def _part(self, tokens: TokenGrid) -> UInt8[Tensor, "B H W 3"]:
        batch, height, width = tokens.shape
        key = bucket(batch), height, width
        with self._lock:
            grids, levels = self._places.get(key) or self._new_place(*key)
            replay = self._replay(key, grids, levels)
            if replay is None:
                return to_levels(self._tokenizer.decode(tokens))
            self._places[key] = grids, levels
            self._places = {each: self._places[each] for each in self._recorder}
            grids[:batch].copy_(tokens)
            replay()
            return levels[:batch].clone()

    def _replay(self, key: Shape, grids: Tensor, levels: Tensor) -> Callable[[], object] | None:
        """Give what draws `grids` into `levels`; None where that cannot be recorded."""
        if self._broken:
            return None
        try:
            return self._recorder.get(key, lambda: self._draw(grids, levels))
        except Exception as error:  # no matter why: the plain way works, too
            self._broken = True
            self._places.clear()
            logger.warning("pictures are not recorded here: %s", error)
            return None

    def _draw(self, grids: Tensor, levels: Tensor) -> None:
        levels.copy_(to_levels(self._tokenizer.decode(grids)))

    def _new_place(self, batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
        side = self._tokenizer.stride
        grids = torch.zeros(batch, height, width, dtype=torch.long, device=self._device)
        shape = batch, height * side, width * side, 3
        return grids, torch.zeros(shape, dtype=torch.uint8, device=self._device)


@contextmanager
def _trying_convolutions(is_on: bool) -> Iterator[None]:
    """Let cuDNN look for the fastest algorithm of every convolution it has not seen yet."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = is_on or before
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def bucket(batch: int) -> int:
    """Round a batch up to a power of two, so that few recordings serve all sizes."""
    return 1 << (batch - 1).bit_length()
