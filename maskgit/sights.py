"""What a model sees of pictures, kept while the pictures are there.

Somebody who edits asks about the same picture again and again: with another seed, another class,
ten times in a stroke that is imagined while it is painted. What does not depend on any of that is
made once. Only of pictures that nobody can write to, as another picture would look the same here.

What callers may rely on (tests/engine/test_sights.py):
    * Whether something is kept or made anew changes no answer, as long as nobody writes to a
      picture that was read-only.
    * Pictures are not kept alive, and what was seen of one goes with it; of the others, the least
      recently used go first.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np

T = TypeVar("T")

KEPT = 32  # a square of 256 px is 200 kB, its tokens 2 kB


class Sights:
    """Values that are made of a picture and something hashable; safe to share between threads."""

    def __init__(self, kept: int = KEPT) -> None:
        """Begin with nothing.

        Args:
            kept: Values at most.
        """
        self._most = kept
        self._lock = threading.RLock()  # a picture may go while this thread has it
        self._kept: OrderedDict[Hashable, tuple[weakref.ref[np.ndarray], object]] = OrderedDict()

    def of(self, picture: np.ndarray, about: Hashable, make: Callable[[], T]) -> T:
        """Give what `make` makes, from before if it was made of this very picture.

        Args:
            picture: Looked at as an object; remembered if it is read-only and owns its pixels.
            about: Says what of it.
            make: A function of these two alone; its result must not be changed by anybody.
        """
        if picture.flags.writeable or not picture.flags.owndata:
            return make()
        key = id(picture), about
        with self._lock:
            seen_of, value = self._kept.get(key, (None, None))
            if seen_of is not None and seen_of() is picture:  # not another one in its place
                self._kept.move_to_end(key)
                return value  # pyright: ignore[reportReturnType] # `about` says which kind it is
        value = make()

        def forget(gone: weakref.ref[np.ndarray]) -> None:
            with self._lock:
                if self._kept.get(key, (None, None))[0] is gone:
                    del self._kept[key]

        with self._lock:
            self._kept[key] = weakref.ref(picture, forget), value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value
