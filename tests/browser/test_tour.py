"""The tour explains on the real page, and leaves everything as it was."""

import json
import re
from typing import Any

import numpy as np
import pytest

from tests.app.test_tour import STOPS, TEXTS
from tests.browser.editor import PATIENCE_MS, Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BOXES = """() => {
    const box = (node) => {
        const { left, top, right, bottom } = node.getBoundingClientRect();
        return { left, top, right, bottom };
    };
    const tour = [...document.querySelectorAll("#tour *")].find((node) => node.tour).tour;
    const find = (name) => document.querySelector(`.mgt-${name}`);
    const anchor = box(tour.anchor);
    return { anchor, ring: box(find("ring")), card: box(find("card")) };
}"""


def tour(editor: Editor, what: str) -> Any:
    """Look at the tour's probe."""
    return editor.page.evaluate(
        f"[...document.querySelectorAll('#tour *')].find((node) => node.tour).tour.{what}"
    )


def wait_for(editor: Editor, expression: str, patience_ms: float = PATIENCE_MS) -> None:
    """Wait until an expression in `tour` holds."""
    editor.page.wait_for_function(
        f"""() => {{
            const {{ tour }} = [...document.querySelectorAll("#tour *")].find((node) => node.tour);
            return {expression};
        }}""",
        timeout=patience_ms,
    )


def open_at(editor: Editor, stop: str) -> None:
    """Open the tour and go to a stop."""
    editor.tap(".mgt-open")
    go_to(editor, stop)


def go_to(editor: Editor, stop: str) -> None:
    """Go to a stop of the open tour by its dot."""
    wait_for(editor, "tour.stop")
    editor.page.locator(".mgt-dot").nth(STOPS.index(stop)).evaluate("(dot) => dot.click()")
    wait_for(editor, f"tour.stop === '{stop}' && tour.anchor")


def show(editor: Editor) -> None:
    """Press Show me and wait for the end of what it shows."""
    editor.tap(".mgt-show")
    wait_for(editor, "!tour.busy", 3 * PATIENCE_MS)  # a race on a busy machine
    if tour(editor, "stop") != "race":  # only the race ends with a sentence
        assert editor.page.locator(".mgt-say").inner_text() == ""


def what_is_mine(editor: Editor) -> str:
    """Everything a person could lose, as text."""
    mine = "[studio.picture, studio.cells, studio.historyLength, studio.position, studio.tool]"
    folded = "document.querySelector('#advanced input')?.checkVisibility() ?? false"
    return editor.see(f"JSON.stringify([{mine}, {folded}, scrollX, scrollY])")


def settle(editor: Editor) -> None:
    """Wait until nothing is scrolled any more."""
    editor.page.evaluate(
        """() => new Promise((done) => {
            let [last, still] = [null, 0];
            const look = () => {
                still = window.scrollY === last ? still + 1 : 0;
                last = window.scrollY;
                if (still > 8) done();
                else requestAnimationFrame(look);
            };
            look();
        })"""
    )


def test_every_stop_puts_a_real_control_into_the_light(either: Editor) -> None:
    either.tap(".mgt-open")
    size = either.page.viewport_size
    assert size is not None
    for stop in STOPS:
        wait_for(either, f"tour.stop === '{stop}' && tour.anchor")
        settle(either)
        boxes = either.page.evaluate(BOXES)
        anchor, ring, card = boxes["anchor"], boxes["ring"], boxes["card"]
        middle = (ring["left"] + ring["right"]) / 2, (ring["top"] + ring["bottom"]) / 2
        assert anchor["left"] < middle[0] < anchor["right"], stop
        assert anchor["top"] < middle[1] < anchor["bottom"], stop
        assert 0 <= card["left"] < card["right"] <= size["width"] + 1, stop
        assert 0 <= card["top"] < card["bottom"] <= size["height"] + 1, stop
        seen_until = card["top"] if either.is_touch else size["height"]
        assert anchor["top"] < seen_until, stop
        assert anchor["bottom"] > 0, stop
        assert anchor["right"] - anchor["left"] > 20, stop
        either.tap(".mgt-next")
    either.page.locator(".mgt-card").wait_for(state="hidden")
    assert tour(either, "stop") is None
    either.tap(".mgt-open")
    wait_for(either, f"tour.stop === '{STOPS[0]}'")  # after the end it begins anew


def test_every_word_comes_from_the_one_file(desktop: Editor) -> None:
    sentences = json.dumps(TEXTS["en"], ensure_ascii=False)
    texts = re.findall(r'"((?:[^"\\]|\\.)*)"', sentences)
    patterns = [re.sub(r"\\\{\w+\\\}", r"[\\d.,]*", re.escape(text)) for text in texts]
    known = re.compile("|".join(patterns))
    desktop.tap(".mgt-open")
    for stop in STOPS:
        wait_for(desktop, f"tour.stop === '{stop}'")
        found = desktop.page.evaluate(
            """() => {
                const parts = document.querySelectorAll(".mgt, .mgt *");
                const labels = [...parts].flatMap((node) => [node.ariaLabel, node.title]);
                const walker = document.createTreeWalker(parts[0], NodeFilter.SHOW_TEXT);
                const texts = [];
                while (walker.nextNode()) texts.push(walker.currentNode.textContent);
                return [...labels, ...texts].filter((text) => /[a-z]/i.test(text ?? ""));
            }"""
        )
        assert len(found) > 8
        for text in found:
            without_dot = re.sub(r"^\d+: ", "", text)
            assert known.fullmatch(text) or known.fullmatch(without_dot), text
        desktop.page.keyboard.press("ArrowRight")


def test_escape_gives_everything_back_as_it_was(either: Editor) -> None:
    either.paint_box(3, 3, 4, 4)
    before = either.pixels()
    either.page.evaluate("scrollTo(0, 0)")
    mine = what_is_mine(either)
    open_at(either, "temperature")
    assert what_is_mine(either) != mine  # a panel is unfolded, perhaps the page is scrolled
    either.page.keyboard.press("Escape")
    either.page.locator(".mgt-card").wait_for(state="hidden")
    assert either.page.evaluate("document.activeElement.className") == "mgt-open"
    settle(either)
    either.page.wait_for_function("!document.querySelector('#advanced input')?.checkVisibility()")
    assert what_is_mine(either) == mine
    assert np.array_equal(either.pixels(), before)
    assert either.page.evaluate("document.body.style.paddingBottom") == ""


def test_keys_lead_through_the_tour_and_a_reload_goes_on_where_one_stopped(
    desktop: Editor,
) -> None:
    desktop.page.locator(".mgt-open").focus()
    desktop.page.keyboard.press("Enter")
    wait_for(desktop, f"tour.stop === '{STOPS[0]}'")
    desktop.page.keyboard.press("ArrowLeft")  # there is nothing before the first
    for _ in range(3):
        desktop.page.keyboard.press("ArrowRight")
    desktop.page.keyboard.press("ArrowLeft")
    wait_for(desktop, f"tour.stop === '{STOPS[2]}'")
    desktop.reload()
    desktop.tap(".mgt-open")
    wait_for(desktop, f"tour.stop === '{STOPS[2]}'")
    desktop.tap(".mgt-again")
    wait_for(desktop, f"tour.stop === '{STOPS[0]}'")


def test_the_light_blocks_nothing(either: Editor) -> None:
    open_at(either, "hole")
    either.tap(".mgs-tools [data-tool=rectangle]")
    either.wait("studio.tool === 'rectangle'")
    either.page.locator(".mgs-stage").press("i")  # inverts: everything is painted
    either.wait("studio.count > 200")
    assert "mgt-soft" in (either.page.locator(".mgt-ring").get_attribute("class") or "")
    assert tour(either, "stop") == "hole"


def test_what_is_shown_is_real_and_beside_the_picture(desktop: Editor) -> None:
    desktop.paint_box(3, 3, 4, 4)
    state = "[studio.cells, studio.historyLength, studio.picture.id, studio.running]"
    mine = desktop.see(state)
    desktop.tap(".mgt-open")
    for stop, num_plates in (("tokens", 2), ("hole", 2), ("confidence", 1), ("cosine", 2)):
        go_to(desktop, stop)
        show(desktop)
        plates = desktop.page.evaluate(
            "[...document.querySelectorAll('.mgt-plate canvas')].map((plate) => plate.toDataURL())"
        )
        assert len(set(plates)) == len(plates) == num_plates, stop
    assert desktop.see(state) == mine


def test_what_is_shown_is_in_sight_on_a_phone(phone: Editor) -> None:
    open_at(phone, "passes")
    show(phone)
    boxes = phone.page.evaluate(BOXES)
    footer = phone.page.locator(".mgt-card footer").bounding_box()
    assert footer is not None
    for plate in phone.page.locator(".mgt-plate canvas").all():
        box = plate.bounding_box()
        assert box is not None
        assert boxes["card"]["top"] < box["y"] < box["y"] + box["height"] < footer["y"]


def test_the_race_counts_one_pass_for_each_tile_against_eight(desktop: Editor) -> None:
    desktop.paint_box(3, 3, 4, 4)
    open_at(desktop, "race")
    mine = desktop.see("[studio.cells, studio.historyLength, studio.picture.id]")
    show(desktop)
    notes = desktop.page.locator(".mgt-note").all_inner_texts()
    assert [re.findall(r"\d+", note)[:2] for note in notes] == [["8", "8"], ["256", "256"]]
    fast, slow = (float(re.findall(r"([\d.]+) s", note)[0]) for note in notes)
    assert slow > 4 * fast > 0
    assert "256 passes" in desktop.page.locator(".mgt-say").inner_text()
    assert desktop.see("[studio.cells, studio.historyLength, studio.picture.id]") == mine


def test_the_race_can_be_stopped_and_the_model_is_free_at_once(phone: Editor) -> None:
    open_at(phone, "race")
    phone.tap(".mgt-show")
    phone.page.wait_for_function(
        "parseInt(document.querySelectorAll('.mgt-note')[1]?.textContent) > 8"
    )
    phone.tap(".mgt-show")
    wait_for(phone, "!tour.busy")
    assert phone.page.locator(".mgt-say").inner_text() == TEXTS["en"]["stopped"]
    phone.tap(".mgt-close")
    phone.paint_box(2, 2, 3, 3)
    phone.fill()
