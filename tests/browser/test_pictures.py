"""Whatever picture is opened, what was not painted is saved as it was: colour, alpha, profile."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from app.uploads import MAX_FILE_BYTES
from benchmarks.large_pictures import photo
from tests.browser.editor import DESKTOP, Editor, free_port, opened, serve
from tests.engine.test_images import SWAPPED

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def sticker(path: Path, **options: Any) -> np.ndarray:
    """Noise that is clear on the left, glassy in the middle and opaque on the right."""
    pixels = noise(160, 240, 4)
    pixels[:, :80, 3], pixels[:, 160:, 3] = 0, 255
    Image.fromarray(pixels).save(path, **options)
    return pixels


def open_sized(editor: Editor, path: Path, width: int) -> None:
    editor.open_file(path)
    editor.wait(f"studio.picture.width === {width}")


def outside_is_as_it_was(editor: Editor, before: np.ndarray) -> np.ndarray:
    """Give the painted region; the cells are read before a run hides them."""
    region = editor.lattice.region(editor.cells)
    editor.fill()
    after = editor.file()
    assert after.shape == before.shape
    np.testing.assert_array_equal(after[~region], before[~region])
    assert not np.array_equal(after[region][:, :3], before[region][:, :3])
    return after[region]


@pytest.mark.parametrize("name", ["sticker.png", "sticker.webp"])
def test_transparent_pictures_stay_as_they_were_outside_of_the_mask(
    either: Editor, tmp_path: Path, name: str
) -> None:
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    before = sticker(tmp_path / name, **options)
    open_sized(either, tmp_path / name, 240)
    np.testing.assert_array_equal(either.file(), before)
    either.paint_box(6, 4, 5, 5)
    inside = outside_is_as_it_was(either, before)
    assert (inside[:, 3] == 255).all()


def test_transparency_survives_undo_redo_and_a_reload(desktop: Editor, tmp_path: Path) -> None:
    before = sticker(tmp_path / "sticker.png")
    open_sized(desktop, tmp_path / "sticker.png", 240)
    desktop.paint_box(6, 4, 5, 5)
    outside_is_as_it_was(desktop, before)
    after = desktop.file()
    desktop.undo()
    np.testing.assert_array_equal(desktop.file(), before)
    desktop.redo()
    np.testing.assert_array_equal(desktop.file(), after)
    desktop.wait("studio.saved")
    desktop.reload()
    np.testing.assert_array_equal(desktop.file(), after)


def test_a_server_that_forgot_a_transparent_picture_is_sent_all_of_it(
    browser: Browser, tmp_path: Path
) -> None:
    before = sticker(tmp_path / "sticker.png")
    port = free_port()
    with ExitStack() as later:
        with serve(port) as address:
            editor = later.enter_context(opened(browser, address, DESKTOP))
            open_sized(editor, tmp_path / "sticker.png", 240)
            known = editor.see("studio.picture.id")
        later.enter_context(serve(port))
        editor.reload()
        editor.paint_box(6, 4, 5, 5)
        outside_is_as_it_was(editor, before)
        editor.undo()
        assert editor.see("studio.picture.id") == known  # the model sees the very same


def test_a_transparent_picture_made_larger_keeps_its_place_to_the_bit(
    desktop: Editor, tmp_path: Path
) -> None:
    before = sticker(tmp_path / "sticker.png")
    open_sized(desktop, tmp_path / "sticker.png", 240)
    desktop.unfold("outpaint")
    desktop.type_number("outpaint-left", 32)
    position = desktop.see("studio.position") + 1
    desktop.tap("#outpaint-run")
    desktop.wait_result(position)
    after = desktop.file()
    assert after.shape == (160, 272, 4)
    np.testing.assert_array_equal(after[:, 32:], before)
    assert (after[:, :32, 3] == 255).all()


def test_transparent_parts_are_seen_on_a_checkerboard(desktop: Editor, tmp_path: Path) -> None:
    sticker(tmp_path / "sticker.png")
    assert desktop.page.locator(".mgs-clear").is_hidden()
    open_sized(desktop, tmp_path / "sticker.png", 240)
    shares = desktop.page.evaluate(
        """() => {
            const board = document.querySelector(".mgs-clear");
            const { width, height } = board;
            const { data } = board.getContext("2d").getImageData(0, 0, width, height);
            const at = (share) => data[4 * (width * (height >> 1) + Math.floor(share * width)) + 3];
            const greys = new Set();
            for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) greys.add(data[i]);
            return [at(0.1), at(0.9), [...greys].sort()];
        }"""
    )
    assert shares == [255, 0, [205, 255]]
    assert desktop.page.locator(".mgs-clear").is_visible()


def test_what_is_transparent_is_painted_at_a_press(either: Editor, tmp_path: Path) -> None:
    pixels = np.full((160, 240, 4), 255, np.uint8)
    pixels[31, 55, 3] = 254  # a single pixel, hardly transparent
    pixels[100:130, 200:220, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "holes.png")
    open_sized(either, tmp_path / "holes.png", 240)
    either.tap("[data-do=masks]")
    either.tap("[data-do=paintClear]")
    either.wait("studio.count > 0")
    expected = np.zeros((16, 24), bool)
    expected[3, 5] = True
    expected[10:13, 20:22] = True
    np.testing.assert_array_equal(either.cells, expected)


def test_an_opaque_picture_has_nothing_transparent_to_paint(desktop: Editor) -> None:
    desktop.tap("[data-do=masks]")
    desktop.tap("[data-do=paintClear]")
    desktop.wait("studio.status.kind === 'error'")
    assert desktop.status()[0] == "Nothing in this picture is transparent."


@pytest.mark.parametrize("kind", ["jpg", "png", "transparent.png"])
def test_profile_exif_and_dpi_are_in_what_is_saved(
    desktop: Editor, tmp_path: Path, kind: str
) -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Box 3", 6
    stored = noise(160, 240, 4 if kind == "transparent.png" else 3)
    path = tmp_path / f"photo.{kind}"
    Image.fromarray(stored).save(path, icc_profile=SWAPPED, dpi=(300, 300), exif=exif)
    open_sized(desktop, path, 160)
    desktop.paint_box(4, 4, 5, 5)
    desktop.fill()
    with Image.open(desktop.download()) as file:
        assert file.size == (160, 240)
        assert file.info["icc_profile"] == SWAPPED
        assert file.info["dpi"] == pytest.approx((300, 300), abs=0.02)
        assert (file.getexif()[0x0110], file.getexif()[0x0112]) == ("Box 3", 1)
        if kind != "jpg":  # no colour was converted, on the page or on the server
            upright = np.rot90(stored, -1)
            region = desktop.lattice.region(desktop.cells)
            np.testing.assert_array_equal(np.asarray(file)[~region], upright[~region])


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "I;16", "CMYK", "1"])
def test_pictures_of_every_mode_are_opened(desktop: Editor, tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    Image.new(mode, (48, 32)).save(path)
    open_sized(desktop, path, 48)
    assert desktop.file().shape[:2] == (32, 48)
    assert desktop.status()[1] != "error"


@pytest.mark.parametrize("side", [1, 16])
def test_icons_are_opened_filled_and_saved(desktop: Editor, tmp_path: Path, side: int) -> None:
    Image.fromarray(noise(side, side, 4)).save(tmp_path / "icon.png")
    open_sized(desktop, tmp_path / "icon.png", side)
    desktop.paint_box(0, 0, 16, 16)
    desktop.fill()
    assert desktop.file().shape == (side, side, 4)


def test_the_first_frame_of_an_animation_is_opened_and_the_page_says_so(
    desktop: Editor, tmp_path: Path
) -> None:
    frames = [Image.new("RGB", (90, 60), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    open_sized(desktop, tmp_path / "film.gif", 90)
    assert desktop.status()[0].startswith("This file holds several pictures")
    assert (desktop.file()[..., :3] == (255, 0, 0)).all()


def test_a_file_of_the_largest_size_travels(desktop: Editor, tmp_path: Path) -> None:
    path = tmp_path / "padded.png"
    Image.fromarray(noise(60, 90, 3)).save(path)
    with path.open("r+b") as file:
        file.truncate(MAX_FILE_BYTES)
    open_sized(desktop, path, 90)
    assert np.array_equal(desktop.file(), noise(60, 90, 3))


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_photo_of_24_megapixels_is_saved_as_it_was_outside_of_the_mask(
    desktop: Editor, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"photo.{kind}"
    photo(path, 6016, 4016)
    open_sized(desktop, path, 6016)
    before = desktop.file()  # a browser may decode a JPEG otherwise than Pillow does
    if kind == "png":
        with Image.open(path) as file:
            np.testing.assert_array_equal(before, np.asarray(file))
    desktop.paint_box(6, 4, 5, 5)
    outside_is_as_it_was(desktop, before)


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_pictures_of_phones_are_opened(desktop: Editor, tmp_path: Path, kind: str) -> None:
    if kind == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (96, 64), (200, 120, 40)).save(tmp_path / f"photo.{kind}", quality=95)
    open_sized(desktop, tmp_path / f"photo.{kind}", 96)
    assert np.abs(desktop.file().astype(int) - (200, 120, 40)).max() <= 6
