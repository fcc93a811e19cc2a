"""Bytes from strangers to pictures, pictures to PNG and tensors.

An upload is checked before a pixel of it is decoded: its size in bytes, that it is one of a few
formats, its size in pixels. What comes out is always 8-bit RGB, upright, as a browser shows it:
turned by its EXIF tag, colours converted to sRGB by its ICC profile, transparent parts over white,
the first frame of an animation.

Read in this order:
    open_picture            bytes to uint8 RGB, or a `PictureError` with a sentence for people
    decode                  what may be opened, one file at a time, and what is said otherwise
    to_png                  the way back, with notes inside the file
    to_images, to_pictures  between uint8 pictures and the float tensors of the networks
    stacked                 several pictures as one array

What callers may rely on (tests/engine/test_images.py holds each promise):
    * Whatever the bytes, the answer is a picture or a `PictureError`; no warning leaks.
    * One file is decoded at a time, so that memory stays bounded however many people upload.

Elsewhere: a picture that is to be saved again, with transparency and profile (originals).
"""

import contextlib
import importlib.util
import io
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from maskgit.keepsakes import Keepsake, orientation_of, save_png
from maskgit.types import Images, Picture, Pictures

Read = TypeVar("Read")

MAX_BYTES = 128 * 2**20  # what an edit of a phone's 48 megapixels is saved as has 95 MB
MAX_PIXELS = 64_000_000  # 192 MB as RGB; phones take up to 50 megapixels
MAX_SIDE = 32_767  # the longest canvas a browser draws
STRIP = 64  # rows of a picture that are copied at a time

ALLOWED = (
    "Allowed are PNG, JPEG, WebP, AVIF, GIF, BMP and TIFF pictures of at most "
    f"{MAX_BYTES // 2**20} MB, {MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE} pixels a side."
)

DAMAGED = (
    "The picture is damaged or cut short and cannot be read to its end. Save or download it again."
)

_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
# `warnings` has one list of filters per process: silencing Pillow on two threads at once would
# leave it silent for good. The lock also bounds memory.
_DECODING = threading.Lock()


class PictureError(ValueError):
    """A file that cannot be opened as a picture; its message is a sentence for the person."""


def open_picture(data: bytes) -> Picture:
    """Read an uploaded file.

    Args:
        data: The file's content.

    Returns:
        8-bit RGB, upright, sRGB; transparency over white; the first frame of an animation. 16-bit
        values keep their upper 8 bits. Free to be written to.

    Raises:
        PictureError: If it is too large, of another kind, empty or damaged.
        TypeError: If `data` is not bytes.
    """
    return decode(data, lambda image: turned(pixels_of(_to_rgb(image)), orientation_of(image)))


def decode(data: bytes, read: Callable[[Image.Image], Read]) -> Read:
    """Let Pillow read a file, in its turn.

    Args:
        data: The file's content.
        read: Takes what is wanted from the decoded picture.

    Raises:
        PictureError: If it is too large, of another kind, empty or damaged.
        TypeError: If `data` is not bytes.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"expected the bytes of a file, got {type(data).__name__}")
    if not data:
        raise PictureError(f"The file is empty. {ALLOWED}")
    if len(data) > MAX_BYTES:
        raise PictureError(f"The file is {len(data) / 2**20:.1f} MB large. {ALLOWED}")
    with _DECODING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decode(data, read)


def to_png(
    picture: UInt8[np.ndarray, "H W C"],
    text: Mapping[str, str] | None = None,
    keepsake: Keepsake | None = None,
) -> bytes:
    """Write a picture as PNG, without loss.

    Args:
        picture: RGB, or RGBA for one with transparent parts.
        text: Notes to keep inside the file, any Unicode text by a short Latin key.
        keepsake: What else the file is to say.

    Raises:
        ValueError: If a key is not 1 to 79 Latin-1 characters, as PNG demands.
    """
    notes = PngInfo()
    for key, value in (text or {}).items():
        if not 1 <= len(key) <= 79 or any(ord(c) > 255 for c in key):
            raise ValueError(f"a key must be 1 to 79 Latin-1 characters, got {key!r}")
        notes.add_itxt(key, value)
    file = io.BytesIO()
    image = Image.fromarray(picture)
    save_png(image, file, keepsake or Keepsake(), pnginfo=notes, compress_level=4)
    return file.getvalue()


def to_images(pictures: Pictures | Picture) -> Images:
    """Turn one or several uint8 pictures into a float32 batch in [0, 1]."""
    batch = pictures if pictures.ndim == 4 else pictures[None]
    owned = np.require(batch, requirements=["C", "W"])  # torch warns of arrays that are read-only
    return torch.from_numpy(owned).permute(0, 3, 1, 2).float() / 255


def stacked(pictures: Sequence[Picture]) -> Pictures:
    """Put pictures of one size together; a single one, which may be large, is not copied."""
    return pictures[0][None] if len(pictures) == 1 else np.stack(pictures)


def to_pictures(images: Images) -> Pictures:
    """Turn a batch of floats into uint8 pictures: clipped to [0, 1] and rounded; waits for a GPU.

    Rounding happens on the images' device, so a quarter of the bytes travel.
    """
    return on_host(to_levels(images.detach()))


def to_levels(images: Images) -> UInt8[Tensor, "B H W 3"]:
    """Clip to [0, 1] and round to 8-bit levels, where the images are."""
    levels = images.float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()


def on_host(levels: UInt8[Tensor, "B H W 3"]) -> Pictures:
    """Bring 8-bit levels to the host; waits for a GPU."""
    if not levels.is_cuda:
        return levels.cpu().numpy()
    pictures = torch.empty(levels.shape, dtype=torch.uint8, pin_memory=True)  # a fast way
    return pictures.copy_(levels).numpy()


def _decode(data: bytes, read: Callable[[Image.Image], Read]) -> Read:
    try:
        with Image.open(io.BytesIO(data), formats=_readable_formats(data)) as image:
            _require_size(image.size)
            image.load()
            return read(image)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(f"{_guess(data)} {ALLOWED}") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"The picture has too many pixels. {ALLOWED}") from error
    except Exception as error:  # broken files raise anything from struct.error to KeyError
        raise PictureError(f"{DAMAGED} {ALLOWED}") from error


def _readable_formats(data: bytes) -> list[str]:
    """Give the allowed formats that this installation can read; HEIC if pillow-heif is there."""
    Image.init()
    readable = [name for name in _FORMATS if name in Image.OPEN]
    if _is_brand(data, _HEIF_BRANDS) and importlib.util.find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
        readable.append("HEIF")
    return readable


def _is_brand(data: bytes, brands: tuple[bytes, ...]) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in brands


def _require_size(size: tuple[int, int]) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise PictureError(f"The picture has no pixels. {ALLOWED}")
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise PictureError(f"The picture is {width} x {height} pixels large. {ALLOWED}")


def _guess(data: bytes) -> str:
    """Say what a file that no decoder recognised seems to be."""
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data.startswith(_SIGNATURES) or _is_brand(data, _AVIF_BRANDS):
        return DAMAGED
    if b"<svg" in start:
        return "SVG drawings cannot be opened: export it as PNG."
    if _is_brand(data, _HEIF_BRANDS):
        return (
            "HEIC photos cannot be opened here, as the package pillow-heif is not installed: "
            "save it as JPEG."
        )
    if start.startswith(b"%pdf"):
        return "This is a PDF document, not a picture."
    if not set(data[:1024]) & set(range(9)):  # control characters mean binary
        return "This is a text file, whatever its name says."
    return "This file is not a picture of a known kind."


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB: colours by the file's profile, transparency over white."""
    colours, alpha = planes(image, image.info.get("icc_profile"))
    return colours if alpha is None else over_white(colours, alpha)


def planes(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None]:
    """Give colours as RGB, and transparency where there is any.

    Args:
        image: Of any mode.
        profile: ICC profile of its colours, which become sRGB; None where they stay as they are.
    """
    if image.mode.startswith(("I", "F")):
        image = to_8_bit(image)
    if image.mode in ("RGBa", "La"):  # multiplied by its alpha already; divide first
        image = image.convert(image.mode.upper())
    if image.mode not in ("LA", "PA", "RGBA") and "transparency" not in image.info:
        return to_srgb(image, profile), None
    alpha = image.convert("RGBA").getchannel("A")
    colours = to_srgb(image.convert("L" if image.mode in ("L", "LA") else "RGB"), profile)
    return colours, None if alpha.getextrema() == (255, 255) else alpha


def over_white(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    """Lay a picture with transparent parts over white."""
    sheet = Image.new("RGB", colours.size, "white")
    sheet.paste(colours, mask=alpha)
    return sheet


def to_8_bit(image: Image.Image) -> Image.Image:
    """Convert 16-bit grey by its upper 8 bits, wider numbers by guessing what white is.

    White is 1, 255 or 65535: the first that is not below the largest value.
    """
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    values = np.nan_to_num(values.astype(np.float32), posinf=65535)
    largest = values.max()
    is_fraction = image.mode == "F" and largest <= 1
    scale = 255 if is_fraction else 1 if largest <= 255 else 1 / 257
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to RGB, colours as the ICC profile means them."""
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    # A broken profile, or one for other colours than the file has, is ignored as browsers do.
    with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if not ImageCms.getProfileDescription(source).startswith("sRGB"):
                target = ImageCms.createProfile("sRGB")
                image = ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image
    return image if image.mode == "RGB" else image.convert("RGB")  # that would copy


def pixels_of(image: Image.Image) -> UInt8[np.ndarray, "..."]:
    """Copy the pixels of an image with 8 bits to a channel into a new array.

    Strip by strip: Pillow would copy everything twice on the way, and what large photos cost most
    is memory that is touched for the first time.
    """
    width, height = image.size
    bands = image.getbands()
    pixels = np.empty((height, width, *([len(bands)] if len(bands) > 1 else [])), np.uint8)
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


def turned(pixels: UInt8[np.ndarray, "..."], orientation: int) -> UInt8[np.ndarray, "..."]:
    """Turn and flip as the EXIF orientation asks.

    Args:
        pixels: Come back as they are where nothing is to be turned and nobody else has them.
        orientation: 1 to 8; anything else counts as 1.
    """
    match orientation:
        case 2:
            pixels = pixels[:, ::-1]
        case 3:
            pixels = pixels[::-1, ::-1]
        case 4:
            pixels = pixels[::-1]
        case 5:
            pixels = pixels.swapaxes(0, 1)
        case 6:
            pixels = np.rot90(pixels, -1)
        case 7:
            pixels = np.rot90(pixels, 2).swapaxes(0, 1)
        case 8:
            pixels = np.rot90(pixels)
    return np.require(pixels, requirements=["C", "W", "O"])
