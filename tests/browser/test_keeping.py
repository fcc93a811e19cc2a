"""Nothing somebody did is lost: not by a reload, not by a second tab, not by a new server."""

from contextlib import ExitStack

import numpy as np
import pytest
from playwright.sync_api import Browser, Dialog

from maskgit.config import ModelConfig
from tests.browser.editor import (
    DESKTOP,
    EMBEDDED,
    SOME_CLASS,
    Editor,
    free_port,
    opened,
    serve,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CONFIG = ModelConfig.from_json((EMBEDDED / "config.json").read_text(encoding="utf-8"))
EVERYTHING = "[studio.cells, studio.historyLength, studio.position, studio.picture]"


def test_a_reload_restores_picture_paint_and_history(either: Editor) -> None:
    either.paint_box(4, 3, 6, 5)
    either.fill()
    either.paint_box(1, 1, 2, 2)
    before, picture = either.see(EVERYTHING), either.pixels()
    either.wait("studio.saved")
    either.reload()
    assert either.see(EVERYTHING) == before
    assert np.array_equal(either.pixels(), picture)
    either.undo()
    either.undo()
    either.wait("studio.position === 1 && studio.count === 30")
    either.fill()


def test_a_reload_and_a_new_tab_bring_the_settings_back(either: Editor) -> None:
    chosen = either.choose("class", SOME_CLASS)
    either.fix_seed(77)
    either.page.locator("#variations label", has_text="4").click()
    either.wait("studioControls.seed === 77 && studioControls.variations === 4 && studio.saved")
    either.reload()
    for editor in (either, either.another_tab()):
        editor.wait(f"document.querySelector('#class input').value === {chosen!r}")
        editor.wait("studioControls.seed === 77 && studioControls.variations === 4")
        editor.wait("studioControls.randomise === false")


def test_a_second_tab_goes_its_own_way(desktop: Editor) -> None:
    desktop.paint_box(4, 3, 6, 5)
    desktop.wait("studio.saved")
    second = desktop.another_tab()
    assert second.see("studio.count") == 30  # it begins where the first one is
    second.tap("[data-do=clear]")
    second.paint_box(0, 0, 2, 2)
    second.wait("studio.saved")
    desktop.reload()
    assert desktop.see("studio.count") == 30
    second.reload()
    assert second.see("studio.count") == 4


def test_a_duplicated_tab_goes_its_own_way(desktop: Editor) -> None:
    desktop.paint_box(4, 3, 6, 5)
    desktop.wait("studio.saved")
    with desktop.page.expect_popup() as popup:  # it copies the storage that names the document
        desktop.page.evaluate("() => { window.open(location.href); }")
    second = Editor(popup.value, desktop.address, trouble=desktop.trouble)
    second.wait_ready()
    assert second.see("studio.count") == 30
    second.tap("[data-do=clear]")
    second.wait("studio.saved && studio.count === 0")
    desktop.reload()
    assert desktop.see("studio.count") == 30


def test_what_is_not_written_yet_is_written_when_the_page_goes_out_of_sight(
    desktop: Editor,
) -> None:
    desktop.wait("studio.saved")
    desktop.page.evaluate(
        """() => {
            const wait = window.setTimeout;
            const delay_ms = 400; // of the autosave: its time never comes
            window.setTimeout = (task, ms) => (ms === delay_ms ? 0 : wait(task, ms));
        }"""
    )
    desktop.paint_box(4, 3, 6, 5)
    assert not desktop.see("studio.saved")
    desktop.page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
            delete document.hidden;
        }"""
    )
    desktop.wait("studio.saved")


def stay_whenever_asked(editor: Editor) -> list[str]:
    """Stay whenever the browser asks before the page is left; gives what it asked so far."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    editor.page.on("dialog", stay)
    return asked


LEAVE = "setTimeout(() => location.reload());"


def test_leaving_asks_only_while_something_would_be_lost(desktop: Editor) -> None:
    asked = stay_whenever_asked(desktop)
    desktop.paint_box(4, 3, 6, 5)
    desktop.wait("studio.saved")
    with desktop.page.expect_event("dialog"), desktop.at_once(("studio.running", LEAVE)):
        desktop.tap("#fill")
    desktop.wait_result(2)  # who stays loses nothing: the run goes on
    desktop.wait("studio.saved")
    desktop.reload()
    assert asked == ["beforeunload"]
    desktop.tap("[data-tool=brush]")  # browsers ask only where somebody has touched the page
    clear = "document.querySelector('[data-do=clear]').click();"
    with desktop.page.expect_event("dialog"), desktop.at_once(("true", f"{clear} {LEAVE}")):
        pass
    desktop.wait("studio.saved && studio.count === 0")
    desktop.paint_box(1, 1, 2, 2)
    desktop.fill()
    desktop.wait("studio.saved")
    assert asked == ["beforeunload"] * 2


DOCUMENTS = """async () => {
    const request = indexedDB.open("maskgit-studio");
    const database = await new Promise((done) => (request.onsuccess = () => done(request.result)));
    const all = database.transaction("documents").objectStore("documents").getAllKeys();
    const keys = await new Promise((done) => (all.onsuccess = () => done(all.result)));
    database.close();
    return [keys, sessionStorage.getItem("maskgit-studio-tab")];
}"""


def fill_up(editor: Editor, is_full: bool = True) -> None:
    """Let the browser's database refuse what is written, as one without room does."""
    editor.page.evaluate(
        """(isFull) => {
            window.put ??= IDBObjectStore.prototype.put;
            IDBObjectStore.prototype.put = isFull
                ? () => { throw new DOMException("no room", "QuotaExceededError"); }
                : window.put;
        }""",
        is_full,
    )


def test_when_room_is_little_it_is_said_and_the_oldest_document_makes_way(
    desktop: Editor,
) -> None:
    desktop.paint_box(4, 3, 6, 5)
    desktop.wait("studio.saved")
    older, newer, opened_yet = [desktop.another_tab() for _ in range(3)]
    names = []
    for tab in (older, newer, opened_yet):
        tab.paint_box(0, 0, 2, 2)
        tab.wait("studio.saved")
        names.append(tab.page.evaluate(DOCUMENTS)[1])
    older.page.close()
    newer.page.close()
    desktop.page.evaluate(
        """() => {
            // Of its real limits a browser may say little; this one says what others do.
            const told = { usage: 1_000_000_000, quota: 1_020_000_000 };
            StorageManager.prototype.estimate = async () => told;
        }"""
    )
    desktop.fill()
    desktop.wait("studio.saved && studio.status.kind === 'error'")
    words = desktop.status()[0]
    assert "room for 20 MB more of your work" in words
    assert "Save it as a project" in words
    kept, own = desktop.page.evaluate(DOCUMENTS)
    assert set(kept) == {own, *names[1:]}  # one at a time
    desktop.fill()
    desktop.wait("studio.saved")
    desktop.fill()
    desktop.wait("studio.saved")
    assert set(desktop.page.evaluate(DOCUMENTS)[0]) == {own, names[2]}  # what is open stays
    before, picture = desktop.see(EVERYTHING), desktop.pixels()
    desktop.reload()
    assert desktop.see(EVERYTHING) == before
    assert np.array_equal(desktop.pixels(), picture)


def test_without_room_the_editor_says_so_and_goes_on(desktop: Editor) -> None:
    desktop.paint_box(4, 3, 6, 5)
    desktop.wait("studio.saved")
    fill_up(desktop)
    desktop.fill()
    desktop.wait("studio.saved && studio.status.kind === 'error'")
    assert "a reload would lose it" in desktop.status()[0]
    stay_whenever_asked(desktop)
    with desktop.page.expect_event("dialog"), desktop.at_once(("studio.saved", LEAVE)):
        pass
    desktop.undo()
    desktop.redo()
    assert desktop.see("studio.position") == 2
    fill_up(desktop, False)
    desktop.paint_box(0, 0, 2, 2)
    desktop.wait("studio.saved")
    before = desktop.see(EVERYTHING)
    desktop.reload()  # all of it is kept again
    assert desktop.see(EVERYTHING) == before


def test_a_new_server_gets_the_picture_again(browser: Browser) -> None:
    port = free_port()
    with ExitStack() as later:
        with serve(port) as address:
            editor = later.enter_context(opened(browser, address, DESKTOP))
            editor.tap("#generate")  # a picture that no server finds among its examples
            editor.wait_result(1)
            assert editor.see("studio.steps") == CONFIG.decode.steps  # as users start it
            editor.paint_box(2, 2, 5, 5)
            editor.wait("studio.saved")
            editor.page.goto("about:blank")
        later.enter_context(serve(port))
        editor.open()
        assert editor.see("studio.count") == 25
        editor.fill()
        assert editor.trouble == []
