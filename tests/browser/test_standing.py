"""Things that the picture does not show: one button frames them closely and lets the class lead."""

from pathlib import Path

import numpy as np
import pytest

from tests.browser.editor import ROOT, Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GUIDANCE = "window.studioControls?.guidance_scale"
IS_DOWN = "document.querySelector('#stand-out').ariaPressed === 'true'"


@pytest.fixture
def meadow() -> Path:
    return ROOT / "assets" / "examples" / "meadow.jpg"


def open_meadow(editor: Editor, meadow: Path) -> None:
    editor.open_file(meadow)
    editor.wait("studio.picture.width === 720 && studio.status.kind !== 'busy'")
    editor.wait(f"{GUIDANCE} > 0")  # the page has told the canvas its controls


def test_the_window_frames_what_is_painted_and_pressing_again_undoes_it(
    either: Editor, meadow: Path
) -> None:
    open_meadow(either, meadow)
    either.paint_box(6, 6, 5, 5)
    painted = either.lattice.region(either.cells)
    usual = either.see(GUIDANCE)
    whole = either.see("studio.window")
    assert not either.see(IS_DOWN)
    either.tap("#stand-out")
    either.wait(f"{IS_DOWN} && {GUIDANCE} > {usual}")
    left, top, side = either.see("studio.window")
    rows, columns = (np.flatnonzero(painted.any(axis)) for axis in (1, 0))
    longest = max(len(rows), len(columns))
    assert 1.4 * longest < side < 1.6 * longest
    assert (left <= columns[0], top <= rows[0]) == (True, True)
    assert (left + side > columns[-1], top + side > rows[-1]) == (True, True)
    assert (either.lattice.region(either.cells) & painted).sum() > 0.95 * painted.sum()
    either.tap("#stand-out")
    either.wait(f"!({IS_DOWN}) && {GUIDANCE} === {usual}")
    assert either.see("studio.window") == whole
    assert np.array_equal(either.lattice.region(either.cells), painted)


def test_somebody_who_has_painted_nothing_is_told_to(either: Editor, meadow: Path) -> None:
    open_meadow(either, meadow)
    usual = either.see(GUIDANCE)
    either.tap("#stand-out")
    either.wait("studio.status.text.startsWith('Paint where it is to be first')")
    assert either.see(GUIDANCE) == usual
    assert not either.see(IS_DOWN)


def test_what_stands_out_is_filled_and_a_saved_picture_makes_it_again(
    desktop: Editor, meadow: Path, tmp_path: Path
) -> None:
    open_meadow(desktop, meadow)
    desktop.choose("class", "sunflower")
    desktop.fix_seed(20)
    desktop.paint_box(6, 6, 5, 5)
    desktop.tap("#stand-out")
    desktop.wait(IS_DOWN)
    before, painted = desktop.pixels(), desktop.lattice.region(desktop.cells)
    desktop.fill()
    made = desktop.pixels()
    assert np.array_equal(made[~painted], before[~painted])
    file = tmp_path / "made.png"
    file.write_bytes(desktop.download().read_bytes())

    other = desktop.another_tab()
    other.hand_over("drop", file)
    other.wait("studio.status.text.startsWith('Its recipe is back')")
    other.wait(IS_DOWN)
    other.fill()
    np.testing.assert_array_equal(other.pixels(), made)
