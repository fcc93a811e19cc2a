"""The schedule as a curve whose points can be dragged, below the list of schedules by name.

The value is the schedule as the engine reads it; `schedule.js` says what the browser does. Event:
`draw`, when somebody has moved a point.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

from app.models import ModelInfo
from app.words import Words

HERE = Path(__file__).parent


def schedule_choices(info: ModelInfo, words: Words) -> list[tuple[str, str]]:
    """List the schedules by name, as people read them and as the engine does."""
    names = words.part("advanced.schedules")
    return [(names.get(name, name), name) for name in info.schedules]


def schedule_editor(info: ModelInfo, words: Words) -> gr.HTML:
    """Lay out the curve."""
    return gr.HTML(
        value=info.defaults.schedule,
        html_template=_read("schedule.html"),
        js_on_load=_script(info, words),
        head=f"<style>{_read('schedule.css')}</style>",
        apply_default_css=False,
        elem_id="schedule-curve",
    )


def drawn_script(info: ModelInfo, words: Words) -> str:
    """Write how a drawn schedule is chosen in the list: in words, not as its numbers."""
    choices = json.dumps(schedule_choices(info, words))
    own = json.dumps(words("schedule.own"))
    return f"(value) => ({{ __type__: 'update', value, choices: [...{choices}, [{own}, value]] }})"


def _script(info: ModelInfo, words: Words) -> str:
    """Join what the curve knows and what it does.

    Not as further props: a value that arrives while the panel is being unfolded for the first time
    would leave the script without them (Gradio 6).
    """
    known = f"const curves = {json.dumps(dict(info.curves))};"
    return f"{known}\n{words.script('schedule')}\n{_read('schedule.js')}"


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
