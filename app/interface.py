"""The page as a whole: the canvas with its tools on the left, what the model does on the right."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app import texts
from app.canvas.canvas import Canvas
from app.controls import Controls
from app.events import Answers, bind
from app.handlers import Answer, Handlers
from app.panels.advanced import AdvancedPanel, advanced_panel
from app.panels.gallery import gallery_panel
from app.panels.header import header
from app.panels.make import MakePanel, make_panel
from app.panels.outpaint import OutpaintPanel, outpaint_panel


@dataclass(frozen=True)
class Layout:
    """Everything on the page that events concern."""

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
        return [named[name] for name in Controls._fields]


def build_interface(handlers: Handlers) -> gr.Blocks:
    """Lay out the page and connect its events."""
    info = handlers.info
    with gr.Blocks(title=texts.TITLE, analytics_enabled=False, fill_width=True) as page:
        header(info)
        with gr.Row(elem_id="studio"):
            with gr.Column(scale=1, elem_id="stage"):
                canvas = Canvas(info.grid, server_functions=_server_functions(handlers))
            with gr.Column(scale=0, min_width=320, elem_id="side"):
                layout = Layout(
                    canvas=canvas,
                    make=make_panel(info, handlers.class_for("")),
                    outpaint=outpaint_panel(),
                    advanced=advanced_panel(info),
                    gallery=gallery_panel(handlers.examples),
                    last_run=gr.State(None),
                )
        bind(layout, handlers)
    return page


def _server_functions(handlers: Handlers) -> list[Answers]:
    """Give the canvas its functions; Gradio marks them, which methods do not allow."""

    def open_picture(request: object) -> Answer:
        return handlers.open_picture(request)

    def open_example(request: object) -> Answer:
        return handlers.open_example(request)

    def has_picture(request: object) -> Answer:
        return handlers.has_picture(request)

    return [open_picture, open_example, has_picture]
