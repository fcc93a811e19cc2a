"""Which handler answers which event of the page.

Runs share one queue with few places, so that memory stays bounded; the passes of those who have one
run as one batch. Frames go to the canvas as a property; the canvas's own value belongs to the
browser.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import gradio as gr

from app import presses
from app.again import LastRun, next_seed, same_seed
from app.answers import Answer
from app.canvas.drawing import Drawing
from app.controls import Controls
from app.desk import Action
from app.errors import UserError
from app.handlers import Handlers, Shown
from app.menu import ModelMenu
from app.models import ModelInfo
from app.panels.advanced import advanced_updates
from app.panels.make import class_choices, of_model
from app.panels.outpaint import add_script
from app.panels.schedule import drawn_script
from app.panels.tour import SITUATION
from app.settling import settle

if TYPE_CHECKING:
    from app.interface import Layout

AT_ONCE = 4  # runs under way; the others wait in Gradio's queue, in order
Answers: TypeAlias = Callable[[object], Answer]
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Gradio would compare what comes with the choices and limits that it has sent to the page last,
# which the page may not have heard of yet: they are another model's. The handlers check all of it,
# against the model that comes along.
AS_SENT: dict[str, Any] = {"preprocess": False, **QUIET}

# The title is read when it is wanted: the field shows the name, its value is a number.
CONTROLS = f"""(...values) => {{
  const entries = {json.dumps(Controls._fields)}.map((name, i) => [name, values[i]]);
  const title = () => document.querySelector("#class input")?.value.split(" · ")[0] ?? "";
  window.studioControls = {{ ...Object.fromEntries(entries), title }};
  dispatchEvent(new Event("studio-controls"));
}}"""

SHOW_FRAME = '() => { dispatchEvent(new Event("studio-enlarge")); }'


def bind(ui: Layout, handlers: Handlers, menu: ModelMenu) -> None:
    """Connect every event of the page to its handler."""
    _bind_runs(ui, handlers)
    _bind_outpainting(ui)
    _bind_models(ui, menu)
    _bind_schedule(ui, handlers)
    _bind_settling(ui, menu)
    _bind_steering(ui)

    def open_example(model: str, event: gr.EventData) -> tuple[Any, Any]:
        name = event._data["name"]
        label = handlers.class_for(name, model)
        return command("open_example", name=name), gr.skip() if label is None else label

    # A stroke or a branch makes the last sentence old; the browser clears it without asking here.
    for makes_old in (ui.canvas.stroke, ui.canvas.walk):
        makes_old(None, None, ui.make.status, js="() => ''", queue=False, **QUIET)
    ui.gallery.pick(open_example, ui.models, [ui.canvas, ui.make.label], queue=False, **QUIET)
    shown = [ui.models, ui.make.label, ui.canvas]
    ui.tour.ask(None, shown, ui.tour, js=SITUATION, queue=False, **QUIET)


def _bind_runs(ui: Layout, handlers: Handlers) -> None:
    inputs = [ui.canvas, *ui.controls()]
    sides = [ui.outpaint.left, ui.outpaint.top, ui.outpaint.right, ui.outpaint.bottom]
    outputs = [ui.canvas, ui.make.status, ui.make.stop, ui.make.seed, ui.last_run]
    # Gradio looks at every output for every frame, here and in the page: only what may make a
    # picture larger names the sides.
    with_sides = [*outputs, *sides]
    places = {"concurrency_id": "model", "concurrency_limit": AT_ONCE}
    one_each = {**places, "trigger_mode": "once", **AS_SENT}

    def said(shown: Shown) -> Shown:
        frame, status = ui.words.say(shown.frame), ui.words.say(shown.status)
        return shown._replace(frame=frame, status=status)

    def run(action: Action) -> Callable[..., Iterator[tuple[Any, ...]]]:
        def stream(painted: str | None, *values: Any) -> Iterator[tuple[Any, ...]]:
            drawing = ui.canvas.preprocess(painted)
            run = handlers.run(action, drawing, Controls(*values))
            yield from _updates(action, drawing, map(said, run), has_sides=action == "outpaint")

        return stream

    def run_next(last: LastRun | None, painted: str | None, *values: Any):
        wish = next_seed(last, ui.canvas.preprocess(painted), Controls(*values))
        run = map(said, handlers.run(*wish))
        yield from _updates(wish.action, wish.drawing, run, has_sides=False)

    def run_again(last: LastRun | None, painted: str | None, *values: Any):
        if last is not None:
            drawing = ui.canvas.preprocess(painted)
            wish = same_seed(last, drawing, Controls(*values))
            run = handlers.run(*wish, is_retry=True)
            yield from _updates(last.action, drawing, map(said, run))

    def stopped(last: LastRun | None) -> tuple[Any, ...]:
        shown = said(handlers.stopped(last and last.run))
        return _frame(shown), shown.status, gr.Button(interactive=False)

    buttons: list[tuple[Action, gr.Button]] = [
        ("fill", ui.make.fill),
        ("generate", ui.make.generate),
    ]
    larger = [ui.outpaint.run.click, ui.canvas.enlarge]
    before_run = presses.run(ui.words("make.waiting"))
    # Before the queue lets a run begin there is nothing to hear from it, but it can be called off.
    begins = [*(button.click for _, button in buttons), ui.make.next_seed.click, *larger]
    for begin in begins:
        begin(None, None, [ui.make.status, ui.make.stop], js=before_run, queue=False, **QUIET)

    running: list[Any] = [
        button.click(run(action), inputs, outputs, **one_each) for action, button in buttons
    ]
    running += [begin(run("outpaint"), inputs, with_sides, **one_each) for begin in larger]
    again = [ui.last_run, *inputs]
    running.append(ui.make.next_seed.click(run_next, again, outputs, **one_each))
    running.append(ui.canvas.retry(run_again, again, with_sides, **one_each))
    for one in running:
        one.then(None, None, None, js=presses.RUN_IS_OVER, queue=False, **QUIET)
    ui.make.stop.click(None, None, None, js=presses.STOP, queue=False, **QUIET)
    ui.make.stop.click(
        stopped, ui.last_run, outputs[:3], cancels=running, queue=False, **QUIET
    ).then(None, None, None, js=presses.STOP_IS_OVER, queue=False, **QUIET)
    # Who types a seed wants that one, not a new one.
    ui.make.seed.input(None, None, ui.make.randomise, js="() => false", queue=False, **QUIET)


def _bind_outpainting(ui: Layout) -> None:
    panel = ui.outpaint
    sides = [panel.left, panel.top, panel.right, panel.bottom]

    for to, button in panel.quick.items():
        button.click(None, [ui.canvas, *sides], sides, js=add_script(to), queue=False, **QUIET)

    # A frame that is dragged says so faster than fields are written; the last word must count.
    often = {"trigger_mode": "multiple", "queue": False, **QUIET}
    dragged = ui.canvas.sides(None, None, sides, js="() => window.studioSides", **often)
    _tell_controls(ui, dragged)
    panel.panel.expand(None, None, None, js=SHOW_FRAME, queue=False, **QUIET)


def _bind_schedule(ui: Layout, handlers: Handlers) -> None:
    """Let list and curve of the schedule follow each other, in the browser."""
    names, curve = ui.advanced.schedule, ui.advanced.curve
    curve.draw(None, curve, names, js=drawn_script(handlers.info, ui.words), queue=False, **QUIET)
    names.change(None, names, curve, js="(name) => name", queue=False, **QUIET)


def _of_settings(ui: Layout) -> dict[str, Any]:
    """Give the controls that follow a model, by their names."""
    return {**ui.advanced._asdict(), "borrow": ui.make.borrow}


def _usual(info: ModelInfo) -> dict[str, Any]:
    """Say what changes in them with the model."""
    return {**advanced_updates(info), "borrow": info.borrows}


def _bind_models(ui: Layout, menu: ModelMenu) -> None:
    """Let the page follow the model that was chosen: lattice, classes, settings."""
    settings = _of_settings(ui)

    def choose(label: Any, event: gr.EventData) -> dict[Any, Any]:
        try:
            chosen = menu.choose(event._data["id"], label)
        except UserError as error:
            return {ui.make.status: ui.words.say(error.sentence)}
        updates = _usual(chosen.info).items()
        choices = class_choices(chosen.info, ui.words)
        return {
            ui.models: chosen.model,
            ui.canvas: gr.HTML(**of_model(chosen.info)),
            ui.make.label: gr.Dropdown(choices=choices, value=chosen.label),
            ui.make.status: ui.words.say(chosen.status),
            **{settings[name]: update for name, update in updates},
        }

    outputs = [ui.models, ui.canvas, ui.make.label, ui.make.status, *settings.values()]
    ui.models.choose(choose, ui.make.label, outputs, queue=False, **AS_SENT)


def _bind_settling(ui: Layout, menu: ModelMenu) -> None:
    """Put controls back as a file that was opened says."""
    named = dict(zip(Controls._fields, ui.controls(), strict=True))
    settings = _of_settings(ui)

    def put_back(model: str, label: Any, event: gr.EventData) -> dict[Any, Any]:
        try:
            settled = settle(menu, event._data["controls"], model, label)
        except UserError as error:
            return {ui.make.status: ui.words.say(error.sentence)}
        chosen, updates = settled.chosen, _usual(settled.info).items()
        choices = class_choices(chosen.info, ui.words)
        return {
            ui.models: chosen.model,
            ui.canvas: gr.HTML(**of_model(chosen.info)),
            ui.make.label: gr.Dropdown(choices=choices, value=chosen.label),
            ui.make.status: ui.words.say(settled.status),
            **{settings[name]: update for name, update in updates if name in settled.names},
            **{named[name]: value for name, value in settled.values.items()},
        }

    outputs = [*ui.controls(), ui.canvas, ui.make.status]
    inputs = [ui.models, ui.make.label]
    settled = ui.canvas.settle(put_back, inputs, outputs, queue=False, **AS_SENT)
    _tell_controls(ui, settled)


def _bind_steering(ui: Layout) -> None:
    """Let the canvas know the controls; steering goes on by them, without Python in between."""
    gr.on(None, None, ui.controls(), None, js=CONTROLS, queue=False, **QUIET)


def _tell_controls(ui: Layout, changed: Any) -> None:
    """Do so after a change of controls that may lie in a folded panel, which says nothing of it."""
    changed.then(None, ui.controls(), None, js=CONTROLS, queue=False, **QUIET)


def command(do: str, **details: Any) -> Any:
    """Tell the canvas to do something."""
    return gr.HTML(command=_message(do, **details))


def _message(do: str, **details: Any) -> str:
    """Write a command; the nonce makes every one a new one."""
    return json.dumps({"nonce": secrets.token_hex(4), "do": do, **details})


def _frame(shown: Shown) -> Any:
    return gr.HTML(frame=json.dumps(shown.frame))


def _updates(
    action: Action, drawing: Drawing, run: Iterator[Shown], *, has_sides: bool = True
) -> Iterator[tuple[Any, ...]]:
    """Turn what is shown into updates of canvas, status, stop, seed and last run.

    The four sides follow, where the event has them among its outputs.

    All but the canvas hear only of the beginning and the end: what is still on its way when
    somebody presses Stop would otherwise overwrite what Stop has said. The canvas knows its runs.
    """
    was_running = None
    for shown in run:
        canvas, status, stop, seed, last, sides = _frame(shown), *[gr.skip()] * 5
        if shown.is_running != was_running:
            status, stop = shown.status, gr.Button(interactive=shown.is_running)
            if shown.seed is not None:
                results = tuple(shown.frame.get("picture_ids", ()))
                last = LastRun(action, shown.frame["run"], shown.seed, drawing, results)
                seed = shown.seed
        if action == "outpaint" and shown.frame["kind"] == "done":
            sides = 0
            canvas = gr.HTML(frame=json.dumps(shown.frame), command=_message("added"))
        was_running = shown.is_running
        yield canvas, status, stop, seed, last, *([sides] * 4 if has_sides else [])
    # What comes last Gradio sends twice: as it comes, and when the event is over. So nothing does.
    yield (gr.skip(),) * (9 if has_sides else 5)
