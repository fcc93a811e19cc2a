"""Controls put back from a file: what can be taken is taken, the rest stays, with a sentence."""

from dataclasses import asdict

import pytest

from app.controls import MAX_SEED, NO_CLASS_ID
from app.menu import ModelMenu
from app.settling import class_id, settle
from tests.app.fakes import INFO, OTHER, FakeModelStore

WANTED = {
    "model": "other",
    "label": "shark",
    "steps": 7,
    "temperature": 0.4,
    "seed": 99,
    "randomise": False,
    "variations": 4,
    "left": 16,
    "feather": 1.5,
    "borrow": True,
}


@pytest.fixture
def menu() -> ModelMenu:
    return ModelMenu(FakeModelStore())


def test_everything_a_file_names_is_put_back(menu: ModelMenu) -> None:
    settled = settle(menu, WANTED, "fake", NO_CLASS_ID)
    assert (settled.chosen.model, settled.chosen.label) == ("other", 3)
    assert (settled.info.defaults.steps, settled.info.defaults.temperature) == (7, 0.4)
    assert settled.info.defaults.schedule == "linear"  # not named: the model's own
    others = ("seed", "randomise", "variations", "left", "feather", "borrow")
    assert settled.values == {name: WANTED[name] for name in others}
    assert settled.status == ""


def test_what_is_not_named_stays(menu: ModelMenu) -> None:
    settled = settle(menu, {"steps": 3}, "fake", 207)
    assert (settled.chosen.model, settled.chosen.label) == ("fake", 207)
    assert set(settled.names) == {"steps"}
    assert settled.values == {}


def test_a_whole_file_of_before_there_was_a_choice_looks_at_known_cells_in_every_pass(
    menu: ModelMenu,
) -> None:
    whole = asdict(INFO.defaults)
    told = settle(menu, {**whole, "known_cells": "cached"}, "fake", 207)
    assert told.info.defaults.known_cells == "cached"
    del whole["known_cells"]
    older = settle(menu, whole, "fake", 207)
    assert older.info.defaults.known_cells == "recomputed"
    assert "known_cells" in older.names


def test_a_model_that_is_not_here_leaves_the_one_in_use(menu: ModelMenu) -> None:
    settled = settle(menu, {**WANTED, "model": "gone", "label": "alp"}, "fake", 207)
    assert (settled.chosen.model, settled.chosen.label) == ("fake", 970)
    assert "gone" in settled.status
    assert settled.info.defaults.steps == 7


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 10**9},
        {"steps": "7"},
        {"seed": -1},
        {"schedule": ["cosine"]},
        {"left": 10**9},
        {"variations": {}},
        {"label": "no such class"},
        {"label": {"a": 1}},
        {"model": 7},
        {"model": ["x"]},
    ],
)
def test_what_cannot_be_is_said_and_breaks_nothing(menu: ModelMenu, change: dict) -> None:
    settled = settle(menu, {**WANTED, **change}, "fake", 207)
    assert settled.status.endswith(".")
    assert settled.chosen.model in ("fake", "other")


def test_what_cannot_be_keeps_nothing_else_from_being_put_back(menu: ModelMenu) -> None:
    settled = settle(menu, {**WANTED, "seed": -1, "steps": 10**9}, "fake", NO_CLASS_ID)
    assert (settled.info.defaults.steps, settled.info.defaults.temperature) == (12, 0.4)
    assert settled.values["variations"] == 4
    assert "seed" not in settled.values
    assert settled.status.count("-1") == settled.status.count("1000000000") == 1


def test_two_settings_that_do_not_go_together_leave_one_out(menu: ModelMenu) -> None:
    settled = settle(menu, {**WANTED, "seed": MAX_SEED}, "fake", NO_CLASS_ID)
    assert {"seed", "variations"} - settled.values.keys() == {"variations"}
    assert settled.values["left"] == 16
    assert settled.status.endswith(".")


def test_a_class_is_found_by_number_name_or_synonym() -> None:
    assert class_id(INFO, "207") == class_id(INFO, 207) == class_id(INFO, "Retriever") == 207
    assert class_id(INFO, None) == NO_CLASS_ID
    assert class_id(OTHER, None) is None
