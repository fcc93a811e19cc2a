"""While somebody paints, what they paint is imagined; and a result has others close to it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import Request, Route

from tests.browser.editor import Editor, Point

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STROKE = [(4.5, 4.5), (7.5, 4.5), (9.5, 6.5), (9.5, 9.5), (6.5, 9.5)]


class Questions:
    """Counts the sketches a page asks for, and how many are under way at once."""

    def __init__(self, editor: Editor) -> None:
        self.asked = self.at_once = self.most = 0
        editor.page.on("request", self._begun)
        editor.page.on("requestfinished", self._over)
        editor.page.on("requestfailed", self._over)

    def _begun(self, request: Request) -> None:
        if is_sketch(request):
            self.asked += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)

    def _over(self, request: Request) -> None:
        self.at_once -= is_sketch(request)


def is_sketch(request: Request) -> bool:
    return "component_server" in request.url and '"sketch"' in (request.post_data or "")


@contextmanager
def pressed(editor: Editor, points: list[Point]) -> Iterator[None]:
    """Draw a line and stay on the picture; the pointer is let go at the end."""
    editor.bring_stage()
    places = [editor.place(point) for point in points]
    if editor.is_touch:
        device = editor.context.new_cdp_session(editor.page)
        for index, (x, y) in enumerate(places):
            kind = "touchMove" if index else "touchStart"
            touch = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            device.send("Input.dispatchTouchEvent", touch)
        yield
        device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        device.detach()
        return
    editor.page.mouse.move(*places[0])
    editor.page.mouse.down()
    for place in places[1:]:
        editor.page.mouse.move(*place, steps=6)
    yield
    editor.page.mouse.up()


def go_live(editor: Editor) -> None:
    assert not editor.see("studio.live")
    editor.tap("[data-do=live]")
    editor.wait("studio.live")


def hold_first_question(editor: Editor) -> list[Route]:
    """Keep the first question for a run back; gives a list that it will be in."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    editor.page.route(re.compile("queue/join"), hold)
    return held


def test_what_is_painted_is_imagined_before_the_pointer_is_let_go(either: Editor) -> None:
    before = either.pixels()
    length = either.see("studio.historyLength")
    questions = Questions(either)
    go_live(either)
    with pressed(either, STROKE):
        either.wait("studio.sketched === studio.count && !studio.sketching && studio.count > 0")
        assert not either.see("studio.running")
        assert either.see("studio.historyLength") == length
        assert either.page.locator(".mgs-preview").is_visible()
    either.wait_result(length + 1)
    assert either.see("studio.historyLength") == length + 2  # the stroke and the picture
    region = either.lattice.region(either.cells)
    after = either.pixels()
    assert np.array_equal(after[~region], before[~region])
    assert np.mean(after[region] != before[region]) > 0.5
    assert questions.asked >= 1
    assert (questions.most, questions.at_once) == (1, 0)
    either.undo()
    either.wait("studio.shown && studio.count > 0")
    assert np.array_equal(either.pixels(), before)
    either.undo()
    assert either.see("studio.count") == 0


def test_escape_and_switching_off_leave_no_trace(desktop: Editor) -> None:
    before = desktop.pixels()
    length = desktop.see("studio.historyLength")
    go_live(desktop)
    with pressed(desktop, STROKE):
        desktop.wait("studio.sketched > 0")
        desktop.page.keyboard.press("Escape")
        desktop.wait("studio.sketched === 0 && studio.count === 0")
    desktop.wait("!studio.sketching")
    with pressed(desktop, STROKE):
        desktop.wait("studio.sketched > 0")
        desktop.page.keyboard.press("p")
        desktop.wait("!studio.live && studio.sketched === 0")
    desktop.wait(f"!studio.sketching && studio.historyLength === {length + 1}")
    assert not desktop.see("studio.running")
    assert desktop.see("studio.count") > 0  # what was painted is painted
    assert np.array_equal(desktop.pixels(), before)


def test_escape_calls_off_a_fill_that_is_about_to_begin(desktop: Editor) -> None:
    before = desktop.pixels()
    length = desktop.see("studio.historyLength")
    asked = hold_first_question(desktop)
    go_live(desktop)
    with pressed(desktop, STROKE):
        desktop.wait("studio.sketched > 0")
    desktop.wait_here(lambda: asked)
    desktop.page.keyboard.press("Escape")
    asked[0].continue_()
    desktop.page.get_by_text("Stopped").first.wait_for()
    desktop.wait("!studio.running && studio.saved")
    assert desktop.see("studio.historyLength") == length + 1  # what was painted is painted
    assert desktop.see("studio.count") > 0
    assert np.array_equal(desktop.pixels(), before)
    desktop.fill()  # the next one is wanted


def test_a_stroke_while_the_one_before_is_filled_makes_one_fill_of_both(either: Editor) -> None:
    either.unfold("advanced")
    either.type_number("steps", 32)
    length = either.see("studio.historyLength")
    go_live(either)
    with pressed(either, STROKE):
        either.wait("studio.sketched > 0")
        first = either.see("studio.count")
        box = either.see("studio.box")
    either.wait("studio.running")
    with pressed(either, [(2.5, 10.5), (2.5, 12.5), (4.5, 13.5)]):
        either.wait("!studio.running && studio.count > 0")
    either.wait_result(length + 2)
    assert either.see("studio.historyLength") == length + 3  # two strokes and one picture
    assert either.see("studio.count") > first
    assert either.see("studio.box") == box  # the picture was not moved


def test_two_strokes_before_a_fill_can_begin_make_one_fill_of_both(desktop: Editor) -> None:
    before, length = desktop.pixels(), desktop.see("studio.historyLength")
    go_live(desktop)
    held = hold_first_question(desktop)
    with pressed(desktop, STROKE):
        desktop.wait("studio.sketched > 0")
        first, cells = desktop.see("studio.count"), desktop.cells
    desktop.wait_here(lambda: len(held) == 1)
    with pressed(desktop, [(2.5, 10.5), (2.5, 12.5), (4.5, 13.5)]):
        desktop.wait(f"studio.count > {first}")
    held[0].continue_()
    desktop.wait_result(length + 2)
    assert desktop.see("studio.historyLength") == length + 3  # two strokes and one picture
    changed = (desktop.pixels() != before).any(-1)
    assert changed[desktop.lattice.region(cells)].any()
    assert changed[desktop.lattice.region(desktop.cells & ~cells)].any()


def test_a_stroke_on_a_finished_fill_leaves_it_as_it_is(desktop: Editor) -> None:
    go_live(desktop)
    with pressed(desktop, STROKE):
        desktop.wait("studio.sketched > 0")
    desktop.wait_result(desktop.see("studio.historyLength"))
    first, done = desktop.lattice.region(desktop.cells), desktop.pixels()
    position = desktop.see("studio.position")
    with pressed(desktop, [(2.5, 12.5), (4.5, 13.5)]):
        desktop.wait("studio.sketched > 0")
    desktop.wait_result(position + 2)
    second = desktop.lattice.region(desktop.cells)
    assert not (first & second).any()
    after = desktop.pixels()
    assert np.array_equal(after[~second], done[~second])


def test_trouble_is_said_once_and_the_mask_is_kept(desktop: Editor) -> None:
    refusal = {"ok": False, "error": {"code": "busy", "message": "Not just now."}}
    desktop.page.route(
        re.compile("component_server"),
        lambda route: (
            route.fulfill(json=refusal) if is_sketch(route.request) else route.continue_()
        ),
    )
    questions = Questions(desktop)
    go_live(desktop)
    with pressed(desktop, STROKE):
        desktop.wait("!studio.live")
    assert desktop.status() == ("Live painting is off now: Not just now.", "error")
    desktop.wait("!studio.sketching && studio.count > 0")
    assert questions.asked == 1
    assert not desktop.see("studio.running")


def test_more_like_this_gives_variations_close_by(either: Editor) -> None:
    before = either.pixels()
    either.paint_box(3, 3, 8, 8)
    either.fill()
    region = either.lattice.region(either.cells)
    first = either.pixels()
    position = either.see("studio.position")
    either.tap("[data-share='0.25']")
    either.tap("[data-do=more]")
    either.wait(f"!studio.varying && studio.position === {position + 1} && !studio.running")
    assert either.see("studio.variations") == 4
    either.page.locator(".mgs-thumbnail").nth(3).wait_for()
    close = either.pixels()
    assert np.array_equal(close[~region], before[~region])
    assert not np.array_equal(close, first)
    taken = either.see("studio.picture.id")
    either.touch(either.page.locator(".mgs-thumbnail").nth(2))
    either.wait(f"studio.variation === 2 && studio.picture.id !== {json.dumps(taken)}")
    either.tap("[data-do=more]")
    either.wait(f"!studio.varying && studio.position === {position + 2} && !studio.running")
    either.undo()
    either.undo()
    assert np.array_equal(either.pixels(), first)


def test_the_next_seed_is_shown_and_gives_the_picture_of_that_seed(desktop: Editor) -> None:
    desktop.fix_seed(11)
    desktop.paint_box(3, 3, 8, 8)
    position = desktop.see("studio.position")
    desktop.fill()
    desktop.page.locator(".mgs-stage").focus()
    desktop.page.keyboard.press("n")
    desktop.wait_result(position + 2)
    box = desktop.page.locator("#seed input")
    assert box.input_value() == "12"
    assert "Seed 12." in desktop.page.locator("#status").inner_text()
    twelve = desktop.pixels()
    desktop.undo()
    desktop.undo()
    desktop.wait(f"studio.position === {position}")
    desktop.fill()
    assert np.array_equal(desktop.pixels(), twelve)


def test_a_typed_seed_is_used(desktop: Editor) -> None:
    lock = desktop.page.locator("#randomise input")
    assert lock.is_checked()
    desktop.type_number("seed", 5)
    desktop.page.wait_for_function("!document.querySelector('#randomise input').checked")
    desktop.paint_box(3, 3, 4, 4)
    desktop.fill()
    assert "Seed 5." in desktop.page.locator("#status").inner_text()
    desktop.page.locator(".mgs-stage").focus()
    desktop.page.keyboard.press("k")
    desktop.page.wait_for_function("document.querySelector('#randomise input').checked")


def test_while_an_answer_is_late_the_stroke_only_grows(desktop: Editor) -> None:
    late: list[Route] = []

    def hold_first(route: Route) -> None:
        if is_sketch(route.request) and not late:
            late.append(route)
        else:
            route.continue_()

    desktop.page.route(re.compile("component_server"), hold_first)
    length = desktop.see("studio.historyLength")
    questions = Questions(desktop)
    go_live(desktop)
    with pressed(desktop, STROKE):
        desktop.wait_here(lambda: late)
    assert questions.asked == 1
    desktop.wait(f"studio.historyLength === {length + 1} && studio.sketching")
    assert not desktop.see("studio.running")  # the full run waits for the answer
    late[0].continue_()
    desktop.wait_result(length + 1)
    assert (questions.asked, questions.most, questions.at_once) == (1, 1, 0)
    late.clear()
    with pressed(desktop, [(12.5, 2.5), (13.5, 2.5)]):
        desktop.wait_here(lambda: late)
        for x in (14, 15, 16, 17):
            desktop.page.mouse.move(*desktop.place((x, 3.5)))
        late[0].continue_()
        desktop.wait("studio.sketched === studio.count && !studio.sketching")
        assert questions.most == 1


def test_a_new_picture_has_others_close_to_it(desktop: Editor) -> None:
    desktop.tap("#generate")
    desktop.wait_result(1)
    desktop.page.locator(".mgs-stage").focus()
    desktop.page.keyboard.press("v")
    desktop.wait("!studio.varying && studio.position === 2 && !studio.running")
    desktop.page.locator(".mgs-thumbnail").nth(3).wait_for()
