"""Recipes in PNG files: found, and taken out again, chunk by chunk; no pixel is decoded."""

import struct
import zlib
from collections.abc import Iterator

from maskgit.recipes import KEY, MAX_TEXT, RecipeError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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


def has_recipe(data: bytes) -> bool:
    """Say whether a file is a PNG that claims to carry a recipe; a damaged one may not tell."""
    try:
        return any(_is_recipe(kind, body) for kind, body, _ in _chunks(data))
    except RecipeError:
        return False


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
