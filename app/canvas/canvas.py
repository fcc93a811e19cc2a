"""The Gradio side of the painting surface: one `gr.HTML` component made of constant files.

The browser owns the document (picture, mask, history); Python gets one small message per stroke
and sends frames of a run back. `canvas.html` is the markup, `canvas.css` the look, and the scripts
named in SCRIPTS are joined, in that order, into the function that Gradio calls once per mount.

Value (browser to Python): JSON, read by `drawing.read_drawing`; handlers get a `Drawing`.

Events, all but the last without data, to be used as `canvas.stroke(...)`:
    stroke  a stroke was finished, or the mask or picture changed by undo, redo, clear, a command
    open    a picture was opened (upload, drop, paste, example); nothing is painted on it yet
    retry   the server had forgotten the picture; it is uploaded again, so repeat the last run
    walk    a branch was opened: what was said about the last run is old
    sides   the frame of a larger picture was dragged; `window.studioSides` has what is to be added
    enlarge "Add these sides" was pressed on the canvas
    settle  a file was opened that says how the controls were; with data: {"controls": {...}}

Props (Python to browser), set by returning `gr.HTML(frame=...)` or `gr.HTML(command=...)`, always
as a JSON **string** (Gradio walks through objects key by key, which is slow for pictures):

    command = {"nonce": any new value, "do": ...}
        "open_example", "name"           open by `server.open_example`
        "load", "picture"                show a picture: {"id", "width", "height", "png": data URL}
        "blank", "width", "height"       start from nothing: a blank picture, all of it painted
        "paint_all" | "clear" | "invert" | "undo" | "redo" | "fit" | "download"
        "added"                          the sides were added: their frame goes
        "stop"                           leave the run: picture and mask are as before
        "status", "message", "error"     say a sentence in the canvas; error: true colours it

    frame, one per event of a run; every frame has "run" (an id, new for every run) and "kind":
        "start"    "steps", "window": [left, top, side] in picture pixels, "grid": tokens per side,
                   "open": hex of grid * grid bits, the tokens that may change
        "step"     the same and "step": 1..steps, "row": 0, "masked": hex of the tokens still
                   masked, "confidence": base64 of grid * grid bytes (255 = certain),
                   "revealed_at": list of int or base64 of int16 (-1 known, -2 masked),
                   "image": data URL of the window as the model sees it now
        "refining" "message": the finished fill is being written with finer texture
        "done"     "patches": [{"seed", "left", "top", "width", "height", "png": data URL}], the
                   changed part of each variation, lossless, transparent where nothing changed, with
                   "state" where there can be more like it; "picture_ids": id of each whole result;
                   "draft": of their recipe, opaque here (a patch may have its own); "message":
                   sentence; optional "trace": the list of all "step" frames, if none were sent
        "stopped"  "message"
        "error"    "message", "code"; with "unknown-picture" the canvas uploads the picture again
                   and fires `retry`
    Frames of a run that can be steered also have "state" and "tokens", and the first one "context":
    the browser keeps all states and goes on from any of them by server functions (see `app.scene`).
    A run that makes a new picture (generate, outpaint) has "size": [width, height] in every frame,
    and outpaint also "origin": [left, top], the old picture's place on the new one; its patches
    hold what is new.

    Gradio may merge two updates; with the last frame the page asks for what it has missed.
    After "stopped" or "error", and when frames stop coming for three minutes, further frames of
    that run are ignored; the same holds after "done".

    grid, resolution, classes and stand_out may be changed too, when another model is chosen: masks
    are carried to its lattice, after the run if there is one.

Server functions take one object and answer {"ok": true, ...} or {"ok": false, "error": {"code",
"message"}}: `open_picture({"name", "data": base64})` and `open_example({"name"})` answer with
"id", "width", "height", "png" (data URL of the colours; null if "has_file" was true and the file is
an ordinary photo), "alpha" (the same of the transparency, or null), "chunks" (base64: profile, EXIF
and DPI for PNG files), "note" (a sentence or ""); name "" is the example to begin with. A picture
that carries its recipe adds "recipe": {"words", "controls", "grid", "lens", "before", "mask"}.
`recipe({"draft", "seed", "picture"})` answers with "recipe"; `project({"document": text})`, the
words of a project, with "document", checked (`app.projects`).
`has_picture({"id"})` answers with "known", `plan({"model", "width", "height", "left", ...})` with
"width", "height" and "windows" of a larger picture, `missed({"run", "seen"})` with "frames", those
of a run whose steps were not seen, if they are still kept (`app.missed`). What is asked about a
state (`start`, `step`, `look`, `maps`, `inspect`, `steer`, `vary`, `sketch`, `finish`, ...) is
described in `app.walk`.

Events that return to the canvas need `show_progress="hidden"`: Gradio would dim the picture.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta, updateable
from gradio.events import EventListener

from app.canvas.drawing import Drawing, read_drawing
from app.words import FIRST, LANGUAGES

HERE = Path(__file__).parent
SCRIPTS = (
    "hearing.js",
    "cells.js",
    "lens.js",
    "pixels.js",
    "png.js",
    "transparency.js",
    "paper.js",
    "view.js",
    "steps.js",
    "tree.js",
    "overlays.js",
    "maps.js",
    "layers.js",
    "wand.js",
    "tools.js",
    "pointer.js",
    "masks.js",
    "keys.js",
    "history.js",
    "classes.js",
    "standing.js",
    "beginnings.js",
    "picking.js",
    "document.js",
    "store.js",
    "remaking.js",
    "opening.js",
    "run.js",
    "sights.js",
    "preview.js",
    "thumbnails.js",
    "uplot/uPlot.iife.min.js",
    "plots.js",
    "chunks.js",
    "keeping.js",
    "saving.js",
    "zip.js",
    "project.js",
    "player.js",
    "variations.js",
    "compare.js",
    "sides.js",
    "enlarging.js",
    "window.js",
    "odds.js",
    "grove.js",
    "walk.js",
    "marks.js",
    "inspector.js",
    "steering.js",
    "more.js",
    "live.js",
    "branches.js",
    "versus.js",
    "lab.js",
    "toolbar.js",
    "main.js",
    "probe.js",
)
STYLES = ("uplot/uPlot.min.css", "canvas.css", "steering.css")
EVENTS = ("stroke", "open", "retry", "walk", "sides", "enlarge", "settle")


class _WithoutStub(ComponentMeta):
    """Makes a component class without writing a `.pyi` file beside its module.

    Gradio writes one for every component at import. It would dirty the working tree and hide the
    module from the type checker; for a class without an `EVENTS` list it says nothing new.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> "_WithoutStub":
        attrs["__init__"] = updateable(attrs["__init__"])  # as Gradio does: updates need it
        attrs |= {name: EventListener(name).listener for name in EVENTS}  # methods for `gr.on`
        return super(ComponentMeta, cls).__new__(cls, name, bases, attrs)


class Canvas(gr.HTML, metaclass=_WithoutStub):
    """A picture to paint on, with its lattice, tools, history and the timeline of the last run.

    Args:
        grid: The model's tokens per side; as a rule cells on the short side of a picture.
        resolution: Side of the square that the model sees, in its own pixels.
        classes: Its classes: JSON, pairs of id and name.
        stand_out: Its guidance as usual and for things that stand out: JSON; null: it has none.
        server_functions: What it asks the server, see the module.
        language: Code of the language it speaks.
        elem_id: Id of the element in the page; its property `studio` is a read-only probe.
        example: Name of the example that a first visit begins with.
        frame: Last frame of a run, see the module.
        command: Last command, see the module.
        **kwargs: Passed on to `gr.HTML`.
    """

    def __init__(
        self,
        grid: int,
        resolution: int,
        classes: str,
        stand_out: str,
        server_functions: list[Callable[..., Any]],
        language: str = FIRST,
        elem_id: str = "canvas",
        example: str = "",
        frame: str | None = None,
        command: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("min_width", 320)
        super().__init__(
            value=None,
            **_fixed(language),
            apply_default_css=False,
            elem_id=elem_id,
            server_functions=server_functions,
            grid=grid,
            resolution=resolution,
            classes=classes,
            stand_out=stand_out,
            language=language,
            example=example,
            frame=frame,
            command=command,
            **kwargs,
        )
        self.grid = grid
        self._words = LANGUAGES[language]

    def preprocess(  # pyright: ignore[reportIncompatibleMethodOverride]  (gr.HTML passes text on)
        self, payload: str | None
    ) -> Drawing:
        """Check what the browser sent.

        Raises:
            gr.Error: If it is not what this canvas sends.
        """
        try:
            return read_drawing(payload)
        except ValueError as error:
            raise gr.Error(self._words("said.bad_drawing", reason=str(error))) from None

    def __getattr__(self, name: str) -> Any:
        """Refuse what is not there.

        `gr.HTML` takes every quoted word of the scripts for an event, and Gradio then sends a
        listener instead of the prop of that name.
        """
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def postprocess(self, value: str | None) -> str | None:
        """Pass the value through; the browser owns it and Python has no reason to set it."""
        return value

    def api_info(self) -> dict[str, Any]:
        """Describe the value for API clients."""
        return {
            "type": "string",
            "description": 'JSON: {"picture": id or null, "width", "height", "grid": cells on the '
            'short side, "cells": hex of the painted ones, row by row, "count": how many}, and '
            'where the window is not as usual "span", "at" and "coverage"',
        }

    def example_payload(self) -> str:
        """Give the API page a value: the top left cell of a square picture is painted."""
        cells = "8".ljust(2 * -(-(self.grid**2) // 8), "0")
        side = 16 * self.grid
        return json.dumps(
            {
                "picture": None,
                "width": side,
                "height": side,
                "grid": self.grid,
                "cells": cells,
                "count": 1,
            }
        )


@cache  # Gradio makes the component anew for every frame
def _fixed(language: str) -> dict[str, str]:
    """Give markup, scripts and styles, which no update changes."""
    words = LANGUAGES[language]
    return {
        "html_template": words.markup(_template(), "canvas"),
        "js_on_load": f"{words.script('canvas')}\n{_scripts()}",
        "head": f"<style>{''.join(map(_read, STYLES))}</style>",
    }


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _template() -> str:
    return _constant("canvas.html").replace("<!-- steering.html -->", _constant("steering.html"))


def _constant(name: str) -> str:
    """Read a template and make sure that it is one in name only.

    Gradio compiles `html_template` as Handlebars and then as a JavaScript template literal:
    anything below would be run or swallowed.
    """
    text = _read(name)
    for sign in ("${", "{{", "`", "\\", "@children"):
        if sign in text:
            raise ValueError(f"{name} contains {sign!r}, which Gradio would interpret")
    return text


def _scripts() -> str:
    """Join the scripts; a comment names each file, so that an error's line can be found."""
    return "\n".join(f"// ---- {name}\n{_read(name)}" for name in SCRIPTS)
