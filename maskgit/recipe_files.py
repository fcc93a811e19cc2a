"""Recipes in PNG files: found, and taken out again, chunk by chunk; no pixel is decoded.

A recipe that is damaged can be taken out as well: the picture around it may be whole.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from maskgit.recipes import KEY, MAX_TEXT, RecipeError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class _Chunk(NamedTuple):
    """A part of a PNG file: what kind it is, what it holds, and all its bytes."""

    kind: bytes
    body: bytes
    whole: bytes

    @property
    def is_recipe(self) -> bool:
        texts = (b"iTXt", b"tEXt", b"zTXt")
        return self.kind in texts and self.body.startswith(KEY.encode() + b"\0")

    @property
    def is_sound(self) -> bool:
        """Whether its checksum is right."""
        return zlib.crc32(self.kind + self.body) == int.from_bytes(self.whole[-4:], "big")


def find(data: bytes) -> str:
    """Give the text of the recipe in a PNG file.

    Raises:
        RecipeError: If the file is no PNG, cut short, or holds no recipe, a damaged one or several.
    """
    found = [chunk for chunk in _chunks(data) if chunk.is_recipe]
    if not found:
        raise RecipeError("The picture holds no recipe.")
    # After the key: not compressed, no language, no translated key, as `images.to_png` writes it.
    start = KEY.encode() + b"\0\0\0\0\0"
    body = found[0].body
    if len(found) > 1 or not body.startswith(start) or len(body) > MAX_TEXT + len(start):
        raise RecipeError("The recipe is damaged: it is not written as this program does.")
    if not found[0].is_sound:
        raise RecipeError("The recipe is damaged: its checksum is wrong.")
    try:
        return body[len(start) :].decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError("The recipe is damaged: it is no text.") from error


def strip(data: bytes) -> bytes:
    """Give a PNG file without its recipe; all else stays, byte for byte.

    Raises:
        RecipeError: If the file is no PNG or cut short.
    """
    return _SIGNATURE + b"".join(chunk.whole for chunk in _chunks(data) if not chunk.is_recipe)


def has_recipe(data: bytes) -> bool:
    """Say whether a file is a PNG with a recipe in it, be it damaged."""
    try:
        return any(chunk.is_recipe for chunk in _chunks(data))
    except RecipeError:
        return False


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Give every chunk of a PNG file."""
    if not data.startswith(_SIGNATURE):
        raise RecipeError("Recipes are kept in PNG files, and this is none.")
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise RecipeError("The PNG file is cut short.")
        (length,) = struct.unpack_from(">I", data, at)
        whole = data[at : at + 12 + length]
        if len(whole) < 12 + length:
            raise RecipeError("The PNG file is cut short.")
        kind = whole[4:8]
        yield _Chunk(kind, whole[8:-4], whole)
        at += len(whole)
