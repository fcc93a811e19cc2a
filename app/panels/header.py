"""One line that says what this is."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from app.words import Words

TITLE = "MaskGIT Studio"
HERE = Path(__file__).parent


def header(words: Words) -> gr.HTML:
    """Lay out the header."""
    return gr.HTML(
        html_template=words.markup((HERE / "header.html").read_text(encoding="utf-8")),
        js_on_load=None,
        elem_id="header",
    )
