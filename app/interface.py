"""The page as a whole: the canvas with its tools on the left, what the model does on the right.

There is one page for each language, with the same parts and the same handlers behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps

import gradio as gr
from gradio.components import Component

from app.answers import Answer
from app.api import bind_api
from app.canvas.canvas import Canvas
from app.controls import Controls
from app.events import Answers, bind
from app.handlers import Handlers
from app.menu import ModelMenu
from app.panels.advanced import AdvancedPanel, advanced_panel
from app.panels.gallery import gallery_panel
from app.panels.header import TITLE, header
from app.panels.language import language_panel
from app.panels.make import MakePanel, make_panel, of_model
from app.panels.models import models_panel
from app.panels.outpaint import OutpaintPanel, outpaint_panel
from app.panels.tour import tour_panel
from app.words import FIRST, LANGUAGES, Words


@dataclass(frozen=True)
class Layout:
    """Everything on the page that events concern, and the language that it is in."""

    words: Words
    models: gr.HTML
    tour: gr.HTML
    canvas: Canvas
    make: MakePanel
    outpaint: OutpaintPanel
    advanced: AdvancedPanel
    gallery: gr.HTML
    last_run: gr.State

    def controls(self) -> list[Component]:
        """List the components whose values are `Controls`, in its order."""
        panels = (self.make, self.outpaint, self.advanced)
        named = {name: part for panel in panels for name, part in panel._asdict().items()}
        return [{"model": self.models, **named}[name] for name in Controls._fields]


def build_interface(handlers: Handlers, menu: ModelMenu, language: str = FIRST) -> gr.Blocks:
    """Lay out the pages and connect their events.

    Args:
        handlers: What happens upon them.
        menu: Of the models.
        language: Code of the one at the root; the others are below it, by their codes.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        bind_api(handlers)  # first, so that its names are as they are documented
        bind(_lay_out(handlers, menu, LANGUAGES[language]), handlers, menu)
    for code, words in LANGUAGES.items():
        if code != language:
            with page.route(words.name, code):
                bind(_lay_out(handlers, menu, words), handlers, menu)
    return page


def _lay_out(handlers: Handlers, menu: ModelMenu, words: Words) -> Layout:
    """Lay out a page in one language.

    Args:
        handlers: Which know the model, the examples and the answers.
        menu: Of the models.
        words: The language.
    """
    info = handlers.info
    with gr.Row(elem_id="top"):
        header(words)
        language_panel(words)
        tour = tour_panel(_functions(words, *_about_demonstrations(handlers)), words)
        models = models_panel(menu.default, _functions(words, *_about_models(menu)), words)
    with gr.Row(elem_id="studio"):
        with gr.Column(scale=1, elem_id="stage"):
            answers = _functions(words, *_about_pictures(handlers))
            canvas = Canvas(**of_model(info), server_functions=answers, language=words.code)
        with gr.Column(scale=0, min_width=320, elem_id="side"):
            return Layout(
                words=words,
                models=models,
                tour=tour,
                canvas=canvas,
                make=make_panel(info, handlers.class_for(""), words),
                outpaint=outpaint_panel(words),
                advanced=advanced_panel(info, words),
                gallery=gallery_panel(handlers.examples, words),
                last_run=gr.State(None),
            )


def _about_pictures(handlers: Handlers) -> list[Answers]:
    walk = handlers.walk
    about_pictures = (
        handlers.open_picture, handlers.open_example, handlers.has_picture, handlers.recipes.recipe,
        handlers.projects.project, handlers.service.plan, handlers.missed.missed,
    )  # fmt: skip
    about_states = (
        walk.start, walk.step, walk.look, walk.maps, walk.inspect, walk.steer, walk.vary,
        walk.sketch, walk.finish,
        walk.reconstruct, walk.film, walk.trace,
    )  # fmt: skip
    return [*about_pictures, *about_states]


def _about_demonstrations(handlers: Handlers) -> list[Answers]:
    walk = handlers.walk
    return [walk.start, walk.step, walk.look, walk.reconstruct]


def _about_models(menu: ModelMenu) -> list[Answers]:
    return [menu.list_models, menu.download_model, menu.cancel_download, menu.load_model]


def _functions(words: Words, *methods: Answers) -> list[Answers]:
    """Make server functions of methods, which answer in a language.

    Gradio marks a server function, which methods do not allow.
    """

    def function(method: Answers) -> Answers:
        @wraps(method)
        def answer(request: object) -> Answer:
            return words.say(method(request))

        return answer

    return [function(method) for method in methods]
