"""What is painted is what will change: cells, exactly, by any tool and on any device."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.document import choose_window
from tests.browser.editor import Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def boxed(editor: Editor, left: int, top: int, width: int, height: int) -> np.ndarray:
    cells = np.zeros(editor.lattice.shape, bool)
    cells[top : top + height, left : left + width] = True
    return cells


def test_a_rectangle_paints_the_cells_it_touches(either: Editor) -> None:
    either.paint_box(3, 2, 6, 4)
    assert np.array_equal(either.cells, boxed(either, 3, 2, 6, 4))
    assert "24 of" in either.page.locator(".mgs-counter").inner_text()


def test_the_brush_paints_along_the_stroke(either: Editor) -> None:
    either.pick_tool("brush")
    either.stroke((2.5, 5.5), (12.5, 5.5))
    either.wait("studio.historyLength === 2")
    assert either.cells[5, 2:13].all()
    assert not either.cells[:3].any()
    assert not either.cells[8:].any()


def test_a_lasso_paints_what_it_encloses(either: Editor) -> None:
    either.pick_tool("lasso")
    either.stroke((3, 3), (9, 3), (9, 9), (3, 9), (3, 3.2))
    either.wait("studio.historyLength === 2")
    cells = either.cells
    assert cells[4:8, 4:8].all()
    assert not cells[:2].any()
    assert not cells[10:].any()


def test_fill_paints_an_enclosed_area(desktop: Editor) -> None:
    desktop.paint_box(4, 4, 5, 5)
    desktop.pick_tool("eraser")
    desktop.page.keyboard.press("[")  # one cell wide
    desktop.stroke((5.5, 5.5), (7.5, 5.5), (7.5, 7.5), (5.5, 7.5), (5.5, 6.5), (6.5, 6.5))
    desktop.wait("studio.count === 16")
    desktop.pick_tool("fill")
    desktop.stroke((6.5, 6.5))
    desktop.wait("studio.count === 25")


def open_blocks(editor: Editor, folder: Path) -> None:
    """Open blue with two red blocks of 4 x 3 cells, the first with an orange one below it."""
    colours = np.full((320, 480, 3), (40, 80, 160), np.uint8)
    colours[40:100, 60:140] = colours[200:260, 300:380] = (200, 30, 30)
    colours[100:160, 60:140] = (200, 90, 30)
    Image.fromarray(colours).save(folder / "blocks.png")
    editor.open_file(folder / "blocks.png")
    editor.wait("studio.picture.width === 480")
    editor.pick_tool("wand")


def test_the_wand_takes_one_colour_around_the_place(either: Editor, tmp_path: Path) -> None:
    open_blocks(either, tmp_path)
    either.stroke((5.5, 3.5))
    either.wait("studio.count === 12")
    assert np.array_equal(either.cells, boxed(either, 3, 2, 4, 3))
    either.stroke((20.5, 1.5))  # the blue around all of them
    either.wait(f"studio.count === {either.cells.size - 24}")
    either.undo()
    either.wait("studio.count === 12")


def test_dragging_the_wand_takes_more_colours(either: Editor, tmp_path: Path) -> None:
    open_blocks(either, tmp_path)
    either.stroke((5.5, 3.5), (10.5, 3.5))
    either.wait("studio.count === 24")
    assert np.array_equal(either.cells, boxed(either, 3, 2, 4, 6))


def test_the_wand_with_shift_takes_the_colour_anywhere(desktop: Editor, tmp_path: Path) -> None:
    open_blocks(desktop, tmp_path)
    desktop.page.keyboard.down("Shift")
    desktop.stroke((5.5, 3.5))
    desktop.page.keyboard.up("Shift")
    both = boxed(desktop, 3, 2, 4, 3) | boxed(desktop, 15, 10, 4, 3)
    desktop.wait("studio.count === 24")
    assert np.array_equal(desktop.cells, both)
    desktop.stroke((5.5, 3.5), button="right")  # takes away, around the place only
    desktop.wait("studio.count === 12")
    assert np.array_equal(desktop.cells, boxed(desktop, 15, 10, 4, 3))
    desktop.stroke((-1, 3))  # beside the picture is no colour
    assert desktop.see("[studio.count, studio.historyLength]") == [12, 4]


def test_the_eraser_and_the_right_button_take_away(desktop: Editor) -> None:
    desktop.paint_box(2, 2, 8, 8)
    desktop.pick_tool("eraser")
    desktop.stroke((3.5, 3.5), (5.5, 3.5))
    desktop.wait("studio.count < 64")
    left = desktop.see("studio.count")
    desktop.pick_tool("brush")
    desktop.stroke((7.5, 7.5), (8.5, 8.5), button="right")
    desktop.wait(f"studio.count < {left}")


def test_invert_and_clear(either: Editor) -> None:
    either.paint_box(3, 2, 6, 4)
    total = either.cells.size
    either.tap("[data-do=invert]")
    either.wait(f"studio.count === {total - 24}")
    either.tap("[data-do=clear]")
    either.wait("studio.count === 0")


def test_strokes_are_forgotten_before_the_picture_is(desktop: Editor) -> None:
    before = desktop.pixels()
    desktop.paint_box(2, 2, 3, 3)
    desktop.fill()
    for i in range(35):
        desktop.stroke((i % 12 + 0.5, 8.5 + i % 2), button=("left", "right")[i // 12 % 2])
    assert desktop.see("studio.historyLength") == 30
    while desktop.see("studio.position"):
        desktop.undo()
    assert np.array_equal(desktop.pixels(), before)


def test_a_path_by_keys_is_one_stroke(desktop: Editor) -> None:
    desktop.page.locator(".mgs-stage").focus()
    press = desktop.page.keyboard
    press.press("ArrowRight")
    press.press("Space")
    assert desktop.see("studio.historyLength") == 2
    for length in (3, 4):
        press.down("Shift")
        for _ in range(8):
            press.press("ArrowRight")
        press.up("Shift")
        assert desktop.see("studio.historyLength") == length
    painted = desktop.see("studio.count")
    desktop.undo()
    assert 0 < desktop.see("studio.count") < painted


def test_undo_and_redo_go_over_strokes(either: Editor) -> None:
    either.paint_box(1, 1, 2, 2)
    either.paint_box(5, 5, 3, 3)
    for count in (4, 0):
        either.undo()
        either.wait(f"studio.count === {count}")
    assert either.page.locator("[data-do=undo]").is_disabled()
    for count in (4, 13):
        either.redo()
        either.wait(f"studio.count === {count}")


def test_keys_choose_tools_undo_and_redo(desktop: Editor) -> None:
    desktop.paint_box(1, 1, 2, 2)
    keyboard = desktop.page.keyboard
    for key, tool in {"e": "eraser", "l": "lasso", "f": "fill", "w": "wand", "b": "brush"}.items():
        keyboard.press(key)
        desktop.wait(f"studio.tool === '{tool}'")
    keyboard.press("Control+z")
    desktop.wait("studio.count === 0")
    keyboard.press("Control+Shift+z")
    desktop.wait("studio.count === 4")


def test_escape_leaves_a_stroke_without_a_trace(desktop: Editor) -> None:
    mouse = desktop.page.mouse
    mouse.move(*desktop.place((4, 4)))
    mouse.down()
    mouse.move(*desktop.place((8, 8)), steps=5)
    desktop.wait("studio.count > 0")
    desktop.page.keyboard.press("Escape")
    mouse.up()
    desktop.wait("studio.count === 0 && studio.historyLength === 1")


def test_the_keyboard_alone_can_paint(desktop: Editor) -> None:
    desktop.page.locator(".mgs-stage").focus()
    keyboard = desktop.page.keyboard
    for key in ("ArrowRight", "ArrowRight", "Space", "Shift+ArrowDown"):
        keyboard.press(key)
    desktop.wait("studio.count > 0 && studio.historyLength === 3")


def test_a_zoomed_picture_is_painted_where_the_pointer_is(desktop: Editor) -> None:
    desktop.page.mouse.move(*desktop.place((6, 6)))
    desktop.page.mouse.wheel(0, -300)
    desktop.wait("studio.zoom > 1.5")
    desktop.paint_box(5, 5, 2, 2)
    assert np.array_equal(desktop.cells, boxed(desktop, 5, 5, 2, 2))
    desktop.page.keyboard.press("0")


def test_two_fingers_zoom_and_never_paint(phone: Editor) -> None:
    phone.bring_stage()
    zoom = phone.see("studio.zoom")
    x, y = phone.place((8, 8))
    phone.drag_fingers([[(x - d, y), (x + d, y)] for d in (20, 30, 45, 60, 80)])
    phone.wait(f"studio.zoom > {zoom * 1.5}")
    assert phone.see("[studio.count, studio.historyLength]") == [0, 1]


def test_every_stroke_is_one_small_message(desktop: Editor) -> None:
    sent: list[int] = []
    desktop.page.on("request", lambda request: sent.append(len(request.post_data or "")))
    desktop.paint_box(2, 2, 5, 5)
    desktop.fill()
    assert sent
    assert max(sent) < 4000


def test_the_square_that_is_shown_is_the_one_the_model_sees(desktop: Editor) -> None:
    boxes = ((0, 0, 1, 1), (7, 3, 4, 9), (20, 10, 4, 6), (2, 2, 20, 3))
    for left, top, width, height in boxes:
        desktop.paint_box(left, top, width, height)
        window = choose_window(desktop.lattice, desktop.cells)
        expected = [window.left, window.top, window.side] if window else None
        assert desktop.see("studio.sees") == expected
        assert ("wider" in desktop.page.locator(".mgs-sees").inner_text()) != bool(window)
        desktop.tap("[data-do=clear]")
        desktop.wait("studio.count === 0 && studio.sees === null")


def do(editor: Editor, what: str) -> None:
    editor.tap("[data-do=masks]")
    editor.tap(f".mgs-masks [data-do={what}]")


def load_mask(editor: Editor, name: str, data: bytes) -> None:
    editor.tap("[data-do=masks]")
    with editor.page.expect_file_chooser() as chooser:
        editor.tap(".mgs-masks [data-do=loadMask]")
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": data})


def test_a_mask_grows_and_shrinks_and_that_can_be_undone(either: Editor) -> None:
    either.paint_box(4, 4, 3, 2)
    do(either, "grow")
    either.wait("studio.count === 20")
    assert either.cells[3:7, 3:8].all()
    do(either, "shrink")
    either.wait("studio.count === 6")
    assert either.cells[4:6, 4:7].all()
    either.tap("[data-do=undo]")
    either.wait("studio.count === 20")


def test_a_mask_at_the_edge_shrinks_from_within_only(desktop: Editor) -> None:
    desktop.paint_box(0, 0, 4, 4)
    desktop.page.keyboard.press(",")
    desktop.wait("studio.count === 9")
    assert desktop.cells[:3, :3].all()
    desktop.page.keyboard.press(".")
    desktop.wait("studio.count === 16")


def test_a_mask_is_saved_and_loaded_as_a_picture(either: Editor, tmp_path: Path) -> None:
    either.paint_box(4, 4, 5, 3)
    painted = either.cells
    with either.page.expect_download() as download:
        do(either, "saveMask")
    assert download.value.suggested_filename == "mask.png"
    file = tmp_path / "mask.png"
    download.value.save_as(file)
    with Image.open(file) as mask:
        assert list(mask.size) == either.see("[studio.picture.width, studio.picture.height]")
        assert set(np.unique(np.asarray(mask.convert("RGB")))) == {0, 255}
        smaller = io.BytesIO()
        mask.convert("L").resize((mask.width // 2, mask.height // 2)).save(smaller, "PNG")
    for data in (file.read_bytes(), smaller.getvalue()):
        either.tap("[data-do=clear]")
        either.wait("studio.count === 0")
        load_mask(either, "mask.png", data)
        either.wait("studio.count === 15")
        assert (either.cells == painted).all()


def test_a_file_that_is_no_mask_is_refused_in_words_and_nothing_is_lost(desktop: Editor) -> None:
    desktop.paint_box(4, 4, 2, 2)
    black = io.BytesIO()
    Image.new("RGB", (30, 20)).save(black, "PNG")
    for data, words in ((b"nothing", "not a picture"), (black.getvalue(), "is white")):
        load_mask(desktop, "night.png", data)
        desktop.wait(f"studio.status.text.includes({words!r})")
        assert desktop.see("studio.count") == 4


def test_a_stroke_on_a_result_begins_a_new_mask_unless_the_last_one_is_shown(
    desktop: Editor,
) -> None:
    desktop.paint_box(3, 3, 4, 4)
    desktop.fill()
    desktop.tap("[data-do=mask]")
    desktop.wait("studio.shown")
    desktop.paint_box(9, 9, 2, 2)
    assert desktop.see("studio.count") == 20
    desktop.fill()
    desktop.paint_box(12, 2, 3, 3)
    assert desktop.see("studio.count") == 9
    assert desktop.status()[0] == "A new mask. To add to the last one, show it first (M)."
    desktop.undo()
    assert desktop.see("studio.count") == 20
