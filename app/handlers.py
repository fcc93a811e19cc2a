"""What happens when a person does something; no Gradio in here, so tests need no server.

Read in this order:
    Shown      what the page shows after an event
    Handlers   one method per action
    _Desk      how a press of a button becomes a request to the studio

Elsewhere: which event calls which method (events), what frames hold (overlays), the model (studio).
"""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from app import texts
from app.canvas.drawing import Drawing
from app.controls import MAX_SEED, Controls
from app.document import Document, Region, choose_window
from app.errors import UNKNOWN_PICTURE, UserError
from app.examples import Examples
from app.export import png_url
from app.models import ModelInfo
from app.overlays import Frame, done_frame, step_frame
from app.runs import Fill, Generate, Outpaint, Picture, Request, Step, Studio

log = logging.getLogger(__name__)

Action: TypeAlias = Literal["fill", "generate", "outpaint"]
Answer: TypeAlias = dict[str, Any]  # what a server function returns: JSON with "ok"

MAX_UPLOAD_BYTES = 32 * 2**20  # as base64, which is what arrives
MAX_PIXELS = 40e6  # of a picture made larger
TRACED_STEPS = 64  # longer runs would send megabytes twice
PATIENCE_S = 20  # how long an upload waits for the ones before it


class Shown(NamedTuple):
    """What the page shows now.

    Attributes:
        frame: For the canvas.
        status: A sentence.
        is_running: Whether there is something to stop.
        seed: The seed in use.
    """

    frame: Frame
    status: str
    is_running: bool
    seed: int


class Handlers:
    """One method per action. The studio is passed in, so tests pass a fake one."""

    def __init__(self, studio: Studio, examples: Examples | None = None) -> None:
        self._studio = studio
        self._models = studio.models
        self.examples = examples or Examples()
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
        run = secrets.token_hex(8)
        seed = secrets.randbelow(MAX_SEED)
        try:
            seed = controls.seed_or(seed)
            job = _Desk(self._studio, drawing, controls, seed).job(action)
            yield from self._watch(run, seed, job)
        except UserError as error:
            code = "refused" if is_retry else error.code
            yield _failed(run, seed, str(error), code)
        except Exception:
            log.exception("A run failed: %s", action)
            yield _failed(run, seed, texts.FAULT, "fault")

    def stopped(self, run: str | None) -> Shown:
        """Tell the page that the run was stopped."""
        frame = {"run": run, "kind": "stopped", "message": texts.STOPPED}
        return Shown(frame, texts.STOPPED, is_running=False, seed=0)

    def open_picture(self, request: object) -> Answer:
        """Open what a person brought: `{"name", "data"}`, the file's bytes as base64."""
        return self._answer(lambda: self._opened(_uploaded(request)))

    def open_example(self, request: object) -> Answer:
        """Open an example: `{"name"}`; the empty name is the one to begin with."""

        def opened() -> Answer:
            example = self.examples.find(fields(request).get("name"))
            if example is None:
                raise UserError(texts.NO_EXAMPLE)
            return self._opened(example.path.read_bytes())

        return self._answer(opened)

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

    def _watch(self, run: str, seed: int, job: _Job) -> Iterator[Shown]:
        started, trace = time.monotonic(), []
        about = {"run": run, **job.about}
        for answer in self._studio.run(job.request):
            if isinstance(answer, Step):
                frame = {**about, **step_frame(answer)}
                if answer.step:
                    trace.append(frame)
                yield Shown(frame, texts.WORKING, is_running=True, seed=seed)
                continue
            ids = [self._studio.keep(picture) for picture in answer.pictures]
            seeds = f"{answer.seeds[0]}" + (f" to {answer.seeds[-1]}" if len(ids) > 1 else "")
            status = texts.DONE.format(seconds=time.monotonic() - started, seeds=seeds)
            frame = {**about, **done_frame(answer, job.region, ids), "message": status}
            if len(trace) <= TRACED_STEPS:
                frame["trace"] = trace
            yield Shown(frame, status, is_running=False, seed=seed)

    def _opened(self, data: bytes) -> Answer:
        picture_id, picture = self._studio.open(data)
        height, width = picture.shape[:2]
        return {"id": picture_id, "width": width, "height": height, "png": png_url(picture)}

    def _answer(self, action: Callable[[], Answer]) -> Answer:
        """Run a server function about pictures: few at a time."""
        if not self._uploads.acquire(timeout=PATIENCE_S):
            return {"ok": False, "error": UserError(texts.BUSY, "busy").as_message()}
        try:
            return answer(action)
        finally:
            self._uploads.release()


def answer(action: Callable[[], Answer]) -> Answer:
    """Run a server function: trouble is an answer, never a traceback."""
    try:
        return {"ok": True, **action()}
    except UserError as error:
        return {"ok": False, "error": error.as_message()}
    except Exception:
        log.exception("A server function failed")
        return {"ok": False, "error": UserError(texts.FAULT, "fault").as_message()}


class _Job(NamedTuple):
    """A request, the pixels it may change (None: all are new) and what every frame repeats."""

    request: Request
    region: Region | None
    about: Frame


class _Desk:
    """Turns what is on the page into a request, or refuses with a sentence."""

    def __init__(self, studio: Studio, drawing: Drawing, controls: Controls, seed: int) -> None:
        self._studio = studio
        self._drawing = drawing
        self._controls = controls
        self._model = controls.model or studio.models.default
        self._info = studio.models.info(self._model)
        self._label = controls.label_for(self._info)
        self._count = controls.num_pictures()
        self._settings = controls.settings(self._info, seed)

    def job(self, action: Action) -> _Job:
        jobs = {"fill": self._fill, "generate": self._generate, "outpaint": self._outpaint}
        return jobs[action]()

    def _fill(self) -> _Job:
        document = self._document()
        region = document.region
        if not region.any():
            raise UserError(texts.NOTHING_PAINTED)
        if document.picture is None and self._drawing.is_full:
            return self._generate()  # nothing of a blank picture is to stay
        picture = self._picture(document)
        window = choose_window(document.lattice, document.cells)
        cells = window and window.cells_of(document.cells, document.lattice.grid)
        request = Fill(
            self._model, picture, region, window, cells, self._label, self._count, self._settings
        )
        return _Job(request, region, {})

    def _generate(self) -> _Job:
        side = self._info.image_size
        request = Generate(self._model, self._label, self._count, self._settings)
        return _Job(request, None, {"size": [side, side]})

    def _outpaint(self) -> _Job:
        picture = self._picture(self._document())
        left, top, right, bottom = self._controls.sides()
        if not any((left, top, right, bottom)):
            raise UserError(texts.NO_SIDES)
        height, width = top + picture.shape[0] + bottom, left + picture.shape[1] + right
        if width * height > MAX_PIXELS:
            limit = MAX_PIXELS / 1e6
            raise UserError(texts.TOO_LARGE.format(width=width, height=height, limit=limit))
        request = Outpaint(
            self._model,
            picture,
            left,
            top,
            right,
            bottom,
            self._label,
            self._count,
            self._settings,
        )
        return _Job(request, None, {"size": [width, height], "origin": [left, top]})

    def _document(self) -> Document:
        document = Document.of(self._drawing, self._info.grid)
        if document is None:
            raise UserError(texts.NO_PICTURE)
        return document

    def _picture(self, document: Document) -> Picture:
        picture = self._studio.picture(document.picture or "")
        size = document.lattice.height, document.lattice.width
        if picture is None or picture.shape[:2] != size:
            raise UserError(texts.FORGOTTEN, UNKNOWN_PICTURE)
        return picture


def _failed(run: str, seed: int, message: str, code: str) -> Shown:
    frame = {"run": run, "kind": "error", "code": code, "message": message}
    return Shown(frame, message, is_running=False, seed=seed)


def fields(request: object) -> dict[str, Any]:
    """Take the one object a server function gets; Gradio may wrap it into a list."""
    if isinstance(request, list) and len(request) == 1:
        request = request[0]
    return request if isinstance(request, dict) else {}


def _uploaded(request: object) -> bytes:
    data = fields(request).get("data")
    if not isinstance(data, str):
        raise UserError(texts.BAD_UPLOAD)
    if len(data) > MAX_UPLOAD_BYTES:
        megabytes = MAX_UPLOAD_BYTES * 0.75 / 2**20
        raise UserError(texts.UPLOAD_TOO_LARGE.format(megabytes=megabytes), "too-large")
    try:
        return base64.b64decode(data.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise UserError(texts.BAD_UPLOAD) from None
