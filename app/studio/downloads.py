"""Downloads in the background: each in a thread of its own, watched and called off by name.

They belong to the server, not to a page: whoever opens the menu sees them, and a page that is
closed does not end them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.errors import UserError
from app.words import Sentence

log = logging.getLogger(__name__)

MAX_RUNNING = 2

Tell: TypeAlias = Callable[[str, int, int], None]  # stage, bytes here, bytes in all
Fetch: TypeAlias = Callable[[str, Tell, Callable[[], bool]], None]


@dataclass(frozen=True)
class Download:
    """How a download stands.

    Attributes:
        stage: `waiting`, `downloading` or `converting`; `failed` once it has ended so.
        done: Bytes that are here.
        total: Bytes in all; 0 while that is not known.
        problem: Why it failed.
    """

    stage: str = "waiting"
    done: int = 0
    total: int = 0
    problem: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it still goes on."""
        return self.stage != "failed"


class Downloads:
    """Starts, watches and calls off downloads; safe to share between threads."""

    def __init__(self, fetch: Fetch) -> None:
        """Begin with none.

        Args:
            fetch: Fetches the thing of a name; told how far it is through its second argument,
                and asks its third whether to stop. Raises `UserError` if it cannot.
        """
        self._fetch = fetch
        self._lock = threading.Lock()
        self._known: dict[str, Download] = {}
        self._stops: dict[str, threading.Event] = {}  # of those that go on

    def find(self, name: str) -> Download | None:
        """Say how a download stands; None where there is none, or it is done."""
        with self._lock:
            return self._known.get(name)

    def start(self, name: str) -> None:
        """Start a download, unless it goes on already.

        Raises:
            UserError: If others go on.
        """
        stop = threading.Event()
        with self._lock:
            if name in self._stops:
                return
            if len(self._stops) >= MAX_RUNNING:
                raise UserError(Sentence("said.downloads_busy"), "busy")
            self._stops[name], self._known[name] = stop, Download()
        thread = threading.Thread(target=self._run, args=(name, stop), name=f"download {name}")
        thread.daemon = True  # a server that is stopped does not wait for it
        thread.start()

    def cancel(self, name: str) -> None:
        """Call a download off. It counts as ended at once; what it brought is kept."""
        with self._lock:
            if stop := self._stops.pop(name, None):
                stop.set()
                self._known.pop(name, None)

    def _run(self, name: str, stop: threading.Event) -> None:
        def tell(stage: str, done: int, total: int) -> None:
            self._note(name, stop, Download(stage, done, total))

        problem = ""
        try:
            self._fetch(name, tell, stop.is_set)
        except UserError as error:
            problem = error.sentence
        except Exception:
            log.exception("A download failed: %s", name)
            problem = Sentence("said.download_fault")
        with self._lock:
            if self._stops.get(name) is not stop:  # called off meanwhile
                return
            del self._stops[name]
            if problem:
                self._known[name] = replace(self._known[name], stage="failed", problem=problem)
            else:
                del self._known[name]

    def _note(self, name: str, stop: threading.Event, download: Download) -> None:
        with self._lock:
            if self._stops.get(name) is stop:
                self._known[name] = download
