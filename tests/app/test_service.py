"""Whole edits in one question, as programs ask: what comes back, and what is refused."""

import base64
import io
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import maskgit
from app.answers import Answer
from app.handlers import Handlers
from app.service import MAX_PICTURES, Service
from app.studio import ModelStore, Studio
from maskgit.outpainting import TRIM, outpaint_windows
from maskgit.window import close_up
from tests.models import some_picture

SIZE = 32
PICTURE = some_picture(40, 60)


@pytest.fixture(scope="module")
def handlers(small_engine: maskgit.MaskGIT) -> Handlers:
    return Handlers(Studio(ModelStore(small_engine, "small")))


@pytest.fixture(scope="module")
def service(handlers: Handlers) -> Service:
    return handlers.service


def file(picture: np.ndarray) -> str:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def pixels(url: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def ok(answer: Answer) -> Answer:
    assert answer["ok"], answer
    return answer


def made(answer: Answer) -> list[np.ndarray]:
    return [pixels(each["png"]) for each in ok(answer)["pictures"]]


def hole() -> np.ndarray:
    region = np.zeros((40, 60), bool)
    region[10:25, 20:41] = True
    return region


def test_generated_pictures_are_the_engines(
    service: Service, small_engine: maskgit.MaskGIT
) -> None:
    answer = service.generate({"label": 207, "count": 2, "settings": {"seed": 3, "steps": 2}})
    expected = small_engine.generate(207, seed=3, count=2, steps=2)
    np.testing.assert_array_equal(made(answer), expected.pictures)
    assert [each["seed"] for each in answer["pictures"]] == [3, 4]
    assert (answer["width"], answer["height"]) == (SIZE, SIZE)


def test_an_edit_is_the_engines_by_mask_by_box_and_by_id(
    service: Service, small_engine: maskgit.MaskGIT
) -> None:
    wish = {"model": "small", "label": 1000, "settings": {"seed": 1}}
    expected = small_engine.edit(PICTURE, hole(), 1000, seed=1).pictures[0]
    mask = np.repeat(hole()[..., None] * np.uint8(255), 3, axis=2)
    by_mask = service.edit({**wish, "picture": file(PICTURE), "mask": file(mask)})
    np.testing.assert_array_equal(made(by_mask)[0], expected)
    url = f"data:image/png;base64,{file(PICTURE)}"
    by_box = service.edit({**wish, "picture": url, "box": [20, 10, 21, 15]})
    np.testing.assert_array_equal(made(by_box)[0], expected)
    assert (expected == PICTURE)[~hole()].all()
    hard = service.edit({**wish, "settings": {"seed": 1, "feather": 0}, "picture": url,
                         "mask": file(mask)})  # fmt: skip
    expected_hard = small_engine.edit(PICTURE, hole(), 1000, seed=1, feather=0.0).pictures[0]
    np.testing.assert_array_equal(made(hard)[0], expected_hard)
    again = service.edit(
        {**wish, "picture": by_box["pictures"][0]["id"], "box": [-5, -5, 10, 10], "label": None}
    )
    np.testing.assert_array_equal(made(again)[0][10:, 10:], expected[10:, 10:])


def test_texture_is_borrowed_as_wished_or_else_as_the_model_is_used_best(
    service: Service, small_engine: maskgit.MaskGIT
) -> None:
    picture = some_picture(90, 110)
    hole = np.zeros((90, 110), bool)
    hole[30:60, 40:70] = True
    wish = {"model": "small", "label": 1000, "settings": {"seed": 1}, "picture": file(picture)}
    box = {"box": [40, 30, 30, 30]}
    without, with_texture = (
        small_engine.edit(picture, hole, 1000, seed=1, borrow=borrow).pictures
        for borrow in (False, True)
    )
    assert not small_engine.config.borrow
    for asked, expected in (({}, without), ({"borrow": True}, with_texture)):
        np.testing.assert_array_equal(made(service.edit({**wish, **box, **asked})), expected)
    larger = small_engine.outpaint(picture, right=20, label=1000, seed=1, trim=TRIM, borrow=True)
    answer = service.outpaint({**wish, "right": 20, "borrow": True})
    np.testing.assert_array_equal(made(answer), larger.pictures)
    assert not service.edit({**wish, **box, "borrow": 1})["ok"]


@pytest.mark.parametrize("wish", [{}, {"guidance_scale": 2.0}], ids=["strong", "as wished"])
def test_what_stands_out_is_framed_closely_and_its_class_leads(
    small_engine: maskgit.MaskGIT, wish: dict[str, float]
) -> None:
    leads = copy(small_engine)
    leads.config = replace(leads.config, stand_out=3.5)
    service = Handlers(Studio(ModelStore(leads, "small"))).service
    asked = {"label": 1000, "settings": {"seed": 1, **wish}, "picture": file(PICTURE)}
    answer = service.edit({**asked, "box": [20, 10, 21, 15], "stand_out": True})
    expected = leads.edit(
        PICTURE, hole(), 1000, seed=1, window=close_up(hole(), leads.grid_size),
        guidance_scale=wish.get("guidance_scale", 3.5),
    )  # fmt: skip
    np.testing.assert_array_equal(made(answer), expected.pictures)
    assert not service.edit({**asked, "box": [20, 10, 21, 15], "stand_out": "yes"})["ok"]


def test_parts_of_other_classes_are_filled_as_the_engine_fills_them(
    service: Service, small_engine: maskgit.MaskGIT
) -> None:
    mask, left = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    mask[4:36, 10:50] = left[4:36, 10:25] = True
    wish = {"picture": file(PICTURE), "label": 207, "box": [10, 4, 40, 32]}
    regions = [{"label": 1000, "box": [10, 4, 15, 32]}]
    answer = service.edit({**wish, "regions": regions, "settings": {"seed": 2}})
    expected = small_engine.edit(PICTURE, mask, 207, regions={1000: left}, seed=2).pictures[0]
    np.testing.assert_array_equal(made(answer)[0], expected)


def test_a_picture_grows_as_the_engine_makes_it(
    service: Service, small_engine: maskgit.MaskGIT
) -> None:
    wish = {"picture": file(PICTURE), "label": 207, "right": 20, "top": 8}
    answer = service.outpaint({**wish, "settings": {"seed": 2}})
    expected = small_engine.outpaint(PICTURE, right=20, top=8, label=207, seed=2).pictures[0]
    np.testing.assert_array_equal(made(answer)[0], expected)
    assert (answer["width"], answer["height"]) == (80, 48)


def test_what_a_larger_picture_takes_is_known_without_making_it(
    service: Service, small_engine: maskgit.MaskGIT
) -> None:
    answer = ok(service.plan({"width": 60, "height": 40, "left": 8, "bottom": 100}))
    plan = outpaint_windows(40, 60, 8, 0, 0, 100, grid_size=small_engine.grid_size, trim=TRIM)
    assert (answer["width"], answer["height"]) == (68, 140)
    assert answer["windows"] == len(plan.windows) > 1


def test_the_middle_of_a_picture_is_reconstructed(
    handlers: Handlers, small_engine: maskgit.MaskGIT
) -> None:
    square = some_picture(SIZE, SIZE)
    wide = np.concatenate([square[:, :4], square, square[:, :4]], axis=1)
    answer = ok(handlers.reconstruct({"picture": file(wide)}))
    assert list(answer["window"]) == [4, 0, SIZE]
    np.testing.assert_array_equal(pixels(answer["image"]), small_engine.reconstruct(square)[0])


def test_what_there_is_to_choose_from(service: Service, small_engine: maskgit.MaskGIT) -> None:
    listed = ok(service.classes({}))["classes"]
    assert [each["id"] for each in listed] == [each.id for each in small_engine.classes]
    found = ok(service.models({}))
    assert found["default"] == "small"
    assert "embedded" in [each["id"] for each in found["models"]]


SENT = {"picture": file(PICTURE)}
BOX = {"box": [0, 0, 9, 9]}


@pytest.mark.parametrize(
    ("name", "request_", "sentence"),
    [
        ("generate", {"labels": 3}, "labels: Extra inputs are not permitted"),
        ("generate", {"label": "tulip"}, "label: Input should be a valid integer"),
        ("generate", {"label": 3}, "What should appear: 3 is not allowed"),
        ("generate", {"label": 207, "count": MAX_PICTURES + 1}, "less than or equal to 16"),
        ("generate", {"label": 207, "settings": {"step": 3}}, "settings: step; there are steps"),
        ("generate", {"label": 207, "settings": {"steps": 1000}}, "a whole number, 1 to 32"),
        (
            "edit",
            {"label": 207, **SENT, **BOX, "settings": {"feather": 3}},
            "Soft edge: 3 is not allowed",
        ),
        ("generate", {"model": "none"}, "There is no model of that name here."),
        ("edit", {"label": 207, **BOX}, "picture: Field required"),
        ("edit", {"label": 207, **SENT}, "a mask or a box, one of the two"),
        ("edit", {"label": 207, **SENT, **BOX, "mask": SENT["picture"]}, "one of the two"),
        ("edit", {"label": 207, **SENT, "box": [0, 0, 9]}, "box"),
        ("edit", {"label": 207, **SENT, "box": [99, 0, 9, 9]}, "Nothing may change"),
        ("edit", {"label": 207, **SENT, "box": [0, 0, -9, 9]}, "Nothing may change"),
        ("edit", {"label": 207, "picture": "aGk=", **BOX}, "This is a text file"),
        ("edit", {"label": 207, "picture": "no!", **BOX}, "did not arrive as a picture"),
        ("edit", {"label": 207, "picture": "0" * 32, **BOX}, "send it again"),
        (
            "edit",
            {"label": 207, **SENT, "mask": file(np.zeros((4, 5, 3), np.uint8))},
            "The mask is 5 x 4 pixels, the picture 60 x 40",
        ),
        ("edit", {"label": 207, **SENT, **BOX, "regions": [BOX]}, "label: Field required"),
        ("edit", {"label": 207, **SENT, **BOX, "regions": [{"label": 1000}]}, "one of the two"),
        (
            "edit",
            {"label": 207, **SENT, **BOX, "regions": [{"label": 3, **BOX}]},
            "What should appear: 3 is not allowed",
        ),
        (
            "edit",
            {"label": 207, **SENT, **BOX, "regions": [{"label": 207, **BOX}] * 2},
            "A class has one region, and 207 has two",
        ),
        (
            "edit",
            {"label": 207, **SENT, **BOX, "regions": [{"label": 207, **BOX}] * 8},
            "regions: List should have at most 7 items",
        ),
        ("plan", {"width": 60, "height": 40}, "Say how many pixels to add"),
        ("plan", {"width": 0, "height": 40, "left": 1}, "width: Input should be greater"),
        ("plan", {"width": 60, "height": 40, "left": 1, "model": "none"}, "no model of that name"),
        ("plan", {"width": 9000, "height": 7000, "left": 300}, "at most 64 million fit"),
        ("plan", {"width": 30000, "height": 40, "left": 5000}, "a side has at most 32767"),
        ("outpaint", {"label": 207, **SENT}, "Say how many pixels to add"),
        ("outpaint", {"label": 207, **SENT, "left": -1}, "left: Input should be greater"),
        ("outpaint", {"label": 207, **SENT, "left": 8000, "top": 8000}, "at most 64 million fit"),
        (
            "outpaint",
            {"label": 207, **SENT, "left": 7000, "top": 7000, "count": 4},
            "Of 7060 x 7040 pixels, at most 3 variations fit at once.",
        ),
        ("reconstruct", {}, "picture: Field required"),
        ("classes", {"model": "none"}, "There is no model of that name here."),
        ("models", {"all": 1}, "all: Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    service: Service, name: str, request_: dict[str, Any], sentence: str
) -> None:
    answer = getattr(service, name)(request_)
    assert not answer["ok"]
    assert answer["error"]["code"] != "fault"
    assert sentence in answer["error"]["message"]
