"""Uploads of every kind: what can be read is read right, the rest gets a sentence."""

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskgit import images
from maskgit.images import (
    ALLOWED,
    MAX_BYTES,
    MAX_PIXELS,
    PictureError,
    open_picture,
    stacked,
    to_images,
    to_pictures,
    to_png,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def noise(height: int = 12, width: int = 20) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colours: int = 2) -> bytes:
    """Write a PNG by hand, to lie about its size or to use what Pillow cannot write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Write a small ICC display profile by hand."""
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        content = tag + b"\0" * (-len(tag) % 4)
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content
    rest = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4xI4s4s4s", 128 + len(rest), 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    header += bytes(68 - len(header)) + struct.pack(">3i", 63190, 65536, 54061)  # D50
    return header + bytes(128 - len(header)) + rest


def curve(gamma: float) -> bytes:
    return struct.pack(">4s4xIH", b"curv", 1, round(gamma * 256))


def colorant(*xyz: float) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(v * 65536) for v in xyz))


# sRGB's colorants under the wrong names: a file with this profile means red where it says green.
SWAPPED = profile(
    b"RGB ",
    {
        b"rXYZ": colorant(0.3851, 0.7169, 0.0971),
        b"gXYZ": colorant(0.4361, 0.2225, 0.0139),
        b"bXYZ": colorant(0.1431, 0.0606, 0.7141),
        **{tag: curve(2.2) for tag in (b"rTRC", b"gTRC", b"bTRC")},
        b"wtpt": colorant(0.9642, 1, 0.8249),
    },
)
LINEAR_GREY = profile(b"GRAY", {b"kTRC": curve(1.0), b"wtpt": colorant(0.9642, 1, 0.8249)})


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_lossless_files_come_back_as_they_were(kind: str) -> None:
    picture = noise(4, 5)  # 20 colours, so that a GIF can hold them
    data = saved(picture, kind, **({"lossless": True} if kind == "WEBP" else {}))
    result = open_picture(data)
    assert (result == picture).all()
    result[:] = 0  # free to be written to


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_files_come_back_about_as_they_were(kind: str) -> None:
    picture = np.full((16, 24, 3), (200, 120, 40), dtype=np.uint8)
    assert np.abs(open_picture(saved(picture, kind)).astype(int) - picture).max() <= 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(kind: str, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), dtype=np.uint8)
    upright[:16, :16], upright[:16, 32:], upright[16:, :16] = RED, GREEN, BLUE
    undo: dict[int, Any] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: np.rot90,
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: lambda p: np.rot90(p, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(undo[orientation](upright))
    result = open_picture(saved(stored, kind, exif=exif, quality=95, compression="raw"))
    assert result.shape == upright.shape
    assert np.abs(result.astype(int) - upright)[4:12, 4:12].max() <= 30
    assert np.abs(result.astype(int) - upright)[4:12, 36:44].max() <= 30
    assert np.abs(result.astype(int) - upright)[20:28, 4:12].max() <= 30


def test_a_broken_exif_block_is_ignored() -> None:
    data = saved(noise(), "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\xff\xff" + bytes(9))
    assert open_picture(data).shape == (12, 20, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_every_colour_mode_of_png_is_read(mode: str) -> None:
    picture = np.zeros((6, 8, 3), dtype=np.uint8)
    picture[:, 4:] = 255
    assert (open_picture(saved(Image.fromarray(picture).convert(mode))) == picture).all()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind: str) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan: red
    assert np.abs(open_picture(saved(image, kind)).astype(int) - RED).max() <= 3


def test_lab_and_float_tiffs_are_read() -> None:
    grey = open_picture(saved(Image.new("LAB", (4, 4), (128, 128, 128)), "TIFF"))
    assert np.ptp(grey) <= 3
    ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    assert (open_picture(saved(ramp, "TIFF"))[..., 0] == np.rint(ramp * 255)).all()
    wide = (ramp * 65535).astype(np.int32)
    assert (open_picture(saved(wide, "TIFF"))[..., 1] == np.rint(wide / 257)).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_upper_8_bits(kind: str) -> None:
    values = np.arange(0, 65536, 255, dtype=np.uint16)[:256].reshape(16, 16)
    assert (open_picture(saved(values, kind)) == (values >> 8)[..., None]).all()


def test_16_bit_colour_keeps_its_upper_8_bits() -> None:
    row = b"\0" + struct.pack(">6H", 65535, 40000, 0, 256, 255, 128)
    data = png(2, 1, chunk(b"IDAT", zlib.compress(row)), depth=16)
    assert open_picture(data).tolist() == [[[255, 156, 0], [1, 0, 0]]]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparent_parts_lie_over_white(kind: str) -> None:
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 3] = (0, 128, 255)  # black: gone, half, whole
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    result = open_picture(saved(pixels, kind, **options))
    assert result[0, :, 0].tolist() == [255, 127, 0]


def test_grey_with_alpha_lies_over_white() -> None:
    pixels = np.zeros((1, 2, 2), dtype=np.uint8)
    pixels[0, :, 1] = (0, 255)
    assert open_picture(saved(Image.fromarray(pixels, "LA")))[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize(
    ("mode", "transparent"),
    [("P", 0), ("P", bytes([0, 255])), ("L", 0), ("RGB", (0, 0, 0))],
)
def test_a_transparent_colour_lies_over_white(mode: str, transparent: Any) -> None:
    image = Image.new(mode, (2, 1))
    if mode == "P":
        image.putpalette([0, 0, 0, 90, 90, 90])
    image.putpixel((1, 0), {"P": 1, "L": 90, "RGB": (90, 90, 90)}[mode])
    result = open_picture(saved(image, transparency=transparent))
    assert result.tolist() == [[[255] * 3, [90] * 3]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_an_animation_shows_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert np.abs(open_picture(data).astype(int) - RED).max() <= 6


def test_colours_follow_the_icc_profile() -> None:
    image = Image.new("RGB", (4, 4), (200, 40, 90))
    assert np.abs(open_picture(saved(image, icc_profile=SWAPPED))[0, 0] - (40, 200, 90)).max() <= 8
    clear = Image.new("RGBA", (4, 4), (200, 40, 90, 255))
    assert np.abs(open_picture(saved(clear, icc_profile=SWAPPED))[0, 0] - (40, 200, 90)).max() <= 8


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_follows_its_icc_profile(mode: str) -> None:
    image = Image.new("L", (4, 4), 64).convert(mode)  # a quarter of the light
    result = open_picture(saved(image, icc_profile=LINEAR_GREY))
    assert np.abs(result.astype(int) - 137).max() <= 2


@pytest.mark.parametrize("broken", [b"rubbish", SWAPPED[:150], LINEAR_GREY])
def test_a_broken_or_foreign_icc_profile_is_ignored(broken: bytes) -> None:
    picture = noise()
    assert (open_picture(saved(picture, icc_profile=broken)) == picture).all()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty."),
        (b"Dear diary, this is not a picture.", "This is a text file"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawings"),
        (b"%PDF-1.7\n\x00\x01", "PDF document"),
        (bytes(range(256)), "not a picture of a known kind"),
        (b"\0" * 4000, "not a picture of a known kind"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"GIF89a", "damaged"),
        (png(4, 4), "damaged"),
        (png(0, 4), "damaged"),
        (saved(noise(), "PPM"), "not a picture of a known kind"),
        (saved(Image.new("L", (16, 16)), "ICO"), "not a picture of a known kind"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(PictureError, match=sentence) as caught:
        open_picture(data)
    assert ALLOWED in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_a_truncated_file_is_called_damaged(kind: str) -> None:
    data = saved(noise(64, 64), kind)
    with pytest.raises(PictureError, match="damaged or cut short"):
        open_picture(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("width", "height"),
    [(8001, 8000), (40_000, 10), (10, 40_000), (12_000, 12_000), (2**31 - 1, 2**31 - 1)],
)
def test_absurd_dimensions_are_refused_before_anything_is_decoded(width: int, height: int) -> None:
    bomb = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    with pytest.raises(PictureError, match=r"pixels large|too many pixels"):
        open_picture(png(width, height, bomb))


def test_a_gif_that_claims_absurd_dimensions_is_refused() -> None:
    data = bytearray(saved(noise(4, 4), "GIF"))
    data[6:10] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(PictureError, match=r"pixels large|too many pixels"):
        open_picture(bytes(data))


def test_too_many_bytes_are_refused_before_anything_is_read() -> None:
    with pytest.raises(PictureError, match="MB large"):
        open_picture(saved(noise()) + bytes(MAX_BYTES))


def test_the_limit_in_pixels_is_the_one_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{MAX_PIXELS // 10**6} megapixels" in ALLOWED
    monkeypatch.setattr(images, "MAX_PIXELS", 240)
    assert open_picture(saved(noise(12, 20))).shape == (12, 20, 3)
    with pytest.raises(PictureError, match="21 x 12 pixels large"):
        open_picture(saved(noise(12, 21)))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(8000, 8000), (32_767, 1), (1, 32_767)])
def test_the_largest_pictures_are_opened(size: tuple[int, int]) -> None:
    assert open_picture(saved(Image.new("1", size))).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("size", [(32_768, 1), (1, 32_768)])
def test_a_side_of_one_pixel_more_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="32767 pixels a side"):
        open_picture(saved(Image.new("1", size)))


def test_the_largest_file_is_opened_and_one_byte_more_is_refused() -> None:
    data = saved(noise())
    padded = data + bytes(MAX_BYTES - len(data))
    assert open_picture(padded).shape == (12, 20, 3)
    with pytest.raises(PictureError, match=r"128\.0 MB large"):
        open_picture(padded + b"\0")


def test_a_compressed_note_that_would_fill_the_memory_is_refused() -> None:
    note = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(80 * 2**20)))
    pixels = chunk(b"IDAT", zlib.compress(bytes(4)))
    with pytest.raises(PictureError, match="damaged"):
        open_picture(png(1, 1, note, pixels))


def test_heic_photos_are_read_where_pillow_heif_is_installed() -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    picture = np.full((64, 64, 3), (200, 120, 40), dtype=np.uint8)
    data = saved(picture, "HEIF", quality=95)
    assert np.abs(open_picture(data).astype(int) - picture).max() <= 6


def test_heic_photos_get_a_sentence_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(PictureError, match="save it as JPEG"):
        open_picture(b"\0\0\0\x18ftypheic" + bytes(40))


def test_only_bytes_are_accepted() -> None:
    with pytest.raises(TypeError):
        open_picture("photo.png")  # pyright: ignore[reportArgumentType]


def outcome(data: bytes) -> str:
    """Open a file that may be broken; any other error ends the test."""
    try:
        height, width, _ = open_picture(data).shape
    except PictureError as error:
        return "a sentence" if ALLOWED in str(error) else str(error)
    return "a picture" if height * width <= MAX_PIXELS else f"{height}x{width}"


@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    keep=st.floats(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_whatever_the_bytes_the_answer_is_a_picture_or_a_sentence(
    kind: str, edits: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(saved(noise(), kind))
    for place, value in edits:
        data[int(place * (len(data) - 1))] = value
    for attempt in (bytes(data), bytes(data[: int(keep * len(data))])):
        assert outcome(attempt) in ("a picture", "a sentence")


def test_many_threads_may_open_pictures_at_once() -> None:
    good = saved(noise())
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, [good, good[:100]] * 20))
    assert outcomes == ["a picture", "a sentence"] * 20
    assert warnings.filters[0][0] == "error"  # as the tests set it: nothing leaked


def test_png_keeps_every_pixel_and_note() -> None:
    picture = noise()
    notes = {"Seed": "7", "Class": "Stölzel, 金魚 🐟", "Recipe": "x" * 100_000}
    data = to_png(picture, notes)
    assert (open_picture(data) == picture).all()
    with Image.open(io.BytesIO(data)) as image:
        assert dict(image.info) == notes


@pytest.mark.parametrize("key", ["", "k" * 80, "鍵"])
def test_a_key_png_cannot_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="1 to 79 Latin-1 characters"):
        to_png(noise(), {key: "x"})


def test_pictures_survive_the_way_to_tensors_and_back() -> None:
    pictures = np.stack([noise(), 255 - noise()])
    batch = to_images(pictures)
    assert batch.shape == (2, 3, 12, 20)
    assert batch.dtype == torch.float32
    assert (to_pictures(batch) == pictures).all()
    assert (to_pictures(to_images(pictures[0])) == pictures[:1]).all()


def test_tensors_are_clipped_and_rounded() -> None:
    values = torch.tensor([-1.0, 0.4999, 0.501, 7.0]).mul(1 / 255).reshape(1, 1, 2, 2)
    values[0, 0, 1, 1] = 1.5
    result = to_pictures(values.expand(1, 3, 2, 2))
    assert result[0, ..., 0].tolist() == [[0, 0], [1, 255]]
    assert to_pictures(torch.full((1, 3, 1, 1), 0.5, dtype=torch.bfloat16)).max() == 128


def test_several_pictures_are_stacked_and_one_is_not_copied() -> None:
    first, second = noise(4, 6), 255 - noise(4, 6)
    both = stacked([first, second])
    assert (both == np.stack([first, second])).all()
    alone = stacked([first])
    assert alone.shape == (1, 4, 6, 3)
    assert np.shares_memory(alone, first)
