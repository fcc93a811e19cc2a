"""Looking into a decode, changing its mind, and keeping every way it went."""

from collections.abc import Sequence

import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.browser.editor import SOME_CLASS, Editor, press
from tests.browser.many import MANY_BRANCHES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVERY_NODE = "[...document.querySelectorAll('.mgs-branch')].map((node) => node.title)"


def settled(editor: Editor) -> None:
    """Wait until the server has answered and the tree shows it."""
    editor.wait("!studio.asking && !studio.running")
    editor.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )


def steer(editor: Editor, name: str) -> None:
    """Press a button that steers, and wait for what comes of it."""
    before = editor.see("studio.branches")
    editor.tap(f"[data-steer={name}]")
    editor.wait(f"studio.branches > {before}")
    settled(editor)


def finish(editor: Editor) -> np.ndarray:
    """Run a branch to its end; gives the picture it becomes."""
    position = editor.see("studio.position")
    editor.tap("[data-steer=run]")
    editor.wait(f"!studio.walking && studio.position === {position + 1}")
    settled(editor)
    return editor.pixels()


def go_back(editor: Editor, steps: int) -> None:
    """Walk back on the timeline."""
    at = editor.see("studio.step")
    for _ in range(steps):
        editor.tap("[data-do=back]")
    editor.wait(f"studio.step === {at - steps}")


def pick(editor: Editor, *points: tuple[float, float]) -> int:
    """Drag the inspecting tool over cells; gives how many are picked."""
    editor.stroke(*points)
    editor.wait("studio.picked > 0")
    return editor.see("studio.picked")


def branch(editor: Editor, words: str) -> Locator:
    """Find a branch by what was done there."""
    return editor.page.locator(".mgs-branch", has_text=words).first


def open_branch(editor: Editor, words: str) -> None:
    """Press a branch and wait until it is open."""
    node = branch(editor, words)
    editor.touch(node)
    editor.wait(f"studio.node === {node.get_attribute('data-node')}")
    settled(editor)


def compare(editor: Editor, node: int) -> tuple[int, int]:
    """Compare the open branch with another one; gives how many cells differ, of how many."""
    assert editor.see("studio.node") != node
    editor.tap("[data-branch=versus]")
    editor.tap(f".mgs-branch[data-node='{node}']")
    words = editor.page.locator(".mgs-versus-words")
    words.wait_for()
    differing, of_all = (int(word) for word in words.inner_text().split() if word.isdigit())
    return differing, of_all


def filled(editor: Editor, box: Sequence[int] = (4, 3, 8, 8)) -> np.ndarray:
    """Fill a box and take the tool that looks at cells; gives the picture."""
    editor.paint_box(*box)
    editor.fill()
    picture = editor.pixels()
    editor.pick_tool("inspect")
    return picture


def bars(editor: Editor) -> list[str]:
    """Read the probabilities of the ten codes."""
    return editor.page.locator(".mgs-odds output").all_inner_texts()


def slide(editor: Editor, name: str, value: float) -> None:
    """Move a slider of the inspector."""
    editor.page.locator(f".mgs-odds-{name}").fill(str(value))


def test_a_cell_tells_what_the_model_thought_there(either: Editor) -> None:
    filled(either)
    go_back(either, 6)
    either.stroke((6.5, 5.5))
    look = either.page.locator(".mgs-look")
    look.wait_for()
    assert look.locator("b").inner_text() == "Row 6, column 7"
    facts = look.locator(".mgs-look-facts")
    assert "Entropy" in facts.inner_text()
    patches = look.locator(".mgs-odds img")
    assert patches.count() == 10
    assert len({patches.nth(i).get_attribute("src") for i in range(10)}) > 1
    for _ in range(6):
        either.tap("[data-do=forward]")
    look.filter(has_text="decided in pass").wait_for()  # the answer follows the timeline
    assert "confidence" in facts.inner_text()


def test_where_there_is_nothing_to_see_or_to_pick_it_is_said(desktop: Editor) -> None:
    filled(desktop, (1, 1, 4, 4))
    desktop.stroke((2.5, 2.5))
    look = desktop.page.locator(".mgs-look")
    look.wait_for()
    cols = desktop.cells.shape[1]
    desktop.stroke((cols - 0.5, 8.5))  # right of the square that the model saw
    desktop.wait("studio.status.text.includes('did not look there')")
    look.wait_for(state="hidden")
    desktop.stroke((2.5, 9.5), (4.5, 9.5))
    desktop.wait("studio.status.text.includes('Only cells that were painted')")
    assert desktop.see("studio.picked") == 0


def test_sliders_reshape_the_bars_without_asking(desktop: Editor) -> None:
    filled(desktop)
    go_back(desktop, 6)
    desktop.stroke((6.5, 5.5))
    desktop.page.locator(".mgs-odds li").nth(9).wait_for()
    asked: list[str] = []
    desktop.page.on("request", lambda request: asked.append(request.url))
    usual = bars(desktop)
    slide(desktop, "temperature", 0)
    assert bars(desktop) == ["100 %"] + ["0 %"] * 9
    slide(desktop, "temperature", 2.5)
    assert float(bars(desktop)[0].split()[0]) < float(usual[0].split()[0])
    slide(desktop, "temperature", 1)
    slide(desktop, "top-p", 0.01)
    assert bars(desktop) == ["100 %"] + ["0 %"] * 9
    desktop.page.locator(".mgs-odds-reset").click()
    assert bars(desktop) == usual
    assert asked == []


def test_cells_are_looked_at_and_picked_by_keyboard(desktop: Editor) -> None:
    filled(desktop)
    desktop.page.locator(".mgs-stage").focus()
    desktop.page.keyboard.press("b")
    desktop.page.keyboard.press("q")
    assert desktop.see("studio.tool") == "inspect"
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        desktop.page.keyboard.press(key)
    desktop.wait("studio.looksAt === 1")
    desktop.page.locator(".mgs-look", has_text="Row 1, column 2").wait_for()
    for key in ["ArrowRight"] * 5 + ["ArrowDown"] * 4 + [" ", "Shift+ArrowDown"]:
        desktop.page.keyboard.press(key)
    assert desktop.see("studio.picked") == 2
    assert "picked" in desktop.page.locator(".mgs-live").inner_text()


def test_half_way_stop_pin_send_back_another_class_two_branches_compared(either: Editor) -> None:
    before = either.pixels()
    either.paint_box(3, 2, 10, 10)
    either.unfold("advanced")
    either.type_number("steps", 32)
    either.tap("#advanced > button")
    held = either.see("[studio.cells, studio.historyLength, studio.picture.id]")
    with either.at_once(("studio.running && studio.step >= 3", press("stop"))):
        either.tap("#fill")
    either.wait("!studio.running")
    assert either.see("[studio.cells, studio.historyLength, studio.picture.id]") == held
    either.tap("[data-lab=resume]")  # the steps so far are kept
    either.wait("studio.walking && studio.step >= 3")
    settled(either)
    assert either.page.locator(".mgs-step-label").inner_text().endswith(" of 32")
    either.page.wait_for_function("!document.querySelector('#status').innerText.trim()")
    for _ in range(2):
        either.tap("[data-do=back]")  # and can be walked
    either.wait("studio.step >= 1")
    for _ in range(2):
        either.tap("[data-do=forward]")

    either.pick_tool("inspect")
    steer(either, "least")  # before all that is revealed so far may be pinned
    pinned = pick(either, (4.5, 3.5), (11.5, 3.5))
    steer(either, "pin")
    assert either.see("studio.picked") == 0
    either.unfold("advanced")
    either.type_number("steps", 8)
    either.tap("#advanced > button")
    steer(either, "options")
    fork = either.see("studio.node")
    assert np.array_equal(either.pixels(), before)  # so far the picture is as it was
    one = finish(either)
    leaf = either.see("studio.node")

    open_branch(either, "Other settings")
    assert either.see("studio.node") == fork
    either.choose("class", SOME_CLASS)
    steer(either, "label")
    other = finish(either)
    assert not np.array_equal(one, other)
    region = either.lattice.region(either.cells)
    for picture in (one, other):
        assert np.array_equal(picture[~region], before[~region])

    assert branch(either, f"Class {SOME_CLASS}").is_visible()
    differing, of_all = compare(either, leaf)
    assert 0 < differing <= 100 - pinned
    assert of_all == 256
    view = either.page.locator(".mgs-versus-view")
    views = []
    for mode in ("side", "divider", "cells"):
        either.tap(f"[data-versus={mode}]")
        views.append(view.screenshot())
    assert len(set(views)) == 3
    either.tap(".mgs-versus [data-close]")


def test_sent_back_cells_are_imagined_anew_and_pinned_ones_stay(desktop: Editor) -> None:
    first = filled(desktop)
    leaf = desktop.see("studio.node")
    pick(desktop, (4.5, 3.5), (11.5, 3.5), (11.5, 4.5), (4.5, 4.5))
    steer(desktop, "pin")
    pick(desktop, (4.5, 8.5), (11.5, 9.5))
    sent = desktop.see("studio.picked")
    steer(desktop, "remask")
    assert desktop.page.evaluate(EVERY_NODE)[-1].startswith(f"Send back {sent} cells")
    steer(desktop, "anew")
    second = finish(desktop)
    assert not np.array_equal(first, second)
    differing, _ = compare(desktop, leaf)
    assert 0 < differing <= sent


def test_codes_are_chosen_and_banned(desktop: Editor) -> None:
    filled(desktop)
    go_back(desktop, 6)
    desktop.stroke((6.5, 5.5))
    codes = desktop.page.locator(".mgs-code")
    codes.nth(9).wait_for()
    tenth = codes.nth(9).locator("span").first.inner_text()
    codes.nth(9).click()
    desktop.page.locator(".mgs-look-facts", has_text=f"Code {tenth}").wait_for()
    assert "Pinned" in desktop.page.locator(".mgs-look-facts").inner_text()
    desktop.stroke((9.5, 8.5))
    desktop.page.locator(".mgs-look", has_text="Row 9, column 10").wait_for()
    settled(desktop)
    for where in ("here", "everywhere"):
        likeliest = codes.first.locator("span").first.inner_text()
        desktop.tap(f"[data-ban={where}]")
        desktop.tap(".mgs-ban")
        desktop.page.wait_for_function(
            f"document.querySelector('.mgs-code span').textContent !== '{likeliest}'"
        )
        settled(desktop)
    titles = desktop.page.evaluate(EVERY_NODE)
    assert any(title.startswith(f"Code {tenth} in Row 6, column 7") for title in titles)
    assert sum(" in Row 9, column 10" in title for title in titles) == 1
    assert sum(" everywhere" in title for title in titles) == 1


def test_undo_walks_up_and_redo_down_until_the_picture_is_back(desktop: Editor) -> None:
    filled(desktop)
    held = desktop.see("[studio.historyLength, studio.position]")
    go_back(desktop, 4)
    for name in ("least", "anew", "least"):
        steer(desktop, name)
    nodes = [desktop.see("studio.node")]
    for _ in range(3):
        desktop.page.keyboard.press("Control+z")
        settled(desktop)
        nodes.append(desktop.see("studio.node"))
    assert sorted(nodes, reverse=True) == nodes
    assert len(set(nodes)) == 4
    desktop.page.keyboard.press("Control+y")
    settled(desktop)
    assert desktop.see("studio.node") == nodes[2]
    desktop.tap("[data-steer=leave]")
    desktop.wait("!studio.walking")
    assert desktop.see("[studio.historyLength, studio.position]") == held
    open_branch(desktop, "Draw anew")
    desktop.tap("#examples [data-example=coast]")  # another picture takes the stage
    desktop.wait("!studio.walking")
    desktop.undo()
    desktop.tap("[data-branch=up]")
    desktop.wait("studio.walking")
    settled(desktop)
    open_branch(desktop, "Draw anew")
    desktop.pick_tool("brush")
    desktop.stroke((1.5, 1.5))  # who paints wants the picture
    desktop.wait("!studio.walking && studio.count > 0 && studio.count < 64")  # a new mask


def test_step_by_step_from_the_start(desktop: Editor) -> None:
    desktop.paint_box(5, 5, 3, 3)
    desktop.unfold("advanced")
    desktop.type_number("steps", 3)
    desktop.tap("[data-do=lab]")
    desktop.tap("[data-steer=begin]")
    desktop.wait("studio.walking && studio.step === 0")
    for step in (1, 2):
        desktop.tap("[data-steer=step]")
        desktop.wait(f"studio.step === {step} && !studio.asking")
    desktop.tap("[data-steer=step]")
    desktop.wait("!studio.walking && studio.position === 2")


def test_running_to_the_end_can_be_stopped(desktop: Editor) -> None:
    desktop.paint_box(0, 0, 16, 16)
    desktop.unfold("advanced")
    desktop.type_number("steps", 32)
    desktop.tap("[data-do=lab]")
    desktop.tap("[data-steer=begin]")
    desktop.wait("studio.walking")
    settled(desktop)
    halt = "document.querySelector('[data-steer=halt]').click();"
    with desktop.at_once(("studio.running && studio.step >= 2", halt)):
        desktop.tap("[data-steer=run]")
    settled(desktop)
    assert desktop.see("studio.walking && studio.step < studio.steps && studio.position === 1")
    desktop.tap("#generate")  # a run of the page takes the stage
    desktop.wait("!studio.running && studio.position === 2")
    desktop.wait("!studio.walking")


def test_branches_are_named_deleted_and_there_after_a_reload(desktop: Editor) -> None:
    filled(desktop)
    go_back(desktop, 4)
    steer(desktop, "least")
    desktop.page.locator(".mgs-branch-name").fill("The good one")
    desktop.page.locator(".mgs-branch-name").press("Enter")
    branch(desktop, "The good one").wait_for()
    steer(desktop, "anew")
    count = desktop.see("studio.branches")
    desktop.tap("[data-branch=delete]")
    desktop.page.locator("[data-branch=delete]", has_text="Really").click()
    desktop.wait(f"studio.branches === {count - 1} && !studio.asking")
    desktop.wait("studio.saved")

    second = desktop.another_tab()
    assert second.see("studio.branches") == count - 1  # a copy, which goes its own way
    second.wait("studio.saved")
    desktop.reload()
    assert desktop.see("studio.branches") == count - 1
    desktop.tap("[data-do=lab]")
    open_branch(desktop, "The good one")
    desktop.wait("studio.walking")
    desktop.tap("[data-do=back]")
    desktop.wait("studio.seen >= 0")
    finish(desktop)
    second.reload()
    assert second.see("studio.branches") == count - 1


def test_a_branch_opens_though_the_tree_is_drawn_under_the_press(desktop: Editor) -> None:
    filled(desktop)
    desktop.wait("studio.saved")
    desktop.reload()
    desktop.tap("[data-do=lab]")
    node = desktop.page.locator(".mgs-branch").last
    node.locator("canvas").hover()
    desktop.page.mouse.down()
    desktop.page.evaluate(
        """async () => {
            const tree = document.querySelector(".mgs-tree");
            tree.dispatchEvent(new Event("scroll"));
            await new Promise(requestAnimationFrame);
        }"""
    )
    desktop.page.mouse.up()
    desktop.wait(f"studio.node === {node.get_attribute('data-node')}")


def test_hundreds_of_branches_do_not_slow_the_page(desktop: Editor) -> None:
    filled(desktop)
    desktop.wait("studio.saved")
    size = desktop.page.evaluate(MANY_BRANCHES, 600)
    assert size < 1000  # bytes of the last step of a run; all of it is what a node takes
    desktop.reload()
    assert desktop.see("studio.branches") > 600
    desktop.tap("[data-do=lab]")
    desktop.page.locator(".mgs-branch").first.wait_for()
    assert desktop.see("studio.branchesShown") < 80
    desktop.page.evaluate(
        """async () => {
            const tree = document.querySelector(".mgs-tree");
            for (let i = 1; i <= 20; i++) {
                tree.scrollTo(20 * i, 400 * i);
                await new Promise(requestAnimationFrame);
            }
        }"""
    )
    assert desktop.see("studio.branchesShown") < 80
    node = desktop.page.locator(".mgs-branch").last.get_attribute("data-node")
    desktop.page.locator(f".mgs-branch[data-node='{node}']").click()
    desktop.wait(f"studio.node === {node}")
    settled(desktop)
    steer(desktop, "least")
    assert desktop.see("studio.branchesShown") < 80
    desktop.page.evaluate("document.querySelector('.mgs-tree').scrollTo(0, 0)")
    desktop.tap("[data-branch=versus]")  # which draws the panel anew: the tree stays where it is
    assert desktop.page.evaluate("document.querySelector('.mgs-tree').scrollTop") == 0
