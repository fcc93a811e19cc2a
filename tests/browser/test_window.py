"""The model's window: seen, moved, resized, painted in finely; it belongs to the history."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.canvas.drawing import read_drawing
from app.document import Document
from tests.browser.editor import Editor, Point

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTH, HEIGHT = 960, 640
LENS = "JSON.stringify([studio.grid, studio.fine, studio.at, studio.coverage])"
ALL = f"JSON.stringify([studio.cells, {LENS}])"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    colours = np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(colours).save(path)
    return path


def open_photo(editor: Editor, photo: Path) -> None:
    editor.open_file(photo)
    editor.wait(f"studio.picture.width === {WIDTH}")


def in_cells(editor: Editor, x: float, y: float) -> Point:
    """Give a point of the picture in cells."""
    side = editor.lattice.cell_px
    return x / side, y / side


def drag(editor: Editor, start: Point, by: Point) -> None:
    """Drag from a point of the picture, in pixels, with the tool for the window."""
    before = editor.see("studio.historyLength")
    end = start[0] + by[0], start[1] + by[1]
    editor.stroke(in_cells(editor, *start), in_cells(editor, *end))
    editor.wait(f"studio.historyLength > {before}")


def press(editor: Editor, what: str, times: int = 1) -> None:
    """Press buttons of the window's row; each changes something."""
    for _ in range(times):
        before = editor.see(ALL)
        editor.tap(f".mgs-window [data-do={what}]")
        editor.wait(f"{ALL} !== {json.dumps(before)}")


def as_python_sees(editor: Editor, tokens: int = 16) -> Document:
    """Give the document of what the canvas has last told Python."""
    document = Document.of(read_drawing(editor.see("studio.message")), tokens)
    assert document is not None
    return document


def test_the_window_is_there_once_something_is_painted_and_follows_it(
    either: Editor, photo: Path
) -> None:
    open_photo(either, photo)
    press(either, "windowSmaller", 3)
    left, top, side = either.see("studio.window")
    assert side < HEIGHT / 1.8
    assert either.see("studio.sees") is None  # nothing is painted
    either.paint_box(0, 0, 3, 3)
    assert either.see("studio.sees") == [0, 0, side]
    words = either.page.locator(".mgs-sees").inner_text().split()
    assert [int(word) for word in words if word.isdigit()] == [side, side, 128, 128]
    either.tap("[data-do=clear]")
    either.wait("studio.count === 0")
    assert either.see("studio.window") == [left, top, side]


def test_the_window_is_dragged_by_whole_cells_and_follows_again(
    either: Editor, photo: Path
) -> None:
    open_photo(either, photo)
    press(either, "windowSmaller", 4)
    either.pick_tool("window")
    either.bring_stage()
    left, top, side = either.see("studio.window")
    drag(either, (left + side / 2, top + side / 2), (151, -90))
    row, col = either.see("studio.at")
    cell = either.lattice.cell_px
    moved = either.see("studio.window")
    assert moved == [int(col * cell + 0.5), int(row * cell + 0.5), side]
    assert abs(moved[0] - left - 151) <= cell
    assert abs(moved[1] - top + 90) <= cell
    drag(either, (moved[0] + side / 2, moved[1] + side / 2), (-900, -900))
    assert either.see("studio.at") == [0, 0]  # it stays on the picture
    either.tap("[data-do=undo]")
    either.wait(f"studio.window[0] === {moved[0]} && studio.window[1] === {moved[1]}")
    press(either, "follow")
    assert either.see("[studio.at, studio.window]") == [None, [left, top, side]]


def test_a_corner_resizes_the_window_and_the_one_across_stays(either: Editor, photo: Path) -> None:
    open_photo(either, photo)
    press(either, "windowSmaller", 2)
    either.pick_tool("window")
    either.bring_stage()
    left, top, side = either.see("studio.window")
    drag(either, (left + side, top + side), (-100, -100))
    cell = either.lattice.cell_px
    now = either.see("studio.window")
    assert abs(now[2] - (side - 100)) <= 2 * cell
    assert abs(now[0] - left) <= cell
    assert abs(now[1] - top) <= cell
    drag(either, (now[0], now[1]), (1000, 1000))
    least = either.see("studio.window[2]")
    assert HEIGHT / 8 <= least < HEIGHT / 7
    drag(either, (either.see("studio.window[0]"), either.see("studio.window[1]")), (-2000, -2000))
    assert either.see("[studio.window[2], studio.grid]") == [HEIGHT, 16]


def test_keys_wheel_and_double_click_do_the_same(desktop: Editor, photo: Path) -> None:
    open_photo(desktop, photo)
    press(desktop, "windowSmaller", 4)
    desktop.page.keyboard.press("s")
    desktop.wait("studio.tool === 'window'")
    length = desktop.see("studio.historyLength")
    left, top, side = desktop.see("studio.window")
    middle = in_cells(desktop, left + side / 2, top + side / 2)
    desktop.stroke(middle)  # a press alone moves nothing, but the stage has the keys now
    assert desktop.see("[studio.historyLength, studio.at]") == [length, None]
    desktop.page.keyboard.press("ArrowLeft")
    desktop.wait("studio.at !== null")
    row, col = desktop.see("studio.at")
    for key, expected in (("ArrowUp", [row - 1, col]), ("Shift+ArrowRight", [row - 1, col + 4])):
        desktop.page.keyboard.press(key)
        desktop.wait(f"JSON.stringify(studio.at) === '{expected}'.replaceAll(' ', '')")
    for key, larger in (("+", True), ("-", False)):
        before = desktop.see("studio.window[2]")
        desktop.page.keyboard.press(key)
        desktop.wait(f"studio.window[2] {'>' if larger else '<'} {before}")
    before, zoom = desktop.see("[studio.window[2], studio.zoom]")
    desktop.page.mouse.wheel(0, -100)
    desktop.wait(f"studio.window[2] > {before} && studio.zoom === {zoom}")
    assert desktop.see("studio.historyLength") == length  # all of these are one step
    desktop.page.mouse.dblclick(*desktop.place(middle))
    desktop.wait("studio.at === null")


def test_a_window_of_the_picture_is_filled_and_all_else_stays(either: Editor, photo: Path) -> None:
    open_photo(either, photo)
    press(either, "windowSmaller", 3)
    either.pick_tool("window")
    either.bring_stage()
    left, top, side = either.see("studio.window")
    drag(either, (left + side / 2, top + side / 2), (150, 100))
    row, col = either.see("studio.at")
    either.paint_box(col + 3, row + 4, 5, 4)
    either.paint_box(0, 0, 2, 2)
    assert either.see("[studio.count, studio.changing]") == [24, 20]
    assert "20 of" in either.page.locator(".mgs-counter").inner_text()
    region = either.lattice.region(either.cells)
    region[: 3 * int(either.lattice.cell_px), : 3 * int(either.lattice.cell_px)] = False
    lens = either.see(LENS)
    either.fill()
    with Image.open(photo) as file:
        before = np.asarray(file)
    after = either.pixels()
    np.testing.assert_array_equal(after[~region], before[~region])
    assert (after[region] != before[region]).any(axis=1).mean() > 0.9
    assert either.see(LENS) == lens


def test_a_window_that_holds_nothing_painted_is_refused_in_words(
    desktop: Editor, photo: Path
) -> None:
    open_photo(desktop, photo)
    press(desktop, "windowSmaller", 4)
    desktop.paint_box(0, 0, 3, 3)
    desktop.pick_tool("window")
    desktop.stroke(in_cells(desktop, 800, 500))  # it comes to where one presses
    desktop.wait("studio.at !== null && studio.changing === 0")
    desktop.tap("#fill")
    desktop.wait("studio.status.text.includes('follow the mask')")
    assert desktop.see("[studio.count, studio.running]") == [9, False]
    press(desktop, "follow")
    desktop.fill()


def test_fine_paint_changes_its_own_pixels_and_coverage_decides_on_tokens(
    either: Editor, photo: Path
) -> None:
    open_photo(either, photo)
    assert not either.page.locator(".mgs-coverage").is_visible()
    press(either, "fine")
    assert either.see("[studio.grid, studio.cols, studio.fine]") == [64, 96, 4]
    either.paint_box(28, 30, 6, 2)  # half of a token, and a quarter of the next
    assert either.see("[studio.count, studio.changing]") == [12, 12]
    region = either.lattice.region(either.cells)
    assert region.sum() == 1200
    slider = either.page.locator(".mgs-coverage input")
    slider.fill("30")
    either.wait("studio.coverage === 0.3")
    kept = as_python_sees(either)
    assert either.see("studio.changing") * 100 == kept.region.sum()
    assert kept.region.sum() == 800
    slider.fill("95")
    either.wait("studio.changing === 0")
    either.tap("#fill")
    either.wait("studio.status.text.includes('95 %')")
    slider.fill("0")
    either.wait("studio.changing === 12")
    either.fill()
    with Image.open(photo) as file:
        before = np.asarray(file)
    after = either.pixels()
    np.testing.assert_array_equal(after[~region], before[~region])
    assert (after[region] != before[region]).any(axis=1).mean() > 0.9


def test_going_there_and_back_changes_nothing(desktop: Editor, photo: Path) -> None:
    open_photo(desktop, photo)
    desktop.paint_box(5, 5, 3, 3)
    began, size = desktop.see(ALL), desktop.see("studio.size")
    for there, back in (("windowSmaller", "windowLarger"), ("fine", "fine")):
        press(desktop, there, 1 if there == "fine" else 5)
        assert desktop.see("studio.count") > 9
        assert desktop.see("studio.size") > size  # of the brush: as large on the picture
        grid = desktop.see("studio.grid")
        while desktop.see("studio.grid") > 16:
            press(desktop, back)
        assert desktop.see(ALL) == began
        assert desktop.see("studio.size") == size
        assert grid > 16


def go(editor: Editor, way: str, until: str) -> None:
    """Go back or forward by one, to an entry that the window may be all that is new about."""
    editor.tap(f"[data-do={way}]")
    editor.wait(until)


def test_undo_a_reload_and_a_project_bring_the_window_back(
    desktop: Editor, photo: Path, tmp_path: Path
) -> None:
    open_photo(desktop, photo)
    press(desktop, "windowSmaller", 3)
    press(desktop, "fine")
    desktop.pick_tool("window")
    left, top, side = desktop.see("studio.window")
    drag(desktop, (left + side / 2, top + side / 2), (-90, 40))
    row, col = desktop.see("studio.at")
    desktop.paint_box(col + 9, row + 9, 5, 5)
    desktop.page.locator(".mgs-coverage input").fill("15")
    desktop.wait("studio.coverage === 0.15")
    now = desktop.see(ALL)
    go(desktop, "undo", "studio.coverage === 0")
    go(desktop, "undo", "studio.count === 0")
    go(desktop, "redo", "studio.count > 0")
    go(desktop, "redo", "studio.coverage === 0.15")
    desktop.wait(f"{ALL} === {json.dumps(now)}")
    desktop.wait("studio.saved")
    desktop.reload()
    assert desktop.see(ALL) == now

    desktop.tap("[data-do=saving]")
    project = tmp_path / "work.maskgit.zip"
    project.write_bytes(desktop.download(".mgs-saving [data-do=saveProject]").read_bytes())
    desktop.tap("[data-do=clear]")
    press(desktop, "fine")
    press(desktop, "follow")
    desktop.hand_over("drop", project)
    desktop.tap(".mgs-replace [data-replace=open]")
    desktop.wait("studio.status.text.startsWith('The project is open')")
    assert desktop.see(ALL) == now
    go(desktop, "undo", "studio.coverage === 0")
    go(desktop, "undo", "studio.count === 0")
    assert desktop.see("[studio.at !== null, studio.count, studio.fine]") == [True, 0, 4]


def test_a_saved_picture_brings_the_window_back_and_is_made_again(
    desktop: Editor, photo: Path, tmp_path: Path
) -> None:
    open_photo(desktop, photo)
    press(desktop, "windowSmaller", 2)
    press(desktop, "fine")
    desktop.fix_seed(5)
    desktop.pick_tool("window")
    left, top, side = desktop.see("studio.window")
    drag(desktop, (left + side / 2, top + side / 2), (60, 30))
    row, col = desktop.see("studio.at")
    desktop.paint_box(col + 9, row + 9, 7, 6)
    painted = desktop.see(ALL)
    desktop.fill()
    result = desktop.pixels()
    file = tmp_path / "made.png"
    file.write_bytes(desktop.download().read_bytes())

    other = desktop.another_tab()
    other.hand_over("drop", file)
    other.wait("studio.status.text.startsWith('Its recipe is back')")
    assert other.see(ALL) == painted
    other.fill()
    np.testing.assert_array_equal(other.pixels(), result)


def test_page_and_server_agree_on_the_window_and_on_what_changes(
    desktop: Editor, photo: Path
) -> None:
    open_photo(desktop, photo)
    press(desktop, "windowSmaller", 3)
    for fine in (False, True):
        if fine:
            press(desktop, "fine")
            desktop.page.locator(".mgs-coverage input").fill("40")
            desktop.wait("studio.coverage === 0.4")
        cols, rows = desktop.see("[studio.cols, studio.rows]")
        for box in ((0, 0, 3, 2), (cols // 2, rows // 2, 9, 5), (cols - 3, rows - 2, 3, 2)):
            desktop.paint_box(*box)
            document = as_python_sees(desktop)
            window = document.window
            assert window is not None
            expected = [window.left, window.top, window.side]
            assert desktop.see("studio.sees") == expected
            changing = document.lattice.region(desktop.cells) & document.region
            assert (changing == document.region).all()
            pixels = changing.sum() / document.lattice.cell_px**2
            assert abs(desktop.see("studio.changing") - pixels) < 0.1 * max(pixels, 10)
            desktop.tap("[data-do=clear]")
            desktop.wait("studio.count === 0")
