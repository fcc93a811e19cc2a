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
MAX_SHARES = 33  # of a schedule that is drawn


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


def chosen_schedule(info: ModelInfo, value: str, words: Words) -> gr.Dropdown:
    """Show a schedule in the list: one of its names or, in words, one that somebody has drawn."""
    names = schedule_choices(info, words)
    known = [name for _, name in names]
    own = [] if value in known else [(words("schedule.own"), value)]
    return gr.Dropdown(choices=[*names, *own], value=value)


def drawn_script(info: ModelInfo, words: Words) -> str:
    """Write how a drawn schedule is chosen in the list: in words, not as its numbers."""
    choices = json.dumps(schedule_choices(info, words))
    own = json.dumps(words("schedule.own"))
    return f"(value) => ({{ __type__: 'update', value, choices: [...{choices}, [{own}, value]] }})"


def typed_script(info: ModelInfo, words: Words) -> str:
    """Write what follows a change of the list: the curve or, for what is no schedule, the list.

    The browser's half of what `app.controls` checks. Takes the list's value and the curve's; gives
    the curve's, the list's and what is said of it.
    """
    return f"""(text, shown) => {{
  const names = {json.dumps([name for _, name in schedule_choices(info, words)])};
  const shares = String(text).startsWith("custom:") ? text.slice(7).split(",") : [];
  const falls = shares.every((share, i) => share.trim() && (!i || +share <= +shares[i - 1]));
  const isWhole = +shares[0] === 1 && +shares.at(-1) === 0 && shares.length <= {MAX_SHARES};
  const asItIs = {{ __type__: "update" }};
  if (names.includes(text) || (isWhole && falls)) return [text, asItIs, asItIs];
  return [shown, {{ ...asItIs, value: shown }}, {json.dumps(words("schedule.unknown"))}];
}}"""


def _script(info: ModelInfo, words: Words) -> str:
    """Join what the curve knows and what it does.

    Not as further props: a value that arrives while the panel is being unfolded for the first time
    would leave the script without them (Gradio 6).
    """
    known = f"const curves = {json.dumps(dict(info.curves))};"
    return f"{known}\n{words.script('schedule')}\n{_read('schedule.js')}"


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
