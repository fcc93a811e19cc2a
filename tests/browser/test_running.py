"""The model works in sight of the person, and nothing that was not painted changes."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Route

from tests.browser.editor import ROOT, Editor, press
from tests.browser.fewer_steps import STEPS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def slow_down(editor: Editor) -> None:
    """Ask for one cell in each pass, so that there is time to do something meanwhile."""
    editor.unfold("advanced")
    editor.choose("reveal", "row")


def drag_timeline(editor: Editor, start: float, end: float) -> None:
    """Drag the knob of the timeline from one share of its length to another."""
    slider = editor.page.locator(".mgs-steps")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    knob = 16
    y = box["y"] + box["height"] / 2
    shares = np.linspace(start, end, 12)
    places = [(box["x"] + knob / 2 + share * (box["width"] - knob), y) for share in shares]
    if editor.is_touch:
        editor.drag_fingers([[place] for place in places])
        return
    editor.page.mouse.move(*places[0])
    editor.page.mouse.down()
    for place in places[1:]:
        editor.page.mouse.move(*place)
    editor.page.mouse.up()


def test_every_step_is_seen_and_only_painted_pixels_change(either: Editor) -> None:
    before = either.pixels()
    either.paint_box(4, 3, 6, 5)
    region = either.lattice.region(either.cells)
    either.watch_steps()
    either.fill()
    seen = either.seen_steps()
    assert seen == sorted(seen)
    assert len(set(seen)) >= 4  # a slow screen may leave out some, and shows them afterwards
    assert either.see("[studio.step, studio.steps]") == [STEPS, STEPS]
    after = either.pixels()
    assert np.array_equal(after[~region], before[~region])
    assert np.mean(after[region] != before[region]) > 0.5
    assert "Done" in either.page.locator("#status").inner_text()


def without(stream: str, lost: Sequence[int]) -> str:
    """Take steps out of what Gradio sends during a run; the first event stays, without its step."""
    before, *events = stream.split('data: {"msg":"process_generating"')
    assert all(f'\\"step\\": {step},' in event for step, event in enumerate(events[: STEPS + 1]))
    if 0 in lost:
        events[0] = re.sub(r'"frame":"(\\.|[^"\\])*"', '"frame":"null"', events[0])
    kept = [event for step, event in enumerate(events) if step not in lost or step == 0]
    return 'data: {"msg":"process_generating"'.join([before, *kept])


def lose(editor: Editor, lost: Sequence[int]) -> None:
    """Let steps of the next run get lost on their way to the page."""

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=without(response.text(), lost))

    editor.page.route("**/queue/data**", answer)


@pytest.mark.parametrize("lost", [[3, STEPS], range(STEPS + 1)], ids=["two", "all"])
def test_steps_that_got_lost_on_the_way_are_asked_for(desktop: Editor, lost: Sequence[int]) -> None:
    asked: list[str] = []
    desktop.page.on("request", lambda request: asked.append(request.post_data or ""))
    lose(desktop, lost)
    desktop.paint_box(4, 3, 6, 5)
    desktop.fill()
    assert sum('"missed"' in each for each in asked) == 1
    assert desktop.see("[studio.step, studio.steps]") == [STEPS, STEPS]
    assert desktop.see("studio.branches") == STEPS + 1
    drag_timeline(desktop, 1, 0)
    desktop.wait("studio.step === 0 && studio.seen === 0")


def test_a_result_does_not_wait_for_lost_steps_that_never_come(desktop: Editor) -> None:
    def hold(route: Route) -> None:
        if '"missed"' not in (route.request.post_data or ""):
            route.continue_()

    desktop.page.route("**/component_server**", hold)
    lose(desktop, [3])
    desktop.paint_box(4, 3, 6, 5)
    desktop.fill()
    assert desktop.see("studio.branches") == STEPS
    drag_timeline(desktop, 1, 0)
    desktop.wait("studio.step === 0")
    desktop.page.unroute_all(behavior="ignoreErrors")


def test_a_soft_fill_is_made_sharp_in_sight_and_not_where_that_is_off(
    desktop: Editor, tmp_path: Path
) -> None:
    with Image.open(ROOT / "assets" / "examples" / "mountains.jpg") as small:
        small.resize((1440, 960)).save(tmp_path / "large.png")
    desktop.open_file(tmp_path / "large.png")
    desktop.wait("studio.picture.width === 1440")
    desktop.page.evaluate(
        """() => {
          window.told = new Set();
          const pill = document.querySelector(".mgs-pill");
          new MutationObserver(() => window.told.add(pill.textContent))
            .observe(pill, { childList: true, characterData: true, subtree: true });
        }"""
    )
    desktop.fix_seed(3)
    desktop.paint_box(4, 3, 6, 5)
    region = desktop.lattice.region(desktop.cells)
    before, made = desktop.pixels(), []
    for words, then in (("Borrowing texture", "#borrow"), ("Refining", "#refine"), (None, None)):
        desktop.see("window.told.clear()")
        desktop.fill()
        told = desktop.see("[...window.told].filter((words) => /Borr|Refin/.test(words))")
        assert all(each.startswith(words) for each in told), told
        assert bool(told) == bool(words)
        made.append(desktop.pixels())
        assert np.array_equal(made[-1][~region], before[~region])
        if then:
            desktop.undo()
            desktop.page.locator(f"{then} input").uncheck()
    borrowed, refined, coarse = made
    assert np.mean(borrowed[region] != refined[region]) > 0.3
    assert np.mean(coarse[region] != refined[region]) > 0.3


def test_the_timeline_goes_back_and_forth(either: Editor) -> None:
    either.paint_box(2, 2, 10, 10)
    either.fill()
    result = either.see("studio.pixel(1, 1)")
    drag_timeline(either, 1, 0)
    either.wait("studio.step === 0")
    drag_timeline(either, 0, 0.5)
    either.wait(f"studio.step === {STEPS // 2}")
    label = either.page.locator(".mgs-step-label").inner_text()
    assert label == f"Step {STEPS // 2} of {STEPS}"
    drag_timeline(either, 0.5, 1)
    either.wait(f"studio.step === {STEPS}")
    either.tap("[data-do=back]")
    either.wait(f"studio.step === {STEPS - 1}")
    either.tap("[data-do=forward]")
    either.wait(f"studio.step === {STEPS}")
    assert either.see("studio.pixel(1, 1)") == result
    assert either.see("studio.historyLength") == 3  # looking changes nothing


def test_playing_the_steps_ends_at_the_result(desktop: Editor) -> None:
    desktop.paint_box(2, 2, 10, 10)
    desktop.fill()
    desktop.watch_steps()
    desktop.tap("[data-do=play]")
    desktop.wait(f"studio.step > 0 && studio.step < {STEPS}")
    desktop.wait(f"studio.step === {STEPS}")


@pytest.mark.parametrize("overlay", ["none", "mask", "confidence", "order"])
def test_overlays_show_what_the_model_thought(desktop: Editor, overlay: str) -> None:
    desktop.paint_box(2, 2, 10, 10)
    desktop.fill()
    drag_timeline(desktop, 1, 0.5)
    desktop.wait(f"studio.step === {STEPS // 2}")
    stage = desktop.page.locator(".mgs-stage")
    other = "mask" if overlay == "none" else "none"
    pictures = []
    for name in (other, overlay):
        desktop.tap(f"[data-overlay={name}]")
        desktop.wait(f"studio.overlay === {name!r}")
        pictures.append(stage.screenshot(animations="disabled"))
    assert pictures[0] != pictures[1]
    assert desktop.page.locator(".mgs-legend-text").inner_text() or overlay == "none"


def test_undo_and_redo_go_over_pictures_and_strokes(either: Editor) -> None:
    before = either.pixels()
    either.paint_box(4, 3, 6, 5)
    either.fill()
    after = either.pixels()
    assert not np.array_equal(before, after)
    either.undo()
    either.wait("studio.position === 1 && studio.count === 30")
    assert np.array_equal(either.pixels(), before)
    either.undo()
    either.wait("studio.position === 0 && studio.count === 0")
    for position in (1, 2):
        either.redo()
        either.wait(f"studio.position === {position}")
    assert np.array_equal(either.pixels(), after)


def test_before_and_after_by_holding_and_by_slider(desktop: Editor) -> None:
    desktop.paint_box(4, 3, 6, 5)
    desktop.fill()
    before = desktop.page.locator(".mgs-before")
    desktop.page.keyboard.down("\\")
    before.wait_for(state="visible")
    desktop.page.keyboard.up("\\")
    before.wait_for(state="hidden")
    desktop.tap("[data-do=slide]")
    before.wait_for(state="visible")
    desktop.page.locator(".mgs-handle").wait_for(state="visible")
    desktop.tap("[data-do=slide]")
    before.wait_for(state="hidden")


def test_stopping_in_the_middle_loses_nothing(either: Editor) -> None:
    before = either.pixels()
    either.paint_box(0, 0, 16, 16)
    slow_down(either)
    held = either.see("[studio.cells, studio.historyLength, studio.picture.id]")
    with either.at_once(("studio.running && studio.step >= 3", press("stop"))):
        either.tap("#fill")
    either.wait("!studio.running")
    assert either.see("[studio.cells, studio.historyLength, studio.picture.id]") == held
    assert np.array_equal(either.pixels(), before)
    assert "Stopped" in either.page.locator("#status").inner_text()
    either.choose("reveal", "surest")
    either.fill()  # the model is free again


def test_fill_pressed_right_after_stop_is_never_lost(desktop: Editor) -> None:
    desktop.paint_box(0, 0, 16, 16)
    slow_down(desktop)
    desktop.page.evaluate(
        """() => {
            window.runs = 0;
            const status = document.querySelector("#status p");
            const note = () => window.runs += status.textContent.startsWith("Imagining");
            new MutationObserver(note).observe(status, { childList: true });
        }"""
    )
    moments = []
    for runs in range(1, 12):
        under_way = f"window.runs === {runs} && studio.running && studio.step >= 1"
        again = ["fill", "fill"] if runs <= 10 else []  # the second, impatient, begins nothing
        moments.append((under_way, press("stop", *again)))
    with desktop.at_once(*moments):
        desktop.tap("#fill")
    desktop.wait("!studio.running")
    assert "Stopped" in desktop.page.locator("#status").inner_text()
    assert desktop.page.evaluate("window.runs") == 11
    desktop.choose("reveal", "surest")
    desktop.fill()  # nothing is left that would keep the model busy


BEGINNING = ("#fill", "#generate", "#next-seed", "#outpaint-run", "#examples button")


def test_nothing_else_begins_while_a_run_lasts(desktop: Editor) -> None:
    desktop.paint_box(2, 2, 6, 6)
    size = desktop.size
    desktop.unfold("outpaint")
    desktop.type_number("outpaint-left", 100)
    desktop.unfold("advanced")
    desktop.choose("reveal", "row")
    is_off = "document.querySelector(name).ariaDisabled === 'true'"
    shown = f"{list(BEGINNING)}.map((name) => {is_off})"
    assert desktop.page.evaluate(shown) == [False] * len(BEGINNING)
    others = ["generate", "next-seed", "outpaint-run"]
    once = f"{list(BEGINNING)}.every((name) => {is_off})"
    with desktop.at_once(("studio.running && studio.step >= 1", press(*others)), (once, "0")):
        desktop.page.locator("#fill").focus()
        desktop.page.evaluate(f"() => {{ {press('fill', *others)} }}")  # all in a moment
    desktop.wait_result(2)
    assert desktop.size == size
    assert desktop.page.evaluate("document.activeElement.id") == "fill"
    assert desktop.page.evaluate(shown) == [False] * len(BEGINNING)
    desktop.page.locator("#outpaint-run").click()
    desktop.wait_result(3)
    assert desktop.size == (size[0] + 100, size[1])
    field = desktop.page.locator("#outpaint-left input[type=number]")
    desktop.wait_here(lambda: field.input_value() == "0")


def test_a_run_that_the_server_cannot_take_is_said_and_can_be_asked_for_again(
    desktop: Editor,
) -> None:
    desktop.paint_box(2, 2, 6, 6)
    full = {"status": 503, "json": {"detail": "Queue is full."}}
    desktop.page.route("**/queue/join*", lambda route: route.fulfill(**full))
    desktop.tap("#fill")
    desktop.page.locator("#status", has_text="did not answer").wait_for()
    assert desktop.page.locator("#stop").is_disabled()
    desktop.page.unroute("**/queue/join*")
    assert all("503" in said for said in desktop.trouble)
    desktop.trouble.clear()
    desktop.fill()


def test_a_page_that_loads_anew_says_that_its_run_was_lost(desktop: Editor) -> None:
    desktop.paint_box(0, 0, 16, 16)
    slow_down(desktop)
    with desktop.at_once(("studio.running && studio.step >= 2", "0")):
        desktop.tap("#fill")
    desktop.page.once("dialog", lambda dialog: dialog.accept())
    desktop.reload()
    assert "the run was lost" in desktop.status()[0]
    desktop.reload()
    assert desktop.status()[0] == ""


def test_a_server_that_does_not_hear_stop_keeps_nothing_locked(desktop: Editor) -> None:
    desktop.paint_box(0, 0, 16, 16)
    held = desktop.see("[studio.cells, studio.historyLength, studio.picture.id]")
    slow_down(desktop)
    with desktop.at_once(("studio.running && studio.step >= 2", "0")):
        desktop.tap("#fill")
    desktop.context.set_offline(True)
    desktop.page.locator("#stop").click()
    desktop.wait("!studio.running")
    assert "does not answer" in desktop.status()[0]
    desktop.context.set_offline(False)
    assert all("DISCONNECTED" in said or "/reset" in said for said in desktop.trouble)
    desktop.trouble.clear()
    assert desktop.see("[studio.cells, studio.historyLength, studio.picture.id]") == held


def test_variations_are_there_to_pick_from(either: Editor) -> None:
    before = either.pixels()
    either.paint_box(4, 3, 6, 5)
    region = either.lattice.region(either.cells)
    either.touch(either.page.locator("#variations").get_by_text("4", exact=True))
    either.fill()
    either.wait("studio.variations === 4 && studio.variation === 0")
    pictures = [either.pixels()]
    for index in (2, 3):
        either.touch(either.page.locator(".mgs-thumbnail").nth(index))
        either.wait(f"studio.variation === {index}")
        pictures.append(either.pixels())
    assert either.see("studio.historyLength") == 3  # picking takes the place of the first
    for picture in pictures:
        assert np.array_equal(picture[~region], before[~region])
    assert not np.array_equal(pictures[0][region], pictures[1][region])
    assert not np.array_equal(pictures[1][region], pictures[2][region])
    either.undo()
    assert np.array_equal(either.pixels(), before)


def test_several_variations_are_kept_as_branches_and_gone_back_to(desktop: Editor) -> None:
    desktop.tap("#variations label >> text=4")
    desktop.paint_box(4, 4, 5, 5)
    desktop.fill()
    desktop.page.locator(".mgs-thumbnail").nth(3).wait_for()
    keeps = desktop.page.locator(".mgs-keep")
    assert keeps.nth(0).inner_text() == "Kept"  # its steps are kept anyway
    branches = desktop.see("studio.branches")
    for number, index in enumerate((2, 3), 1):
        keeps.nth(index).click()
        desktop.wait(f"studio.branches === {branches + number}")
    assert [keeps.nth(i).inner_text() for i in range(4)] == ["Kept", "Keep", "Kept", "Kept"]
    desktop.touch(desktop.page.locator(".mgs-thumbnail").nth(3))
    desktop.wait("studio.variation === 3")
    taken = desktop.pixels()
    desktop.undo()
    desktop.wait("studio.saved")
    desktop.reload()
    assert desktop.see("studio.branches") == branches + 2
    desktop.tap("[data-do=lab]")
    branch = desktop.page.locator(".mgs-branch[title*='Variation 4']")
    branch.first.click()
    desktop.wait("studio.walking && !studio.asking")
    desktop.tap("[data-steer=run]")
    desktop.wait("!studio.walking && !studio.running")
    assert np.array_equal(desktop.pixels(), taken)


def test_the_same_seed_gives_the_same_picture(desktop: Editor) -> None:
    desktop.paint_box(4, 3, 8, 8)
    desktop.fix_seed(11)
    outcomes = []
    for _ in range(2):
        desktop.fill()
        outcomes.append(desktop.pixels())
        desktop.undo()
    assert np.array_equal(*outcomes)


def test_fill_pressed_right_after_undo_works_on_what_undo_brought(desktop: Editor) -> None:
    desktop.paint_box(4, 3, 8, 8)
    desktop.fix_seed(11)
    desktop.fill()
    first = desktop.pixels()
    assert desktop.see("studio.position") == 2
    undo_and_fill = "document.querySelector('[data-do=undo]').click();" + press("fill")
    with desktop.at_once(("true", undo_and_fill), ("studio.running", "")):
        pass
    desktop.wait_result(2)
    assert np.array_equal(desktop.pixels(), first)


def test_the_picture_grows_by_numbers(either: Editor) -> None:
    before = either.pixels()
    height, width = before.shape[:2]
    either.unfold("outpaint")
    either.type_number("outpaint-left", 100)
    either.type_number("outpaint-bottom", 37)
    either.tap("#outpaint-run")
    either.wait_result(1)
    assert either.size == (width + 100, height + 37)
    after = either.pixels()
    assert np.array_equal(after[:height, 100:], before)
    assert after[:, :100].std() > 0
    either.undo()
    assert either.size == (width, height)


def test_a_picture_comes_from_nothing(either: Editor) -> None:
    either.watch_steps()
    either.tap("#generate")
    either.wait_result(1)
    assert len(set(either.seen_steps())) >= 4
    width, height = either.size
    assert width == height
    assert either.pixels().std() > 0
    either.paint_box(2, 2, 4, 4)
    either.fill()  # and it can be edited like any other
    either.undo()


def test_without_paint_a_sentence_says_what_to_do(either: Editor) -> None:
    either.tap("#fill")
    either.wait("studio.status.kind === 'error'")
    assert "Paint" in either.status()[0]
    either.paint_box(1, 1, 3, 3)
    either.fill()


def test_steps_are_not_shown_over_a_picture_of_another_size(desktop: Editor) -> None:
    timeline = desktop.page.locator(".mgs-timeline")
    desktop.tap("#generate")
    desktop.wait_result(1)
    assert timeline.is_visible()
    desktop.undo()
    assert timeline.is_hidden()
    desktop.redo()
    assert timeline.is_visible()


def test_who_presses_fill_far_below_sees_the_picture_change(phone: Editor) -> None:
    phone.paint_box(3, 3, 4, 4)
    button, stage = phone.page.locator("#fill"), phone.page.locator(".mgs-stage")
    button.scroll_into_view_if_needed()
    phone.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    position = phone.see("studio.position") + 1
    button.evaluate("(button) => button.click()")
    phone.wait_result(position)
    top, bottom, height = stage.evaluate(
        """async (stage) => {
            let last = NaN; // it scrolls smoothly
            while (last !== (last = stage.getBoundingClientRect().top)) {
                await new Promise(requestAnimationFrame);
            }
            const { top, bottom } = stage.getBoundingClientRect();
            return [top, bottom, innerHeight];
        }"""
    )
    assert top >= 0
    assert bottom <= height


def test_what_was_wrong_is_not_said_any_longer_when_somebody_goes_on(desktop: Editor) -> None:
    desktop.tap("#fill")
    desktop.page.wait_for_function("document.querySelector('.mgs-status').dataset.kind === 'error'")
    desktop.paint_box(3, 3, 4, 4)
    assert desktop.status() == ("", "")
