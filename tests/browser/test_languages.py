"""A visitor gets the page in a language of theirs, all of it, and may choose another one."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from app.words import LANGUAGES
from tests.browser.editor import DESKTOP, PHONE, Editor, new_context, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GERMAN, ENGLISH = LANGUAGES["de"], LANGUAGES["en"]


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def german(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Editor]:
    with opened(browser, address, {**request.param, "locale": "de-AT"}) as editor:
        yield editor
    assert editor.trouble == []


def language(editor: Editor) -> str:
    return editor.page.evaluate("document.documentElement.lang")


def choose(editor: Editor, code: str) -> None:
    with editor.page.expect_navigation():
        editor.page.select_option("#language select", code)
    editor.wait_ready()


def test_the_main_way_through_the_editor_in_german(german: Editor) -> None:
    assert language(german) == "de"
    status = german.page.locator("#status")
    expect(status).to_have_text(GERMAN("make.ready"))
    german.tap("#fill")
    expect(status).to_have_text(GERMAN("said.nothing_painted"))
    expect(german.page.locator(".mgs-status")).to_have_text(GERMAN("said.nothing_painted"))
    german.paint_box(2, 2, 3, 3)
    count = {"count": 9, "all": german.cells.size}
    expect(german.page.locator(".mgs-counter")).to_contain_text(
        GERMAN("canvas.counter.cells", **count)
    )
    german.fix_seed(5)
    german.fill()
    expect(status).to_contain_text("Fertig in")
    expect(german.page.locator(".mgs-step-label")).to_have_text(GERMAN("canvas.player.result"))
    german.undo()
    title = german.page.locator("[data-do=undo]").get_attribute("title")
    assert title == GERMAN("canvas.top.undo_title")


def test_the_page_of_another_language_is_not_seen_before_one_goes_to_ones_own(
    browser: Browser, address: str
) -> None:
    context = new_context(browser, {**DESKTOP, "locale": "de-AT"})
    editor = Editor(context.new_page(), address)
    context.route(f"{address}de", lambda route: route.fulfill(status=204))  # which never comes
    with context.expect_event("response", lambda response: response.status == 204):
        editor.page.goto(address)
    editor.page.wait_for_function("document.querySelector('#canvas')?.studio?.ready")
    assert language(editor) == "en"
    expect(editor.page.locator("#fill")).to_be_hidden()
    context.unroute_all()
    editor.open()
    assert language(editor) == "de"
    assert editor.trouble == []
    context.close()


def test_controls_lists_and_other_panels_are_german(german: Editor) -> None:
    german.unfold("advanced")
    expect(german.page.locator("#steps")).to_contain_text(GERMAN("advanced.steps_info"))
    rules = german.page.locator("#reveal input")
    expect(rules).to_have_value(GERMAN("advanced.reveals.confidence"))
    expect(german.page.locator("#examples h2")).to_have_text(GERMAN("gallery.heading"))
    german.tap("#models .mgm-open")
    expect(german.page.locator(".mgm-dialog h2")).to_have_text(GERMAN("models.heading"))
    expect(german.page.locator(".mgm-used .mgm-state")).to_have_text(GERMAN("models.used"))
    expect(german.page.locator(".mgm-about")).to_contain_text(GERMAN("models.about"))


def test_a_browser_that_asks_for_no_known_language_gets_the_first(
    browser: Browser, address: str
) -> None:
    with opened(browser, address, {**DESKTOP, "locale": "fr-FR"}) as editor:
        assert language(editor) == "en"
        expect(editor.page.locator("#fill")).to_have_text(ENGLISH("make.fill"))


def test_a_language_is_chosen_and_kept_and_loses_nothing(either: Editor) -> None:
    assert language(either) == "en"
    either.paint_box(2, 2, 3, 3)
    painted = either.cells
    choose(either, "de")  # at once: what is here is kept first
    assert language(either) == "de"
    expect(either.page.locator("#fill")).to_have_text(GERMAN("make.fill"))
    assert (either.cells == painted).all()
    either.open()  # the root again, as on the next visit
    assert language(either) == "de"
    choose(either, "en")
    assert language(either) == "en"
    assert (either.cells == painted).all()
    either.reload()
    assert language(either) == "en"


def test_the_address_of_a_language_has_that_language(desktop: Editor) -> None:
    page = desktop.page
    page.goto(f"{desktop.address.rstrip('/')}/de")
    desktop.wait_ready()
    assert language(desktop) == "de"
    expect(page.locator("#language select")).to_have_value("de")


def test_the_header_fits_in_every_language(either: Editor) -> None:
    for code in LANGUAGES:
        if language(either) != code:
            choose(either, code)
        boxes = [
            either.page.locator(part).bounding_box()
            for part in ("#header h1", "#language label", "#tour button >> nth=0", ".mgm-open")
        ]
        assert all(boxes)
        ends = [box["x"] + box["width"] for box in boxes if box]
        starts = [box["x"] for box in boxes[1:] if box]
        assert all(end <= start for end, start in zip(ends, starts, strict=False))
        width = either.page.evaluate("document.documentElement.clientWidth")
        assert ends[-1] <= width
        assert either.page.evaluate("document.documentElement.scrollWidth") <= width
