"""What is saved is the file's own pixels outside of the mask, whatever kind of file it was."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskgit.images import PictureError
from maskgit.originals import Original, open_original

rng = np.random.default_rng(0)


def saved(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, kind, **options)
    return file.getvalue()


def glass(height: int = 8, width: int = 12) -> np.ndarray:
    """RGBA in which colours lie under every degree of transparency, none included."""
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[0, :, 3], pixels[1, :, 3] = 0, 255
    return pixels


def edited(original: Original) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Imagine the middle as black; give the saved file's pixels, the result and the mask."""
    mask = np.zeros(original.flat.shape[:2], bool)
    mask[2:5, 3:7] = True
    result = original.flat.copy()
    result[mask] = 0
    with Image.open(io.BytesIO(original.to_png(result, mask))) as file:
        return np.asarray(file), result, mask


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_colour_and_transparency_outside_the_mask_are_saved_to_the_bit(kind: str) -> None:
    pixels = glass()
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    after, _, mask = edited(open_original(saved(pixels, kind, **options)))
    np.testing.assert_array_equal(after[~mask], pixels[~mask])
    assert (after[mask] == (0, 0, 0, 255)).all()  # what was imagined is opaque


def test_the_model_sees_transparent_parts_over_white() -> None:
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 3] = (0, 128, 255)
    original = open_original(saved(pixels))
    assert original.flat[0, :, 0].tolist() == [255, 127, 0]
    assert not original.colours.any()


def test_a_picture_made_larger_keeps_its_transparency_in_its_place() -> None:
    pixels = glass()
    original = open_original(saved(pixels))
    larger = np.full((12, 20, 3), 7, np.uint8)
    after = original.given_back(larger, at=(5, 3))
    np.testing.assert_array_equal(after[3:11, 5:17], pixels)
    assert (after[:3] == (7, 7, 7, 255)).all()


def test_a_picture_whose_transparency_is_unused_is_opaque() -> None:
    original = open_original(saved(Image.new("RGBA", (4, 4), (9, 8, 7, 255))))
    assert original.alpha is None
    assert edited(open_original(saved(Image.new("RGBA", (12, 8)).convert("RGB"))))[0].shape[2] == 3


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_transparency_is_turned_with_the_picture(orientation: int) -> None:
    pixels, exif = glass(), Image.Exif()
    exif[0x0112] = orientation
    quarters = {3: 2, 6: -1, 8: 1}[orientation]
    original = open_original(saved(pixels, exif=exif))
    np.testing.assert_array_equal(original.alpha, np.rot90(pixels[..., 3], quarters))
    np.testing.assert_array_equal(original.colours, np.rot90(pixels[..., :3], quarters))


def test_grey_is_kept_in_all_its_forms() -> None:
    grey = rng.integers(0, 256, (8, 12), dtype=np.uint8)
    assert (open_original(saved(grey)).colours == grey[..., None]).all()
    deep = (grey.astype(np.uint16) << 8) + 17
    assert (open_original(saved(deep)).colours == grey[..., None]).all()
    both = np.dstack([grey, np.where(grey > 99, 255, grey)])
    original = open_original(saved(Image.fromarray(both, "LA")))
    assert (original.colours == grey[..., None]).all()
    assert original.alpha is not None
    assert (original.alpha == both[..., 1]).all()


def test_palettes_become_colours_with_the_transparency_they_had() -> None:
    image = Image.new("P", (12, 8))
    image.putpalette([200, 30, 40, 1, 2, 3])
    image.paste(1, (6, 0, 12, 8))
    opaque = open_original(saved(image))
    assert opaque.alpha is None
    assert opaque.colours[0, [0, 11]].tolist() == [[200, 30, 40], [1, 2, 3]]
    after, _, mask = edited(open_original(saved(image, transparency=bytes([0, 255]))))
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(after[~mask][:, :3], expected[~mask])
    assert after[0, [0, 11], 3].tolist() == [0, 255]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_the_printers_colours_become_rgb_without_a_profile(kind: str) -> None:
    original = open_original(saved(Image.new("CMYK", (12, 8), (0, 255, 255, 0)), kind))
    assert np.abs(original.flat.astype(int) - (255, 0, 0)).max() <= 3
    assert original.keepsake.profile is None
    assert not original.is_for_web


@pytest.mark.parametrize("side", [1, 2, 16])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_icons_are_pictures_too(side: int, mode: str) -> None:
    original = open_original(saved(Image.new(mode, (side, side))))
    assert original.flat.shape == (side, side, 3)
    assert original.given_back(original.flat).shape[:2] == (side, side)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_of_several_pictures_is_opened_and_it_is_known(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    original = open_original(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert np.abs(original.flat.astype(int) - (255, 0, 0)).max() <= 6
    assert original.is_one_of_many
    assert not original.is_for_web
    assert not open_original(saved(frames[0], kind)).is_one_of_many


def test_a_photo_with_other_photos_behind_it_is_no_animation() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime")]
    original = open_original(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert not original.is_one_of_many


def test_photos_are_left_to_the_browser_and_what_it_reads_otherwise_is_not() -> None:
    photo = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    for kind in ("JPEG", "PNG", "WEBP"):
        assert open_original(saved(photo, kind)).is_for_web
    assert open_original(saved(photo[..., 0], "JPEG")).is_for_web
    for kind in ("TIFF", "BMP", "AVIF"):
        assert not open_original(saved(photo, kind)).is_for_web
    assert not open_original(saved(glass())).is_for_web
    assert not open_original(saved(photo[..., 0].astype(np.uint16) << 8)).is_for_web
    turned = Image.Exif()
    turned[0x0112] = 6
    assert open_original(saved(photo, "JPEG", exif=turned)).is_for_web
    assert not open_original(saved(photo, "PNG", exif=turned)).is_for_web


def test_a_heic_photo_is_opened_where_pillow_heif_is_installed() -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    data = saved(Image.new("RGB", (64, 48), (200, 120, 40)), "HEIF", quality=95)
    original = open_original(data)
    assert np.abs(original.flat.astype(int) - (200, 120, 40)).max() <= 6
    assert not original.is_one_of_many


def test_what_is_no_picture_gets_its_sentence_here_too() -> None:
    with pytest.raises(PictureError, match="text file"):
        open_original(b"Dear diary")
