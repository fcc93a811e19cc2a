"""Let the canvas hear before Gradio does that the page is about to be left.

At `beforeunload` Gradio closes its connections, also if the person then decides to stay: a run
would never answer again. Listeners of the window are called in the order in which they came, so the
first one is written into the page itself; it asks the canvas (`studioLeaving` in main.js), which
keeps the event from Gradio while something would be lost.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import BaseLoader, Environment

PAGE = "frontend/index.html"
SCRIPT = """
<script>addEventListener("beforeunload", (event) => window.studioLeaving?.(event));</script>"""


class FirstListener(BaseLoader):
    """Gives another loader's templates, with the listener at the beginning of Gradio's page."""

    def __init__(self, loader: BaseLoader) -> None:
        self.loader = loader

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Give the source of a template, where it is, and whether that still holds."""
        source, place, is_current = self.loader.get_source(environment, template)
        if template == PAGE:
            source = source.replace("<head>", f"<head>{SCRIPT}", 1)
        return source, place, is_current


def hear_first() -> None:
    """Write the listener into every page that is served from now on."""
    from gradio.routes import templates

    loader = templates.env.loader
    if loader is not None and not isinstance(loader, FirstListener):
        templates.env.loader = FirstListener(loader)
