"""A device that tests share keeps nothing of the test before."""

import pytest
from playwright.sync_api import Browser

from tests.browser.editor import DESKTOP, Editor, forget, new_context, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEPT = """async () => {
    const entries = await (await caches.open("some")).keys();
    return [
        localStorage.getItem("some"),
        sessionStorage.getItem("some"),
        document.cookie.includes("some"),
        entries.length,
        (await indexedDB.databases()).some(({ name }) => name === "some"),
        (await navigator.permissions.query({ name: "geolocation" })).state,
    ];
}"""
KEEP = """async () => {
    localStorage.setItem("some", "thing");
    sessionStorage.setItem("some", "thing");
    document.cookie = "some=thing";
    await (await caches.open("some")).put("/some", new Response("thing"));
    const request = indexedDB.open("some");
    await new Promise((done) => (request.onsuccess = done));
}"""
WORK = "[studio.count, studio.historyLength, studio.position]"


def test_all_that_a_page_can_keep_is_forgotten(browser: Browser, address: str) -> None:
    context = new_context(browser, DESKTOP)
    fresh = visit(context, address, DESKTOP)
    nothing = fresh.page.evaluate(KEPT)
    fresh.page.evaluate(KEEP)
    context.grant_permissions(["geolocation"])
    context.route("**/some", lambda route: route.abort())
    second = fresh.another_tab()
    kept = second.page.evaluate(KEPT)
    assert kept == ["thing", None, True, 1, True, "granted"]
    assert nothing == [None, None, False, 0, False, nothing[-1]] != kept
    forget(context, address)
    assert context.pages == []
    again = visit(context, address, DESKTOP)
    assert again.page.evaluate(KEPT) == nothing
    assert again.page.evaluate("async () => (await fetch('/some')).status") == 404  # no route
    context.close()


@pytest.mark.parametrize("time", ["first", "second"])
def test_who_comes_after_somebody_finds_what_everybody_finds_first(
    either: Editor, time: str
) -> None:
    del time
    assert either.see(WORK) == [0, 1, 0]
    assert len(either.context.pages) == 1
    either.paint_box(1, 1, 3, 3)
    either.wait("studio.saved")
    either.reload()
    assert either.see(WORK) == [9, 2, 1]
