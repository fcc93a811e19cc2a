"""What the model does: the class, the buttons, how many variations, which seed, how it goes."""

from __future__ import annotations

import json
from typing import NamedTuple

import gradio as gr

from app import texts
from app.controls import COUNTS, MAX_SEED, NO_CLASS_ID
from app.models import ClassChoice, ModelInfo

MIN_SYNONYM_LETTERS = 2

# The template is constant and the sentence goes in as text: Gradio would run a template's braces.
# It is not announced: the canvas says the same sentence to screen readers.
STATUS_TEMPLATE = "<p></p>"
STATUS_SCRIPT = """
const show = () => { element.querySelector('p').textContent = props.value || ''; };
watch('value', show);
show();
"""

# The canvas draws the swatches of further classes here: it owns what is painted.
CLASSES_PLACE = '<div id="classes" class="mgs-classes" role="group" aria-label="Classes"></div>'


class MakePanel(NamedTuple):
    """Components of the panel."""

    label: gr.Dropdown
    fill: gr.Button
    generate: gr.Button
    stop: gr.Button
    variations: gr.Radio
    seed: gr.Number
    randomise: gr.Checkbox
    next_seed: gr.Button
    status: gr.HTML


def make_panel(info: ModelInfo, label: int | None) -> MakePanel:
    """Lay out the panel.

    Args:
        info: The loaded model.
        label: Id of the class to begin with.
    """
    choices = class_choices(info)
    with gr.Column(elem_id="make", elem_classes="card"):
        picker = gr.Dropdown(
            choices=choices,
            value=choices[0][1] if label is None else label,
            label=texts.CLASS,
            info=texts.CLASS_INFO,
            elem_id="class",
            interactive=True,
        )
        gr.HTML(value=CLASSES_PLACE, elem_id="further-classes")
        fill = gr.Button(texts.FILL, variant="primary", size="lg", elem_id="fill")
        with gr.Row(elem_id="others"):
            generate = gr.Button(texts.GENERATE, min_width=90, elem_id="generate")
            stop = gr.Button(
                texts.STOP, variant="stop", min_width=70, interactive=False, elem_id="stop"
            )
        variations = gr.Radio(
            list(COUNTS), value=COUNTS[0], label=texts.VARIATIONS, elem_id="variations"
        )
        with gr.Row(elem_id="seeds"):
            seed = gr.Number(
                0, precision=0, minimum=0, maximum=MAX_SEED, label=texts.SEED, min_width=110,
                elem_id="seed",
            )  # fmt: skip
            next_seed = gr.Button(texts.NEXT_SEED, size="sm", min_width=90, elem_id="next-seed")
        randomise = gr.Checkbox(
            True, label=texts.RANDOMISE, info=texts.RANDOMISE_INFO, elem_id="randomise"
        )
        status = gr.HTML(
            value=texts.READY,
            html_template=STATUS_TEMPLATE,
            js_on_load=STATUS_SCRIPT,
            elem_id="status",
        )
    return MakePanel(picker, fill, generate, stop, variations, seed, randomise, next_seed, status)


def class_choices(info: ModelInfo) -> list[tuple[str, int]]:
    """List the classes as the picker shows them: name, synonyms and number, all of it searched."""
    named = sorted(info.classes, key=lambda choice: choice.name.casefold())
    choices = [(class_text(choice), choice.id) for choice in named]
    return [(texts.NO_CLASS, NO_CLASS_ID), *choices] if info.has_no_class else choices


def class_list(info: ModelInfo) -> str:
    """Write the classes for the canvas: JSON, pairs of id and name."""
    named = sorted(info.classes, key=lambda choice: choice.name.casefold())
    return json.dumps([[choice.id, choice.name] for choice in named])


def class_text(choice: ClassChoice) -> str:
    """Show one class."""
    synonyms = ", ".join(s for s in choice.synonyms if len(s) >= MIN_SYNONYM_LETTERS)
    return " · ".join(part for part in (choice.name, synonyms, str(choice.id)) if part)
