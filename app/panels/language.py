"""The menu of languages in the header, and what decides which language a visitor gets.

Every language has a page: the one that the server was started with at the root, the others below
it, for instance at `/de`. `choice.js` says who is sent where.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

from app.words import LANGUAGES, Words

HERE = Path(__file__).parent


def language_panel(words: Words) -> gr.HTML:
    """Lay out the menu on the page of a language."""
    return gr.HTML(
        html_template=words.markup(_read("language.html")),
        js_on_load=_read("language.js"),
        head=f"<style>{_read('language.css')}</style>",
        apply_default_css=False,
        elem_id="language",
        code=words.code,
        languages=[{"code": code, "name": each.name} for code, each in LANGUAGES.items()],
    )


def language_choice(at_root: str) -> str:
    """Write the script that is to run first on every page.

    Args:
        at_root: Code of the language whose page is at the root.
    """
    codes = [at_root, *(code for code in LANGUAGES if code != at_root)]
    script = f"const codes = {json.dumps(codes)};\n{_read('choice.js')}"
    return f"<script>(() => {{\n{script}}})();</script>"


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
