"""Recipes of saved pictures: written when one is saved, read when one is opened again.

The server keeps no recipes. When a run ends, the page gets a *draft* of its recipe, a short
text without the pixels that were painted over, and keeps it with each picture that came of it. To
save one, it sends the draft back and names the picture before, and gets the whole recipe.

Read in this order:
    Remembered    what a file says about its picture
    RecipeBook    who writes and reads recipes: the studio
    Recipes       what the page asks
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import numpy as np
from pydantic import Field

from app.answers import Answer, answer_in_turn
from app.document import Region
from app.errors import UNKNOWN_PICTURE, UserError
from app.export import png_url
from app.lens import Lens
from app.runs import Opened, Picture, Request, Result
from app.scene import Index, Scene, Strict, read
from app.settling import class_id
from app.words import Sentence, in_a_row

if TYPE_CHECKING:
    from app.runs import Studio

AT_ONCE = 2  # packing the pixels of a large edit takes a second or two
PATIENCE_S = 20
MAX_DRAFT = 2**22  # characters; a mask of the largest picture packs into less


class RecipeRequest(Strict):
    """Complete the recipe of a picture.

    Attributes:
        draft: What the page got with it.
        seed: Of the picture.
        picture: Id of the picture that it was made from, where there is one.
    """

    draft: Annotated[str, Field(max_length=MAX_DRAFT)]
    seed: Index
    picture: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None


@dataclass(frozen=True, eq=False)
class Remembered:
    """What a file says about its picture.

    Attributes:
        model: Name of the model that made it.
        is_here: Whether that model is here, with the same weights.
        label: The class, by its number or one of its names; None: no class.
        settings: How it was decoded, by the names of `app.models.Settings`.
        before: The picture it was made from, if any.
        region: The pixels of that one which were painted, if any.
        grid: Cells on the short side of the lattice it was painted on; None where that is unknown.
        lens: What else there is to say about that; None: it was as usual.
        sides: Pixels that were added on the left, top, right and bottom, if any.
        is_steered: Whether somebody had a hand in the decode, which a seed does not repeat.
        feather: Cells over which an edit's new content faded in.
        regions: Where there are other classes than `label`, by number or name.
        refine: Whether what was soft was refined, or would have been.
        borrow: Whether it was written with pieces of the picture instead.
    """

    model: str
    is_here: bool
    label: str | None
    settings: Mapping[str, Any]
    before: Picture | None
    region: Region | None
    grid: int | None
    lens: Lens | None
    sides: tuple[int, int, int, int] | None
    is_steered: bool
    feather: float
    regions: Sequence[tuple[str | None, Region]] = ()
    refine: bool = False
    borrow: bool = False


class RecipeBook(Protocol):
    """Writes and reads recipes."""

    def draft(self, request: Request, result: Result) -> str:
        """Write what is known of a run's recipe when it ends; empty where it can have none."""
        ...

    def draft_of_state(self, scene: Scene, state: str) -> str:
        """Likewise for a decode that somebody walked to its end."""
        ...

    def complete(self, draft: str, seed: int, picture: Picture | None) -> str:
        """Write the recipe of one picture of a run.

        Raises:
            UserError: If that cannot be.
        """
        ...

    def find(self, data: bytes, picture: Picture) -> Remembered | None:
        """Read the recipe in a file; None where there is none.

        Raises:
            UserError: If it is damaged, or does not fit the picture.
        """
        ...


class Recipes:
    """What the page asks. The studio is passed in, so tests pass a fake one."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def recipe(self, request: object) -> Answer:
        """Complete the recipe of a picture that is being saved: `{"draft", "seed", "picture"}`."""

        def completed() -> Answer:
            asked = read(RecipeRequest, request)
            picture = self._studio.picture(asked.picture) if asked.picture else None
            if asked.picture and picture is None:
                raise UserError(Sentence("said.forgotten"), UNKNOWN_PICTURE)
            return {"recipe": self._studio.recipes.complete(asked.draft, asked.seed, picture)}

        return answer_in_turn(self._places, PATIENCE_S, completed)

    def _class_id(self, model: str, name: str | None) -> int | None:
        """Find a class that swatches can have, of the model or else of the one pages begin with."""
        models = self._studio.models
        try:
            info = models.info(model)
        except UserError:
            info = models.info(models.default)
        return class_id(info, name)

    def brought(self, data: bytes, opened: Opened) -> Answer:
        """Say what a file that was opened brings besides its picture: a recipe, a note, nothing."""
        picture = self._studio.picture(opened.id)
        if picture is None:
            return {}
        try:
            found = self._studio.recipes.find(data, picture)
        except UserError as error:
            return {"note": Sentence("said.recipe_ignored", reason=error.sentence)}
        if found is None:
            return {}
        answer: Answer = {"controls": _controls(found), "words": _words(found), "grid": found.grid}
        answer["lens"] = found.lens and found.lens.model_dump(mode="json")
        if found.before is not None:
            height, width = found.before.shape[:2]
            kept = self._studio.keep(found.before)
            answer["before"] = {"id": kept, "width": width, "height": height}
            answer["before"] |= _planes(found.before, found, opened)
        if found.region is not None:
            answer["mask"] = _mask_url(found.region)
            answer["classes"] = [
                {"id": label, "mask": _mask_url(region)}
                for name, region in found.regions
                if (label := self._class_id(found.model, name)) is not None
            ]
        return {"recipe": answer}


def _mask_url(region: Region) -> str:
    return png_url(np.where(region, np.uint8(255), np.uint8(0)))


def _planes(before: Picture, found: Remembered, opened: Opened) -> Answer:
    """Give the picture before with the colours and transparency that the file has around it."""
    chunks = base64.b64encode(opened.chunks).decode("ascii")
    if opened.alpha is None:
        return {"png": png_url(before), "alpha": None, "chunks": chunks}
    if found.sides is not None:
        left, top, _, _ = found.sides
        place = slice(top, top + before.shape[0]), slice(left, left + before.shape[1])
        own, alpha = opened.colours[place], opened.alpha[place]
    elif found.region is not None:  # what was painted over is known as the model saw it
        own, alpha = np.where(found.region[..., None], before, opened.colours), opened.alpha
    else:
        own, alpha = before, opened.alpha
    return {"png": png_url(own), "alpha": png_url(alpha), "chunks": chunks}


def _controls(found: Remembered) -> dict[str, Any]:
    """Give the controls that make the picture again, by the names of `app.controls.Controls`."""
    controls = {"model": found.model, "label": found.label, **found.settings}
    if found.region is not None:
        controls["feather"] = found.feather
    if found.region is not None or found.sides is not None:
        controls |= {"refine": found.refine, "borrow": found.borrow}
    if found.sides is not None:
        controls |= zip(("left", "top", "right", "bottom"), found.sides, strict=True)
    return controls


def _words(found: Remembered) -> str:
    if found.sides is not None:
        sentences = [Sentence("said.recipe_enlarged")]
    else:
        is_new = found.region is None
        sentences = [Sentence("said.recipe_new") if is_new else Sentence("said.recipe_edit")]
    if found.is_steered:
        sentences.append(Sentence("said.recipe_steered"))
    if not found.is_here:
        sentences.append(Sentence("said.recipe_other_model", model=found.model))
    return in_a_row(sentences)
