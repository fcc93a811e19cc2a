"""Recipes of pictures, written and read with the engine's own module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from app.document import Region, Regions
from app.errors import UserError
from app.lens import Lens
from app.models import Settings
from app.recipes import Remembered
from app.runs import Fill, Generate, Outpaint, Picture, Request, Result
from app.scene import Scene
from app.studio.models import ModelStore
from app.words import Sentence
from maskgit import DecodeOptions, Window, recipe_files, recipes
from maskgit.outpainting import TRIM
from maskgit.recipe_parts import Grid
from maskgit.recipes import Recipe, RecipeError
from maskgit.tiles import MAX_LEVELS
from maskgit.window import close_up

SETTINGS = [field.name for field in fields(Settings)]


class RecipeBook:
    """Implements `app.recipes.RecipeBook` with the models of a store."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models

    def draft(self, request: Request, result: Result) -> str:
        """Write what is known when a run ends. For this and all others, see there."""
        options = DecodeOptions(**asdict(request.settings))
        about = self._about(request.model)
        if about is None:
            return ""
        label = None if request.label is None else str(request.label)
        recipe = Recipe(*about, label, options)
        tokens = dict(zip(result.seeds, result.tokens, strict=True))
        if isinstance(request, Generate):
            return _written(replace(recipe, regions=_named(request.regions)), tokens)
        recipe = replace(recipe, **_touches(request))
        if isinstance(request, Outpaint):
            sides = request.left, request.top, request.right, request.bottom
            return _written(replace(recipe, sides=sides, trim=TRIM), tokens)
        window = window_of(request, self._models.info(request.model).grid)
        about_edit = {"mask": request.region, "window": window, "cells": request.cells}
        about_edit |= {"lens": _words(request.lens), "feather": request.feather}
        about_edit |= {"regions": _named(request.regions)}
        return _written(replace(recipe, **about_edit), tokens)

    def draft_of_state(self, scene: Scene, state: str) -> str:
        """Write a decode that was walked to its end: no seed leads there."""
        about = self._about(scene.model)
        if about is None:
            return ""
        engine = self._models.engine(scene.model)
        done = engine.restore(state)
        used = int(done.constraints.labels[0])
        label = next((str(each.id) for each in engine.classes if each.label == used), None)
        recipe = Recipe(*about, label, done.options[0], state=state)
        tokens = {recipe.options.seed: [done.tokens[0].view(done.constraints.grid).cpu().numpy()]}
        if scene.picture is None:
            return _written(recipe, tokens)
        about_edit = {"mask": scene.region, "window": Window(*scene.window)}
        about_edit |= {"lens": _words(scene.lens), "feather": scene.feather, **_touches(scene)}
        return _written(replace(recipe, **about_edit, regions=_named(scene.regions)), tokens)

    def complete(self, draft: str, seed: int, picture: Picture | None) -> str:
        """Write the recipe of one picture of a run."""
        with _sentences():
            return recipes.complete(draft, seed, picture)

    def find(self, data: bytes, picture: Picture) -> Remembered | None:
        """Read the recipe in a file."""
        if not recipe_files.has_recipe(data):
            return None
        with _sentences():
            recipe = recipes.from_text(recipe_files.find(data), picture)
        values = asdict(recipe.options)
        model = self._id(recipe.model)
        return Remembered(
            model=model or recipe.model,
            is_here=model is not None and self._weights(model) == recipe.weights,
            label=recipe.label,
            settings={name: values[name] for name in SETTINGS},
            before=recipe.original,
            region=recipe.mask,
            grid=_grid(recipe),
            lens=_lens(recipe),
            sides=recipe.sides,
            is_steered=recipe.state is not None,
            feather=recipe.feather,
            regions=recipe.regions,
            refine=recipe.refine > 0,
            borrow=recipe.borrow,
        )

    def _about(self, model: str) -> tuple[str, str, str] | None:
        """Give name, weights and precision; None for a model that lies in no folder."""
        folder = self._models.folder(model)
        if folder is None or not folder.is_dir():
            return None
        dtype = str(self._models.engine(model).dtype).removeprefix("torch.")
        return recipes.name_of(folder), self._weights(model), dtype

    def _id(self, name: str) -> str | None:
        """Find the model of a name that is here."""
        here = (model for model in self._models.here() if self._name(model) == name)
        return next(here, None)

    def _name(self, model: str) -> str:
        folder = self._models.folder(model)
        return "" if folder is None else recipes.name_of(folder)

    def _weights(self, model: str) -> str:
        folder = self._models.folder(model)
        if folder is None:
            return ""
        files = (file.stat() for file in sorted(folder.iterdir()))
        return _fingerprint(folder, tuple((file.st_size, file.st_mtime_ns) for file in files))


def window_of(request: Fill, grid_size: int) -> Window | None:
    """Give the window that was asked for; None: the engine is to choose as usual."""
    if request.is_close_up:
        return close_up(request.region, grid_size)
    seen = request.window
    return seen and Window(seen.left, seen.top, seen.side)


def _touches(asked: Fill | Outpaint | Scene) -> dict[str, Any]:
    """Say how what was finished was made sharp."""
    return {"refine": MAX_LEVELS if asked.refine else 0, "borrow": asked.borrow}


def _named(regions: Regions) -> tuple[tuple[str | None, Region], ...]:
    """Name the classes as the label is named."""
    return tuple((None if label is None else str(label), region) for label, region in regions)


def _written(recipe: Recipe, tokens: Mapping[int, Sequence[Grid]]) -> str:
    """Write a draft; a run whose recipe is too large has a result all the same."""
    try:
        return recipes.to_draft(recipe, tokens)
    except RecipeError:
        return ""


@lru_cache(maxsize=32)
def _fingerprint(folder: Path, stamps: tuple[tuple[int, int], ...]) -> str:
    """Remember what takes a second for a large model, until one of its files changes."""
    del stamps
    return recipes.fingerprint(folder)


def _grid(recipe: Recipe) -> int | None:
    """Find out how many cells of the window lie along the short side of the picture."""
    if recipe.cells is None or recipe.window is None or recipe.mask is None:
        return None
    cell_px = recipe.window.side / len(recipe.cells)
    return max(1, int(np.rint(min(recipe.mask.shape) / cell_px)))


def _words(lens: Lens | None) -> dict[str, Any] | None:
    return None if lens is None else lens.model_dump(mode="json")


def _lens(recipe: Recipe) -> Lens | None:
    """Read how it was painted; what does not fit its picture is left aside."""
    if recipe.lens is None or recipe.mask is None:
        return None
    try:
        lens = Lens.model_validate(recipe.lens)
    except ValidationError:
        return None
    height, width = recipe.mask.shape
    return lens if lens.fits(width, height) else None


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except RecipeError as error:
        raise UserError(Sentence("said.bad_recipe", reason=str(error))) from error
