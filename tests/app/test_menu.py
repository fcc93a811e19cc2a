"""What the menu says of models, and what the page needs to follow one."""

import pytest

from app.controls import NO_CLASS_ID
from app.errors import UserError
from app.menu import ModelMenu, size
from app.models import ModelEntry
from tests.app.fakes import OTHER, FakeModelStore


@pytest.fixture
def models() -> FakeModelStore:
    return FakeModelStore()


@pytest.fixture
def menu(models: FakeModelStore) -> ModelMenu:
    return ModelMenu(models)


def test_every_model_is_described_in_words(menu: ModelMenu) -> None:
    answer = menu.list_models({})
    assert answer["ok"]
    assert [model["id"] for model in answer["models"]] == ["fake", "other", "far", "broken"]
    other, far = answer["models"][1:3]
    assert other["facts"] == ["64 px", "2 classes", "FID 1", "licence: MIT"]
    assert (other["size"], other["is_here"], other["can_download"]) == ("1.2 GB", True, False)
    assert (far["size"], far["is_here"], far["can_download"]) == ("900 MB", False, True)


@pytest.mark.parametrize(
    ("stage", "done", "total", "words", "share"),
    [
        ("waiting", 0, 0, "Starting …", 0),
        ("downloading", 225_000_000, 900_000_000, "225 MB of 900 MB, 25 %", 0.25),
        ("downloading", 990_000_000, 900_000_000, "990 MB of 900 MB, 100 %", 1),
        ("converting", 900_000_000, 900_000_000, "Converting …", 1),
    ],
)
def test_a_download_is_told_in_words(
    models: FakeModelStore, stage: str, done: int, total: int, words: str, share: float
) -> None:
    models.listed = [ModelEntry("far", "Far", stage=stage, done=done, total=total)]
    (model,) = ModelMenu(models).list_models()["models"]
    assert (model["progress"], model["share"]) == (words, share)


def test_downloads_are_asked_of_the_store_and_the_list_comes_back(
    models: FakeModelStore, menu: ModelMenu
) -> None:
    assert menu.download_model({"id": "far"})["models"]
    assert menu.cancel_download([{"id": "far"}])["models"]  # Gradio may wrap it into a list
    assert models.asked == [("download", "far"), ("cancel", "far")]


def test_a_refusal_is_a_sentence(models: FakeModelStore, menu: ModelMenu) -> None:
    models.no_downloads = "Not here."
    assert menu.list_models()["refusal"] == "Not here."
    answer = menu.download_model({"id": "far"})
    assert not answer["ok"]
    assert answer["error"]["message"] == "Not here."


@pytest.mark.parametrize("request_", [{}, {"id": 3}, {"id": ["far"]}, None, "far", {"id": "x"}])
def test_nonsense_is_a_sentence(menu: ModelMenu, request_: object) -> None:
    answer = menu.load_model(request_)
    assert not answer["ok"]
    assert answer["error"]["message"].endswith(".")


def test_a_model_that_can_be_used_is_followed(menu: ModelMenu) -> None:
    chosen = menu.choose("other", 970)
    assert (chosen.model, chosen.info) == ("other", OTHER)
    assert chosen.status == "Now with Other, at 64 px."


@pytest.mark.parametrize(
    ("model", "label", "kept"),
    [
        ("other", 207, 207),
        ("other", 970, 3),  # it does not know it: the first it knows
        ("other", NO_CLASS_ID, 3),
        ("fake", NO_CLASS_ID, NO_CLASS_ID),
        ("fake", 3, NO_CLASS_ID),
        ("fake", None, NO_CLASS_ID),
    ],
)
def test_the_class_is_kept_where_the_model_knows_it(
    menu: ModelMenu, model: str, label: int | None, kept: int
) -> None:
    assert menu.choose(model, label).label == kept


@pytest.mark.parametrize("model", ["broken", "far", "none", None])
def test_a_model_that_cannot_be_used_is_not_followed(menu: ModelMenu, model: object) -> None:
    with pytest.raises(UserError):
        menu.choose(model, 970)


def test_a_model_whose_folder_went_away_is_still_named(models: FakeModelStore) -> None:
    models.listed = []
    assert ModelMenu(models).default.title == "fake"


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 KB"), (64_000, "64 KB"), (14_200_000, "14 MB"), (1_120_000_000, "1.1 GB")],
)
def test_sizes_are_short(num_bytes: int, text: str) -> None:
    assert size(num_bytes) == text
