"""Recipes of every kind of picture give the same pixels again; lies about windows are refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from maskgit import MaskGIT, recipe_files, recipes
from maskgit.decoding import DecodeOptions
from maskgit.images import open_picture, to_png
from maskgit.jobs import Job, Place
from maskgit.recipes import Recipe, RecipeError
from maskgit.replaying import replay
from maskgit.state_text import to_text
from maskgit.types import Picture
from maskgit.window import Window, view
from tests.models import some_picture

PHOTO = some_picture(40, 70)
MASK = np.zeros((40, 70), bool)
MASK[10:20, 33:45] = True
CELLS = np.zeros((4, 4), bool)
CELLS[1, 1:3] = True
OPTIONS = DecodeOptions(steps=3, seed=7)
ABOUT = Recipe("small", "a" * 64, "float32", "1000", OPTIONS)


def carried(recipe: Recipe, result: Picture) -> Recipe:
    """Send a recipe through a file."""
    data = to_png(result, {recipes.KEY: recipes.to_text(recipe)})
    return recipes.from_text(recipe_files.find(data), open_picture(data))


def test_an_edit_with_its_own_window_and_cells_comes_out_the_same(engine: MaskGIT) -> None:
    recipe = replace(ABOUT, original=PHOTO, mask=MASK, window=Window(20, 0, 40), cells=CELLS)
    made = replay(engine, recipe).pictures[0]
    assert np.array_equal(replay(engine, carried(recipe, made)).pictures[0], made)
    elsewhere = replay(engine, replace(recipe, window=None, cells=None)).pictures[0]
    assert not np.array_equal(elsewhere, made)  # so the window must be kept


def test_a_variation_of_many_comes_out_alone(engine: MaskGIT) -> None:
    made = engine.edit(PHOTO, MASK, 1000, seed=7, count=3, steps=3)
    tokens = {seed: made.tokens(row) for row, seed in enumerate(made.seeds)}
    draft = recipes.to_draft(replace(ABOUT, mask=MASK), tokens)
    many = made.pictures
    text = recipes.complete(draft, 9, PHOTO)
    recipe = recipes.from_text(text, many[2])
    assert np.array_equal(recipe.tokens, tokens[9])
    assert not np.array_equal(recipe.tokens, tokens[8])
    values = recipe.options.temperature, recipe.options.choice_temperature
    assert values == (OPTIONS.temperature, OPTIONS.choice_temperature)
    assert np.array_equal(replay(engine, recipe).pictures[0], many[2])


SIDES = np.zeros((2, 40, 70), bool)
SIDES[0, :, :39] = SIDES[1, :, 39:] = True
REGIONS = (("forest", SIDES[0]), (None, SIDES[1]))


def test_an_edit_with_several_classes_comes_out_the_same(engine: MaskGIT) -> None:
    wide = np.zeros((40, 70), bool)
    wide[4:36, 8:64] = True
    recipe = replace(ABOUT, original=PHOTO, mask=wide, regions=REGIONS)
    made = replay(engine, recipe).pictures[0]
    back = carried(recipe, made)
    assert [label for label, _ in back.regions] == ["forest", None]
    assert np.array_equal([region for _, region in back.regions], SIDES)
    assert np.array_equal(replay(engine, back).pictures[0], made)
    assert not np.array_equal(replay(engine, replace(recipe, regions=())).pictures[0], made)


def test_a_variation_of_several_classes_comes_out_alone(engine: MaskGIT) -> None:
    draft = recipes.to_text(replace(ABOUT, mask=MASK, regions=REGIONS))
    many = engine.edit(PHOTO, MASK, 1000, regions=dict(REGIONS), seed=7, count=3, steps=3).pictures
    recipe = recipes.from_text(recipes.complete(draft, 9, PHOTO), many[2])
    assert np.array_equal(replay(engine, recipe).pictures[0], many[2])


def test_a_new_picture_of_several_classes_comes_out_the_same(engine: MaskGIT) -> None:
    upper = np.zeros((32, 32), bool)
    upper[:16] = True
    draft = recipes.to_text(replace(ABOUT, regions=(("1004", upper),)))
    made = engine.generate(1000, regions={"1004": upper}, seed=8, steps=3).pictures[0]
    recipe = recipes.from_text(recipes.complete(draft, 8, None), made)
    assert np.array_equal(replay(engine, recipe).pictures[0], made)


def test_a_picture_made_larger_holds_the_one_it_began_with(engine: MaskGIT) -> None:
    recipe = replace(ABOUT, original=PHOTO, sides=(8, 0, 0, 16), trim=1)
    result = replay(engine, recipe)
    made = result.pictures[0]
    assert made.shape == (56, 78, 3)
    back = carried(replace(recipe, tokens=result.tokens(0)), made)
    assert len(back.tokens) > 1  # one grid for each window
    assert np.array_equal(back.tokens, result.tokens(0))
    assert back.original is not None
    assert np.array_equal(back.original, PHOTO)
    assert np.array_equal(replay(engine, back).pictures[0], made)


def test_a_steered_decode_is_kept_as_its_finished_state(engine: MaskGIT) -> None:
    window = Window(20, 0, 40)
    place = Place(PHOTO, MASK, window, view(PHOTO, window, engine.image_size))
    state = engine.prepare_edit(PHOTO, MASK, 1000, window=window, cells=CELLS, steps=3).state
    begun = to_text(state)
    while not state.finished:
        state = engine.step(state)
    made = engine.finish(Job(state, place), state).pictures[0]
    recipe = replace(ABOUT, original=PHOTO, mask=MASK, window=window, state=to_text(state))
    assert np.array_equal(replay(engine, carried(recipe, made)).pictures[0], made)
    with pytest.raises(RecipeError, match="not finished"):
        replay(engine, replace(recipe, state=begun))


@pytest.mark.parametrize(
    ("where", "change", "sentence"),
    [
        ("edit", {"window": [0, 0, 0]}, "window"),
        ("edit", {"window": [0, 0, 10**9]}, "window"),
        ("edit", {"window": [0, 0]}, "window"),
        ("edit", {"window": {}}, "window"),
        ("edit", {"cells": [4, "ff"]}, "cells"),
        ("edit", {"cells": [10**9, ""]}, "cells"),
        ("edit", {"cells": [4, "zzzz"]}, "cells"),
        ("edit", {"cells": 4}, "cells"),
        ("edit", {"more": 1}, "edit"),
        (None, {"outpaint": [1, 1, 1, 1]}, "outpaint"),
        (None, {"edit": None, "outpaint": [1, 1, 1, -1]}, "outpaint"),
        (None, {"edit": None, "outpaint": [1, 1, 1, True]}, "outpaint"),
        (None, {"edit": None, "outpaint": [60, 0, 60, 0]}, "fit"),
        (None, {"edit": None, "outpaint": [0, 0, 0, 0]}, "fit"),
        (None, {"state": 1}, "state"),
        (None, {"state": "x" * 200_000}, "state"),
    ],
)
def test_lies_get_a_sentence(where: str | None, change: dict, sentence: str) -> None:
    about = json.loads(recipes.to_text(replace(ABOUT, original=PHOTO, mask=MASK)))
    (about[where] if where else about).update(change)
    with pytest.raises(RecipeError, match=sentence):
        recipes.from_text(json.dumps(about), PHOTO)


def test_a_draft_without_tokens_or_with_damaged_ones() -> None:
    older = recipes.to_text(replace(ABOUT, mask=MASK))
    assert recipes.from_text(recipes.complete(older, 9, PHOTO), PHOTO).tokens == ()
    grid = np.zeros((4, 4), int)
    about = json.loads(recipes.to_draft(replace(ABOUT, mask=MASK), {9: [grid]}))
    assert recipes.complete(json.dumps(about), 9, PHOTO)
    for tokens in ([], {}, {"8": about["tokens"]["9"]}, {"9": []}, {"9": [[4, "x"]]}):
        with pytest.raises(RecipeError, match=r"damaged|fit"):
            recipes.complete(json.dumps({**about, "tokens": tokens}), 9, PHOTO)


def test_a_draft_is_completed_only_with_its_own_picture() -> None:
    draft = recipes.to_text(replace(ABOUT, mask=MASK))
    for wrong in (None, some_picture(50, 50)):
        with pytest.raises(RecipeError):
            recipes.complete(draft, 1, wrong)
    with pytest.raises(RecipeError):
        recipes.complete(draft, -1, PHOTO)
    with pytest.raises(RecipeError):
        recipes.from_text(draft, PHOTO)


def test_a_state_of_another_model_is_refused(engine: MaskGIT) -> None:
    with pytest.raises(ValueError, match="packed state"):
        replay(engine, replace(ABOUT, state="eJwDAAAAAAE="))
