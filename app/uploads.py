"""Files that come as text."""

from __future__ import annotations

import base64
import binascii

from app.errors import UserError
from app.words import Sentence

MAX_FILE_BYTES = 128 * 2**20  # as the engine; what is saved of 48 megapixels has 95 MB as PNG


def read_upload(data: object) -> bytes:
    """Take the bytes of a file that came as base64, bare or as a data URL.

    Raises:
        UserError: If it is something else, or too large.
    """
    if not isinstance(data, str):
        raise UserError(Sentence("said.bad_upload"))
    start = data.find(",", 0, 256) + 1  # behind the head of a data URL, if there is one
    if (len(data) - start) // 4 > MAX_FILE_BYTES // 3 + 1:
        raise _too_large()
    try:
        content = base64.b64decode(data[start:], validate=True)
    except (binascii.Error, ValueError):
        raise UserError(Sentence("said.bad_upload")) from None
    if len(content) > MAX_FILE_BYTES:
        raise _too_large()
    return content


def _too_large() -> UserError:
    megabytes = round(MAX_FILE_BYTES / 2**20)
    return UserError(Sentence("said.upload_too_large", megabytes=megabytes), "too-large")
