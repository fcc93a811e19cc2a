"""The page holds everything a person needs, and asks nothing of anybody else."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from app.controls import Controls
from app.events import AT_ONCE
from app.handlers import Handlers
from app.interface import build_interface
from app.menu import ModelMenu
from app.models import ClassChoice, ModelInfo
from app.panels.make import class_choices, class_text
from app.panels.schedule import MAX_SHARES
from app.theme import CSS, theme
from app.words import LANGUAGES
from maskgit.schedules import MAX_POINTS
from tests.app.fakes import INFO, FakeStudio

ENGLISH = LANGUAGES["en"]
DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def page(info: ModelInfo = INFO, language: str = "en") -> gr.Blocks:
    async def build() -> gr.Blocks:  # in an event loop, for the reason in conftest.py
        studio = FakeStudio(info)
        return build_interface(Handlers(studio), ModelMenu(studio.models), language)

    return asyncio.run(build())


def component(blocks: gr.Blocks, elem_id: str) -> gr.blocks.Block:
    return next(b for b in blocks.blocks.values() if b.elem_id == elem_id)


@pytest.mark.parametrize(
    "elem_id",
    ["canvas", "class", "fill", "generate", "stop", "variations", "status", "outpaint", "advanced",
     "examples", "models", "seed", "steps", "guidance"],
)  # fmt: skip
def test_the_page_has(elem_id: str) -> None:
    assert component(page(), elem_id) is not None


def test_runs_take_the_canvas_and_every_control_in_order() -> None:
    whole = page()
    runs = [f for f in whole.fns.values() if f.concurrency_id == "model"]
    each = 2  # one for all that begins a run, so that there is one at a time, and a retry
    assert len(runs) == each * len(LANGUAGES)
    for run in runs:
        assert len(run.inputs) == 2 + len(Controls._fields)  # the last run, what is painted
        assert (run.concurrency_limit, run.trigger_mode) == (AT_ONCE, "once")
    begun_by = {
        block.elem_id: event
        for block in whole.blocks.values()
        for target, event in runs[0].targets
        if target == block._id
    }
    clicked = {"fill", "generate", "next-seed", "outpaint-run"}
    assert begun_by == {**dict.fromkeys(clicked, "click"), "canvas": "enlarge"}


def test_the_page_knows_how_many_shares_a_schedule_may_have() -> None:
    assert MAX_SHARES == MAX_POINTS


def test_stop_cancels_every_run() -> None:
    blocks = page()
    cancels = [f for f in blocks.fns.values() if f.cancels]
    assert len(cancels) == len(LANGUAGES)
    for stop in cancels:
        on_page = {key: f for key, f in blocks.fns.items() if f.page == stop.page}
        runs = {key for key, f in on_page.items() if f.concurrency_id == "model"}
        assert set(stop.cancels) == runs


def test_only_the_questions_of_the_documentation_are_public_endpoints() -> None:
    public = {f.api_name for f in page().fns.values() if f.api_visibility != "private"}
    documented = re.findall(r"^\| `/(\w+)` \|", DOCS.read_text(), re.MULTILINE)
    assert public == set(documented)


def test_the_picker_finds_a_class_by_name_synonym_and_number() -> None:
    text = class_text(ClassChoice(207, "golden retriever", ("goldie",)))
    assert all(part in text for part in ("golden retriever", "goldie", "207"))


def test_the_picker_lists_what_the_model_knows_and_nothing_else() -> None:
    assert [value for _, value in class_choices(INFO, ENGLISH)] == [-1, 970, 207, 1000]
    always_a_class = replace(INFO, has_no_class=False)
    assert [value for _, value in class_choices(always_a_class, ENGLISH)] == [970, 207, 1000]


def test_guidance_shows_only_where_the_model_can_do_it() -> None:
    assert component(page(), "guidance").visible
    assert not component(page(replace(INFO, has_no_class=False)), "guidance").visible


def test_texture_is_borrowed_from_the_start_where_the_model_asks_for_it() -> None:
    assert component(page(), "borrow").value is False
    assert component(page(replace(INFO, borrows=True)), "borrow").value is True


def test_the_class_to_begin_with_fits_the_picture_to_begin_with() -> None:
    assert component(page(), "class").value == 970


def test_a_model_name_cannot_become_a_template() -> None:
    menu = component(page(replace(INFO, name="${alert(1)}{{x}}<b>")), "models")
    assert "alert" not in menu.html_template
    assert not re.search(r"[${}`]", menu.html_template)


@pytest.mark.parametrize(("language", "others"), [("en", {"de"}), ("de", {"en"})])
def test_there_is_a_page_for_each_language_the_servers_own_at_the_root(
    language: str, others: set[str]
) -> None:
    blocks = page(language=language)
    buttons = {b.page: b.value for b in blocks.blocks.values() if b.elem_id == "fill"}
    assert buttons.keys() == {"", *others}
    assert buttons[""] == LANGUAGES[language]("make.fill")
    assert all(buttons[code] == LANGUAGES[code]("make.fill") for code in others)


def test_answers_come_in_the_language_of_the_page() -> None:
    canvases = [b for b in page().blocks.values() if b.elem_id == "canvas"]
    said = {}
    for canvas in canvases:
        ask = next(f for f in canvas.server_fns if f.__name__ == "open_example")
        said[canvas.page] = ask({"name": "none such"})["error"]["message"]
    assert said == {code: LANGUAGES[code or "en"]("said.no_example") for code in ("", "de")}


def test_the_page_loads_nothing_from_elsewhere() -> None:
    config = json.dumps(page().get_config_file(), default=str)
    looks = CSS + "".join(theme()._stylesheets)
    assert not re.findall(r"https?://(?!www\.w3\.org)[\w.]+", looks)
    assert "fonts.googleapis" not in config
