"""The menu of models: which there are, what each is good for, and how to get it.

The value is the id of the model in use. It is an input of every run, and the only place where a
page's choice is kept; `models.js` says what the browser does. Event: `choose`, with the id of a
model that is ready to be used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from app.models import ModelEntry
from app.words import Words

HERE = Path(__file__).parent


def models_panel(
    first: ModelEntry, server_functions: list[Callable[..., Any]], words: Words
) -> gr.HTML:
    """Lay out the button and its dialog.

    Args:
        first: The model that a page begins with.
        server_functions: `list_models`, `download_model`, `cancel_download` and `load_model`; see
            `app.menu.ModelMenu`.
        words: What it says.
    """
    return gr.HTML(
        value=first.id,
        html_template=_read("models.html"),
        js_on_load=f"{words.script('models')}\n{_read('models.js')}",
        head=f"<style>{_read('models.css')}</style>",
        apply_default_css=False,
        elem_id="models",
        server_functions=server_functions,
        first={"id": first.id, "title": first.title},
    )


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
