"""What is shown reaches the right component, and only when it changes."""

import asyncio
import json
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState

from app.again import Wish
from app.controls import Controls
from app.desk import Action
from app.events import _updates
from app.handlers import Handlers
from app.interface import build_interface
from app.menu import ModelMenu
from tests.app.fakes import OTHER, FakeStudio, drawing

CANVAS, STATUS, STOP, SEED, LAST_RUN = range(5)
SKIP = gr.skip()


def updates(action: Action, controls: Controls) -> list[tuple[Any, ...]]:
    studio = FakeStudio()
    picture = studio.open(b"photo")[0]
    wish = Wish(action, drawing(picture, painted=(1,)), controls)
    run = Handlers(studio).run(*wish)

    async def collect() -> list[tuple[Any, ...]]:  # in an event loop, see conftest.py
        return list(_updates(wish, run))

    *shown, nothing = asyncio.run(collect())
    assert nothing == (SKIP,) * len(shown[0])
    return shown


def frame(update: tuple[Any, ...]) -> dict[str, Any]:
    return json.loads(update[CANVAS].props["frame"])


FIXED = Controls(label=970, steps=2, randomise=False, seed=7)


def test_frames_travel_as_text_one_per_pass() -> None:
    kinds = [frame(update)["kind"] for update in updates("fill", FIXED)]
    assert kinds == ["start", "step", "step", "done"]


def test_the_rest_of_the_page_hears_of_a_run_only_when_it_begins_and_ends() -> None:
    first, *steps, last = updates("fill", FIXED)
    assert first[STOP].interactive
    assert first[SEED] == 7
    last_run = first[LAST_RUN]
    assert (last_run.action, last_run.run, last_run.seed) == ("fill", frame(first)["run"], 7)
    assert last_run.drawing.count == 1
    assert all(update[STATUS:] == (SKIP,) * 4 for update in steps)
    assert not last[STOP].interactive
    assert last[LAST_RUN].picture_ids == tuple(frame(last)["picture_ids"])
    assert last[STATUS].startswith("Done in")


def test_trouble_at_once_leaves_nothing_to_stop() -> None:
    (only,) = updates("fill", FIXED._replace(label=3))
    assert frame(only)["kind"] == "error"
    assert not only[STOP].interactive
    assert only[STATUS] == frame(only)["message"]


def test_the_canvas_hears_that_a_picture_was_enlarged() -> None:
    *_, last = updates("outpaint", FIXED._replace(left=8))
    assert json.loads(last[CANVAS].props["command"])["do"] == "added"


def test_two_pages_can_be_built_in_one_process() -> None:
    async def build() -> list[gr.Blocks]:
        studio = FakeStudio()
        menu = ModelMenu(studio.models)
        return [build_interface(Handlers(studio), menu) for _ in range(2)]

    first, second = asyncio.run(build())
    assert len(first.fns) == len(second.fns)


def test_a_chosen_model_is_followed_by_everything_that_depends_on_it() -> None:
    async def build() -> gr.Blocks:
        studio = FakeStudio()
        return build_interface(Handlers(studio), ModelMenu(studio.models))

    blocks = asyncio.run(build())
    ids = {block._id: block.elem_id for block in blocks.blocks.values()}
    choose = next(
        f for f in blocks.fns.values() if any(event == "choose" for _, event in f.targets)
    )
    changed = choose.fn(970, gr.EventData(None, {"id": "other"}))
    found = {ids[part._id]: update for part, update in changed.items()}
    assert found["models"] == "other"
    assert found["canvas"].props["grid"] == OTHER.grid
    assert (found["class"].value, len(found["class"].choices)) == (3, 2)
    assert (found["steps"], found["schedule"], found["reveal"]) == (12, "linear", "raster")
    assert found["borrow"] is True
    assert not found["guidance"].visible
    assert found["top-k"].maximum == OTHER.codebook_size
    assert "Other" in found["status"]

    (only,) = choose.fn(970, gr.EventData(None, {"id": "broken"})).items()
    assert (ids[only[0]._id], only[1]) == ("status", "There is no model broken.")


def test_a_page_that_has_not_heard_of_a_change_of_models_yet_is_understood() -> None:
    """Gradio keeps what it sent last, the other model's classes; the page may have the old ones."""
    old = Controls(model="fake", label=970, top_k=16, steps=2)

    async def ask() -> list[list[Any]]:
        studio = FakeStudio()
        page = build_interface(Handlers(studio), ModelMenu(studio.models))
        state = SessionState(page)

        async def send(part: str, event: str, inputs: list[Any], **data: Any) -> list[Any]:
            block = next(id for id, block in page.blocks.items() if block.elem_id == part)
            asked = (f for f in page.fns.values() if f.fn and (block, event) in f.targets)
            detail = gr.EventData(page.blocks[block], data)
            done = await page.process_api(next(asked), inputs, state, event_data=detail)
            return done["data"]

        await send("models", "choose", [970], id="other")
        return [
            await send("generate", "click", [None, None, *old]),
            await send("models", "choose", [970], id="fake"),
            await send("models", "choose", [970], id="other"),
            await send("canvas", "settle", ["fake", 970], controls={"model": "fake", "steps": 3}),
        ]

    run, back, _, settled = asyncio.run(ask())
    assert json.loads(run[CANVAS]["props"]["frame"])["kind"] == "start"
    assert back[2]["value"] == 970
    assert 3 in settled
