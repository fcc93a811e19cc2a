"""Nothing somebody did is lost: not by a reload, not by a second tab, not by a new server."""

from contextlib import ExitStack

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.editor import DESKTOP, Editor, free_port, opened, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]

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


def test_a_new_server_gets_the_picture_again(browser: Browser) -> None:
    port = free_port()
    with ExitStack() as later:
        with serve(port) as address:
            editor = later.enter_context(opened(browser, address, DESKTOP))
            editor.tap("#generate")  # a picture that no server finds among its examples
            editor.wait_result(1)
            editor.paint_box(2, 2, 5, 5)
            editor.wait("studio.saved")
            editor.page.goto("about:blank")
        later.enter_context(serve(port))
        editor.open()
        assert editor.see("studio.count") == 25
        editor.fill()
        assert editor.trouble == []
