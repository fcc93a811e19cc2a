"""How the model decodes; its values are the model's own, also when another is chosen."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from app import texts
from app.controls import (
    FEATHER,
    MAX_FEATHER,
    MAX_GUIDANCE,
    MAX_STEPS,
    MAX_TEMPERATURE,
    MIN_TOP_P,
)
from app.models import ModelInfo
from app.panels.schedule import schedule_choices, schedule_editor


class AdvancedPanel(NamedTuple):
    """Components of the panel; the names are those of `app.controls.Controls`.

    `curve` is no control: it shows the schedule, and what is drawn on it is chosen there. Nor is
    `for_new`, a sentence.
    """

    steps: gr.Slider
    schedule: gr.Dropdown
    curve: gr.HTML
    temperature: gr.Slider
    choice_temperature: gr.Slider
    top_k: gr.Number
    top_p: gr.Slider
    guidance_scale: gr.Slider
    reveal: gr.Dropdown
    previews: gr.Checkbox
    feather: gr.Slider
    refine: gr.Checkbox
    for_new: gr.Markdown


def advanced_panel(info: ModelInfo) -> AdvancedPanel:
    """Lay out the panel, folded."""
    start = info.defaults
    rules = [(texts.REVEAL_NAMES.get(name, name), name) for name in info.reveal_rules]
    with gr.Accordion(texts.ADVANCED, open=False, elem_id="advanced", elem_classes="card"):
        for_new = gr.Markdown(texts.FOR_NEW, visible=info.for_new is not None, elem_id="for-new")
        steps = gr.Slider(
            1, MAX_STEPS, start.steps, step=1, label=texts.STEPS, info=texts.STEPS_INFO,
            elem_id="steps",
        )  # fmt: skip
        temperature = gr.Slider(
            0, MAX_TEMPERATURE, start.temperature, step=0.05, label=texts.TEMPERATURE,
            info=texts.TEMPERATURE_INFO, elem_id="temperature",
        )  # fmt: skip
        choice_temperature = gr.Slider(
            0, 20, start.choice_temperature, step=0.1, label=texts.CHOICE_TEMPERATURE,
            info=texts.CHOICE_TEMPERATURE_INFO, elem_id="choice-temperature",
        )  # fmt: skip
        guidance_scale = gr.Slider(
            0, MAX_GUIDANCE, start.guidance_scale, step=0.1, label=texts.GUIDANCE,
            info=texts.GUIDANCE_INFO, visible=info.has_no_class, elem_id="guidance",
        )  # fmt: skip
        schedule = gr.Dropdown(
            schedule_choices(info), value=start.schedule, label=texts.SCHEDULE,
            info=texts.SCHEDULE_INFO, allow_custom_value=True, elem_id="schedule",
        )  # fmt: skip
        curve = schedule_editor(info)
        reveal = gr.Dropdown(
            rules, value=start.reveal, label=texts.REVEAL, info=texts.REVEAL_INFO, elem_id="reveal"
        )
        with gr.Row(elem_classes="tight"):
            top_k = gr.Number(
                start.top_k, precision=0, minimum=0, maximum=info.codebook_size,
                label=texts.TOP_K, info=texts.TOP_K_INFO, min_width=120, elem_id="top-k",
            )  # fmt: skip
            top_p = gr.Slider(
                MIN_TOP_P, 1, start.top_p, step=0.01, label=texts.TOP_P, info=texts.TOP_P_INFO,
                min_width=120, elem_id="top-p",
            )  # fmt: skip
        feather = gr.Slider(
            0, MAX_FEATHER, FEATHER, step=0.1, label=texts.FEATHER, info=texts.FEATHER_INFO,
            elem_id="feather",
        )  # fmt: skip
        previews = gr.Checkbox(
            True, label=texts.PREVIEWS, info=texts.PREVIEWS_INFO, elem_id="previews"
        )
        refine = gr.Checkbox(True, label=texts.REFINE, info=texts.REFINE_INFO, elem_id="refine")
    return AdvancedPanel(
        steps, schedule, curve, temperature, choice_temperature, top_k, top_p, guidance_scale,
        reveal, previews, feather, refine, for_new,
    )  # fmt: skip


def advanced_updates(info: ModelInfo) -> dict[str, Any]:
    """Say what changes in the panel when a model is chosen, by the names of its components."""
    start = info.defaults
    return {
        "steps": start.steps,
        "schedule": start.schedule,
        "temperature": start.temperature,
        "choice_temperature": start.choice_temperature,
        "top_k": gr.Number(start.top_k, maximum=info.codebook_size),
        "top_p": start.top_p,
        "guidance_scale": gr.Slider(value=start.guidance_scale, visible=info.has_no_class),
        "reveal": start.reveal,
        "for_new": gr.Markdown(visible=info.for_new is not None),
    }
