"""The questions of the canvas as named endpoints, for scripts: `Client(url).predict({...}, ...)`.

Each takes one object and answers with one; docs/api.md describes them, `app.walk` answers. All
else on the page is private.
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
    walk = handlers.walk
    methods = (
        walk.start, walk.step, walk.look, walk.maps, walk.inspect, walk.steer, walk.finish,
        walk.reconstruct, walk.film, walk.trace, handlers.open_picture, handlers.open_example,
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
