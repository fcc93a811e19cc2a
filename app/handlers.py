"""What happens when a person does something; no Gradio in here, so tests need no server.

Read in this order:
    Shown      what the page shows after an event
    Handlers   one method per action

Elsewhere: how a press becomes a request (desk), how a decode is steered (walk), which event calls
which method (events), what frames hold (overlays), the model (studio).
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from app.answers import Answer, answer_in_turn, fields
from app.canvas.drawing import MAX_ASPECT, Drawing
from app.controls import COUNTS, MAX_SEED, Controls
from app.desk import Action, Desk, Job
from app.errors import UserError
from app.examples import Examples
from app.export import png_url
from app.missed import STEPS, MissedFrames
from app.models import ModelInfo
from app.overlays import Frame, done_frame, seeds_used, step_frame
from app.projects import Projects
from app.recipes import Recipes
from app.runs import Refining, Step, Studio
from app.service import Service
from app.uploads import read_upload
from app.walk import Walk
from app.words import Sentence

log = logging.getLogger(__name__)

PATIENCE_S = 20  # how long an upload waits for the ones before it


class Shown(NamedTuple):
    """What the page shows now.

    Attributes:
        frame: For the canvas.
        status: A sentence.
        is_running: Whether there is something to stop.
        seed: The seed in use; None where nothing ran.
    """

    frame: Frame
    status: str
    is_running: bool
    seed: int | None


class Handlers:
    """One method per action. The studio is passed in, so tests pass a fake one."""

    def __init__(self, studio: Studio, examples: Examples | None = None) -> None:
        self._studio = studio
        self._models = studio.models
        self.examples = examples or Examples()
        self.walk = Walk(studio)
        self.service = Service(studio)
        self.recipes = Recipes(studio)
        self.projects = Projects()
        self.missed = MissedFrames()
        self._uploads = threading.BoundedSemaphore(2)  # server functions have no queue of their own

    @property
    def info(self) -> ModelInfo:
        """The model a page begins with."""
        return self._models.info(self._models.default)

    def run(
        self, action: Action, drawing: Drawing, controls: Controls, *, is_retry: bool = False
    ) -> Iterator[Shown]:
        """Fill, generate or outpaint, showing every pass of the model as it lands.

        Args:
            action: Which button was pressed.
            drawing: What the canvas shows.
            controls: The other controls.
            is_retry: Whether the canvas has just sent its picture again; if it is still unknown
                the person is told instead of trying for ever.

        Yields:
            One frame per pass, then the result. Trouble is a frame too, so that the page keeps
            what it shows; closing the iterator stops the run and leaves nothing behind.
        """
        run, seed = secrets.token_hex(8), None
        try:
            seed = controls.seed_or(secrets.randbelow(MAX_SEED + 2 - max(COUNTS)))
            job = Desk(self._studio, drawing, controls, seed).job(action)
            yield from self._watch(run, seed, job)
        except UserError as error:
            code = "refused" if is_retry else error.code
            yield _failed(run, seed, error.sentence, code)
        except Exception:
            log.exception("A run failed: %s", action)
            yield _failed(run, seed, Sentence("said.fault"), "fault")

    def stopped(self, run: str | None) -> Shown:
        """Tell the page that the run was stopped."""
        frame = {"run": run, "kind": "stopped", "message": Sentence("said.stopped")}
        return Shown(frame, Sentence("said.stopped"), is_running=False, seed=None)

    def open_picture(self, request: object) -> Answer:
        """Open what a person brought: `{"name", "data"}`, the file's bytes as base64.

        A page that also says `"has_file": true` draws ordinary photos from the file itself: then
        `png` is null, as a large photo would travel for a minute.
        """
        asked = fields(request)
        has_file = asked.get("has_file") is True
        return self._answer(lambda: self._opened(read_upload(asked.get("data")), has_file))

    def open_example(self, request: object) -> Answer:
        """Open an example: `{"name"}`; the empty name is the one to begin with."""

        def opened() -> Answer:
            example = self.examples.find(fields(request).get("name"))
            if example is None:
                raise UserError(Sentence("said.no_example"))
            return self._opened(example.path.read_bytes())

        return self._answer(opened)

    def reconstruct(self, request: object) -> Answer:
        """Draw what the tokenizer makes of a run's window, or of a picture.

        Takes `{"context"}`, or `{"model", "picture"}`.
        """
        answers = self.walk if "context" in fields(request) else self.service
        return answers.reconstruct(request)

    def has_picture(self, request: object) -> Answer:
        """Say whether a picture is still known: `{"id"}`."""
        known = self._studio.picture(str(fields(request).get("id"))) is not None
        return {"ok": True, "known": known}

    def class_for(self, example_name: object, model: str = "") -> int | None:
        """Name the class that goes with an example, where the model knows it."""
        example = self.examples.find(example_name)
        try:
            info = self._models.info(model or self._models.default)
        except UserError:
            return None
        matches = (c.id for c in info.classes if example and c.name == example.class_name)
        return next(matches, None)

    def _watch(self, run: str, seed: int, job: Job) -> Iterator[Shown]:
        started, frames = time.monotonic(), []
        about = {"run": run, **job.about}
        for answer in self._studio.run(job.request):
            if isinstance(answer, Step):
                frame = {**about, **step_frame(answer)}
                if not answer.step:
                    frame |= job.context(answer)
                if len(frames) <= STEPS + 1:  # of longer runs none are kept
                    frames.append(frame)
                yield Shown(frame, Sentence("said.working"), is_running=True, seed=seed)
                continue
            if isinstance(answer, Refining):
                about_window = {"window": answer.window, "windows": answer.windows}
                what = "said.borrowing" if answer.borrows else "said.refining"
                said = Sentence(what, **about_window)
                frame = {**about, "kind": "refining", "message": said}
                yield Shown(frame, said, is_running=True, seed=seed)
                continue
            ids = [self._studio.keep(picture) for picture in answer.pictures]
            seeds = seeds_used(answer.seeds)
            seconds = round(time.monotonic() - started, 1)
            status = Sentence("said.done", seconds=seconds, seeds=seeds)
            frame = {**about, **done_frame(answer, job.region, ids), "message": status}
            frame["draft"] = self._studio.recipes.draft(job.request, answer)
            self.missed.keep(run, frames)
            yield Shown(frame, status, is_running=False, seed=seed)

    def _opened(self, data: bytes, has_file: bool = False) -> Answer:
        opened = self._studio.open_original(data)
        height, width = opened.colours.shape[:2]
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise UserError(Sentence("said.too_long", width=width, height=height, most=MAX_ASPECT))
        is_drawn = has_file and opened.is_for_web
        return {
            "id": opened.id,
            "width": width,
            "height": height,
            "png": None if is_drawn else png_url(opened.colours),
            "alpha": None if opened.alpha is None else png_url(opened.alpha),
            "chunks": base64.b64encode(opened.chunks).decode("ascii"),
            "note": Sentence("said.first_of_many") if opened.is_one_of_many else "",
            **self.recipes.brought(data, opened),
        }

    def _answer(self, action: Callable[[], Answer]) -> Answer:
        """Run a server function about pictures: few at a time."""
        return answer_in_turn(self._uploads, PATIENCE_S, action)


def _failed(run: str, seed: int | None, message: str, code: str) -> Shown:
    frame = {"run": run, "kind": "error", "code": code, "message": message}
    return Shown(frame, message, is_running=False, seed=seed)
