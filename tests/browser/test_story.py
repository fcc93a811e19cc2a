"""One afternoon with a photo of 24 megapixels, from opening it to handing it on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from maskgit.images import open_picture
from tests.browser.editor import (
    ANOTHER_CLASS,
    DESKTOP,
    ROOT,
    SOME_CLASS,
    Editor,
    opened,
    serve,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTH, HEIGHT = 6000, 4000
WIDE = round(HEIGHT * 16 / 9)
SHOWN = "[studio.picture.width, studio.picture.height, studio.cells, studio.historyLength]"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start the editor as its users do; the shell makes the same picture then."""
    with serve() as where:
        yield where


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    small = open_picture((ROOT / "assets" / "examples" / "coast.jpg").read_bytes())
    large = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), large[..., ::-1])
    return path


def filled(editor: Editor) -> None:
    """Fill what is painted, and see that nothing else has changed."""
    before = editor.pixels()
    painted = editor.lattice.region(editor.cells)
    editor.fill()
    after = editor.pixels()
    assert np.array_equal(after[~painted], before[~painted])
    assert (after[painted] != before[painted]).any()
    assert editor.screen_differs(after) < 20  # there are the lines of the cells


def test_a_large_photo_is_edited_in_four_ways_kept_handed_on_and_made_again(
    desktop: Editor, browser: Browser, photo: Path, tmp_path: Path
) -> None:
    editor = desktop
    editor.open_file(photo)
    editor.wait(f"studio.picture.width === {WIDTH}")

    editor.choose("class", "anything")  # something disappears
    editor.paint_box(5, 3, 3, 3)
    filled(editor)

    editor.tap("[data-do=clear]")  # something else appears in a window of its own
    editor.choose("class", SOME_CLASS)
    editor.paint_box(12, 11, 4, 3)
    rows = editor.see("studio.rows")
    editor.tap("[data-do=windowSmaller]")
    editor.wait(f"studio.rows > {rows}")
    filled(editor)

    editor.pick_tool("enlarge")  # the picture becomes wider
    editor.page.select_option(".mgs-shape", "16:9")
    editor.wait("studio.larger.left > 0")
    position = editor.see("studio.position") + 1
    editor.tap("[data-enlarge=run]")
    editor.wait_result(position)
    assert abs(editor.size[0] - WIDE) <= 1

    editor.paint_box(3, 4, 3, 4)  # two classes side by side
    count = editor.see("studio.classes.length")
    editor.tap(".mgs-add-class")
    editor.wait(f"studio.classes.length === {count + 1}")
    picker = editor.page.locator("#classes select").nth(count)  # once the row is drawn anew
    picker.select_option(label=ANOTHER_CLASS)
    editor.wait("studio.swatch === 2")
    editor.paint_box(6, 4, 3, 4)
    filled(editor)
    result = editor.pixels()

    editor.wait("studio.saved")  # the tab is closed half-way and everything is there again
    before = editor.see(SHOWN)
    editor.page.close()
    editor.page = editor.another_tab().page
    assert editor.see(SHOWN) == before
    assert np.array_equal(editor.pixels(), result)
    assert editor.screen_differs(result) < 20

    file = tmp_path / "edited.png"  # the file says how it was made, and is made again
    file.write_bytes(editor.download().read_bytes())
    again = tmp_path / "again.png"
    command = [sys.executable, "-m", "maskgit", "replay", str(file), "--out", str(again)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert np.array_equal(open_picture(again.read_bytes()), result)

    editor.tap("[data-do=saving]")  # and all of it goes on elsewhere
    project = tmp_path / "mine.maskgit.zip"
    project.write_bytes(editor.download("[data-do=saveProject]").read_bytes())
    with serve() as elsewhere, opened(browser, elsewhere, DESKTOP) as other:
        other.open_file(project)
        other.wait("studio.status.text.startsWith('The project is open')")
        assert other.see(SHOWN) == before
        assert np.array_equal(other.pixels(), result)
        assert other.trouble == []
