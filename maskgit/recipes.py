"""What a picture was made with, kept inside its PNG: a `Recipe` as JSON in an iTXt chunk.

An edit keeps the pixels that were painted over, so that the picture it began with is the finished
one outside of the mask and the kept ones inside. A generated picture needs nothing but the words.

Whatever a file says is checked before it is used; unpacking stops at the size that the picture
itself allows. What is wrong with it is a `RecipeError` with a sentence for people.
"""

import base64
import binascii
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from maskgit.decoding import DecodeOptions
from maskgit.types import Picture, Region

KEY = "maskgit"
VERSION = 1
MAX_TEXT = 32 * 2**20  # an edit of some ten megapixels
MAX_LABEL = 200
DTYPES = ("float32", "bfloat16")

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NAMES = {"version", "model", "weights", "dtype", "label", "options", "edit"}
_OPTIONS = {field.name for field in fields(DecodeOptions)}


class RecipeError(ValueError):
    """A recipe that is absent or cannot be used; its message is a sentence for the person."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that makes a picture again.

    Attributes:
        model: Id of the model, or the last part of its folder's path; never the whole path.
        weights: `fingerprint` of its folder.
        dtype: Precision it ran in, `float32` or `bfloat16`.
        label: The class, as it was asked for; None: no class.
        options: Of the decode, the seed included.
        original: For an edit, the picture it began with.
        mask: For an edit, True where the picture could change.
    """

    model: str
    weights: str
    dtype: str
    label: str | None
    options: DecodeOptions
    original: Picture | None = None
    mask: Region | None = None


def fingerprint(folder: Path) -> str:
    """Give the SHA-256 of what decides a model's pictures: its sizes, classes and weights."""
    whole = hashlib.sha256()
    names = {"config.json", "classes.json"}
    for file in sorted(folder.iterdir()):
        if file.name in names or file.suffix == ".safetensors":
            part = hashlib.sha256()
            with file.open("rb") as opened:
                while block := opened.read(2**20):
                    part.update(block)
            whole.update(f"{file.name}\n{part.hexdigest()}\n".encode())
    return whole.hexdigest()


def to_text(recipe: Recipe) -> str:
    """Write a recipe as JSON, ready for `images.to_png` under `KEY`.

    Raises:
        RecipeError: If it is too large to be kept in a picture.
    """
    edit = None
    if recipe.original is not None and recipe.mask is not None:
        edit = {
            "mask": _packed(np.packbits(recipe.mask).tobytes()),
            "pixels": _packed(recipe.original[recipe.mask].tobytes()),
        }
    about = {"version": VERSION, "model": recipe.model, "weights": recipe.weights}
    about |= {"dtype": recipe.dtype, "label": recipe.label}
    text = json.dumps({**about, "options": asdict(recipe.options), "edit": edit})
    if len(text) > MAX_TEXT:
        raise RecipeError("The painted region is too large to be kept inside the picture.")
    return text


def from_text(text: str, result: Picture) -> Recipe:
    """Read what `to_text` wrote.

    Args:
        text: From `find`.
        result: The picture that carries it.

    Raises:
        RecipeError: If it is damaged, of another version, or does not fit the picture.
    """
    about = _opened(text)
    for name, pattern in (("model", r"\w[\w.-]{0,99}"), ("weights", r"[0-9a-f]{64}")):
        value = about[name]
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise RecipeError(f"The recipe is damaged: its {name} cannot be read.")
    label = about["label"]
    if label is not None and not (isinstance(label, str) and len(label) <= MAX_LABEL):
        raise RecipeError("The recipe is damaged: its label cannot be read.")
    if about["dtype"] not in DTYPES:
        raise RecipeError("The recipe is damaged: its dtype cannot be read.")
    options = _options(about["options"])
    named = (about["model"], about["weights"], about["dtype"], label, options)
    edit = about["edit"]
    if edit is None:
        return Recipe(*named)
    if not isinstance(edit, dict) or set(edit) != {"mask", "pixels"}:
        raise RecipeError("The recipe is damaged: its edit cannot be read.")
    height, width = result.shape[:2]
    bits = _unpacked(edit["mask"], -(-height * width // 8))
    mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=height * width).astype(bool)
    mask = mask.reshape(height, width)
    if not mask.any():
        raise RecipeError("The recipe is damaged: its mask is empty.")
    pixels = _unpacked(edit["pixels"], 3 * int(mask.sum()))
    original = result.copy()
    original[mask] = np.frombuffer(pixels, np.uint8).reshape(-1, 3)
    return Recipe(*named, original, mask)


def find(data: bytes) -> str:
    """Give the text of the recipe in a PNG file.

    Raises:
        RecipeError: If the file is no PNG, damaged, or holds no recipe or several.
    """
    found = [body for kind, body, _ in _chunks(data) if _is_recipe(kind, body)]
    if not found:
        raise RecipeError("The picture holds no recipe.")
    # After the key: not compressed, no language, no translated key, as `images.to_png` writes it.
    start = KEY.encode() + b"\0\0\0\0\0"
    if len(found) > 1 or not found[0].startswith(start) or len(found[0]) > MAX_TEXT + len(start):
        raise RecipeError("The recipe is damaged: it is not written as this program does.")
    try:
        return found[0][len(start) :].decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError("The recipe is damaged: it is no text.") from error


def strip(data: bytes) -> bytes:
    """Give a PNG file without its recipe; all else stays, byte for byte.

    Raises:
        RecipeError: If the file is no PNG or damaged.
    """
    kept = (whole for kind, body, whole in _chunks(data) if not _is_recipe(kind, body))
    return _SIGNATURE + b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Give kind, content and all bytes of every chunk of a PNG file."""
    if not data.startswith(_SIGNATURE):
        raise RecipeError("Recipes are kept in PNG files, and this is none.")
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise RecipeError("The PNG file is cut short.")
        (length,) = struct.unpack_from(">I", data, at)
        whole = data[at : at + 12 + length]
        kind, body = whole[4:8], whole[8:-4]
        if len(whole) < 12 + length or zlib.crc32(kind + body) != int.from_bytes(whole[-4:], "big"):
            raise RecipeError("The PNG file is damaged.")
        yield kind, body, whole
        at += len(whole)


def _is_recipe(kind: bytes, body: bytes) -> bool:
    return kind in (b"iTXt", b"tEXt", b"zTXt") and body.startswith(KEY.encode() + b"\0")


def _opened(text: str) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError("The recipe is damaged: it is not JSON.") from error
    if not isinstance(about, dict) or type(about.get("version")) is not int:
        raise RecipeError("The recipe is damaged: it does not say its version.")
    if about["version"] != VERSION:
        raise RecipeError(
            f"The recipe is of version {about['version']}; this program reads version {VERSION}."
        )
    if set(about) != _NAMES:
        raise RecipeError("The recipe is damaged: parts are missing or unknown.")
    return about


def _options(values: object) -> DecodeOptions:
    if not isinstance(values, dict) or set(values) != _OPTIONS:
        raise RecipeError("The recipe is damaged: its options cannot be read.")
    try:
        return DecodeOptions(**values)
    except (ValueError, TypeError, OverflowError) as error:
        raise RecipeError(f"The recipe is damaged: {error}") from error


def _packed(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 9)).decode("ascii")


def _unpacked(text: object, size: int) -> bytes:
    """Undo `_packed`, for exactly `size` bytes; unpacks no more than one byte beyond."""
    try:
        if not isinstance(text, str):
            raise ValueError("not text")
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b85decode(text), size + 1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise RecipeError("The recipe is damaged: its pixels cannot be unpacked.") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise RecipeError("The recipe does not fit its picture.")
    return data
