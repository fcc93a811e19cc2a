"""One line that says what this is and which model is loaded."""

from __future__ import annotations

from html import escape

import gradio as gr

from app import texts
from app.runs import ModelInfo

BRACES = str.maketrans(dict.fromkeys("${}`\\", ""))  # Gradio would run them as a template


def header(info: ModelInfo) -> gr.HTML:
    """Lay out the header."""
    model = escape(texts.MODEL.format(name=info.name, classes=len(info.classes)))
    return gr.HTML(
        html_template=f"<header><h1>{texts.TITLE}</h1><p>{texts.TAGLINE}</p>"
        f"<p class='model'>{model.translate(BRACES)}</p></header>",
        js_on_load=None,
        elem_id="header",
    )
