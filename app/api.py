"""Named endpoints for programs: `Client(url).predict({...}, api_name="/edit")`.

Each takes one object and answers with one; docs/api.md describes them. `app.service` makes whole
edits, `app.walk` goes through one as the canvas does. All else on the page is private.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from gradio.events import api

from app.answers import Answer
from app.handlers import Handlers
from app.walk import AT_ONCE


def bind_api(handlers: Handlers) -> None:
    """Name the endpoints; to be called while the page is laid out."""
    walk, service = handlers.walk, handlers.service
    methods = (
        service.generate, service.edit, service.outpaint, service.classes, service.models,
        walk.start, walk.step, walk.look, walk.maps, walk.inspect, walk.steer, walk.finish,
        walk.film, walk.trace,
        handlers.reconstruct, handlers.open_picture, handlers.open_example,
    )  # fmt: skip
    for method in methods:
        api(
            _endpoint(method),
            api_name=method.__name__,
            api_description=method.__doc__,
            concurrency_id="api",
            concurrency_limit=AT_ONCE,
        )


def _endpoint(method: Callable[[object], Answer]) -> Callable[..., dict[str, Any]]:
    """Make a function whose types say what Gradio must know: an object in, an object out."""

    @wraps(method)
    def endpoint(request: dict) -> dict:
        return method(request)

    endpoint.__annotations__ = {"request": dict, "return": dict}
    del endpoint.__wrapped__
    return endpoint
