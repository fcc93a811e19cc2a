"""A file that is opened on the page: what the answer holds, and what is refused in words."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import uploads
from app.canvas.drawing import MAX_ASPECT
from app.handlers import Handlers
from app.studio import Studio
from maskgit import images
from tests.app.fakes import FakeModelStore

NOISE = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)


@pytest.fixture
def handlers() -> Handlers:
    return Handlers(Studio(FakeModelStore()))  # pyright: ignore[reportArgumentType]


def text_of(image: Image.Image, kind: str = "PNG", **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()


def pixels(url: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image)


def test_colours_and_transparency_come_as_planes_that_no_canvas_can_round(
    handlers: Handlers,
) -> None:
    answer = handlers.open_picture({"data": text_of(Image.fromarray(NOISE)), "has_file": True})
    np.testing.assert_array_equal(pixels(answer["png"]), NOISE[..., :3])
    np.testing.assert_array_equal(pixels(answer["alpha"]), NOISE[..., 3])
    seen = handlers._studio.picture(answer["id"])
    assert seen is not None
    is_clear = NOISE[..., 3] == 0
    assert (seen[is_clear] == 255).all()  # the model sees it over white


def test_an_ordinary_photo_is_not_sent_back_to_who_has_the_file(handlers: Handlers) -> None:
    photo = text_of(Image.fromarray(NOISE).convert("RGB"), "JPEG", dpi=(300, 300))
    answer = handlers.open_picture({"data": photo, "has_file": True})
    assert (answer["png"], answer["alpha"], answer["note"]) == (None, None, "")
    assert b"pHYs" in base64.b64decode(answer["chunks"])
    whole = handlers.open_picture({"data": photo})
    assert pixels(whole["png"]).shape == (20, 30, 3)
    assert whole["id"] == answer["id"]


def test_it_is_said_that_a_file_holds_more_than_is_opened(handlers: Handlers) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "lime")]
    film = text_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    answer = handlers.open_picture({"data": film, "has_file": True})
    assert "first" in answer["note"]
    assert (pixels(answer["png"]) == (255, 0, 0)).all()


def test_a_picture_may_be_so_long_and_no_longer(handlers: Handlers) -> None:
    assert handlers.open_picture({"data": text_of(Image.new("1", (MAX_ASPECT, 1)))})["ok"]
    answer = handlers.open_picture({"data": text_of(Image.new("1", (MAX_ASPECT + 1, 1)))})
    assert answer["error"]["message"].startswith("The picture is 1001 x 1 pixels large")


def test_page_server_and_engine_state_one_limit_in_bytes() -> None:
    page = Path("app/canvas/opening.js").read_text(encoding="utf-8")
    stated = re.search(r"MAX_FILE_MB = (\d+)", page)
    assert stated
    assert int(stated[1]) * 2**20 == uploads.MAX_FILE_BYTES == images.MAX_BYTES


def test_a_file_of_the_largest_size_arrives_and_one_byte_more_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = 3 * 2**10
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", most)
    assert len(uploads.read_upload(base64.b64encode(bytes(most)).decode())) == most
    head = "data:image/jpeg;base64,"
    assert len(uploads.read_upload(head + base64.b64encode(bytes(most)).decode())) == most
    with pytest.raises(uploads.UserError, match="too large"):
        uploads.read_upload(base64.b64encode(bytes(most + 1)).decode())
