"""The guided tour: how masked decoding works, in short stops on the real page.

Every word is under `tour` in `app/words/`, by the names of the stops; `main.js` says in which order
to read the scripts. The tour runs the model beside the person's picture and never touches it.
Event: `ask`, upon which the value is to become what is chosen on the page, see `SITUATION`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from app.words import Words

HERE = Path(__file__).parent
CANVAS = HERE.parents[1] / "canvas"
SCRIPTS = (
    CANVAS / "cells.js",
    CANVAS / "pixels.js",
    *(
        HERE / f"{name}.js"
        for name in (
            "words", "stops", "page", "spotlight", "asking", "plates", "demos", "race", "main",
        )
    ),
)  # fmt: skip

# Answers the event: the model, the class (null for none) and the drawing, as text.
SITUATION = """(model, label, drawing) => JSON.stringify({
  model, drawing, label: label === -1 ? null : label, at: performance.now(),
})"""


def tour_panel(server_functions: list[Callable[..., Any]], words: Words) -> gr.HTML:
    """Lay out the button and the card of the tour.

    Args:
        server_functions: `start`, `step`, `look` and `reconstruct`.
        words: What it says.
    """
    said = {"language": words.code, **words.part("tour")}
    return gr.HTML(
        value=None,
        html_template=(HERE / "tour.html").read_text(encoding="utf-8"),
        js_on_load="\n".join(_script(path) for path in SCRIPTS),
        head=f"<style>{(HERE / 'tour.css').read_text(encoding='utf-8')}</style>",
        apply_default_css=False,
        elem_id="tour",
        server_functions=server_functions,
        words=json.dumps(said),
    )


def _script(path: Path) -> str:
    """Read a script; the comment names the file, so that an error's line can be found."""
    return f"// ---- {path.name}\n{path.read_text(encoding='utf-8')}"
