"""The picture is made larger by a frame that is dragged, by numbers, by a shape; before any run."""

from typing import Any

import numpy as np
import pytest

from maskgit.outpainting import outpaint_windows
from tests.browser.editor import ROOT, Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIDES = ("left", "top", "right", "bottom")
BY = "\N{MULTIPLICATION SIGN}"
GRID = 16  # of the model that a page begins with
ARITHMETIC = (ROOT / "app" / "canvas" / "sides.js").read_text(encoding="utf-8")


def larger(editor: Editor) -> dict[str, int]:
    return editor.see("studio.larger")


def planned(editor: Editor) -> dict[str, int]:
    """Wait until the page says how many windows it takes."""
    editor.wait("studio.larger.windows > 0")
    return larger(editor)


def said(editor: Editor) -> str:
    return editor.page.locator(".mgs-enlarge-about").inner_text()


def drag(editor: Editor, grip: str, across: float, down: float) -> None:
    """Move a grip by so many CSS pixels."""
    editor.bring_stage()
    box = editor.page.locator(f"[data-grip={grip}]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    way = [(x + across * i / 4, y + down * i / 4) for i in range(5)]
    if editor.is_touch:
        editor.drag_fingers([[place] for place in way])
        return
    editor.page.mouse.move(*way[0])
    editor.page.mouse.down()
    for place in way[1:]:
        editor.page.mouse.move(*place)
    editor.page.mouse.up()


def fields(editor: Editor) -> list[str]:
    boxes = [editor.page.locator(f"#outpaint-{side} input[type=number]") for side in SIDES]
    return [box.first.input_value() for box in boxes]


def frame_is_in_sight(editor: Editor) -> bool:
    stage = editor.page.locator(".mgs-stage").bounding_box()
    frame = editor.page.locator(".mgs-grips").bounding_box()
    assert stage is not None
    assert frame is not None
    return all(
        stage[start] <= frame[start]
        and frame[start] + frame[length] <= stage[start] + stage[length]
        for start, length in (("x", "width"), ("y", "height"))
    )


def test_sides_and_corners_are_dragged_out_and_taken_back(either: Editor) -> None:
    history = either.see("studio.historyLength")
    either.pick_tool("enlarge")
    drag(either, "right", 30, 0)
    either.wait("studio.larger.right > 0")
    assert [larger(either)[side] for side in ("left", "top", "bottom")] == [0, 0, 0]
    drag(either, "top-left", -20, -25)
    either.wait("studio.larger.left > 0 && studio.larger.top > 0")
    sides = planned(either)
    width, height = either.size
    words = f"{width + sides['left'] + sides['right']} {BY} {height + sides['top']}, "
    assert said(either).startswith(words)
    assert frame_is_in_sight(either)
    either.unfold("outpaint")
    either.page.wait_for_function("window.studioControls.left > 0")
    assert fields(either) == [str(sides[side]) for side in SIDES]
    drag(either, "right", -300, 0)
    either.wait("studio.larger.right === 0 && studio.larger.left > 0")
    either.page.wait_for_function("window.studioControls.right === 0")
    assert fields(either) == [str(sides["left"]), str(sides["top"]), "0", "0"]
    assert either.see("studio.historyLength") == history
    assert not either.see("studio.running")


def test_numbers_move_the_frame_and_the_panel_brings_it(either: Editor) -> None:
    either.unfold("outpaint")
    either.wait("studio.tool === 'enlarge'")
    either.type_number("outpaint-left", 300)
    either.wait("studio.larger.left === 300")
    either.bring_stage()
    assert frame_is_in_sight(either)
    either.tap("#add-none")
    either.wait("studio.larger.left === 0")
    assert "Drag a side" in said(either)


def test_a_shape_adds_what_is_missing_and_never_cuts(desktop: Editor) -> None:
    width, height = desktop.size
    assert (width, height) == (720, 480)
    desktop.pick_tool("enlarge")
    desktop.page.select_option(".mgs-shape", "21:9")
    desktop.wait("studio.larger.left === 200 && studio.larger.right === 200")
    desktop.page.select_option(".mgs-where", "after")
    desktop.wait("studio.larger.left === 0 && studio.larger.right === 400")
    desktop.page.select_option(".mgs-shape", "9:16")
    desktop.wait("studio.larger.right === 0 && studio.larger.bottom === 800")
    desktop.page.select_option(".mgs-shape", "own")
    own = desktop.page.locator(".mgs-enlarge input")
    own.fill("4 / 1")
    own.press("Enter")
    desktop.wait("studio.larger.right === 1200 && studio.larger.bottom === 0")
    own.fill("wide")
    own.press("Enter")
    desktop.wait("studio.status.kind === 'error'")
    assert "width:height" in desktop.status()[0]
    assert larger(desktop)["right"] == 1200  # what was there is kept
    own.fill("900:1")
    own.press("Enter")
    desktop.wait("studio.status.text.startsWith('That does not fit')")


def test_what_it_takes_is_said_before_and_adding_can_be_undone(either: Editor) -> None:
    before = either.pixels()
    height, width = before.shape[:2]
    either.pick_tool("enlarge")
    drag(either, "bottom-right", 12, 10)
    sides = planned(either)
    added = [sides[side] for side in SIDES]
    plan = outpaint_windows(height, width, *added, grid_size=GRID)
    assert sides["windows"] == len(plan.windows)
    assert said(either) == f"{plan.width} {BY} {plan.height}, {sides['windows']} windows"
    either.tap("[data-enlarge=run]")
    either.wait_result(1)
    assert either.size == (plan.width, plan.height)
    either.wait("studio.larger.right === 0 && studio.larger.bottom === 0")
    after = either.pixels()
    assert np.array_equal(after[:height, :width], before)
    assert after[height:].std() > 0
    either.undo()
    assert either.size == (width, height)
    assert np.array_equal(either.pixels(), before)


@pytest.mark.parametrize("before", ["added once", "filled", "new", "new, loaded again"])
def test_adding_sides_by_the_frame_is_that_whatever_was_done_before(
    desktop: Editor, before: str
) -> None:
    if before == "filled":
        desktop.paint_box(2, 2, 4, 4)
        desktop.fill()
    if before.startswith("new"):
        desktop.tap("#generate")
        desktop.wait_result(1)
    if before == "new, loaded again":
        desktop.wait("studio.saved")
        desktop.reload()
    desktop.pick_tool("enlarge")
    for _ in range(2 if before == "added once" else 1):
        picture, position = desktop.pixels(), desktop.see("studio.position")
        drag(desktop, "right", 40, 0)
        desktop.wait("studio.larger.right > 0")
        added = planned(desktop)["right"]
        desktop.tap("[data-enlarge=run]")
        desktop.wait_result(position + 1)
        height, width = picture.shape[:2]
        assert desktop.size == (width + added, height)
        assert np.array_equal(desktop.pixels()[:, :width], picture)
        desktop.wait("!studio.larger.right")


def test_the_keyboard_moves_a_side_and_nothing_is_painted(desktop: Editor) -> None:
    desktop.page.keyboard.press("o")
    desktop.wait("studio.tool === 'enlarge'")
    grip = desktop.page.locator("[data-grip=left]")
    grip.focus()
    grip.press("ArrowLeft")
    desktop.wait("studio.larger.left === 30")  # a cell
    grip.press("Shift+ArrowRight")
    desktop.wait("studio.larger.left === 29")
    assert grip.get_attribute("aria-valuetext") == "29 pixels"
    grip.press("Home")
    desktop.wait("studio.larger.left === 0")
    desktop.stroke((4.5, 4.5), (7.5, 7.5))  # moves the picture
    assert desktop.see("studio.count") == 0


def test_a_picture_that_would_be_too_large_is_refused_before(desktop: Editor) -> None:
    desktop.unfold("outpaint")
    desktop.type_number("outpaint-left", 8192)
    desktop.type_number("outpaint-top", 8192)
    desktop.wait("studio.larger.left === 8192 && studio.larger.top === 8192")
    about = desktop.page.locator(".mgs-enlarge-about[data-kind=error]")
    about.wait_for()
    assert "at most 64 million fit" in about.inner_text()
    assert desktop.page.locator("[data-enlarge=run]").is_disabled()


CASES: list[tuple[str, Any]] = [
    ("draggedSides(S, sidesOf(null), {x: 1, y: 0}, 12.4, 99)", [0, 0, 12, 0]),
    ("draggedSides(S, sidesOf({left: 5}), {x: -1, y: 0}, 50, 0)", [0, 0, 0, 0]),
    ("draggedSides(S, sidesOf(null), {x: 1, y: -1}, 8, -6, true)", [8, 6, 8, 6]),
    ("draggedSides(S, sidesOf(null), {x: 1, y: 0}, 1e9, 0)", [0, 0, 8192, 0]),
    ("sidesForShape(S, [16, 9])", [66, 0, 67, 0]),
    ("sidesForShape(S, [1, 1], 'before')", [0, 240, 0, 0]),
    ("sidesForShape(S, [3, 2], 'after')", [0, 0, 0, 0]),
    ("sidesForShape(S, [4000, 1])", None),
    ("shapeOf(' 2.35 x 1 ')", [2.35, 1]),
    ("shapeOf('1,85:1')", [1.85, 1]),
    ("shapeOf('0:1')", None),
    ("shapeOf('16:9:1')", None),
    ("sidesOf({left: '7', top: null, right: -3, bottom: 1e9})", [7, 0, 0, 8192]),
]


def test_the_arithmetic_of_sides(desktop: Editor) -> None:
    for expression, expected in CASES:
        body = f"const S = {{ width: 720, height: 480 }}; return {expression};"
        found = desktop.page.evaluate(f"() => {{ {ARITHMETIC}\n{body} }}")
        assert (list(found.values()) if isinstance(found, dict) else found) == expected, expression


def test_no_drag_leads_beyond_what_fits(desktop: Editor) -> None:
    size = "{ width: 6000, height: 5000 }"
    script = f"""() => {{ {ARITHMETIC}
        const to = draggedSides({size}, sidesOf(null), {{ x: 1, y: 1 }}, 8000, 8000);
        return enlargedSize({size}, to);
    }}"""
    found = desktop.page.evaluate(script)
    assert 63e6 < found["width"] * found["height"] <= 64e6
