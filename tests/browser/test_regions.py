"""Several classes at once, each a colour: painted, filled, undone, kept, and no trace without."""

import json

import numpy as np
import pytest

from app.canvas.drawing import NO_CLASS_ID
from tests.browser.editor import ANOTHER_CLASS, CLASSES, SOME_CLASS, Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECOND, THIRD = SOME_CLASS, ANOTHER_CLASS  # beside the one that is chosen for the whole


def another_class(editor: Editor, name: str) -> None:
    """Add a swatch and choose its class; it is what is painted with then."""
    count = editor.see("studio.classes.length")
    editor.tap(".mgs-add-class")
    editor.wait(f"studio.classes.length === {count + 1}")
    picker = editor.page.locator("#classes select").nth(count)  # once the row is drawn anew
    picker.select_option(label=name)
    editor.wait(f"studio.swatch === {count + 2}")


def message(editor: Editor) -> dict:
    return json.loads(editor.see("studio.message"))


def further(editor: Editor) -> list[tuple[int, np.ndarray]]:
    """What Python is told of further classes: id and cells of each."""
    told = message(editor).get("classes", [])
    return [(label, editor.lattice.unpack(cells)) for label, cells in told]


def two_halves(editor: Editor) -> None:
    """Paint a box, its right half as another class."""
    editor.paint_box(3, 3, 5, 8)
    another_class(editor, SECOND)
    editor.paint_box(8, 3, 5, 8)


def test_with_one_class_there_is_one_small_button(either: Editor) -> None:
    place = either.page.locator("#classes")
    assert place.locator("button").count() == 1
    assert "experimental" in place.inner_text()
    either.paint_box(3, 3, 4, 4)
    assert "classes" not in message(either)
    box = place.bounding_box()
    assert box is not None
    assert box["height"] < 60


def test_a_part_may_become_anything(desktop: Editor) -> None:
    desktop.paint_box(3, 3, 5, 8)
    another_class(desktop, "anything")
    desktop.paint_box(8, 3, 5, 8)
    ((label, cells),) = further(desktop)
    assert label == NO_CLASS_ID
    assert cells.sum() == 40
    before = desktop.pixels()
    desktop.fill()
    assert (desktop.pixels() != before).any()


def test_two_classes_are_painted_and_filled_at_once(either: Editor) -> None:
    editor = either
    two_halves(editor)
    ((label, cells),) = further(editor)
    assert label == CLASSES[SECOND]
    assert cells.sum() == 40
    assert cells[3:11, 8:13].all()
    assert editor.see("studio.count") == 80
    before = editor.pixels()
    painted = editor.lattice.region(editor.cells)
    editor.tap("#fill")
    editor.wait_result(3)
    after = editor.pixels()
    np.testing.assert_array_equal(after[~painted], before[~painted])
    assert (after[painted] != before[painted]).any()
    # Undo brings the mask with its classes back; the eraser takes any class away.
    editor.undo()
    assert [label for label, _ in further(editor)] == [CLASSES[SECOND]]
    editor.pick_tool("eraser")
    editor.stroke((8.5, 4.5), (12.5, 4.5))
    editor.wait("studio.historyLength === 4")  # the stroke is over; what was undone is gone
    assert sum(cells.sum() for _, cells in further(editor)) < 40


def test_painting_with_another_swatch_changes_the_class(desktop: Editor) -> None:
    editor = desktop
    two_halves(editor)
    another_class(editor, THIRD)
    editor.paint_box(3, 3, 10, 2)
    assert [(label, int(cells.sum())) for label, cells in further(editor)] == [
        (CLASSES[SECOND], 30),
        (CLASSES[THIRD], 20),
    ]
    editor.page.keyboard.press("c")  # from the last to the first
    editor.wait("studio.swatch === 1")
    editor.page.keyboard.press("x")
    editor.wait("studio.swatch === 3")
    editor.page.keyboard.press("x")
    editor.wait("studio.swatch === 2")
    assert SECOND in editor.status()[0]
    # What a swatch has painted is of the class beside the picture once it is taken away.
    editor.tap("#classes .mgs-remove >> nth=0")
    editor.wait("studio.classes.length === 1")
    assert [(label, int(cells.sum())) for label, cells in further(editor)] == [(CLASSES[THIRD], 20)]
    assert editor.see("studio.count") == 80
    editor.undo()
    assert [label for label, _ in further(editor)] == [CLASSES[SECOND], CLASSES[THIRD]]


def test_eight_classes_are_the_most(desktop: Editor) -> None:
    for number in range(2, 9):
        desktop.tap(".mgs-add-class")
        desktop.wait(f"studio.classes.length === {number - 1}")
    assert desktop.page.locator(".mgs-add-class").is_disabled()
    assert len({each["id"] for each in desktop.see("studio.classes")}) == 7
    assert desktop.page.locator("#classes .mgs-swatch").count() == 8


def test_a_reload_brings_the_classes_back(desktop: Editor) -> None:
    two_halves(desktop)
    told = message(desktop)
    desktop.wait("studio.saved")
    desktop.reload()
    assert message(desktop) == {**told, "picture": message(desktop)["picture"]}
    assert desktop.page.locator("#classes .mgs-swatch").count() == 2


def test_growing_and_shrinking_keep_the_classes(desktop: Editor) -> None:
    two_halves(desktop)
    desktop.page.keyboard.press(".")
    desktop.wait("studio.count === 120")
    ((_, grown),) = further(desktop)
    assert grown.sum() == 60  # a cell more on three sides; the half beside it stays as it was
    desktop.page.keyboard.press(",")
    desktop.wait("studio.count === 80")
    ((_, cells),) = further(desktop)
    assert cells[3:11, 8:13].all()
    assert cells.sum() == 40
