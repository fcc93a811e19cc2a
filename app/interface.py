"""The page as a whole: the canvas with its tools on the left, what the model does on the right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps

import gradio as gr
from gradio.components import Component

from app import texts
from app.answers import Answer
from app.api import bind_api
from app.canvas.canvas import Canvas
from app.controls import Controls
from app.events import Answers, bind
from app.handlers import Handlers
from app.menu import ModelMenu
from app.panels.advanced import AdvancedPanel, advanced_panel
from app.panels.gallery import gallery_panel
from app.panels.header import header
from app.panels.make import MakePanel, class_list, make_panel
from app.panels.models import models_panel
from app.panels.outpaint import OutpaintPanel, outpaint_panel
from app.panels.tour import tour_panel


@dataclass(frozen=True)
class Layout:
    """Everything on the page that events concern."""

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


def build_interface(handlers: Handlers, menu: ModelMenu) -> gr.Blocks:
    """Lay out the page and connect its events."""
    info = handlers.info
    with gr.Blocks(title=texts.TITLE, analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_id="top"):
            header()
            tour = tour_panel(_about_demonstrations(handlers))
            models = models_panel(menu.default, _about_models(menu))
        with gr.Row(elem_id="studio"):
            with gr.Column(scale=1, elem_id="stage"):
                about = _about_pictures(handlers)
                canvas = Canvas(info.grid, info.image_size, class_list(info), about)
            with gr.Column(scale=0, min_width=320, elem_id="side"):
                layout = Layout(
                    models=models,
                    tour=tour,
                    canvas=canvas,
                    make=make_panel(info, handlers.class_for("")),
                    outpaint=outpaint_panel(),
                    advanced=advanced_panel(info),
                    gallery=gallery_panel(handlers.examples),
                    last_run=gr.State(None),
                )
        bind_api(handlers)  # first, so that its names are as they are documented
        bind(layout, handlers, menu)
    return page


def _about_pictures(handlers: Handlers) -> list[Answers]:
    walk = handlers.walk
    about_pictures = (
        handlers.open_picture, handlers.open_example, handlers.has_picture, handlers.recipes.recipe,
        handlers.projects.project, handlers.service.plan,
    )  # fmt: skip
    about_states = (
        walk.start, walk.step, walk.look, walk.maps, walk.inspect, walk.steer, walk.vary,
        walk.sketch, walk.finish,
        walk.reconstruct, walk.film, walk.trace,
    )  # fmt: skip
    return [_function(ask) for ask in (*about_pictures, *about_states)]


def _about_demonstrations(handlers: Handlers) -> list[Answers]:
    walk = handlers.walk
    return [_function(ask) for ask in (walk.start, walk.step, walk.look, walk.reconstruct)]


def _about_models(menu: ModelMenu) -> list[Answers]:
    asks = (menu.list_models, menu.download_model, menu.cancel_download, menu.load_model)
    return [_function(ask) for ask in asks]


def _function(method: Answers) -> Answers:
    """Make a server function of a method; Gradio marks it, which methods do not allow."""

    @wraps(method)
    def function(request: object) -> Answer:
        return method(request)

    return function
