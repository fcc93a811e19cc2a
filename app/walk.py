"""Walking in a decode: one method per question; the canvas and scripts ask the same ones.

Every method takes one object and answers with one, as JSON: `{"ok": true, ...}` or `{"ok": false,
"error": {"code", "message"}}`. Nothing is kept here between two questions. docs/api.md describes
them for people who write scripts; `app.scene` has the fields.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable

import numpy as np

from app.answers import Answer, answer_in_turn
from app.canvas.drawing import Drawing
from app.desk import Desk, controls_for, known_picture
from app.document import Document
from app.export import preview_url
from app.overlays import Frame, base64_of, done_frame, seeds_used, step_frame
from app.runs import Fill, Generate, Step, Studio
from app.scene import (
    Context,
    ContextRequest,
    FilmRequest,
    InspectRequest,
    Scene,
    StartRequest,
    StateRequest,
    SteerRequest,
    StepRequest,
    TraceRequest,
    VaryRequest,
    read,
    read_canvas,
)
from app.words import Sentence

AT_ONCE = 4  # answers being made; they come outside of Gradio's queue
PATIENCE_S = 20  # how long others wait for them
# Codes that are drawn by chance, all in one pass, know nothing of each other and make speckles; the
# likeliest ones fit together, and stay as they are while a stroke grows.
SKETCH = {"steps": 1, "temperature": 0, "known_cells": "recomputed"}


class Walk:
    """One method per question. The studio is passed in, so tests pass a fake one."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._walker = studio.walker
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def start(self, request: object) -> Answer:
        """Begin a decode without running a pass: `{"model", "label", "settings", "drawing"}`."""

        def started() -> Answer:
            asked = read(StartRequest, request)
            job = self._desk(asked).job("fill" if asked.drawing else "generate")
            assert isinstance(job.request, Fill | Generate)
            step = self._walker.start(job.request)
            return {**job.about, **walk_frame(step), "kind": "start", **job.context(step)}

        return self._answer(started)

    def step(self, request: object) -> Answer:
        """Run one pass: `{"context", "state"}`, and `"previews": false` for no picture of it."""

        def stepped() -> Answer:
            asked = read(StepRequest, request)
            step = self._walker.step(_scene(asked), asked.state, asked.previews)
            return self._frame(asked.context, step)

        return self._answer(stepped)

    def look(self, request: object) -> Answer:
        """Draw a state: `{"context", "state"}`."""

        def looked() -> Answer:
            asked = read(StateRequest, request)
            return {"image": preview_url(self._walker.look(_scene(asked), asked.state))}

        return self._answer(looked)

    def maps(self, request: object) -> Answer:
        """Say how undecided the model is about each cell: `{"context", "state"}`."""

        def mapped() -> Answer:
            asked = read(StateRequest, request)
            share = self._walker.entropy(_scene(asked), asked.state)
            return {"entropy": base64_of(np.rint(255 * share.clip(0, 1)).astype(np.uint8))}

        return self._answer(mapped)

    def inspect(self, request: object) -> Answer:
        """Say what the model thinks of a cell: `{"context", "state", "cell"}`."""

        def inspected() -> Answer:
            asked = read(InspectRequest, request)
            found = self._walker.inspect(_scene(asked), asked.state, asked.cell)
            top = zip(found.codes, found.patches, strict=True)
            return {
                "cell": asked.cell,
                "code": found.code,
                "confidence": found.confidence,
                "revealed_at": found.revealed_at,
                "entropy": found.entropy,
                "logits": base64_of(found.logits.astype("<f2")),
                "top": [{"code": code, "patch": preview_url(patch)} for code, patch in top],
            }

        return self._answer(inspected)

    def steer(self, request: object) -> Answer:
        """Change a state: `{"context", "state", "edits"}`."""

        def steered() -> Answer:
            asked = read(SteerRequest, request)
            step = self._walker.steer(_scene(asked), asked.state, asked.edits)
            return self._frame(asked.context, step)

        return self._answer(steered)

    def vary(self, request: object) -> Answer:
        """Make pictures close to a finished one: `{"context", "state", "share", "seed", "count"}`.

        The share of its open cells that the model was least certain of is drawn again.
        """

        def varied() -> Answer:
            asked = read(VaryRequest, request)
            scene = self._whole_scene(asked.context)
            wish = asked.share, asked.seed, asked.count
            steps, result = self._walker.vary(scene, asked.state, *wish)
            ids = [self._studio.keep(picture) for picture in result.pictures]
            about = self._about(asked.context)
            first, *rest = [{**about, **step_frame(step)} for step in steps]
            message = Sentence("said.varied", count=len(ids), seeds=seeds_used(result.seeds))
            done = {**done_frame(result, scene.region, ids), "message": message}
            for patch, state in zip(done["patches"], result.states, strict=True):
                patch["draft"] = self._studio.recipes.draft_of_state(scene, state)
            return {**about, **done, "start": first, "trace": rest}

        return self._answer(varied)

    def sketch(self, request: object) -> Answer:
        """Draw a first idea of what is painted, asked as `start`: the likeliest codes, in one pass.

        Neither seed nor temperature matters. Nothing is kept.
        """

        def sketched() -> Answer:
            asked = read(StartRequest, request)
            settings = {**asked.settings, **SKETCH}
            job = self._desk(asked.model_copy(update={"settings": settings})).job("fill")
            assert isinstance(job.request, Fill | Generate)
            step = self._walker.sketch(job.request)
            return {**job.about, **walk_frame(step), "kind": "sketch"}

        return self._answer(sketched)

    def finish(self, request: object) -> Answer:
        """Give the finished picture: `{"context", "state"}`."""

        def finished() -> Answer:
            asked = read(StateRequest, request)
            scene = self._whole_scene(asked.context)
            result = self._walker.finish(scene, asked.state)
            ids = [self._studio.keep(picture) for picture in result.pictures]
            message = Sentence("said.finished", seed=result.seeds[0])
            draft = self._studio.recipes.draft_of_state(scene, asked.state)
            about = {**self._about(asked.context), "message": message, "draft": draft}
            return {**about, **done_frame(result, scene.region, ids)}

        return self._answer(finished)

    def reconstruct(self, request: object) -> Answer:
        """Draw what the tokenizer alone makes of the window: `{"context"}`."""

        def reconstructed() -> Answer:
            asked = read(ContextRequest, request)
            scene = self._whole_scene(asked.context)
            return {"image": preview_url(self._walker.reconstruct(scene))}

        return self._answer(reconstructed)

    def film(self, request: object) -> Answer:
        """Make a film: `{"context", "states", "format", "overlay", "seconds_per_step"}`."""

        def filmed() -> Answer:
            asked = read(FilmRequest, request)
            scene = Scene(asked.context.model, asked.context.window)
            data = self._walker.film(
                scene, asked.states, asked.format, asked.overlay, asked.seconds_per_step
            )
            return _file(asked.format, data)

        return self._answer(filmed)

    def trace(self, request: object) -> Answer:
        """Write states as a file: `{"context", "states", "format"}`."""

        def traced() -> Answer:
            asked = read(TraceRequest, request)
            scene = Scene(asked.context.model, asked.context.window)
            return _file(asked.format, self._walker.trace(scene, asked.states, asked.format))

        return self._answer(traced)

    def _answer(self, action: Callable[[], Answer]) -> Answer:
        return answer_in_turn(self._places, PATIENCE_S, action)

    def _desk(self, asked: StartRequest) -> Desk:
        wishes = asked.model, asked.label, asked.settings
        is_new = not asked.drawing
        controls = controls_for(self._studio.models, *wishes, is_new=is_new)
        drawing = read_canvas(asked.drawing) or Drawing()
        return Desk(self._studio, drawing, controls, controls.seed_or(0), is_exact=is_new)

    def _frame(self, context: Context, step: Step) -> Frame:
        return {**self._about(context), **walk_frame(step), "kind": "step"}

    def _about(self, context: Context) -> Frame:
        """Give what every frame of a run repeats: the size of a new picture."""
        if context.drawing is not None:
            return {}
        side = self._studio.models.info(context.model).image_size
        return {"size": [side, side]}

    def _whole_scene(self, context: Context) -> Scene:
        """Find the picture of a run, and the pixels that may change."""
        info = self._studio.models.info(context.model)
        drawing = read_canvas(context.drawing)
        document = drawing and Document.of(drawing, info.grid)
        if document is None:
            return Scene(context.model, context.window)
        picture = known_picture(self._studio, document)
        about = document.region, document.lens, context.feather, document.regions
        touches = context.refine, context.borrow
        return Scene(context.model, context.window, picture, *about, *touches)


def walk_frame(step: Step) -> Frame:
    """Describe a step that somebody walked to."""
    return {**step_frame(step), "done_decoding": not step.is_masked.any()}


def _file(kind: str, data: bytes) -> Answer:
    return {"name": f"maskgit.{kind}", "data": base64.b64encode(data).decode("ascii")}


def _scene(asked: StateRequest) -> Scene:
    return Scene(asked.context.model, asked.context.window)
