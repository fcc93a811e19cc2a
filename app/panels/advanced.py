"""How the model decodes; its values are the model's own, also when another is chosen."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from app.controls import (
    FEATHER,
    KNOWN_CELLS,
    MAX_FEATHER,
    MAX_GUIDANCE,
    MAX_STEPS,
    MAX_TEMPERATURE,
    MIN_TOP_P,
)
from app.models import ModelInfo
from app.panels.schedule import schedule_choices, schedule_editor
from app.words import Words


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
    known_cells: gr.Dropdown
    previews: gr.Checkbox
    feather: gr.Slider
    refine: gr.Checkbox
    for_new: gr.Markdown


def advanced_panel(info: ModelInfo, words: Words) -> AdvancedPanel:
    """Lay out the panel, folded."""
    start = info.defaults
    rules = [(words.part("advanced.reveals").get(name, name), name) for name in info.reveal_rules]
    looks = [(words(f"advanced.looks.{name}"), name) for name in KNOWN_CELLS]
    with gr.Accordion(
        words("advanced.heading"), open=False, elem_id="advanced", elem_classes="card"
    ):
        for_new = gr.Markdown(
            words("advanced.for_new"), visible=info.for_new is not None, elem_id="for-new"
        )
        steps = gr.Slider(
            1,
            MAX_STEPS,
            start.steps,
            step=1,
            label=words("advanced.steps"),
            info=words("advanced.steps_info"),
            elem_id="steps",
        )
        temperature = gr.Slider(
            0,
            MAX_TEMPERATURE,
            start.temperature,
            step=0.05,
            label=words("advanced.temperature"),
            info=words("advanced.temperature_info"),
            elem_id="temperature",
        )
        choice_temperature = gr.Slider(
            0,
            20,
            start.choice_temperature,
            step=0.1,
            label=words("advanced.choice_temperature"),
            info=words("advanced.choice_temperature_info"),
            elem_id="choice-temperature",
        )
        guidance_scale = gr.Slider(
            0,
            MAX_GUIDANCE,
            start.guidance_scale,
            step=0.1,
            label=words("advanced.guidance"),
            info=words("advanced.guidance_info"),
            visible=info.has_no_class,
            elem_id="guidance",
        )
        schedule = gr.Dropdown(
            schedule_choices(info, words),
            value=start.schedule,
            label=words("advanced.schedule"),
            info=words("advanced.schedule_info"),
            allow_custom_value=True,
            elem_id="schedule",
        )
        curve = schedule_editor(info, words)
        reveal = gr.Dropdown(
            rules,
            value=start.reveal,
            label=words("advanced.reveal"),
            info=words("advanced.reveal_info"),
            elem_id="reveal",
        )
        top_k = gr.Number(
            start.top_k,
            precision=0,
            minimum=0,
            maximum=info.codebook_size,
            label=words("advanced.top_k"),
            info=words("advanced.top_k_info"),
            elem_id="top-k",
        )
        top_p = gr.Slider(
            MIN_TOP_P,
            1,
            start.top_p,
            step=0.01,
            label=words("advanced.top_p"),
            info=words("advanced.top_p_info"),
            elem_id="top-p",
        )
        feather = gr.Slider(
            0,
            MAX_FEATHER,
            FEATHER,
            step=0.1,
            label=words("advanced.feather"),
            info=words("advanced.feather_info"),
            elem_id="feather",
        )
        previews = gr.Checkbox(
            True,
            label=words("advanced.previews"),
            info=words("advanced.previews_info"),
            elem_id="previews",
        )
        refine = gr.Checkbox(
            True,
            label=words("advanced.refine"),
            info=words("advanced.refine_info"),
            elem_id="refine",
        )
        known_cells = gr.Dropdown(
            looks,
            value=start.known_cells,
            label=words("advanced.known_cells"),
            info=words("advanced.known_cells_info"),
            visible=info.looks_once,
            elem_id="known-cells",
        )
    return AdvancedPanel(
        steps,
        schedule,
        curve,
        temperature,
        choice_temperature,
        top_k,
        top_p,
        guidance_scale,
        reveal,
        known_cells,
        previews,
        feather,
        refine,
        for_new,
    )


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
        "known_cells": start.known_cells,
        "for_new": gr.Markdown(visible=info.for_new is not None),
    }
