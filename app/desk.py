"""How a press of a button becomes a request to the studio, or a sentence that says why not.

Read in this order:
    Job     a request and what the canvas must know about it
    Desk    takes what is on the page and makes a job of it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from app.canvas.drawing import MAX_SIDE, NO_CLASS_ID, Drawing
from app.controls import Controls
from app.document import Document, Region, Regions
from app.errors import UNKNOWN_PICTURE, UserError
from app.models import ModelInfo, ModelStore, Settings
from app.overlays import Frame
from app.runs import Fill, Generate, Outpaint, Picture, Request, Step, Studio
from app.scene import write_context
from app.words import Sentence

Action: TypeAlias = Literal["fill", "generate", "outpaint"]

MAX_PIXELS = 64e6  # of a picture made larger
MAX_PIXELS_AT_ONCE = 170e6  # of all variations; as many as the studio can keep
SETTINGS = (
    "steps",
    "schedule",
    "temperature",
    "choice_temperature",
    "top_k",
    "top_p",
    "guidance_scale",
    "reveal",
    "known_cells",
    "seed",
)


class Job(NamedTuple):
    """A request and what the canvas must know about it.

    Attributes:
        request: For the studio.
        region: The pixels of the result that may be new; None: all are.
        about: What every frame repeats.
        drawing: What was painted, where a picture is filled.
    """

    request: Request
    region: Region | None
    about: Frame
    drawing: Drawing | None = None

    def context(self, first: Step) -> Frame:
        """Give what the first frame adds: with it a run can be steered, unless it outpaints."""
        if isinstance(self.request, Outpaint):
            return {}
        if isinstance(self.request, Fill):
            names = ("feather", "refine", "borrow")
            edges = {name: getattr(self.request, name) for name in names}
        else:
            edges = {"refine": False}
        context = write_context(self.request.model, first.window, self.drawing, **edges)
        return {"context": context}


class Desk:
    """Turns what is on the page into a request, or refuses with a sentence."""

    def __init__(
        self,
        studio: Studio,
        drawing: Drawing,
        controls: Controls,
        seed: int,
        *,
        is_exact: bool = False,
    ) -> None:
        """Take what the page shows.

        Args:
            studio: Where pictures and models are.
            drawing: What is painted.
            controls: The other controls.
            seed: In use.
            is_exact: Whether settings are meant as they are for new pictures, too; on the page they
                are for filling.
        """
        self._studio = studio
        self._is_exact = is_exact
        self._drawing = drawing
        self._controls = controls
        self._model = controls.model_or(studio.models.default)
        self._info = studio.models.info(self._model)
        self._label = controls.label_for(self._info)
        self._count = controls.num_pictures()
        self._settings = controls.settings(self._info, seed)
        self._previews = bool(controls.previews)
        self._feather = controls.soft_edge()

    def job(self, action: Action) -> Job:
        """Make the job that an action asks for.

        Raises:
            UserError: If it cannot be done, with the reason.
        """
        jobs = {"fill": self._fill, "generate": self._generate, "outpaint": self._outpaint}
        return jobs[action]()

    def _fill(self) -> Job:
        document = self._document()
        region = require_region(document)
        if document.picture is None and document.at is None and self._drawing.is_full:
            return self._generate(self._regions(document))  # nothing of a blank picture is to stay
        picture = known_picture(self._studio, document)
        require_room(picture.shape, self._count)
        request = Fill(
            self._model,
            picture,
            region,
            document.window,
            document.opened,
            self._label,
            self._count,
            self._settings,
            self._previews,
            feather=self._feather,
            lens=document.lens,
            regions=self._regions(document),
            refine=bool(self._controls.refine),
            borrow=bool(self._controls.borrow),
        )
        return Job(request, region, {}, self._drawing)

    def _generate(self, regions: Regions = ()) -> Job:
        side = self._info.image_size
        regions = tuple((label, _stretched(region, side)) for label, region in regions)
        settings = self._settings
        if not self._is_exact:
            settings = settings_for_new(self._info, settings)
        request = Generate(self._model, self._label, self._count, settings, self._previews, regions)
        return Job(request, None, {"size": [side, side]})

    def _outpaint(self) -> Job:
        picture = known_picture(self._studio, self._document())
        left, top, right, bottom = self._controls.sides()
        if not any((left, top, right, bottom)):
            raise UserError(Sentence("said.no_sides"))
        height, width = require_fit(picture.shape, left, top, right, bottom)
        require_room((height, width), self._count)
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
            self._previews,
            refine=bool(self._controls.refine),
            borrow=bool(self._controls.borrow),
        )
        is_new = np.ones((height, width), bool)
        is_new[top : top + picture.shape[0], left : left + picture.shape[1]] = False
        return Job(request, is_new, {"size": [width, height], "origin": [left, top]})

    def _regions(self, document: Document) -> Regions:
        """Give the further classes that were painted; only what the model knows."""
        for label, _ in document.classes:
            self._controls._replace(label=label).label_for(self._info)
        return document.regions

    def _document(self) -> Document:
        document = Document.of(self._drawing, self._info.grid)
        if document is None:
            raise UserError(Sentence("said.no_picture"))
        return document


def _stretched(region: Region, side: int) -> Region:
    """Give a region the model's size."""
    rows, columns = (np.arange(side) * length // side for length in region.shape)
    return region[rows[:, None], columns]


def require_region(document: Document) -> Region:
    """Give the pixels that may change.

    Raises:
        UserError: If there are none, with the reason.
    """
    region = document.region
    if region.any():
        return region
    window = document.window
    if window is None or not document.lattice.region(document.cells).any():
        raise UserError(Sentence("said.nothing_painted"))
    if not window.cells_of(document.cells, document.span).any():
        raise UserError(Sentence("said.nothing_in_window"))
    raise UserError(Sentence("said.too_little_covered", percent=round(100 * document.coverage)))


def known_picture(studio: Studio, document: Document) -> Picture:
    """Find the picture of a document.

    Raises:
        UserError: If the studio does not know it any more.
    """
    picture = studio.picture(document.picture or "")
    size = document.lattice.height, document.lattice.width
    if picture is None or picture.shape[:2] != size:
        raise UserError(Sentence("said.forgotten"), UNKNOWN_PICTURE)
    return picture


def require_room(size: tuple[int, ...], count: int) -> None:
    """See to it that all variations of a large picture fit into memory.

    Raises:
        UserError: If they do not.
    """
    height, width = size[:2]
    most = max(1, int(MAX_PIXELS_AT_ONCE / (height * width)))
    if count > most:
        raise UserError(Sentence("said.too_many_pictures", width=width, height=height, most=most))


def settings_for_new(info: ModelInfo, settings: Settings) -> Settings:
    """Take the model's own settings for new pictures, as long as nobody has changed any."""
    # All cells of a new picture may change, so it is no matter how known ones are looked at.
    asked = replace(settings, seed=info.defaults.seed, known_cells=info.defaults.known_cells)
    if asked.guidance_scale == info.stand_out:  # was for what was painted
        asked = replace(asked, guidance_scale=info.defaults.guidance_scale)
    if info.for_new is None or asked != info.defaults:
        return settings
    return replace(info.for_new, seed=settings.seed, known_cells=settings.known_cells)


def controls_for(
    models: ModelStore,
    model: str,
    label: int | None,
    settings: Mapping[str, Any],
    *,
    is_new: bool = False,
) -> Controls:
    """Take what a program wishes; what it does not name is as the model does best.

    Args:
        models: Where the model is.
        model: Its id; empty for the usual one.
        label: Id of the class; None for no class.
        settings: By the names of `Settings`, and `feather`.
        is_new: Whether it is for a whole new picture; a model may have settings of its own for it.

    Raises:
        UserError: If there is no such model or setting.
    """
    model = model or models.default
    info = models.info(model)
    defaults = (info.for_new if is_new else None) or info.defaults
    if unknown := sorted(settings.keys() - {*SETTINGS, "feather"}):
        what = f"{', '.join(unknown)}; there are {', '.join(SETTINGS)}, feather"
        raise UserError(Sentence("said.bad_request", where="settings", what=what))
    values = {name: getattr(defaults, name) for name in SETTINGS} | dict(settings)
    label = NO_CLASS_ID if label is None else label
    return Controls(model=model, label=label, randomise=False, **values)


def require_fit(
    size: tuple[int, ...], left: int, top: int, right: int, bottom: int
) -> tuple[int, int]:
    """Give the height and width of a picture that was made larger.

    Raises:
        UserError: If that is too large.
    """
    height, width = top + size[0] + bottom, left + size[1] + right
    about = {"width": width, "height": height}
    if width * height > MAX_PIXELS:
        limit = round(MAX_PIXELS / 1e6)
        raise UserError(Sentence("said.too_large", **about, limit=limit))
    if max(width, height) > MAX_SIDE:
        raise UserError(Sentence("said.too_long_now", **about, limit=MAX_SIDE))
    return height, width
