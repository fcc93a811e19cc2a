"""Files that come as text."""

from __future__ import annotations

import base64
import binascii

from app import texts
from app.errors import UserError

MAX_UPLOAD_BYTES = 32 * 2**20  # as base64, which is what arrives


def read_upload(data: object) -> bytes:
    """Take the bytes of a file that came as base64, bare or as a data URL.

    Raises:
        UserError: If it is something else, or too large.
    """
    if not isinstance(data, str):
        raise UserError(texts.BAD_UPLOAD)
    if len(data) > MAX_UPLOAD_BYTES:
        megabytes = MAX_UPLOAD_BYTES * 0.75 / 2**20
        raise UserError(texts.UPLOAD_TOO_LARGE.format(megabytes=megabytes), "too-large")
    try:
        return base64.b64decode(data.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise UserError(texts.BAD_UPLOAD) from None
