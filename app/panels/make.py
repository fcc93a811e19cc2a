"""What the model does: the class, the buttons, how many variations, which seed, how it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from app.canvas.drawing import NO_CLASS_ID
from app.controls import COUNTS, MAX_SEED
from app.models import ClassChoice, ModelInfo
from app.words import Words

HERE = Path(__file__).parent
MIN_SYNONYM_LETTERS = 2

# The template is constant and the sentence goes in as text: Gradio would run a template's braces.
# It is not announced: the canvas says the same sentence to screen readers.
STATUS_TEMPLATE = "<p></p>"
STATUS_SCRIPT = """
const show = () => { element.querySelector('p').textContent = props.value || ''; };
watch('value', show);
show();
"""


class MakePanel(NamedTuple):
    """Components of the panel."""

    label: gr.Dropdown
    fill: gr.Button
    generate: gr.Button
    borrow: gr.Checkbox
    stop: gr.Button
    variations: gr.Radio
    seed: gr.Number
    randomise: gr.Checkbox
    next_seed: gr.Button
    status: gr.HTML


def make_panel(info: ModelInfo, label: int | None, words: Words) -> MakePanel:
    """Lay out the panel.

    Args:
        info: The loaded model.
        label: Id of the class to begin with.
        words: What it says.
    """
    choices = class_choices(info, words)
    with gr.Column(elem_id="make", elem_classes="card"):
        picker = gr.Dropdown(
            choices=choices,
            value=choices[0][1] if label is None else label,
            label=words("make.class"),
            info=words("make.class_info"),
            elem_id="class",
            interactive=True,
        )
        # The canvas draws the swatches of further classes there: it owns what is painted.
        place = (HERE / "classes.html").read_text(encoding="utf-8")
        gr.HTML(value=words.markup(place), elem_id="further-classes")
        fill = gr.Button(words("make.fill"), variant="primary", size="lg", elem_id="fill")
        with gr.Row(elem_id="others"):
            generate = gr.Button(words("make.generate"), min_width=90, elem_id="generate")
            stop = gr.Button(
                words("make.stop"), variant="stop", min_width=70, interactive=False, elem_id="stop"
            )
        borrow = gr.Checkbox(
            info.borrows,
            label=words("make.borrow"),
            info=words("make.borrow_info"),
            elem_id="borrow",
        )
        variations = gr.Radio(
            list(COUNTS), value=COUNTS[0], label=words("make.variations"), elem_id="variations"
        )
        with gr.Row(elem_id="seeds"):
            seed = gr.Number(
                0,
                precision=0,
                minimum=0,
                maximum=MAX_SEED,
                label=words("make.seed"),
                min_width=110,
                elem_id="seed",
            )
            next_seed = gr.Button(
                words("make.next_seed"), size="sm", min_width=90, elem_id="next-seed"
            )
        randomise = gr.Checkbox(
            True,
            label=words("make.randomise"),
            info=words("make.randomise_info"),
            elem_id="randomise",
        )
        status = gr.HTML(
            value=words("make.ready"),
            html_template=STATUS_TEMPLATE,
            js_on_load=STATUS_SCRIPT,
            elem_id="status",
        )
    return MakePanel(
        picker, fill, generate, borrow, stop, variations, seed, randomise, next_seed, status
    )


def class_choices(info: ModelInfo, words: Words) -> list[tuple[str, int]]:
    """List the classes as the picker shows them: name, synonyms and number, all of it searched."""
    named = sorted(info.classes, key=lambda choice: choice.name.casefold())
    choices = [(class_text(choice), choice.id) for choice in named]
    return [(words("make.no_class"), NO_CLASS_ID), *choices] if info.has_no_class else choices


def class_list(info: ModelInfo) -> str:
    """Write the classes for the canvas: JSON, pairs of id and name, which it has for no class."""
    named = sorted(info.classes, key=lambda choice: choice.name.casefold())
    pairs = [[choice.id, choice.name] for choice in named]
    return json.dumps([*pairs, [NO_CLASS_ID, ""]] if info.has_no_class else pairs)


def of_model(info: ModelInfo) -> dict[str, Any]:
    """Give what the canvas must know about a model."""
    strength = info.stand_out and [info.defaults.guidance_scale, info.stand_out]
    return {
        "grid": info.grid,
        "resolution": info.image_size,
        "classes": class_list(info),
        "stand_out": json.dumps(strength),
    }


def class_text(choice: ClassChoice) -> str:
    """Show one class."""
    synonyms = ", ".join(s for s in choice.synonyms if len(s) >= MIN_SYNONYM_LETTERS)
    return " · ".join(part for part in (choice.name, synonyms, str(choice.id)) if part)
