"""One line that says what this is."""

from __future__ import annotations

import gradio as gr

from app.words import Words

TITLE = "MaskGIT Studio"


def header(words: Words) -> gr.HTML:
    """Lay out the header."""
    template = f"<header><h1>{TITLE}</h1><p>{{page.tagline}}</p></header>"
    return gr.HTML(
        html_template=words.markup(template),
        js_on_load=None,
        elem_id="header",
    )
