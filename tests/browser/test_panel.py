"""The controls beside the picture take what a person types, or say why not."""

import numpy as np
import pytest

from tests.browser.editor import Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_class_is_found_by_name_and_number_and_changes_the_outcome(desktop: Editor) -> None:
    desktop.paint_box(4, 3, 8, 8)
    desktop.fix_seed(3)
    desktop.page.locator("#class input").click()
    names = desktop.page.locator("[role=option]").all_inner_texts()
    desktop.page.keyboard.press("Tab")
    one, other = (name.removeprefix("✓").strip() for name in (names[1], names[-1]))
    outcomes = []
    for words, chosen in ((one.split(" · ")[0], one), (other.split(" · ")[-1], other)):
        assert desktop.choose("class", words) == chosen
        desktop.fill()
        outcomes.append(desktop.pixels())
        desktop.undo()
    assert not np.array_equal(*outcomes)


@pytest.mark.parametrize("leave", ["Enter", "Tab", "mouse"])
def test_a_word_that_no_class_is_called_is_answered(desktop: Editor, leave: str) -> None:
    field, page = desktop.page.locator("#class input"), desktop.page
    chosen = field.input_value()
    field.click()
    field.fill("")
    field.press_sequentially("dog")
    page.locator("[role=option]").first.wait_for(state="hidden")
    if leave == "mouse":
        page.locator(".mgs-counter").click()
    else:
        page.keyboard.press(leave)
    desktop.wait("studio.status.kind === 'error'")
    words, _ = desktop.status()
    assert words.startswith(f"No class here is called “dog”; it stays {chosen.split(' · ')[0]}.")
    page.locator("[role=option]").first.wait_for(state="hidden")
    assert field.input_value() == chosen
    assert desktop.choose("class", "daisy").startswith("daisy")  # and the field works as before


def test_a_seed_that_is_refused_stays_where_it_was_typed(desktop: Editor) -> None:
    desktop.fix_seed(-1)
    desktop.paint_box(3, 3, 4, 4)
    desktop.tap("#fill")
    said = "Seed: -1 is not allowed; it must be a whole number, 0 to 2147483647."
    desktop.page.get_by_text(said).first.wait_for()
    assert desktop.page.locator("#seed input").input_value() == "-1"
