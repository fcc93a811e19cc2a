"""Everybody can use the page: axe-core finds nothing serious, nothing moves, and dark is dark.

axe-core looks at everything that the page can show, on both devices, light and dark. What it calls
serious or critical fails the test, unless Gradio made the element: those rules are listed.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route

from tests.browser.editor import Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OURS = "#canvas, #models, #tour, #header, #examples, #status, #schedule-curve"
SERIOUS = ("serious", "critical")
BY_GRADIO: dict[str, str] = {}  # rule: why it cannot be mended from here


def findings(editor: Editor, within: str = "body") -> Iterator[str]:
    """Name what is wrong with what is shown now, one line an element."""
    for found in Axe().run(editor.page, context={"include": [[within]]}).response["violations"]:
        for node in found["nodes"]:
            if found["impact"] in SERIOUS and not is_excused(editor, found["id"], node):
                why = node["failureSummary"].splitlines()[1].strip()
                yield f"{found['id']}: {node['target'][0]}: {why}"


def is_excused(editor: Editor, rule: str, node: dict[str, Any]) -> bool:
    """Whether Gradio made the element and the rule is listed."""
    is_ours = f"(selector) => Boolean(document.querySelector(selector)?.closest('{OURS}'))"
    return rule in BY_GRADIO and not editor.page.evaluate(is_ours, node["target"][0])


def set_scheme(editor: Editor, scheme: Literal["light", "dark"]) -> None:
    editor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    editor.reload()
    editor.page.wait_for_function(
        "(isDark) => document.body.classList.contains('dark') === isDark", arg=scheme == "dark"
    )


def open_everything(editor: Editor) -> None:
    """Unfold all panels, make a result with variations, look into a cell and steer."""
    for panel in ("outpaint", "advanced"):
        editor.unfold(panel)
    editor.paint_box(3, 3, 8, 8)
    editor.touch(editor.page.locator("#variations").get_by_text("2", exact=True))
    editor.fill()
    editor.page.evaluate(
        "document.querySelectorAll('.mgs details').forEach((d) => (d.open = true))"
    )
    editor.pick_tool("inspect")
    editor.tap("[data-do=back]")
    editor.stroke((6.5, 5.5))
    editor.page.locator(".mgs-look").wait_for()
    editor.stroke((4.5, 4.5), (6.5, 6.5))
    editor.wait("studio.picked > 0")
    editor.tap("[data-steer=pin]")
    editor.wait("studio.branches > 0 && !studio.asking")


def dialogs(editor: Editor) -> Iterator[str]:
    """Open one dialog after the other; gives what each is called."""
    for name in (".mgs-masks", ".mgs-saving", ".mgs-replace", ".mgs-help", ".mgs-versus"):
        dialog = editor.page.locator(name)
        dialog.evaluate("(dialog) => dialog.showModal()")
        yield name
        dialog.evaluate("(dialog) => dialog.close()")
    editor.tap(".mgm-open")
    editor.page.locator(".mgm-dialog li").first.wait_for()
    yield ".mgm-dialog"
    editor.tap(".mgm-close")
    editor.tap(".mgt-open")
    editor.page.locator(".mgt-card").wait_for()
    yield ".mgt-card"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(either: Editor, scheme: Literal["light", "dark"]) -> None:
    set_scheme(either, scheme)
    found = list(findings(either))
    open_everything(either)
    found += findings(either)
    for name in dialogs(either):
        found += findings(either, name)
    assert not found, "\n".join(found)


def is_lit(editor: Editor, selector: str) -> bool:
    """Whether an element's background is light, or what shines through it is."""
    return editor.page.evaluate(
        """(selector) => {
            const colourOf = (node) => getComputedStyle(node).backgroundColor;
            let node = document.querySelector(selector);
            while (node.parentElement && colourOf(node) === "rgba(0, 0, 0, 0)") {
                node = node.parentElement;
            }
            const [red, green, blue] = colourOf(node).match(/[\\d.]+/g);
            const full = colourOf(node).startsWith("color(") ? 1 : 255;
            return (0.2 * red + 0.7 * green + 0.1 * blue) / full > 0.5;
        }""",
        selector,
    )


def test_the_page_follows_the_systems_scheme(desktop: Editor) -> None:
    desktop.tap(".mgm-open")
    desktop.page.locator(".mgm-dialog li").first.wait_for()
    desktop.tap(".mgm-close")
    parts = ("body", ".mgs", ".mgs-stage", ".mgs-help", ".mgm-dialog", "#make", "#examples")
    for scheme, is_light in (("light", True), ("dark", False)):
        set_scheme(desktop, scheme)
        assert {part: is_lit(desktop, part) for part in parts} == dict.fromkeys(parts, is_light)


MOVES = """() => document.getAnimations().filter((one) => {
    const { duration, iterations } = one.effect.getComputedTiming();
    return duration * iterations > 10;
}).length"""
UPPER = "document.querySelector('.mgs-upper').toDataURL()"


def test_nothing_moves_by_itself_where_that_is_unwanted(desktop: Editor) -> None:
    set_scheme(desktop, "light")
    held: list[Route] = []

    def hold_steps(route: Route) -> None:
        if '"step"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    desktop.page.route(re.compile("component_server"), hold_steps)
    desktop.paint_box(2, 2, 10, 10)
    desktop.fill()
    assert desktop.page.evaluate(MOVES) == 0
    desktop.tap("[data-do=lab]")
    desktop.tap("[data-do=back]")
    desktop.tap("[data-steer=least]")
    desktop.wait("studio.branches > 0 && !studio.asking")
    with desktop.page.expect_request(lambda request: '"step"' in (request.post_data or "")):
        desktop.tap("[data-steer=step]")
    desktop.wait("studio.running")
    still = f"""async () => {{
        const seen = new Set();
        for (let i = 0; i < 20; i++) {{
            await new Promise(requestAnimationFrame);
            seen.add({UPPER});
        }}
        return seen.size;
    }}"""
    desktop.page.mouse.move(1, 1)
    assert desktop.page.evaluate(still) <= 2  # what was due before is drawn in the first frame
    assert desktop.page.evaluate(still) == 1
    assert desktop.page.evaluate(MOVES) == 0
    desktop.page.emulate_media(reduced_motion="no-preference")
    desktop.page.mouse.move(300, 300)
    desktop.page.wait_for_function(f"({still})().then((number) => number > 2)")
    for route in held:
        route.continue_()
    desktop.wait("!studio.running")


@pytest.mark.parametrize("width", [641, 844, 1024, 1280])
def test_every_button_of_the_bar_can_be_reached(desktop: Editor, width: int) -> None:
    desktop.page.set_viewport_size({"width": width, "height": 700})
    outside = desktop.page.evaluate(
        """() => {
            const bar = document.querySelector(".mgs-top");
            const { right } = bar.getBoundingClientRect();
            const isOut = (part) => part.getBoundingClientRect().right > right + 0.5;
            return [...bar.children].filter(isOut).map((part) => part.className || part.title);
        }"""
    )
    assert outside == []
