"""One server, one browser, one desktop and one phone for all tests; each finds empty storage.

`desktop` and `phone` are pages of 1440x900 and 390x844 pixels; `either` is both, one after the
other. A test fails if its page reported an error or asked another machine for anything. What a
failed test saw last lies in `outputs/browser/`.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser import chromium, fewer_steps
from tests.browser.editor import (
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    ROOT,
    Editor,
    close_tabs,
    forget,
    new_context,
    serve,
    visit,
)
from tests.browser.editor import chromium as started

Contexts: TypeAlias = Callable[[str], BrowserContext]
DEVICES = {"desktop": DESKTOP, "phone": PHONE}
HAS_FAILED = pytest.StashKey[bool]()
SEEN = ROOT / "outputs" / "browser"
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the models that the server has."""
    folder = tmp_path_factory.mktemp("models")
    fewer_steps.write_models(folder)
    return folder


@pytest.fixture(scope="package")
def address(models: Path) -> Iterator[str]:
    with serve(start=("-m", "tests.browser.fewer_steps", str(models))) as where:
        yield where


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = chromium.find()
    if executable is None:
        pytest.skip("no Chromium found; `make test` installs one")
    with started(executable) as one:
        yield one


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> Contexts:
    """Give the device of a name; one that was used before has to be made to forget."""
    return cache(lambda device: new_context(browser, DEVICES[device]))


@pytest.fixture
def desktop(contexts: Contexts, address: str, request: pytest.FixtureRequest) -> Iterator[Editor]:
    yield from _watched("desktop", contexts, address, request)


@pytest.fixture
def phone(contexts: Contexts, address: str, request: pytest.FixtureRequest) -> Iterator[Editor]:
    yield from _watched("phone", contexts, address, request)


@pytest.fixture(params=list(DEVICES))
def either(contexts: Contexts, address: str, request: pytest.FixtureRequest) -> Iterator[Editor]:
    yield from _watched(request.param, contexts, address, request)


def _watched(
    device: str, contexts: Contexts, address: str, request: pytest.FixtureRequest
) -> Iterator[Editor]:
    context = contexts(device)
    forget(context, address)
    editor = visit(context, address, DEVICES[device])
    yield editor
    if request.node.stash.get(HAS_FAILED, False):
        SEEN.mkdir(parents=True, exist_ok=True)
        editor.page.screenshot(path=SEEN / f"{request.node.name}.png")
    close_tabs(context)
    assert editor.trouble == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report
