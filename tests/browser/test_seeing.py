"""A run can be walked through, looked into, plotted and taken along, in a real browser."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Request, expect

from tests.browser.editor import Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def run_once(editor: Editor) -> int:
    """Fill a part of the picture; gives the number of steps."""
    editor.paint_box(4, 3, 6, 5)
    editor.fill()
    return editor.see("studio.steps")


def go_to(editor: Editor, step: int) -> None:
    """Go to a step by its thumbnail and wait until its picture is on the stage."""
    editor.touch(editor.page.locator(".mgs-frame").nth(step))
    editor.wait(f"studio.step === {step} && studio.seen === {step}")


def legend(editor: Editor) -> str:
    return editor.page.locator(".mgs-legend-text").inner_text()


def test_the_keys_of_a_player_work_anywhere_in_the_timeline(desktop: Editor) -> None:
    steps = run_once(desktop)
    keys = desktop.page.keyboard
    for focus in (".mgs-steps", "[data-overlay=mask]"):
        desktop.page.locator(focus).focus()
        for key, step in (
            ("Home", 0), ("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("End", steps),
        ):  # fmt: skip
            keys.press(key)
            desktop.wait(f"studio.step === {step}")
    desktop.page.locator(".mgs-steps").focus()
    desktop.page.locator(".mgs-speed").select_option("0.25")
    keys.press("Home")
    keys.press(" ")
    play = desktop.page.locator("[data-do=play]")
    expect(play).to_have_attribute("aria-label", "Pause")
    desktop.wait("studio.step === 1")
    keys.press(" ")
    expect(play).to_have_attribute("aria-label", "Play the steps")
    assert desktop.see("studio.step") < steps


def test_the_speed_can_be_changed_while_it_plays(desktop: Editor) -> None:
    steps = run_once(desktop)
    times = []
    for speed in ("0.25", "4"):
        desktop.page.locator(".mgs-speed").select_option(speed)
        desktop.page.locator(".mgs-steps").focus()
        desktop.page.keyboard.press("Home")
        desktop.page.evaluate("window.began = performance.now()")
        desktop.tap("[data-do=play]")
        desktop.wait("studio.step >= 2")
        times.append(desktop.page.evaluate("performance.now() - window.began"))
    assert times[0] > 2 * times[1]
    desktop.wait(f"studio.step === {steps}")


def test_every_step_has_a_thumbnail_that_leads_to_it(either: Editor) -> None:
    steps = run_once(either)
    frames = either.page.locator(".mgs-frame")
    assert frames.count() == steps + 1
    go_to(either, 3)
    assert frames.nth(3).get_attribute("aria-current") == "step"
    assert "Step 3" in (frames.nth(3).get_attribute("aria-label") or "")
    either.page.locator(".mgs-frame[data-drawn='3']").wait_for()


def test_what_a_step_revealed_is_marked_and_counted(desktop: Editor) -> None:
    steps = run_once(desktop)
    desktop.tap("[data-overlay=revealed]")
    counts = []
    for step in range(1, steps + 1):
        desktop.page.locator(".mgs-frame").nth(step).click()
        desktop.wait(f"studio.step === {step}")
        counts.append(int(legend(desktop).split(", ")[1].split()[0]))
    assert sum(counts) == 30


def test_overlays_change_while_the_step_stays(either: Editor) -> None:
    run_once(either)
    go_to(either, 4)
    said = set()
    for name in ("none", "mask", "revealed", "order", "confidence"):
        either.tap(f"[data-overlay={name}]")
        either.wait(f"studio.overlay === {name!r} && studio.step === 4")
        said.add(legend(either))
    assert len(said) == 5


def test_the_plots_follow_the_step_and_lead_to_others(either: Editor) -> None:
    steps = run_once(either)
    either.tap(".mgs-plots summary")
    captions = either.page.locator(".mgs-charts figcaption")
    go_to(either, 0)
    assert captions.all_inner_texts() == [
        "Still masked: 100 %", "Decided at this step: none yet", "Mean confidence: none yet",
    ]  # fmt: skip
    either.touch(either.page.locator(".mgs-charts .u-over").nth(1))  # its middle
    either.wait("studio.step > 0")
    assert abs(either.see("studio.step") - steps / 2) <= 1
    masked, decided, confidence = captions.all_inner_texts()
    assert 0 < int(masked.split()[2]) < 100
    assert decided.endswith(("cell", "cells"))
    assert confidence.endswith("%")
    either.page.locator(".mgs-steps").focus()
    either.page.keyboard.press("End")
    expect(captions.first).to_have_text("Still masked: 0 %")


def test_how_undecided_the_model_is_is_asked_once_for_each_step(desktop: Editor) -> None:
    run_once(desktop)
    go_to(desktop, 4)
    asked = count_questions(desktop, "maps")
    stage = desktop.page.locator(".mgs-stage")
    before = stage.screenshot(animations="disabled")
    desktop.tap("[data-overlay=entropy]")
    desktop.wait("studio.mapped === 4")
    assert "undecided" in legend(desktop)
    assert stage.screenshot(animations="disabled") != before
    go_to(desktop, 5)
    desktop.wait("studio.mapped === 5")
    go_to(desktop, 4)
    desktop.wait("studio.mapped === 4")
    assert len(asked) == 2


def test_changes_are_counted_against_another_step_or_another_run(either: Editor) -> None:
    run_once(either)
    go_to(either, 4)
    either.tap("[data-overlay=changes]")
    assert "in the step before" in legend(either)
    assert "of 30 cells" in legend(either)
    against = either.page.locator(".mgs-against")
    against.select_option("run")
    assert "nothing to compare with" in legend(either)
    either.undo()
    either.fill()
    go_to(either, 4)
    either.tap("[data-overlay=changes]")
    against.select_option("run")
    assert "in the run before" in legend(either)


def test_the_tokenizers_own_picture_is_shown_at_any_step(desktop: Editor) -> None:
    run_once(desktop)
    go_to(desktop, 2)
    asked = count_questions(desktop, "reconstruct")
    stage = desktop.page.locator(".mgs-stage")
    before = stage.screenshot(animations="disabled")
    desktop.tap("[data-overlay=tokenizer]")
    desktop.wait("studio.reconstructed")
    assert "nothing imagined" in legend(desktop)
    assert stage.screenshot(animations="disabled") != before
    desktop.page.keyboard.press("End")
    desktop.wait("studio.step === studio.steps && studio.reconstructed")
    assert len(asked) == 1


def count_questions(editor: Editor, name: str) -> list[str]:
    """Note from now on every time the page asks the server that."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and f'"{name}"' in (request.post_data or ""):
            asked.append(request.url)

    editor.page.on("request", note)
    return asked


def test_a_schedule_is_drawn_by_dragging_and_by_keys_and_then_kept_to(either: Editor) -> None:
    either.unfold("advanced")
    listed = either.page.locator("#schedule input")
    point = either.page.locator(".mgd-point").nth(3)  # half-way
    point.scroll_into_view_if_needed()
    assert point.get_attribute("aria-valuetext") == "71 %"
    box = point.locator(".mgd-dot").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if either.is_touch:
        either.drag_fingers([[(x, y)], [(x, y - 20)], [(x, y - 200)]])
    else:
        either.page.mouse.move(x, y)
        either.page.mouse.down()
        either.page.mouse.move(x, y - 20)
        either.page.mouse.move(x, y - 200)
        either.page.mouse.up()
    expect(point).to_have_attribute("aria-valuetext", "100 %")
    expect(listed).to_have_value("drawn by hand")
    point.focus()
    either.page.keyboard.press("PageDown")
    either.page.keyboard.press("PageDown")
    expect(point).to_have_attribute("aria-valuetext", "80 %")
    either.type_number("steps", 8)
    run_once(either)
    either.tap(".mgs-plots summary")
    go_to(either, 4)
    caption = either.page.locator(".mgs-charts figcaption").first
    expect(caption).to_have_text("Still masked: 80 %")


def test_the_curve_shows_the_schedule_that_is_chosen(desktop: Editor) -> None:
    desktop.unfold("advanced")
    point = desktop.page.locator(".mgd-point").nth(3)
    desktop.choose("schedule", "linear")
    expect(point).to_have_attribute("aria-valuetext", "50 %")
    desktop.choose("schedule", "cosine")
    expect(point).to_have_attribute("aria-valuetext", "71 %")


def test_a_schedule_that_is_none_is_put_back_and_a_drawn_one_kept(desktop: Editor) -> None:
    desktop.unfold("advanced")
    field = desktop.page.locator("#schedule input")
    point = desktop.page.locator(".mgd-point").nth(3)
    for wrong in ("zzz", "pow2.5", "custom:1,2,0", "custom:1"):
        field.fill(wrong)
        field.press("Enter")
        desktop.page.locator("#status", has_text="no schedule").wait_for()
        expect(field).to_have_value(re.compile("^cosine"))
        expect(point).to_have_attribute("aria-valuetext", "71 %")
    field.fill("custom:1,0.5,0.25,0")
    field.press("Enter")
    expect(desktop.page.locator(".mgd-point").first).to_have_attribute("aria-valuetext", "50 %")
    desktop.wait("studio.saved")
    desktop.reload()
    desktop.unfold("advanced")
    expect(field).to_have_value("drawn by hand")
    expect(desktop.page.locator(".mgd-point").first).to_have_attribute("aria-valuetext", "50 %")


def test_a_run_without_previews_is_drawn_where_it_is_looked_at(desktop: Editor) -> None:
    desktop.unfold("advanced")
    desktop.page.locator("#previews input").uncheck()
    desktop.page.set_viewport_size({"width": 1440, "height": 480})  # the strip is out of sight
    asked = count_questions(desktop, "look")
    steps = run_once(desktop)
    assert asked == []
    go_to(desktop, 3)
    for step in range(1, steps + 1):
        desktop.page.locator(f".mgs-frame[data-drawn='{step}']").wait_for()
    go_to(desktop, 5)
    desktop.tap("[data-overlay=confidence]")
    go_to(desktop, 3)
    assert len(asked) == steps


def test_the_run_can_be_taken_along_as_film_sheet_and_data(either: Editor) -> None:
    steps = run_once(either)
    either.tap(".mgs-save summary")
    either.page.locator(".mgs-save [name=overlay]").select_option("mask")
    for kind in ("gif", "webp", "mp4"):
        either.page.locator(".mgs-save [name=format]").select_option(kind)
        name, data = saved(either, "film")
        assert name.endswith(f".{kind}")
        if kind == "mp4":
            assert data[4:8] == b"ftyp"
        else:
            with Image.open(io.BytesIO(data)) as pictures:
                assert getattr(pictures, "n_frames", 1) >= steps
    with Image.open(io.BytesIO(saved(either, "png")[1])) as sheet:
        assert sheet.format == "PNG"
    with np.load(io.BytesIO(saved(either, "npz")[1])) as arrays:
        assert len(arrays.files) > 3
    assert json.loads(saved(either, "json")[1])


def saved(editor: Editor, what: str) -> tuple[str, bytes]:
    """Save the run as something; gives the name that is offered, and the file."""
    with editor.page.expect_download() as download:
        editor.tap(f"[data-save={what}]")
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()
