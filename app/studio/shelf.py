"""Loaded models: the one used last, and others as long as they are small enough together.

Whoever holds a model keeps it in memory for as long as they work with it, whatever the shelf
forgets meanwhile; forgetting only means that it has to be loaded again next time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

KEPT_BYTES = 2 * 2**30  # of models that stay loaded beside the one used last


class Shelf(Generic[T]):
    """Things by name, loaded when they are asked for; safe to share between threads."""

    def __init__(
        self,
        load: Callable[[str], T],
        num_bytes: Callable[[str], int],
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """Begin with nothing.

        Args:
            load: Makes the thing of a name; what it raises reaches whoever asked.
            num_bytes: Says how much memory it takes, about.
            kept_bytes: How much others may take together beside the one used last.
        """
        self._load, self._num_bytes, self._kept_bytes = load, num_bytes, kept_bytes
        self._loaded: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def put(self, name: str, thing: T) -> None:
        """Add something that is loaded already."""
        with self._lock:
            self._loaded[name] = thing, self._num_bytes(name)

    def get(self, name: str) -> T:
        """Give the thing of this name; load it if need be.

        One is loaded at a time, so that memory holds no two that are new. Those that are loaded
        already can be had meanwhile.
        """
        if (found := self._find(name)) is not None:
            return found
        with self._loading:
            if (found := self._find(name)) is not None:  # whoever held the lock loaded it
                return found
            num_bytes = self._num_bytes(name)
            self._make_room()
            thing = self._load(name)
            with self._lock:
                self._loaded[name] = thing, num_bytes
            return thing

    def names(self) -> list[str]:
        """Name what is loaded, the one used last at the end."""
        with self._lock:
            return list(self._loaded)

    def _find(self, name: str) -> T | None:
        with self._lock:
            if name not in self._loaded:
                return None
            self._loaded.move_to_end(name)
            return self._loaded[name][0]

    def _make_room(self) -> None:
        """Forget the least recently used until the others fit, before memory is needed."""
        with self._lock:
            while sum(size for _, size in self._loaded.values()) > self._kept_bytes:
                self._loaded.popitem(last=False)
