"""Profile, EXIF and DPI travel from the file that was opened to the file that is saved."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskgit.images import to_png
from maskgit.originals import Original, open_original
from tests.engine.test_images import LINEAR_GREY, SWAPPED

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
CAMERA, LENS, TAKEN = 0x0110, 0xA434, 0x9003


def saved(picture: np.ndarray, kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(picture)
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def again(original: Original) -> Image.Image:
    """Save an edit that changed nothing, and open it."""
    return Image.open(io.BytesIO(original.to_png(original.flat)))


def camera_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[CAMERA] = orientation, "Box 3"
    about = exif.get_ifd(0x8769)
    about[LENS], about[TAKEN], about[0xA002], about[0xA003] = "50 mm", "2026:01:02 03:04:05", 20, 12
    exif.get_ifd(0x8825)[1] = "N"
    return exif


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_profile_is_kept_and_no_colour_is_converted(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    original = open_original(saved(PHOTO, kind, icc_profile=SWAPPED, **options))
    np.testing.assert_array_equal(original.flat, PHOTO)
    assert again(original).info["icc_profile"] == SWAPPED


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_profile_is_kept_with_transparency_and_palettes(mode: str) -> None:
    original = open_original(saved(PHOTO, mode=mode, icc_profile=SWAPPED))
    assert again(original).info["icc_profile"] == SWAPPED


def test_greys_own_profile_is_used_up_as_the_saved_picture_is_rgb() -> None:
    original = open_original(saved(np.full((4, 4), 64, np.uint8), icc_profile=LINEAR_GREY))
    assert np.abs(original.flat.astype(int) - 137).max() <= 2
    assert "icc_profile" not in again(original).info


@pytest.mark.parametrize("broken", [b"rubbish", SWAPPED[:150], LINEAR_GREY])
def test_a_profile_that_says_nothing_about_these_colours_is_dropped(broken: bytes) -> None:
    original = open_original(saved(PHOTO, icc_profile=broken))
    np.testing.assert_array_equal(original.flat, PHOTO)
    assert original.keepsake.profile is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_exif_is_kept_for_a_picture_that_stands_upright(kind: str, orientation: int) -> None:
    original = open_original(saved(PHOTO, kind, exif=camera_exif(orientation).tobytes()))
    exif = again(original).getexif()
    assert exif[0x0112] == 1
    assert exif[CAMERA] == "Box 3"
    about = exif.get_ifd(0x8769)
    assert (about[LENS], about[TAKEN]) == ("50 mm", "2026:01:02 03:04:05")
    assert 0xA002 not in about  # the size is that of the pixels
    assert exif.get_ifd(0x8825)[1] == "N"


def test_the_cameras_small_preview_is_left_out_as_it_would_show_what_was_painted_over() -> None:
    preview = saved(PHOTO, "JPEG")
    exif = camera_exif()
    block = bytearray(exif.tobytes())
    body = block[6:]  # behind "Exif\0\0"
    count = int.from_bytes(body[8:10], "little")
    at = 10 + 12 * count
    body[at : at + 4] = len(body).to_bytes(4, "little")
    entries = ((0x0103, 3, 6), (0x0201, 4, len(body) + 42), (0x0202, 4, len(preview)))
    body += len(entries).to_bytes(2, "little")
    for tag, kind, value in entries:
        body += tag.to_bytes(2, "little") + kind.to_bytes(2, "little")
        body += (1).to_bytes(4, "little") + value.to_bytes(4, "little")
    body += bytes(4) + preview
    data = saved(PHOTO, "JPEG", exif=bytes(block[:6] + body))
    assert preview in data
    kept = open_original(data).keepsake.exif
    assert kept
    assert b"Box 3" in kept
    assert preview[:64] not in kept


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_dpi_are_kept(kind: str) -> None:
    original = open_original(saved(PHOTO, kind, dpi=(300, 150)))
    assert again(original).info["dpi"] == pytest.approx((300, 150), abs=0.02)


def test_dpi_turn_with_the_picture() -> None:
    original = open_original(saved(PHOTO, "JPEG", dpi=(300, 150), exif=camera_exif(6)))
    assert original.keepsake.dpi == pytest.approx((150, 300), abs=0.02)


def test_a_broken_exif_block_costs_nothing_but_itself() -> None:
    broken = b"Exif\0\0MM\0*\0\0\xff\xff" + bytes(9)
    assert open_original(saved(PHOTO, "JPEG", exif=broken)).keepsake.exif is None


def test_the_chunks_are_what_a_saved_file_would_carry() -> None:
    original = open_original(
        saved(PHOTO, "PNG", icc_profile=SWAPPED, dpi=(300, 300), exif=camera_exif())
    )
    plain, chunks = to_png(PHOTO), original.keepsake.chunks()
    header = 8 + 25
    with Image.open(io.BytesIO(plain[:header] + chunks + plain[header:])) as file:
        file.load()
        assert file.info["icc_profile"] == SWAPPED
        assert file.getexif()[CAMERA] == "Box 3"
        assert file.info["dpi"] == pytest.approx((300, 300), abs=0.02)
        np.testing.assert_array_equal(np.asarray(file), PHOTO)
    assert open_original(saved(PHOTO)).keepsake.chunks() == b""
