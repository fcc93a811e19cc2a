"""Recently used pictures, found by a hash of their pixels.

Nothing else about a person is kept: whoever has not seen a picture cannot ask for it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np

from app.runs import Picture

STORE_BYTES = 512 * 2**20


class PictureStore:
    """Pictures by a hash of their size and pixels; the least recently used is forgotten first."""

    def __init__(self, max_bytes: int = STORE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, picture: Picture) -> str:
        """Keep a picture and return its id, always the same for the same pixels.

        A picture that can be written to is copied; hand over a read-only one if it is large.
        """
        if picture.flags.writeable or not (picture.flags.owndata and picture.flags.c_contiguous):
            picture = np.array(picture, order="C")  # a copy of our own, that nobody can change
            picture.flags.writeable = False
        digest = hashlib.sha256(f"{picture.shape[1]}x{picture.shape[0]}".encode())
        digest.update(picture.data)
        picture_id = digest.hexdigest()[:32]
        with self._lock:
            if picture_id not in self._pictures:
                self._pictures[picture_id] = picture
                self._bytes += picture.nbytes
            self._pictures.move_to_end(picture_id)
            while self._bytes > self._max_bytes and len(self._pictures) > 1:
                _, oldest = self._pictures.popitem(last=False)
                self._bytes -= oldest.nbytes
        return picture_id

    def find(self, picture_id: str) -> Picture | None:
        """Return the picture, or None where it was never kept or has been forgotten."""
        with self._lock:
            if picture_id in self._pictures:
                self._pictures.move_to_end(picture_id)
            return self._pictures.get(picture_id)
