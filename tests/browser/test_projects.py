"""Everything on the page as one file, and back; what is no such file costs nothing."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from maskgit import recipe_files
from tests.browser.editor import DESKTOP, SOME_CLASS, Editor, opened, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVERYTHING = """[
    studio.cells, studio.shown, studio.historyLength, studio.position, studio.branches,
    studio.picture.width, studio.picture.height,
]"""
CONTROLS = "[window.studioControls.label, window.studioControls.steps, window.studioControls.seed]"


def work(editor: Editor) -> None:
    """Fill twice, the second time with settings of one's own, and paint once more."""
    editor.paint_box(4, 3, 4, 4)
    editor.fill()
    editor.choose("class", SOME_CLASS)
    editor.fix_seed(77)
    editor.fill()
    editor.paint_box(1, 1, 2, 2)


def saved(editor: Editor, path: Path) -> Path:
    editor.tap("[data-do=saving]")
    path.write_bytes(editor.download("[data-do=saveProject]").read_bytes())
    editor.wait("studio.status.text.startsWith('Saved the project')")
    return path


def words_of(file: Path) -> dict:
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("document.json"))


def test_a_project_comes_back_with_everything(either: Editor, tmp_path: Path) -> None:
    work(either)
    before, controls = either.see(EVERYTHING), either.page.evaluate(CONTROLS)
    picture = either.pixels()
    file = saved(either, tmp_path / "mine.maskgit.zip")

    either.tap("#examples [data-example=coast]")  # something else takes its place
    either.wait(f"studio.historyLength === {before[2] + 1}")
    either.choose("class", "alp")
    either.hand_over("drop", file)
    either.tap("[data-replace=open]")
    either.wait("studio.status.text.startsWith('The project is open')")
    assert either.see(EVERYTHING) == before
    assert np.array_equal(either.pixels(), picture)
    either.page.wait_for_function(f"JSON.stringify({CONTROLS}) === JSON.stringify({controls})")
    for _ in range(before[3]):
        either.undo()
    assert either.see("studio.position") == 0

    either.wait("studio.saved")
    either.reload()  # and it is kept as any other work
    assert either.see("studio.historyLength") == before[2]
    assert either.see("studio.branches") == before[4]


def test_a_project_goes_on_at_another_server(
    desktop: Editor, browser: Browser, tmp_path: Path
) -> None:
    work(desktop)
    file = saved(desktop, tmp_path / "mine.maskgit.zip")
    desktop.undo()
    desktop.fill()  # what it would become here
    there = desktop.pixels()
    with serve() as address, opened(browser, address, DESKTOP) as other:
        with other.page.expect_file_chooser() as chooser:
            other.tap(".mgs-top [data-do=open]")
        chooser.value.set_files(file)
        other.wait("studio.status.text.startsWith('The project is open')")
        assert recipe_files.has_recipe(other.download("[data-do=download]").read_bytes())
        other.undo()
        other.fill()
        assert np.array_equal(other.pixels(), there)
        other.tap("[data-do=lab]")
        other.tap(".mgs-branch >> nth=0")  # a state of a run of the other machine
        other.wait("studio.walking && !studio.asking")
        position = other.see("studio.position")
        other.tap("[data-steer=run]")
        other.wait(f"!studio.walking && studio.position > {position}")
        assert other.trouble == []


def test_what_is_here_stays_if_somebody_says_so(desktop: Editor, tmp_path: Path) -> None:
    desktop.paint_box(4, 3, 4, 4)
    file = saved(desktop, tmp_path / "mine.maskgit.zip")
    desktop.paint_box(0, 0, 2, 2)
    before = desktop.see(EVERYTHING)
    desktop.hand_over("drop", file)
    desktop.tap("[data-replace=keep]")
    desktop.wait("studio.status.text === 'Everything is as it was.'")
    assert desktop.see(EVERYTHING) == before


def test_the_words_are_not_too_wide_for_the_page(either: Editor) -> None:
    either.tap("[data-do=saving]")
    box = either.page.locator(".mgs-saving").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= either.page.evaluate("window.innerWidth")


# --- files that are refused --------------------------------------------------------------------


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change the members of an archive."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()


def with_words(**words: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        about = json.loads(members["document.json"])
        members["document.json"] = json.dumps({**about, **words}).encode()

    return change


def cut_picture(members: dict[str, bytes]) -> None:
    data = members["pictures/0.png"]
    members["pictures/0.png"] = data[:1000]


LIES: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "a newer version": (with_words(version=9), "newer version"),
    "no project": (with_words(format="other"), "no project"),
    "a count that is missing": (with_words(position=99), "present entry is missing"),
    "no words": (lambda members: members.pop("document.json"), "no project of this program"),
    "no picture": (lambda members: members.pop("pictures/0.png"), "missing"),
    "a page as a picture": (lambda m: m.update({"pictures/0.png": b"<html>"}), "no PNG picture"),
    "another size": (lambda m: m.update({"pictures/0.png": png(9, 9)}), "no PNG picture"),
    "half a picture": (cut_picture, "damaged"),
    "a path": (lambda members: members.update({"../x.png": b""}), "which no project has"),
    "a bomb": (lambda m: m.update({"pictures/1.png": bytes(129 * 2**20)}), "larger than 128 MB"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_damaged_or_hostile_file_is_refused_and_nothing_is_lost(
    desktop: Editor, tmp_path: Path, lie: str
) -> None:
    desktop.paint_box(4, 3, 4, 4)
    file = saved(desktop, tmp_path / "lies.maskgit.zip")
    before = desktop.see(EVERYTHING)
    change, sentence = LIES[lie]
    rewritten(file, change)
    desktop.hand_over("drop", file)
    desktop.wait("studio.status.kind === 'error'")
    words = desktop.status()[0]
    assert sentence in words
    assert words.startswith("“lies.maskgit.zip” was not opened.")
    assert desktop.see(EVERYTHING) == before
