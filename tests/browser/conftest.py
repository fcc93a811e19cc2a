"""One server and one browser for all tests; a fresh page with empty storage for each.

`desktop` and `phone` are pages of 1440x900 and 390x844 pixels; `either` is both, one after the
other. A test fails if its page reported an error or asked another machine for anything. What a
failed test saw last lies in `outputs/browser/`.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium, fewer_steps
from tests.browser.editor import DESKTOP, PATIENCE_MS, PHONE, ROOT, Editor, opened, serve
from tests.browser.editor import chromium as started

HAS_FAILED = pytest.StashKey[bool]()
SEEN = ROOT / "outputs" / "browser"
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = tmp_path_factory.mktemp("models")
    fewer_steps.write_models(models)
    with serve(start=("-m", "tests.browser.fewer_steps", str(models))) as where:
        yield where


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = chromium.find()
    if executable is None:
        pytest.skip("no Chromium found; `make test` installs one")
    with started(executable) as one:
        yield one


@pytest.fixture
def desktop(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Editor]:
    yield from _watched(browser, address, DESKTOP, request)


@pytest.fixture
def phone(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Editor]:
    yield from _watched(browser, address, PHONE, request)


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def either(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Editor]:
    yield from _watched(browser, address, request.param, request)


def _watched(
    browser: Browser, address: str, device: dict, request: pytest.FixtureRequest
) -> Iterator[Editor]:
    with opened(browser, address, device) as editor:
        yield editor
        if request.node.stash.get(HAS_FAILED, False):
            SEEN.mkdir(parents=True, exist_ok=True)
            editor.page.screenshot(path=SEEN / f"{request.node.name}.png")
    assert editor.trouble == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report
