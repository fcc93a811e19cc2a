"""A picture carries its recipe: it comes back whole, fits its picture, and lies cannot harm."""

import contextlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from maskgit import cli, recipe_files, recipes
from maskgit.compositing import FEATHER_CELLS
from maskgit.decoding import DecodeOptions
from maskgit.images import open_picture, to_png
from maskgit.recipe_parts import packed
from maskgit.recipes import Recipe, RecipeError
from tests.models import some_picture

ORIGINAL = some_picture(13, 21)
MASK = np.zeros((13, 21), bool)
MASK[3:9, 5:12] = True
RESULT = np.where(MASK[..., None], 255 - ORIGINAL, ORIGINAL)
EDIT = Recipe(
    "embedded", "a" * 64, "float32", "alp", DecodeOptions(steps=5, seed=7), ORIGINAL, MASK
)
TEXT = recipes.to_text(EDIT)
OPTIONS = json.loads(TEXT)["options"]
GRID = np.arange(16).reshape(4, 4) * 4000


def test_an_edit_comes_back_whole() -> None:
    data = to_png(RESULT, {recipes.KEY: TEXT})
    back = recipes.from_text(recipe_files.find(data), open_picture(data))
    assert (back.model, back.weights, back.label) == (EDIT.model, EDIT.weights, EDIT.label)
    assert asdict(back.options) == asdict(EDIT.options)
    assert back.original is not None
    assert back.mask is not None
    assert np.array_equal(back.original, ORIGINAL)
    assert np.array_equal(back.mask, MASK)


def test_a_soft_edge_comes_back_and_an_older_recipe_has_the_usual_one() -> None:
    soft = recipes.to_text(replace(EDIT, feather=1.5))
    assert recipes.from_text(soft, RESULT).feather == 1.5
    assert "feather" not in TEXT
    assert recipes.from_text(TEXT, RESULT).feather == FEATHER_CELLS


def test_tokens_come_back_and_an_older_recipe_has_none() -> None:
    text = recipes.to_text(replace(EDIT, tokens=[GRID, GRID[::-1]]))
    assert json.loads(text)["version"] == 2
    assert np.array_equal(recipes.from_text(text, RESULT).tokens, [GRID, GRID[::-1]])
    assert json.loads(TEXT)["version"] == 1
    assert recipes.from_text(TEXT, RESULT).tokens == ()


def test_cached_known_cells_come_back_and_an_older_recipe_recomputes() -> None:
    cached = replace(EDIT, options=replace(EDIT.options, known_cells="cached"))
    text = recipes.to_text(cached)
    assert json.loads(text)["version"] == 3
    assert recipes.from_text(text, RESULT).options == cached.options
    draft = recipes.to_draft(replace(cached, original=None), {7: [GRID]})
    assert recipes.from_text(recipes.complete(draft, 7, ORIGINAL), RESULT).options == cached.options
    assert "known_cells" not in OPTIONS
    assert recipes.from_text(TEXT, RESULT).options.known_cells == "recomputed"


def test_strip_gives_the_file_without_it() -> None:
    assert recipe_files.strip(to_png(RESULT, {recipes.KEY: TEXT, "a": "b"})) == to_png(
        RESULT, {"a": "b"}
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "version 2"),
        ({"version": True}, "version"),
        ({"model": "../secret"}, "model"),
        ({"model": ["embedded"]}, "model"),
        ({"weights": "A" * 64}, "weights"),
        ({"dtype": "pickle"}, "dtype"),
        ({"dtype": []}, "dtype"),
        ({"label": 3}, "label"),
        ({"edit": json.loads(TEXT)["edit"] | {"feather": -0.1}}, "feather"),
        ({"edit": json.loads(TEXT)["edit"] | {"feather": float("nan")}}, "feather"),
        ({"edit": json.loads(TEXT)["edit"] | {"feather": "soft"}}, "feather"),
        ({"label": "x" * 10_000}, "label"),
        ({"options": {}}, "options"),
        ({"options": OPTIONS | {"steps": 10**9}}, "steps"),
        ({"options": OPTIONS | {"top_p": float("nan")}}, "top_p"),
        ({"options": OPTIONS | {"known_cells": "cached"}}, "version 1"),
        ({"version": 3, "options": OPTIONS | {"known_cells": "kept"}}, "known cells"),
        ({"edit": {"mask": "", "pixels": ""}}, "damaged|fit"),
        ({"edit": {"mask": "\u2603", "pixels": ""}}, "unpacked"),
        ({"edit": {"mask": packed(bytes(10**7)), "pixels": ""}}, "fit"),
        ({"edit": {"mask": packed(bytes(35)), "pixels": ""}}, "empty"),
        ({"more": 1}, "unknown"),
        ({"regions": [["rose", ""]]}, "version 1"),
        ({"tokens": [[1, ""]]}, "version 1"),
        ({"version": 2, "tokens": []}, "tokens"),
        ({"version": 2, "tokens": {"7": [[1, packed(bytes(2))]]}}, "tokens"),
        ({"version": 2, "tokens": [[1, packed(bytes(2))]] * 1025}, "tokens"),
        ({"version": 2, "tokens": [[0, packed(b"")]]}, "tokens"),
        ({"version": 2, "tokens": [[257, ""]]}, "tokens"),
        ({"version": 2, "tokens": [[True, ""]]}, "tokens"),
        ({"version": 2, "tokens": ["4"]}, "tokens"),
        ({"version": 2, "tokens": [[1, 5]]}, "unpacked"),
        ({"version": 2, "tokens": [[2, packed(bytes(2))]]}, "fit"),
        ({"version": 2, "tokens": [[1, packed(bytes(10**7))]]}, "fit"),
        ({"version": 2, "regions": {}}, "regions"),
        ({"version": 2, "regions": []}, "regions"),
        ({"version": 2, "regions": [["rose", ""]] * 8}, "regions"),
        ({"version": 2, "regions": ["rose"]}, "regions"),
        ({"version": 2, "regions": [[3, ""]]}, "regions"),
        ({"version": 2, "regions": [["x" * 300, ""]]}, "regions"),
        ({"version": 2, "regions": [["rose", "\u2603"]]}, "unpacked"),
        ({"version": 2, "regions": [["rose", None]]}, "unpacked"),
        ({"version": 2, "regions": [["rose", packed(bytes(9))]]}, "fit"),
        ({"version": 2, "regions": [["rose", packed(bytes(35))]]}, "empty"),
    ],
)
def test_what_is_wrong_gets_a_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        recipes.from_text(json.dumps({**json.loads(TEXT), **change}), RESULT)


def test_a_recipe_of_another_picture_is_refused() -> None:
    with pytest.raises(RecipeError, match="fit"):
        recipes.from_text(TEXT, some_picture(50, 50))


@given(at=some.integers(0, len(TEXT) - 1), put=some.text(max_size=3))
def test_any_damage_is_a_recipe_or_a_sentence(at: int, put: str) -> None:
    with contextlib.suppress(RecipeError):
        recipes.from_text(TEXT[:at] + put + TEXT[at + 1 :], RESULT)


def test_a_wrong_checksum_costs_only_the_recipe() -> None:
    data = to_png(RESULT, {recipes.KEY: TEXT})
    at = data.index(b'"weights"')
    damaged = data[:at] + b"!" + data[at + 1 :]
    assert recipe_files.has_recipe(damaged)
    with pytest.raises(RecipeError, match="checksum"):
        recipe_files.find(damaged)
    assert recipe_files.strip(damaged) == to_png(RESULT)


@given(some.binary(max_size=200))
def test_any_file_is_a_sentence(data: bytes) -> None:
    for whole in (data, to_png(RESULT)[:-12] + data):
        with pytest.raises(RecipeError):
            recipe_files.find(whole)


def test_nesting_without_end_is_a_sentence() -> None:
    with pytest.raises(RecipeError):
        recipes.from_text("[" * 100_000, RESULT)


@pytest.mark.parametrize("verb", ["generate", "edit"])
def test_the_shell_makes_the_same_pixels_again(
    verb: str, tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.png").write_bytes(to_png(some_picture(40, 70)))
    model = ["--model", str(model_folder), "--device", "cpu"]
    made, again = tmp_path / "made.png", tmp_path / "again.png"
    what = [str(tmp_path / "photo.png"), "--box", "30,5,20,20"] if verb == "edit" else []
    options = ["--dtype", "float32", "--seed", "3", "--steps", "3", "--out", str(made)]
    assert cli.main([verb, *what, *model, *options]) == 0
    assert str(tmp_path) not in recipe_files.find(made.read_bytes())
    assert cli.main(["replay", str(made), *model, "--out", str(again)]) == 0
    assert "identical" in capsys.readouterr().out
    assert again.read_bytes() == made.read_bytes()
    assert cli.main(["replay", str(made), "--model", "embedded"]) == 1
    assert "other weights" in capsys.readouterr().err
    assert cli.main(["strip", str(made)]) == 0
    assert cli.main(["replay", str(made)]) == 1
    assert "no recipe" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["my model (2)", ".hidden", "m\u00fcller", "x" * 300, "..", "-"])
def test_every_folder_has_a_name_that_is_read_again(name: str) -> None:
    text = recipes.to_text(replace(EDIT, model=recipes.name_of(Path("/models") / name)))
    assert "/" not in recipes.from_text(text, RESULT).model


def test_a_generated_picture_needs_nothing_else() -> None:
    text = recipes.to_text(replace(EDIT, original=None, mask=None))
    assert len(text) < 600
    assert recipes.from_text(text, RESULT).mask is None
