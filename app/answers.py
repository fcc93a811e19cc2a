"""How a server function answers: with JSON, always, and in its turn.

The canvas, the menu of models and scripts ask with one object and get one:
`{"ok": true, ...}` or `{"ok": false, "error": {"code", "message"}}`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from app.errors import UserError
from app.words import Sentence

log = logging.getLogger(__name__)

Answer: TypeAlias = dict[str, Any]


def fields(request: object) -> dict[str, Any]:
    """Take the one object a server function gets; nothing where it is none."""
    request = unwrapped(request)
    return request if isinstance(request, dict) else {}


def unwrapped(request: object) -> object:
    """Take what a server function gets; Gradio may wrap it into a list."""
    return request[0] if isinstance(request, list) and len(request) == 1 else request


def answer_in_turn(
    places: threading.BoundedSemaphore, patience_s: float, action: Callable[[], Answer]
) -> Answer:
    """Run a server function when one of its places is free; they have no queue of their own."""
    if not places.acquire(timeout=patience_s):
        return {"ok": False, "error": UserError(Sentence("said.busy"), "busy").as_message()}
    try:
        return answer(action)
    finally:
        places.release()


def answer(action: Callable[[], Answer]) -> Answer:
    """Run a server function: trouble is an answer, never a traceback."""
    try:
        return {"ok": True, **action()}
    except UserError as error:
        return {"ok": False, "error": error.as_message()}
    except Exception:
        log.exception("A server function failed")
        return {"ok": False, "error": UserError(Sentence("said.fault"), "fault").as_message()}
