"""Steps, looks and steers from packed states; their passes and the studio's share batches.

What callers may rely on (tests/app/test_walk.py):
    * Nothing is kept between calls: the same state gives the same answer, whoever sends it.
    * The machine is held only while a network runs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial, reduce
from math import log
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import maskgit
from app.errors import UserError
from app.runs import Fill, Generate, Picture, Result, Step
from app.scene import Ban, Choose, Edit, Inspection, Options, Pin, Relabel, Remask, Scene
from app.studio.cores import cores_for
from app.studio.gpu import on_gpu
from app.studio.models import ModelStore
from app.studio.recipes import window_of
from app.studio.refining import Refiner, outcome
from app.words import Sentence
from maskgit import DecodeState, MaskGIT, Window, inspection, steering
from maskgit.batching import Batcher, FullError
from maskgit.contact_sheet import side_by_side, tile
from maskgit.film import film, overlaid
from maskgit.images import to_png
from maskgit.jobs import Place
from maskgit.state_text import to_text
from maskgit.traces import to_json, to_npz
from maskgit.types import TokenMask
from maskgit.vary import vary

QUESTIONS = (  # which run a network, or may
    "start",
    "sketch",
    "step",
    "look",
    "entropy",
    "inspect",
    "steer",
    "vary",
    "finish",
    "reconstruct",
    "film",
    "trace",
)
TOP_CODES = 10
MAX_PIXELS = 2**26  # of all pictures of a film or a sheet together


class Walker:
    """Implements `app.scene.Walker` with the models of a store."""

    def __init__(self, models: ModelStore, one_pass: threading.Lock, batcher: Batcher) -> None:
        """Share the machine with whoever else holds `one_pass` while a network runs.

        Args:
            models: What there is to ask.
            one_pass: Held while a network runs.
            batcher: Runs the passes, and holds `one_pass` for them.
        """
        self._models = models
        self._pass = one_pass
        self._batcher = batcher
        self._refiner = Refiner(one_pass, batcher)
        for question in QUESTIONS:
            setattr(self, question, on_gpu(getattr(self, question)))

    def start(self, request: Fill | Generate) -> Step:
        """Begin, without a pass. For this and all others, see `app.scene.Walker`."""
        with refusals():
            engine = self._models.engine(request.model)
            with self._pass:
                job = prepare(engine, request)
            return describe(job.state, None, square_of(engine, job))

    def sketch(self, request: Fill | Generate) -> Step:
        """Run one pass and draw it; the page that is painted on has the other cores."""
        with refusals():
            engine = self._models.engine(request.model)
            with self._pass:
                job = prepare(engine, request)
            state = self._batcher.step(engine.predictor, job.state)
            with self._pass, cores_for(engine.predictor):
                image = engine.preview(state)[0]
            return describe(state, image, square_of(engine, job))

    def step(self, scene: Scene, state: str, previews: bool = True) -> Step:
        """Run one pass."""
        with self._restored(scene, state) as (engine, before):
            after = self._batcher.step(engine.predictor, before)
            image = self._drawn(engine, after) if previews else None
            return describe(after, image, scene.window)

    def look(self, scene: Scene, state: str) -> Picture:
        """Draw the window."""
        with self._restored(scene, state) as (engine, now), self._pass:
            return engine.preview(now)[0]

    def entropy(self, scene: Scene, state: str) -> NDArray[np.float32]:
        """Say how undecided the model is, per cell, from 0 to 1."""
        with self._restored(scene, state) as (engine, now), self._pass:
            share = inspection.entropy(engine, now)[0] / log(now.mask_id)
            return share.view(now.constraints.grid).cpu().numpy()

    def inspect(self, scene: Scene, state: str, cell: int) -> Inspection:
        """Say what the model thinks of a cell."""
        with self._restored(scene, state) as (engine, now), self._pass:
            found = inspection.inspect(engine, now, cell)
            codes = found.top(TOP_CODES)
            pictures = inspection.patches(engine, now, cell, codes)
            return Inspection(
                code=found.code,
                confidence=found.confidence,
                revealed_at=found.revealed_at,
                entropy=found.entropy,
                logits=found.logits.cpu().numpy().astype(np.float16),
                codes=codes.tolist(),
                patches=list(pictures),
            )

    def steer(self, scene: Scene, state: str, edits: Sequence[Edit]) -> Step:
        """Change a state."""
        with self._restored(scene, state) as (engine, before):
            now = reduce(partial(_edited, engine), edits, before)
            engine.require_possible(now)
            with self._pass:
                image = engine.preview(now)[0]
            return describe(now, image, scene.window)

    def vary(
        self, scene: Scene, state: str, share: float, seed: int, count: int
    ) -> tuple[list[Step], Result]:
        """Draw the least certain share of a finished picture again, once for each seed."""
        with self._restored(scene, state) as (engine, before):
            now = vary(before, share, range(seed, seed + count))
            first, steps = now.step[0], []
            while True:
                done, to_do = now.step[0] - first, now.steps[0] - first
                steps.append(describe(now, None, scene.window, done, to_do))
                if now.finished:
                    break
                now = self._batcher.step(engine.predictor, now)
            return steps, self._finished(engine, scene, now)

    def finish(self, scene: Scene, state: str) -> Result:
        """Give the finished picture."""
        with self._restored(scene, state) as (engine, now):
            if not now.finished:
                raise UserError(Sentence("said.not_finished"))
            return self._finished(engine, scene, now)

    def reconstruct(self, scene: Scene) -> Picture:
        """Draw what the tokenizer alone makes of the window."""
        with refusals():
            if scene.picture is None:
                raise UserError(Sentence("said.no_original"))
            engine = self._models.engine(scene.model)
            with self._pass:
                return engine.reconstruct(engine.see(scene.picture, Window(*scene.window)))[0]

    def film(
        self, scene: Scene, states: Sequence[str], kind: str, overlay: str, seconds: float
    ) -> bytes:
        """Show states one after another."""
        with self._all_restored(scene, states) as (engine, shown):
            pictures = (overlaid(self._drawn(engine, now), now, overlay) for now in shown)
            return film(pictures, kind, seconds)

    def trace(self, scene: Scene, states: Sequence[str], kind: str) -> bytes:
        """Write states as a file."""
        with self._all_restored(scene, states) as (engine, shown):
            if kind == "npz":
                return to_npz(shown, scene.model)
            if kind == "json":
                return to_json(shown, scene.model)
            return to_png(side_by_side([tile(self._drawn(engine, now), now) for now in shown]))

    def _finished(self, engine: MaskGIT, scene: Scene, state: DecodeState) -> Result:
        """Draw the finished pictures, and refine them where the scene says so."""
        job = maskgit.Job(state, _place(engine, scene))
        drawing = self._refiner.drawn(engine, job, state, scene.refine, scene.borrow)
        return finished(outcome(drawing))

    def _drawn(self, engine: MaskGIT, state: DecodeState) -> Picture:
        """Draw a state; between two of them somebody else may have the machine."""
        with self._pass:
            return engine.preview(state)[0]

    @contextmanager
    def _all_restored(
        self, scene: Scene, states: Sequence[str]
    ) -> Iterator[tuple[MaskGIT, list[DecodeState]]]:
        with refusals():
            engine = self._models.engine(scene.model)
            if len(states) * engine.image_size**2 > MAX_PIXELS:
                most = MAX_PIXELS // engine.image_size**2
                raise UserError(Sentence("said.too_many_states", number=len(states), most=most))
            yield engine, [engine.restore(state) for state in states]

    @contextmanager
    def _restored(self, scene: Scene, state: str) -> Iterator[tuple[MaskGIT, DecodeState]]:
        with refusals():
            engine = self._models.engine(scene.model)
            yield engine, engine.restore(state)


def finished(result: maskgit.Result) -> Result:
    """Give the pictures of the engine, each with the state that made it."""
    states = [to_text(trace[-1]) for trace in result.traces]
    tokens = [result.tokens(index) for index in range(len(states))]
    return Result(list(result.pictures), result.seeds, states, tokens)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the engine refuses into a sentence for people."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise UserError(Sentence("said.refused", reason=str(error))) from error
    except FullError as error:
        raise UserError(Sentence("said.full"), "busy") from error


def prepare(engine: MaskGIT, request: Fill | Generate) -> maskgit.Job:
    """Make a request ready to be decoded."""
    choices = choices_of(request)
    if isinstance(request, Generate):
        return engine.prepare_generate(**choices)
    return engine.prepare_edit(
        request.picture,
        request.region,
        window=window_of(request, engine.grid_size),
        cells=request.cells,
        feather=request.feather,
        **choices,
    )


def choices_of(request: Fill | Generate) -> dict[str, Any]:
    """Give the arguments that all calls of the engine share."""
    wish = {"label": request.label, "regions": dict(request.regions), "count": request.count}
    return {**asdict(request.settings), **wish}


def square_of(engine: MaskGIT, job: maskgit.Job) -> tuple[int, int, int]:
    """Give left, top and side of what the model sees, in pixels of the picture."""
    if job.place is None:
        return 0, 0, engine.image_size
    window = job.place.window
    return window.left, window.top, window.side


def describe(
    state: DecodeState,
    image: Picture | None,
    square: tuple[int, int, int],
    step: int | None = None,
    steps: int | None = None,
) -> Step:
    """Turn the first row of a state into arrays; known cells have confidence 1.

    Args:
        state: After some pass, or before the first.
        image: What it shows.
        square: Left, top and side of the window.
        step: Passes done, if other windows came before this one.
        steps: Passes in all; likewise.
    """
    state = state.row(0)

    def grid(tensor: torch.Tensor) -> np.ndarray:
        return tensor[0].cpu().numpy().reshape(state.constraints.grid)

    return Step(
        step=state.step[0] if step is None else step,
        steps=state.steps[0] if steps is None else steps,
        window=square,
        is_open=grid(state.constraints.is_open),
        is_masked=grid(state.mask),
        confidence=np.exp(np.minimum(grid(state.confidence), 0)),
        revealed_at=grid(state.revealed_at).astype(np.int16),
        tokens=grid(state.drawn).astype(np.uint16),
        state=to_text(state),
        image=image,
        is_pinned=grid(steering.pinned(state)),
    )


def _edited(engine: MaskGIT, state: DecodeState, edit: Edit) -> DecodeState:
    match edit:
        case Pin(kind="pin"):
            return steering.pin(state, _cells(state, edit.cells))
        case Pin():
            return steering.unpin(state, _cells(state, edit.cells))
        case Choose():
            return steering.choose(state, edit.cell, edit.code)
        case Ban():
            return steering.ban(state, edit.code, edit.cell)
        case Remask():
            if (edit.cells is None) == (edit.share is None):
                raise UserError(Sentence("said.cells_or_share"))
            if edit.cells is not None:
                return steering.remask(state, _cells(state, edit.cells))
            return steering.remask(state, steering.least_certain(state, edit.share or 0))
        case Relabel():
            return steering.relabel(state, engine.classes.resolve(edit.label))
        case Options():
            return steering.set_options(state, edit.changes())


def _cells(state: DecodeState, bits: str) -> TokenMask:
    """Read cells from hexadecimal digits, row by row, the highest bit first."""
    num_cells = state.tokens.shape[1]
    digits = 2 * -(-num_cells // 8)
    if len(bits) != digits:
        raise UserError(Sentence("said.bad_cells", digits=digits, cells=num_cells))
    found = np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=num_cells)
    return torch.from_numpy(found.astype(bool))[None].to(state.tokens.device)


def _place(engine: MaskGIT, scene: Scene) -> Place | None:
    """Look at the picture as the model does."""
    if scene.picture is None or scene.region is None:
        return None
    window = Window(*scene.window)
    seen = engine.see(scene.picture, window)
    return Place(scene.picture, scene.region, window, seen, scene.feather)
