"""Whole edits for programs, one question each: generate, edit, outpaint, reconstruct.

A picture is a file as base64, or the id of one that came back before; docs/api.md has examples.

Read in this order:
    GenerateRequest ... ReconstructRequest   what is asked
    Service                                  one method per question
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import Field

from app.answers import Answer, answer
from app.canvas.drawing import MAX_CLASSES
from app.canvas.drawing import MAX_SIDE as MAX_LENGTH
from app.controls import MAX_ADDED_PX
from app.desk import controls_for, require_fit, require_room
from app.document import Region, Regions
from app.errors import UNKNOWN_PICTURE, UserError
from app.export import png_url
from app.models import Settings
from app.runs import Fill, Generate, Outpaint, Picture, Request, Result, Studio
from app.scene import MAX_SIDE, Scene, Strict, read
from app.uploads import read_upload
from app.words import Sentence

MAX_PICTURES = 16  # of one answer
AT_ONCE = 4  # answers being made, see `app.api`; their passes share batches with everybody's
WHITE = 128  # of 255, from which a mask's pixel may change
PICTURE_ID = re.compile("[0-9a-f]{32}")

Length: TypeAlias = Annotated[int, Field(ge=1, le=MAX_LENGTH)]
Added: TypeAlias = Annotated[int, Field(ge=0, le=MAX_ADDED_PX)]
Pixel: TypeAlias = Annotated[int, Field(ge=-MAX_SIDE, le=MAX_SIDE)]


class GenerateRequest(Strict):
    """Whole new pictures.

    Attributes:
        model: Id of the model; empty: the editor's own.
        label: Class id, or None for no class.
        settings: Any of `app.desk.SETTINGS`, and `feather` for edits; the rest is the model's.
        count: How many; they use the seeds `seed`, `seed + 1`, …
    """

    model: str = Field("", max_length=256)
    label: int | None = None
    settings: dict[str, Any] = Field({}, max_length=32)
    count: int = Field(1, ge=1, le=MAX_PICTURES)


class Part(Strict):
    """A part of a picture.

    Attributes:
        mask: A picture of that size as base64, or an id; white where the part is. Or
        box: left, top, width and height of it, in pixels.
    """

    mask: str | None = None
    box: tuple[Pixel, Pixel, Pixel, Pixel] | None = Field(None, strict=False)


class PartOfClass(Part):
    """A part that is to be of another class than the rest; None: of no class."""

    label: int | None


class EditRequest(GenerateRequest, Part):
    """Another content for a part of a picture, which is what may change.

    Attributes:
        picture: A file as base64, or an id.
        regions: Parts of it that are to be of other classes; later ones lie over those before.
        refine: Whether a fill that would look soft is drawn again in smaller windows.
        borrow: Whether it is written with pieces of the picture instead, where there are enough;
            None: as the model is used best.
        stand_out: Whether it is a thing that the picture does not show: it is framed closely, and
            its class leads, unless another guidance is wished.
    """

    picture: str
    regions: list[PartOfClass] = Field([], max_length=MAX_CLASSES - 1)
    refine: bool = True
    borrow: bool | None = None
    stand_out: bool = False


class OutpaintRequest(GenerateRequest):
    """A larger picture; sides in pixels, `refine` and `borrow` as for an edit."""

    picture: str
    left: Added = 0
    top: Added = 0
    right: Added = 0
    bottom: Added = 0
    refine: bool = True
    borrow: bool | None = None


class PlanRequest(Strict):
    """What it would take to make a picture larger; sizes and sides in pixels."""

    model: str = Field("", max_length=256)
    width: Length
    height: Length
    left: Added = 0
    top: Added = 0
    right: Added = 0
    bottom: Added = 0


class ReconstructRequest(Strict):
    """A picture as the tokenizer alone draws it: the square in its middle."""

    model: str = Field("", max_length=256)
    picture: str


class ClassesRequest(Strict):
    """What a model can be asked for."""

    model: str = Field("", max_length=256)


class Service:
    """One method per question; every answer is an object, see `app.answers`."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._models = studio.models

    def generate(self, request: object) -> Answer:
        """Imagine whole pictures: `{"model", "label", "settings", "count"}`.

        `label` is the id of a class, a number that `classes` lists, or null; `count` is 1 to 16;
        `settings` are numbers and words by name, such as `{"steps": 12, "seed": 3}`. All but
        `label` may be left out.
        """

        def generated() -> Answer:
            asked = read(GenerateRequest, request)
            model, label, settings, _ = self._wishes(asked, is_new=True)
            return self._run(Generate(model, label, asked.count, settings, previews=False))

        return answer(generated)

    def edit(self, request: object) -> Answer:
        """Imagine a part anew: as generate, and `{"picture", "mask" or "box", "regions", ...}`.

        `picture` is an id that another tool gave, or a file as base64; `mask` likewise, of the same
        size, white where it may change; `box` is `[left, top, width, height]` in pixels. `regions`
        is a list of `{"label", "mask" or "box"}`. Further: `refine`, `borrow`, `stand_out`, true or
        false.
        """

        def edited() -> Answer:
            asked = read(EditRequest, request)
            model, label, settings, feather = self._wishes(asked)
            picture = self._picture(asked.picture)
            require_room(picture.shape, asked.count)
            region = self._region(asked, picture)
            about = {"feather": feather, **self._touches(asked, model)}
            about["regions"] = self._regions(asked, picture)
            about["is_close_up"] = asked.stand_out
            strong = self._models.info(model).stand_out
            if asked.stand_out and strong and "guidance_scale" not in asked.settings:
                settings = replace(settings, guidance_scale=strong)
            whole = model, picture, region, None, None, label, asked.count, settings
            return self._run(Fill(*whole, previews=False, **about))

        return answer(edited)

    def outpaint(self, request: object) -> Answer:
        """Make a picture larger: as generate, and `{"picture", "left", "top", "right", "bottom"}`.

        The sides are pixels to add, 0 to 8192 each; those that are left out stay as they are.
        """

        def outpainted() -> Answer:
            asked = read(OutpaintRequest, request)
            model, label, settings, _ = self._wishes(asked)
            picture = self._picture(asked.picture)
            sides = asked.left, asked.top, asked.right, asked.bottom
            if not any(sides):
                raise UserError(Sentence("said.no_sides_named"))
            require_room(require_fit(picture.shape, *sides), asked.count)
            whole = model, picture, *sides, label, asked.count, settings
            return self._run(Outpaint(*whole, previews=False, **self._touches(asked, model)))

        return answer(outpainted)

    def _touches(self, asked: EditRequest | OutpaintRequest, model: str) -> dict[str, bool]:
        """Say how what is finished is made sharp."""
        usual = self._models.info(model).borrows
        return {"refine": asked.refine, "borrow": usual if asked.borrow is None else asked.borrow}

    def plan(self, request: object) -> Answer:
        """Say what outpaint would take: `{"model", "width", "height", "left", "top", ...}`."""

        def planned() -> Answer:
            asked = read(PlanRequest, request)
            sides = asked.left, asked.top, asked.right, asked.bottom
            if not any(sides):
                raise UserError(Sentence("said.no_sides_named"))
            size = asked.height, asked.width
            height, width = require_fit(size, *sides)
            windows = self._studio.windows(asked.model or self._models.default, size, sides)
            return {"width": width, "height": height, "windows": windows}

        return answer(planned)

    def reconstruct(self, request: object) -> Answer:
        """Draw what the tokenizer alone makes of a picture: `{"model", "picture"}`."""

        def reconstructed() -> Answer:
            asked = read(ReconstructRequest, request)
            picture = self._picture(asked.picture)
            height, width = picture.shape[:2]
            side = min(height, width)
            window = ((width - side) // 2, (height - side) // 2, side)
            scene = Scene(asked.model or self._models.default, window, picture)
            return {"window": window, "image": png_url(self._studio.walker.reconstruct(scene))}

        return answer(reconstructed)

    def classes(self, request: object) -> Answer:
        """List what a model can be asked for: `{"model"}`."""

        def listed() -> Answer:
            asked = read(ClassesRequest, request)
            info = self._models.info(asked.model or self._models.default)
            found = [{"id": c.id, "name": c.name, "synonyms": c.synonyms} for c in info.classes]
            return {"classes": found, "has_no_class": info.has_no_class}

        return answer(listed)

    def models(self, request: object) -> Answer:
        """List the models there are to choose from: `{}`."""

        def listed() -> Answer:
            read(Strict, request)
            entries = [asdict(entry) for entry in self._models.entries()]
            return {"default": self._models.default, "models": entries}

        return answer(listed)

    def _wishes(
        self, asked: GenerateRequest, *, is_new: bool = False
    ) -> tuple[str, int | None, Settings, float]:
        wishes = asked.model, asked.label, asked.settings
        controls = controls_for(self._models, *wishes, is_new=is_new)
        info = self._models.info(controls.model)
        settings = controls.settings(info, controls.seed_or(0))
        return controls.model, controls.label_for(info), settings, controls.soft_edge()

    def _picture(self, text: str) -> Picture:
        """Find a picture by its id, or read the file that came."""
        if not PICTURE_ID.fullmatch(text):
            return self._studio.open(read_upload(text))[1]
        picture = self._studio.picture(text)
        if picture is None:
            raise UserError(Sentence("said.no_such_picture"), UNKNOWN_PICTURE)
        return picture

    def _regions(self, asked: EditRequest, picture: Picture) -> Regions:
        """Give the pixels of further classes."""
        found: Regions = ()
        info = self._models.info(asked.model or self._models.default)
        for part in asked.regions:
            controls = controls_for(self._models, asked.model, part.label, {})
            label = controls.label_for(info)
            if label in dict(found):
                raise UserError(Sentence("said.class_twice", label=str(part.label)))
            found += ((label, self._region(part, picture)),)
        return found

    def _region(self, asked: Part, picture: Picture) -> Region:
        """Give the pixels of a part."""
        if (asked.mask is None) == (asked.box is None):
            raise UserError(Sentence("said.mask_or_box"))
        if asked.mask is not None:
            mask = self._picture(asked.mask)
            if mask.shape != picture.shape:
                sizes = [f"{p.shape[1]} x {p.shape[0]}" for p in (mask, picture)]
                raise UserError(Sentence("said.mask_size", mask=sizes[0], picture=sizes[1]))
            region = mask.sum(2, dtype=np.uint16) >= 3 * WHITE
        else:
            assert asked.box is not None
            left, top, width, height = asked.box
            region = np.zeros(picture.shape[:2], bool)
            bottom, right = max(top + height, 0), max(left + width, 0)
            region[max(top, 0) : bottom, max(left, 0) : right] = True
        if not region.any():
            raise UserError(Sentence("said.nothing_masked"))
        return region

    def _run(self, request: Request) -> Answer:
        *_, result = self._studio.run(request)
        assert isinstance(result, Result)
        pictures = [
            {"seed": seed, "id": self._studio.keep(picture), "png": png_url(picture)}
            for seed, picture in zip(result.seeds, result.pictures, strict=True)
        ]
        height, width = result.pictures[0].shape[:2]
        return {"width": width, "height": height, "pictures": pictures}
