"""Named endpoints for programs: `Client(url).predict({...}, api_name="/edit")`.

Each takes one object and answers with one; docs/api.md describes them. `app.service` makes whole
edits, `app.walk` goes through one as the canvas does. All else on the page is private.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from gradio.events import api

from app import service, walk
from app.answers import Answer
from app.handlers import Handlers


def bind_api(handlers: Handlers) -> None:
    """Name the endpoints; to be called while the page is laid out."""
    whole, steps = handlers.service, handlers.walk
    _bind("edits", service.AT_ONCE, whole.generate, whole.edit, whole.outpaint)
    _bind(
        "api", walk.AT_ONCE,
        steps.start, steps.step, steps.look, steps.maps, steps.inspect, steps.steer, steps.vary,
        steps.finish,
        steps.film, steps.trace, whole.plan, whole.classes, whole.models,
        handlers.reconstruct, handlers.open_picture, handlers.open_example,
    )  # fmt: skip


def _bind(queue: str, at_once: int, *methods: Callable[[object], Answer]) -> None:
    """Name endpoints that wait for each other, but not for those of another queue."""
    for method in methods:
        api(
            _endpoint(method),
            api_name=method.__name__,
            api_description=method.__doc__,
            concurrency_id=queue,
            concurrency_limit=at_once,
        )


def _endpoint(method: Callable[[object], Answer]) -> Callable[..., dict[str, Any]]:
    """Make a function whose types say what Gradio must know: an object in, an object out."""

    @wraps(method)
    def endpoint(request: dict) -> dict:
        return method(request)

    endpoint.__annotations__ = {"request": dict, "return": dict}
    del endpoint.__wrapped__
    return endpoint
