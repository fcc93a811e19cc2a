"""Frames say what happened in few bytes."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
from PIL import Image

from app.overlays import bounds, done_frame, step_frame
from app.runs import Result
from tests.app.fakes import SIZE, fake_step


def pixels(url: str) -> np.ndarray:
    data = base64.b64decode(url.partition(",")[2])
    return np.array(Image.open(io.BytesIO(data)))


def test_a_step_says_which_cells_are_masked_and_how_sure_the_model_is() -> None:
    frame = step_frame(fake_step(1, 2))
    assert (frame["kind"], frame["grid"], frame["step"], frame["steps"]) == ("step", 4, 1, 2)
    assert (frame["open"], frame["masked"]) == ("ffff", "00ff")
    assert base64.b64decode(frame["confidence"]) == bytes([128] * 16)
    order = np.frombuffer(base64.b64decode(frame["revealed_at"]), "<i2")
    assert order.tolist() == [0] * 8 + [-2] * 8
    assert pixels(frame["image"]).shape == (SIZE, SIZE, 3)


def test_the_order_of_long_decodes_comes_across() -> None:
    order = np.arange(200, 216).reshape(4, 4).astype(np.int16)
    frame = step_frame(replace(fake_step(1, 2), revealed_at=order))
    sent = np.frombuffer(base64.b64decode(frame["revealed_at"]), "<i2")
    assert sent.tolist() == order.flatten().tolist()


def test_the_first_frame_has_nothing_to_show_yet() -> None:
    frame = step_frame(fake_step(0, 2))
    assert frame["kind"] == "start"
    assert frame["image"] is None


def test_a_patch_is_lossless_and_as_small_as_the_change() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    region = np.zeros((20, 30), bool)
    region[5:8, 10:20] = True
    frame = done_frame(Result([picture], [3]), region, ["id"])
    np.testing.assert_array_equal(pixels(frame["patches"][0]["png"]), picture[5:8, 10:20])
    json.dumps(frame)


def test_a_patch_is_transparent_where_the_picture_stays() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    region = np.zeros((20, 30), bool)
    region[5:8, 10:20] = region[8, 12] = True
    patch = pixels(done_frame(Result([picture], [3]), region, ["id"])["patches"][0]["png"])
    inside = region[5:9, 10:20]
    np.testing.assert_array_equal(patch[..., 3], np.where(inside, 255, 0))
    np.testing.assert_array_equal(patch[inside][:, :3], picture[5:9, 10:20][inside])


def test_a_new_picture_is_a_patch_of_its_own_size() -> None:
    assert bounds(None, np.zeros((20, 30, 3), np.uint8)) == (0, 0, 30, 20)
