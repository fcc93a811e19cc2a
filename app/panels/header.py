"""One line that says what this is."""

from __future__ import annotations

import gradio as gr

from app import texts


def header() -> gr.HTML:
    """Lay out the header."""
    return gr.HTML(
        html_template=f"<header><h1>{texts.TITLE}</h1><p>{texts.TAGLINE}</p></header>",
        js_on_load=None,
        elem_id="header",
    )
