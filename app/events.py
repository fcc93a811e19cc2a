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
from app.again import LastRun, Wish, next_seed, same_seed
from app.answers import Answer
from app.controls import Controls
from app.desk import Action
from app.errors import UserError
from app.handlers import Handlers, Shown
from app.menu import ModelMenu
from app.models import ModelInfo
from app.panels.advanced import advanced_updates
from app.panels.make import class_choices, of_model
from app.panels.outpaint import add_script
from app.panels.schedule import chosen_schedule, drawn_script, typed_script
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

ACTIONS: dict[str, Action] = {  # of what begins a run, by the names of the components
    "fill": "fill",
    "generate": "generate",
    "outpaint-run": "outpaint",
    "canvas": "outpaint",  # by the frame that is dragged
}

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
    inputs = [ui.last_run, ui.canvas, *ui.controls()]
    outputs = [ui.canvas, ui.make.status, ui.make.stop, ui.make.seed, ui.last_run]
    places = {"concurrency_id": "model", "concurrency_limit": AT_ONCE}
    one_at_once = {**places, "trigger_mode": "once", **AS_SENT}

    def said(shown: Shown) -> Shown:
        frame, status = ui.words.say(shown.frame), ui.words.say(shown.status)
        return shown._replace(frame=frame, status=status)

    def run(
        pressed: gr.EventData, last: LastRun | None, painted: str | None, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        drawing, controls = ui.canvas.preprocess(painted), Controls(*values)
        assert pressed.target is not None
        button = pressed.target.elem_id  # Gradio makes components anew: they keep their names only
        if button == ui.make.next_seed.elem_id:
            wish = next_seed(last, drawing, controls)
        else:
            wish = Wish(ACTIONS[str(button)], drawing, controls)
        yield from _updates(wish, map(said, handlers.run(*wish)))

    def run_again(
        last: LastRun | None, painted: str | None, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        if last is not None:
            wish = same_seed(last, ui.canvas.preprocess(painted), Controls(*values))
            yield from _updates(wish, map(said, handlers.run(*wish, is_retry=True)))

    def stopped(last: LastRun | None) -> tuple[Any, ...]:
        shown = said(handlers.stopped(last and last.run))
        return _frame(shown), shown.status, gr.Button(interactive=False)

    # One event for all that begin a run: Gradio ignores a press while the run of another lasts.
    begins = [
        ui.make.fill.click, ui.make.generate.click, ui.make.next_seed.click,
        ui.outpaint.run.click, ui.canvas.enlarge,
    ]  # fmt: skip
    before_run = presses.run(ui.words("make.waiting"))
    # Before the queue lets a run begin there is nothing to hear from it, but it can be called off.
    can_stop = [ui.make.status, ui.make.stop]
    gr.on(begins, None, None, can_stop, js=before_run, queue=False, **QUIET)
    run_failed = presses.run_failed(ui.words("make.failed"))

    running: list[Any] = [
        gr.on(begins, run, inputs, outputs, **one_at_once),
        ui.canvas.retry(run_again, inputs, outputs, **one_at_once),
    ]
    for one in running:
        one.failure(None, None, can_stop, js=run_failed, queue=False, **QUIET)
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
    follow = typed_script(handlers.info, ui.words)
    both, shown = [names, curve], [curve, names, ui.make.status]
    names.change(None, both, shown, js=follow, queue=False, **QUIET)


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
        chosen, usual = settled.chosen, _usual(settled.info)
        usual["schedule"] = chosen_schedule(settled.info, usual["schedule"], ui.words)
        choices = class_choices(chosen.info, ui.words)
        return {
            ui.models: chosen.model,
            ui.canvas: gr.HTML(**of_model(chosen.info)),
            ui.make.label: gr.Dropdown(choices=choices, value=chosen.label),
            ui.make.status: ui.words.say(settled.status),
            **{settings[name]: update for name, update in usual.items() if name in settled.names},
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


def _updates(wish: Wish, run: Iterator[Shown]) -> Iterator[tuple[Any, ...]]:
    """Turn what is shown into updates of canvas, status, stop, seed and last run.

    All but the canvas hear only of the beginning and the end: what is still on its way when
    somebody presses Stop would otherwise overwrite what Stop has said. The canvas knows its runs.
    """
    was_running = None
    for shown in run:
        canvas, status, stop, seed, last = _frame(shown), *[gr.skip()] * 4
        if shown.is_running != was_running:
            status, stop = shown.status, gr.Button(interactive=shown.is_running)
            if shown.seed is not None:
                results = tuple(shown.frame.get("picture_ids", ()))
                begun = wish.action, shown.frame["run"], shown.seed, wish.drawing
                last = LastRun(*begun, results)
                seed = shown.seed
        if wish.action == "outpaint" and shown.frame["kind"] == "done":
            canvas = gr.HTML(frame=json.dumps(shown.frame), command=_message("added"))
        was_running = shown.is_running
        yield canvas, status, stop, seed, last
    # What comes last Gradio sends twice: as it comes, and when the event is over. So nothing does.
    yield (gr.skip(),) * 5
