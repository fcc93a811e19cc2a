"""Requests answered pass by pass; the passes of different people run as one batch.

What callers may rely on (tests/app/test_studio.py):
    * A run holds the machine only during a pass, so closing its iterator stops it at once.
    * Runs beside others give the pictures they give alone; see `maskgit.batching`.
    * Each request names its model; nothing about a person is kept except pictures, found only by a
      hash of their pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TypeVar

import maskgit
from app.errors import UserError
from app.runs import (
    Answered,
    Fill,
    Generate,
    Opened,
    Outpaint,
    Picture,
    Refining,
    Request,
    Result,
    Step,
)
from app.studio.cores import cores_for
from app.studio.gpu import on_gpu
from app.studio.models import ModelStore
from app.studio.pictures import PictureStore
from app.studio.recipes import RecipeBook
from app.studio.refining import Refiner
from app.studio.walk import Walker, describe, finished, prepare, refusals, square_of
from app.words import Sentence
from maskgit import DecodeState, MaskGIT, recipe_files
from maskgit.batching import Batcher
from maskgit.glimpses import Glimpse
from maskgit.images import PictureError, open_picture, stacked
from maskgit.memory import give_back
from maskgit.originals import open_original
from maskgit.outpainting import TRIM, OutpaintPlan, outpaint_windows
from maskgit.tiles import MAX_LEVELS
from maskgit.types import Pictures

Read = TypeVar("Read")


class Studio:
    """Answers requests with the models of a store; safe to share between threads."""

    def __init__(self, models: ModelStore, store: PictureStore | None = None) -> None:
        """Begin without pictures."""
        self.models = models
        self._store = store or PictureStore()
        self._pass = threading.Lock()
        self._batcher = Batcher(machine=self._pass, within=cores_for, at_rest=give_back)
        self._refiner = Refiner(self._pass, self._batcher)
        self.walker = Walker(models, self._pass, self._batcher)
        self.recipes = RecipeBook(models)
        self._passes = on_gpu(self._passes)

    def open(self, data: bytes) -> tuple[str, Picture]:
        """Read an uploaded file and keep its picture; return its id and the picture in sRGB.

        Raises:
            UserError: If it is not a picture, or too large.
        """
        with _refused_files():
            picture = _read(open_picture, data)
        return self._store.keep(picture), picture

    def open_original(self, data: bytes) -> Opened:
        """Do the same for a page that gives back what else the file holds; errors as `open`."""
        with _refused_files():
            original = _read(open_original, data)
        return Opened(
            self._store.keep(original.flat),
            original.colours,
            original.alpha,
            original.keepsake.chunks(),
            original.is_one_of_many,
            original.is_for_web,
        )

    def keep(self, picture: Picture) -> str:
        """Keep a picture for later requests and return its id."""
        return self._store.keep(picture)

    def picture(self, picture_id: str) -> Picture | None:
        """Find a kept picture; None where it was never seen or has been forgotten."""
        return self._store.find(picture_id)

    def windows(self, model: str, size: tuple[int, int], sides: tuple[int, int, int, int]) -> int:
        """Count the windows it takes to make a picture larger; nothing is run.

        Raises:
            UserError: If there is no such model, or nothing is to be added.
        """
        with refusals():
            grid = self.models.info(model).grid
            return len(outpaint_windows(*size, *sides, grid_size=grid, trim=TRIM).windows)

    def run(self, request: Request) -> Iterator[Answered]:
        """Answer a request pass by pass.

        Raises:
            UserError: If the engine refuses the request, with its reason.
        """
        with refusals():
            yield from self._passes(request)

    def _passes(self, request: Request) -> Iterator[Answered]:
        engine = self.models.engine(request.model)
        match request:
            case Fill():
                yield from self._fill(engine, request)
            case Generate():
                job = prepare(engine, request)
                state, drawn = yield from self._decode(
                    engine, job.state, square_of(engine, job), request.previews
                )
                with self._pass:
                    result = engine.finish(job, state, drawn)
                yield finished(result)
            case Outpaint():
                yield from self._outpaint(engine, request)

    def _fill(self, engine: MaskGIT, request: Fill) -> Iterator[Answered]:
        with self._pass:
            job = prepare(engine, request)
        square = square_of(engine, job)
        state, drawn = yield from self._decode(engine, job.state, square, request.previews)
        touches = request.refine, request.borrow
        result = yield from self._refiner.drawn(engine, job, state, *touches, drawn)
        yield finished(result)

    def _outpaint(self, engine: MaskGIT, request: Outpaint) -> Iterator[Answered]:
        """Imagine window after window, all variations side by side."""
        height, width = request.picture.shape[:2]
        sides = request.left, request.top, request.right, request.bottom
        plan = outpaint_windows(height, width, *sides, grid_size=engine.grid_size, trim=TRIM)
        seeds = [request.settings.seed + row for row in range(request.count)]
        canvases = [plan.lay_out(request.picture) for _ in seeds]  # picture, what is unknown of it
        done, decoded = 0, list[DecodeState]()
        for number, window in enumerate(plan.windows):
            with self._pass:
                jobs = [
                    engine.prepare_extend(
                        picture,
                        unknown,
                        window,
                        request.label,
                        **asdict(replace(request.settings, seed=seed)),
                    )
                    for (picture, unknown), seed in zip(canvases, seeds, strict=True)
                ]
            state = DecodeState.stack([job.state for job in jobs])
            to_come = len(plan.windows) - number
            state, drawn = yield from self._decode(
                engine, state, square_of(engine, jobs[0]), request.previews, done, to_come
            )
            done += state.steps[0]
            decoded.append(state)
            if drawn is None:
                with self._pass:
                    drawn = engine.preview(state)
            rows = zip(canvases, jobs, state.rows, drawn, strict=True)
            for (picture, unknown), job, row, square in rows:
                engine.extend(picture, unknown, job, row, plan.part(window), square)
        pictures = stacked([picture for picture, _ in canvases])
        traces = tuple(zip(*(state.rows for state in decoded), strict=True))
        result = maskgit.Result(pictures, tuple(seeds), traces)
        touches = request.refine, request.borrow
        result = yield from self._refined_growth(engine, plan, result, *touches)
        tokens = [result.tokens(index) for index in range(len(seeds))]
        yield Result(list(result.pictures), seeds, tokens=tokens)

    def _refined_growth(
        self,
        engine: MaskGIT,
        plan: OutpaintPlan,
        result: maskgit.Result,
        refine: bool,
        borrow: bool,
    ) -> Generator[Refining, None, maskgit.Result]:
        tiles = engine.plan_growth(plan, MAX_LEVELS if refine else 0, borrow)
        state = DecodeState.stack([trace[-1] for trace in result.traces])
        job = engine.grown(plan, result.pictures[0], state)
        return (yield from self._refiner.refined(engine, job, state, result, tiles))

    def _decode(
        self,
        engine: MaskGIT,
        state: DecodeState,
        square: tuple[int, int, int],
        previews: bool,
        done: int = 0,
        windows: int = 1,
    ) -> Generator[Step, None, tuple[DecodeState, Pictures | None]]:
        """Run the passes of a window, showing the first variation.

        Of the last step all variations are drawn in full, as that is what is kept; they are given
        back with it, unless nobody wants to see steps.

        Args:
            engine: The model.
            state: All variations, before the first pass.
            square: Left, top and side of the window.
            previews: Whether to draw every step.
            done: Passes that were run in other windows before.
            windows: Windows that are to come, this one included.
        """
        steps = done + windows * state.steps[0]
        if not done:
            yield describe(state, None, square, 0, steps)
        seen: Glimpse | None = None
        drawn: Pictures | None = None
        while not state.finished:
            state = self._batcher.step(engine.predictor, state)
            image = None
            if previews and state.finished:
                with self._pass:
                    drawn = engine.preview(state)
                image = drawn[0]
            elif previews:
                with self._pass, cores_for(engine.predictor):
                    seen = engine.glimpse(state.row(0), seen)
                image = seen.picture
            yield describe(state, image, square, done + state.step[0], steps)
        return state, drawn


def _read(read: Callable[[bytes], Read], data: bytes) -> Read:
    """Read a file; where only its recipe is damaged, the picture around it is whole."""
    try:
        return read(data)
    except PictureError:
        if not recipe_files.has_recipe(data):
            raise
        return read(recipe_files.strip(data))


@contextmanager
def _refused_files() -> Iterator[None]:
    try:
        yield
    except PictureError as error:
        raise UserError(Sentence("said.bad_picture", reason=str(error)), "bad-picture") from error
