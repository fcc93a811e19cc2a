"""A test that fails tells why: what the page was refused, and what the server said meanwhile."""

import pytest
from playwright.sync_api import Browser

from tests.browser.editor import DESKTOP, opened, serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_an_answer_that_says_that_the_server_failed_is_told_with_its_address(
    browser: Browser, address: str
) -> None:
    with opened(browser, address, DESKTOP) as editor:
        editor.context.route("**/broken", lambda route: route.fulfill(status=500))
        editor.page.evaluate("fetch('/broken', { method: 'POST' })")
        told = f"answer 500 to POST {address}broken"
        editor.wait_here(lambda: told in editor.trouble)


def test_what_a_server_says_of_an_error_is_shown_with_the_test(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = "import sys; sys.stderr.write('it broke'); print('ready: here', flush=True)"
    with serve(start=("-c", code)) as address:
        assert address == "here"
    assert "it broke" in capfd.readouterr().err
