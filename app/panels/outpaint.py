"""Make the picture larger: pixels to add on each side, by arrows or by number."""

from __future__ import annotations

import json
from typing import NamedTuple

import gradio as gr

from app import texts
from app.controls import MAX_ADDED_PX

# Runs in the browser, so that a run started right after an arrow takes the new numbers.
SCRIPT = """(drawing, ...now) => {
  const to = %s;
  if (to === 'none') return [0, 0, 0, 0];
  const { width, height } = JSON.parse(drawing || '{}');
  const step = Math.floor((Math.min(width, height) || 256) / 4);
  return ['left', 'top', 'right', 'bottom'].map((side, index) => {
    const added = to === side || to === 'around' ? step : 0;
    return Math.min((now[index] || 0) + added, %d);
  });
}"""


class OutpaintPanel(NamedTuple):
    """Components of the panel; the quick buttons are named by the sides they add to."""

    panel: gr.Accordion
    left: gr.Number
    top: gr.Number
    right: gr.Number
    bottom: gr.Number
    quick: dict[str, gr.Button]
    run: gr.Button


def add_script(to: str) -> str:
    """Write what a quick button does: add a quarter of the picture's short side.

    Args:
        to: `left`, `top`, `right`, `bottom`, `around`, or `none` to take everything back.
    """
    return SCRIPT % (json.dumps(to), MAX_ADDED_PX)


def outpaint_panel() -> OutpaintPanel:
    """Lay out the panel, folded."""
    with gr.Accordion(texts.OUTPAINT, open=False, elem_id="outpaint", elem_classes="card") as panel:
        with gr.Row(elem_classes="tight"):
            quick = {
                side: gr.Button(text, size="sm", min_width=60, elem_id=f"add-{side}")
                for side, text in (
                    ("left", texts.ADD_LEFT),
                    ("right", texts.ADD_RIGHT),
                    ("top", texts.ADD_TOP),
                    ("bottom", texts.ADD_BOTTOM),
                    ("around", texts.ADD_AROUND),
                    ("none", texts.ADD_NONE),
                )
            }
        with gr.Row(elem_classes="tight"):
            left, top, right, bottom = (
                gr.Number(
                    value=0,
                    precision=0,
                    minimum=0,
                    maximum=MAX_ADDED_PX,
                    label=label,
                    min_width=60,
                    elem_id=f"outpaint-{label.lower()}",
                )
                for label in (texts.LEFT, texts.TOP, texts.RIGHT, texts.BOTTOM)
            )
        run = gr.Button(texts.OUTPAINT_RUN, elem_id="outpaint-run")
    return OutpaintPanel(panel, left, top, right, bottom, quick, run)
