"""Make the picture larger: pixels to add on each side, by arrows or by number."""

from __future__ import annotations

import json
from typing import NamedTuple

import gradio as gr

from app.controls import MAX_ADDED_PX
from app.words import Words

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


def outpaint_panel(words: Words) -> OutpaintPanel:
    """Lay out the panel, folded."""
    heading = words("outpaint.heading")
    with gr.Accordion(heading, open=False, elem_id="outpaint", elem_classes="card") as panel:
        with gr.Row(elem_classes="tight"):
            quick = {
                side: gr.Button(
                    words(f"outpaint.add_{side}"),
                    size="sm",
                    min_width=60,
                    elem_id=f"add-{side}",
                )
                for side in ("left", "right", "top", "bottom", "around", "none")
            }
        with gr.Row(elem_classes="tight"):
            left, top, right, bottom = (
                gr.Number(
                    value=0,
                    precision=0,
                    minimum=0,
                    maximum=MAX_ADDED_PX,
                    label=words(f"outpaint.{side}"),
                    min_width=60,
                    elem_id=f"outpaint-{side}",
                )
                for side in ("left", "top", "right", "bottom")
            )
        run = gr.Button(words("outpaint.run"), elem_id="outpaint-run")
    return OutpaintPanel(panel, left, top, right, bottom, quick, run)
