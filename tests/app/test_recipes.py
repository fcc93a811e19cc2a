"""Recipes of saved pictures, with a real model: drafts, whole recipes, and what a file brings."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from app.errors import UNKNOWN_PICTURE
from app.handlers import Handlers
from app.lens import Lens
from app.models import Settings
from app.runs import Fill, Generate, Outpaint, Picture, Request, Result
from app.scene import Scene
from app.studio import ModelStore, Studio
from maskgit import recipes
from maskgit.images import to_png
from maskgit.replaying import replay
from tests.models import some_picture, write_small_model

SETTINGS = Settings(steps=3, seed=5, temperature=0.9)
PHOTO = some_picture(40, 60)
REGION = np.zeros((40, 60), bool)
REGION[10:30, 20:40] = True


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = write_small_model(tmp_path_factory.mktemp("models") / "small")
    return Studio(ModelStore.load(str(folder), "cpu", "float32"))


@pytest.fixture
def handlers(studio: Studio) -> Handlers:
    return Handlers(studio)


def fill(studio: Studio, count: int = 1) -> Fill:
    model = studio.models.default
    return Fill(model, PHOTO, REGION, None, None, 1000, count, SETTINGS, previews=False)


def result(studio: Studio, request: Request) -> Result:
    *_, last = studio.run(request)
    assert isinstance(last, Result)
    return last


def drafted(studio: Studio, request: Request) -> str:
    return studio.recipes.draft(request, result(studio, request))


def carried(handlers: Handlers, studio: Studio, request: Request, row: int = 0) -> Picture:
    """Save a picture of a run with its recipe, replay the file; gives what came of it."""
    made = result(studio, request)
    asked = {"draft": studio.recipes.draft(request, made), "seed": made.seeds[row]}
    if isinstance(request, Fill):
        asked["picture"] = studio.keep(request.picture)
    answer = handlers.recipes.recipe(asked)
    assert answer["ok"], answer
    recipe = recipes.from_text(answer["recipe"], made.pictures[row])
    engine = studio.models.engine(studio.models.default)
    again = replay(engine, recipe)
    assert np.array_equal(again.pictures[0], made.pictures[row])
    assert np.array_equal(recipe.tokens, again.tokens(0))
    return made.pictures[row]


def opened(handlers: Handlers, data: bytes) -> dict:
    answer = handlers.open_picture({"data": base64.b64encode(data).decode()})
    assert answer["ok"], answer
    return answer


def test_every_variation_of_an_edit_is_made_again(handlers: Handlers, studio: Studio) -> None:
    for row in range(3):
        carried(handlers, studio, fill(studio, count=3), row)


def test_an_edit_with_another_soft_edge_is_made_again(handlers: Handlers, studio: Studio) -> None:
    usual, hard = fill(studio), replace(fill(studio), feather=0.0)
    pictures = [result(studio, request).pictures[0] for request in (usual, hard)]
    assert not np.array_equal(*pictures)
    carried(handlers, studio, hard)
    text = studio.recipes.complete(drafted(studio, hard), 5, PHOTO)
    found = opened(handlers, to_png(pictures[1], {recipes.KEY: text}))["recipe"]
    assert found["controls"]["feather"] == 0


def test_borrowed_texture_is_borrowed_again(handlers: Handlers, studio: Studio) -> None:
    request = replace(fill(studio), borrow=True)
    made = carried(handlers, studio, request)
    assert not np.array_equal(made, result(studio, fill(studio)).pictures[0])
    text = studio.recipes.complete(drafted(studio, request), 5, PHOTO)
    found = opened(handlers, to_png(made, {recipes.KEY: text}))["recipe"]
    assert found["controls"]["borrow"] is True
    model = studio.models.default
    larger = Outpaint(model, PHOTO, 0, 8, 12, 0, 207, 1, SETTINGS, False, borrow=True)
    carried(handlers, studio, larger)


def test_new_and_larger_pictures_are_made_again(handlers: Handlers, studio: Studio) -> None:
    model = studio.models.default
    carried(handlers, studio, Generate(model, None, 2, SETTINGS, previews=False), 1)
    carried(handlers, studio, Outpaint(model, PHOTO, 0, 8, 12, 0, 207, 1, SETTINGS, False))


def test_a_file_brings_the_edit_back(handlers: Handlers, studio: Studio) -> None:
    request = fill(studio)
    made = result(studio, request).pictures[0]
    text = studio.recipes.complete(drafted(studio, request), 5, PHOTO)
    found = opened(handlers, to_png(made, {recipes.KEY: text}))["recipe"]
    before = studio.picture(found["before"]["id"])
    assert before is not None
    assert np.array_equal(before, PHOTO)
    assert found["controls"]["seed"] == 5
    assert found["controls"]["label"] == "1000"
    assert found["controls"]["model"] == studio.models.default
    assert {"steps": 3, "temperature": 0.9}.items() <= found["controls"].items()
    _, mask = studio.open(base64.b64decode(found["mask"].rpartition(",")[2]))
    assert np.array_equal(mask[..., 0] == 255, REGION)
    assert "weights" not in found["words"]


def test_a_file_says_how_it_was_painted_where_that_was_not_as_usual(
    handlers: Handlers, studio: Studio
) -> None:
    lens = {"tokens": 2, "fine": 4, "grid": 5, "at": [3, 1], "coverage": 0.25}
    request = replace(fill(studio), lens=Lens.model_validate(lens))
    made = result(studio, request).pictures[0]
    text = studio.recipes.complete(drafted(studio, request), 5, PHOTO)
    assert opened(handlers, to_png(made, {recipes.KEY: text}))["recipe"]["lens"] == lens
    for wrong in ({**lens, "at": [99, 0]}, {**lens, "fine": 0}, {"x": 1}):
        about = json.loads(text)
        about["edit"]["lens"] = wrong
        file = to_png(made, {recipes.KEY: json.dumps(about)})
        found = opened(handlers, file)["recipe"]
        assert found["lens"] is None  # the rest is there all the same
        assert found["mask"]
    about["edit"]["lens"] = "x" * 10_000
    file = to_png(made, {recipes.KEY: json.dumps(about)})
    assert "its lens cannot be read" in opened(handlers, file)["note"]


def test_a_file_brings_several_classes_back(handlers: Handlers, studio: Studio) -> None:
    half = REGION.copy()
    half[:, : REGION.any(0).nonzero()[0].mean().astype(int)] = False
    request = replace(fill(studio), regions=((1003, half),))
    made = carried(handlers, studio, request)
    text = studio.recipes.complete(drafted(studio, request), 5, PHOTO)
    found = opened(handlers, to_png(made, {recipes.KEY: text}))["recipe"]
    (back,) = found["classes"]
    assert back["id"] == 1003
    _, mask = studio.open(base64.b64decode(back["mask"].rpartition(",")[2]))
    assert np.array_equal(mask[..., 0] == 255, half)
    for name, known in (("meadow", [1003]), ("walrus", []), (None, [-1])):
        about = json.loads(text)
        about["regions"][0][0] = name
        file = to_png(made, {recipes.KEY: json.dumps(about)})
        assert [each["id"] for each in opened(handlers, file)["recipe"]["classes"]] == known


def test_the_path_of_a_model_folder_stays_here(studio: Studio) -> None:
    draft = drafted(studio, fill(studio))
    assert json.loads(draft)["model"] == "small"
    folder = studio.models.folder(studio.models.default)
    assert folder is not None
    assert str(folder.parent) not in draft


def test_other_weights_are_said(handlers: Handlers, studio: Studio) -> None:
    request = Generate(studio.models.default, None, 1, SETTINGS, previews=False)
    made = result(studio, request).pictures[0]
    about = json.loads(studio.recipes.complete(drafted(studio, request), 5, None)) | {
        "weights": "0" * 64
    }
    found = opened(handlers, to_png(made, {recipes.KEY: json.dumps(about)}))["recipe"]
    assert "small with weights that are not here" in found["words"]


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[" * 5000, "\u2603"])
def test_a_damaged_recipe_leaves_a_plain_picture(handlers: Handlers, text: str) -> None:
    answer = opened(handlers, to_png(PHOTO, {recipes.KEY: text}))
    assert answer["note"].startswith("The picture is open, but without its recipe.")
    assert "recipe" not in answer
    assert answer["width"] == 60


def test_a_recipe_with_a_wrong_checksum_leaves_a_plain_picture(handlers: Handlers) -> None:
    data = to_png(PHOTO, {recipes.KEY: '{"version": 1}'})
    at = data.index(b"version")
    answer = opened(handlers, data[:at] + b"!" + data[at + 1 :])
    assert "checksum" in answer["note"]
    assert answer["width"] == 60


def test_a_picture_without_a_recipe_says_nothing(handlers: Handlers) -> None:
    answer = opened(handlers, to_png(PHOTO))
    assert answer["note"] == ""
    assert "recipe" not in answer


def test_a_picture_that_was_forgotten_is_asked_for(handlers: Handlers, studio: Studio) -> None:
    asked = {"draft": drafted(studio, fill(studio)), "seed": 5, "picture": "0" * 32}
    assert handlers.recipes.recipe(asked)["error"]["code"] == UNKNOWN_PICTURE


@pytest.mark.parametrize(
    "change", [{"draft": "{}"}, {"seed": -1}, {"seed": "1"}, {"picture": None}, {"more": 1}]
)
def test_whatever_is_asked_gets_an_answer(
    handlers: Handlers, studio: Studio, change: dict[str, object]
) -> None:
    asked = {"draft": drafted(studio, fill(studio)), "seed": 5, "picture": studio.keep(PHOTO)}
    answer = handlers.recipes.recipe({**asked, **change})
    assert not answer["ok"]
    assert answer["error"]["message"].endswith(".")


def test_a_steered_decode_is_drafted_from_its_state(handlers: Handlers, studio: Studio) -> None:
    model = studio.models.default
    step = studio.walker.start(fill(studio))
    scene = Scene(model, step.window, PHOTO, REGION, feather=1.5, borrow=True)
    while step.is_masked.any():
        step = studio.walker.step(scene, step.state, previews=False)
    made = studio.walker.finish(scene, step.state)
    draft = studio.recipes.draft_of_state(scene, step.state)
    asked = {"draft": draft, "seed": made.seeds[0], "picture": studio.keep(PHOTO)}
    text = handlers.recipes.recipe(asked)["recipe"]
    recipe = recipes.from_text(text, made.pictures[0])
    assert recipe.label == "1000"
    assert np.array_equal(replay(studio.models.engine(model), recipe).pictures[0], made.pictures[0])
    words = opened(handlers, to_png(made.pictures[0], {recipes.KEY: text}))["recipe"]["words"]
    assert "steered by hand" in words
