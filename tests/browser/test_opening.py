"""A picture comes onto the canvas as it is, or a sentence says why not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.examples import Examples
from tests.browser.editor import Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture in which no two neighbouring pixels are alike."""
    colours = np.random.default_rng(0).integers(0, 256, (150, 210, 3), np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(colours).save(path)
    return path


def test_the_page_opens_with_a_picture_ready_to_be_painted(either: Editor) -> None:
    assert either.page.title() == "MaskGIT Studio"
    assert either.see("studio.picture !== null && studio.count === 0 && !studio.running")
    width, needed = either.page.evaluate(
        "[window.innerWidth, document.documentElement.scrollWidth]"
    )
    assert needed <= width
    box = either.see("studio.box")
    assert 0 <= box["left"] < box["left"] + box["width"] <= width
    assert either.page.locator("#fill").is_enabled()


def test_a_photo_from_the_file_chooser_is_shown_pixel_by_pixel(either: Editor, photo: Path) -> None:
    either.open_file(photo)
    either.wait("studio.picture.width === 210")
    with Image.open(photo) as file:
        assert np.array_equal(either.pixels(), np.asarray(file))


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_photo_may_be_dropped_or_pasted(desktop: Editor, photo: Path, how: str) -> None:
    desktop.hand_over(how, photo)
    desktop.wait("studio.picture.width === 210 && studio.picture.height === 150")


def test_a_photo_taken_sideways_stands_upright(desktop: Editor, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.new("RGB", (200, 120), "teal").save(tmp_path / "sideways.jpg", exif=exif)
    desktop.open_file(tmp_path / "sideways.jpg")
    desktop.wait("studio.picture.width === 120 && studio.picture.height === 200")


def test_an_example_is_one_press_away(either: Editor) -> None:
    example = list(Examples())[2]
    with Image.open(example.path) as file:
        size = file.size
    before = either.see("studio.picture.id")
    either.tap(f"#examples [data-example={example.name}]")
    either.wait(f"studio.picture.id !== {before!r}")
    assert either.size == size
    assert either.see("studio.historyLength") == 2  # the picture before is one undo away


def test_a_picture_that_cannot_be_shown_leaves_undo_where_it_was(desktop: Editor) -> None:
    width, height = desktop.size
    desktop.tap(f"#examples [data-example={list(Examples())[2].name}]")
    desktop.wait("studio.position === 1")
    desktop.paint_box(2, 2, 3, 3)
    desktop.undo()
    desktop.page.evaluate(
        """() => {
            window.working = createImageBitmap;
            window.createImageBitmap = () => Promise.reject(new Error("out of memory"));
        }"""
    )
    desktop.page.locator("[data-do=undo]").click()
    desktop.wait("studio.status.kind === 'error'")
    assert "out of memory" in desktop.status()[0]
    assert desktop.see("[studio.position, studio.historyLength]") == [1, 3]
    assert desktop.page.locator("[data-do=redo]").is_enabled()
    desktop.page.evaluate("() => { window.createImageBitmap = window.working; }")
    desktop.undo()
    assert desktop.size == (width, height)
    assert desktop.see("studio.position") == 0


def text_named_png(path: Path) -> None:
    path.write_text("This is no picture.")


def cut_short(path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    Image.fromarray(colours).save(path)
    path.write_bytes(path.read_bytes()[:5000])


def too_many_bytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(130 * 2**20)


def nothing_but_zeros(path: Path) -> None:
    path.write_bytes(bytes(40 * 2**20))


def too_many_pixels(path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(path)


def nothing_in_it(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    "make",
    [
        text_named_png,
        cut_short,
        too_many_bytes,
        nothing_but_zeros,
        too_many_pixels,
        nothing_in_it,
    ],
)
def test_a_file_that_cannot_be_opened_gets_a_sentence_and_the_picture_stays(
    desktop: Editor, tmp_path: Path, make
) -> None:
    desktop.paint_box(2, 2, 3, 3)
    before = desktop.see("[studio.picture.id, studio.cells, studio.historyLength]")
    make(tmp_path / "bad.png")
    desktop.open_file(tmp_path / "bad.png")
    desktop.wait("studio.status.kind === 'error'")
    words = desktop.status()[0]
    assert words.endswith(".")
    assert "Traceback" not in words
    assert desktop.see("[studio.picture.id, studio.cells, studio.historyLength]") == before
    desktop.fill()  # and everything still works
