"""Published models are chosen, downloaded and used in the page; whatever fails, work goes on.

The hub is a server on this machine; its files are laid out as the published ones.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

from app.document import Lattice
from app.words import Sentence
from maskgit.published import DEFAULTS
from tests.browser.editor import DESKTOP, PATIENCE_MS, Editor, opened, serve
from tests.browser.little_hub import FRESH, LittleHub
from tests.hub_server import cut, page, refuse, stall
from tests.shared import needs_shared

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_shared]

GRIDS = {"embedded": 16, "official": 4, "halton": 8, "uvit": 6, "fresh": 4}
FAMILIES = {"official": "bert", "halton": "adaln", "uvit": "uvit"}
WORK = "[studio.cells, studio.historyLength, studio.position, studio.picture]"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LittleHub]:
    running = LittleHub(tmp_path_factory.mktemp("hub"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def address(hub: LittleHub, cache: Path) -> Iterator[str]:
    with start(hub, cache) as where:
        yield where


def start(hub: LittleHub, cache: Path, *options: str):
    """Start the editor with this hub instead of the real one."""
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(cache / "huggingface"),
        "HF_HUB_OFFLINE": "0",
        "MASKGIT_CACHE": str(cache),
    }
    fixed = ("--device", "cpu", "--dtype", "float32")
    command = ("-m", "tests.browser.little_hub", hub.url, *fixed, *options)
    return serve(start=command, environment=environment)


def open_menu(editor: Editor) -> None:
    if not editor.page.locator(".mgm-dialog").is_visible():
        editor.page.locator(".mgm-open").scroll_into_view_if_needed()
        editor.tap(".mgm-open")
    editor.page.locator(".mgm-dialog li").nth(len(GRIDS) - 1).wait_for()


def part(editor: Editor, model: str, name: str) -> Locator:
    return editor.page.locator(f".mgm-dialog [data-model={model}] .mgm-{name}")


def press(editor: Editor, model: str, name: str) -> None:
    button = part(editor, model, name)
    button.wait_for()
    editor.touch(button)


def use(editor: Editor, model: str) -> None:
    """Change to a model; download it first if it is not here."""
    open_menu(editor)
    if part(editor, model, "download").is_visible():
        press(editor, model, "download")
    press(editor, model, "use")
    followed(editor, model)


def followed(editor: Editor, model: str) -> None:
    """Wait until the page works with a model."""
    expect(editor.page.locator(".mgm-dialog")).to_be_hidden(timeout=PATIENCE_MS)
    is_current = f"document.querySelector('#models .mgm-used')?.dataset.model === '{model}'"
    is_ready = "document.querySelector('.mgm-open').ariaBusy !== 'true'"
    grid = GRIDS[model]
    editor.wait(f"{is_current} && {is_ready} && Math.min(studio.cols, studio.rows) === {grid}")


def carried(editor: Editor, lattice: Lattice, cells: np.ndarray) -> np.ndarray:
    return lattice.carry(cells, editor.lattice)


def fill_and_compare(editor: Editor) -> None:
    """Fill what is painted; nothing else may change."""
    before = editor.pixels()
    region = editor.lattice.region(editor.cells)
    editor.fill()
    after = editor.pixels()
    assert np.array_equal(after[~region], before[~region])
    assert np.mean(after[region] != before[region]) > 0.5


def test_the_menu_says_what_there_is_and_leaves_with_escape(either: Editor) -> None:
    open_menu(either)
    assert part(either, "embedded", "state").inner_text() == "in use"
    assert part(either, "halton", "good").inner_text() == "Good for tests of halton."
    assert (
        "128 px · a few classes · FID 99 · licence: none"
        in part(either, "halton", "facts").inner_text()
    )
    width, needed = either.page.evaluate(
        "[innerWidth, document.querySelector('.mgm-dialog').scrollWidth]"
    )
    assert needed <= width
    either.page.keyboard.press("Escape")
    expect(either.page.locator(".mgm-dialog")).to_be_hidden()


@pytest.mark.parametrize("model", list(FAMILIES))
def test_each_family_is_downloaded_and_edits_the_painted_picture(
    desktop: Editor, model: str
) -> None:
    desktop.paint_box(5, 3, 5, 6)
    lattice, painted = desktop.lattice, desktop.cells
    desktop.unfold("advanced")
    use(desktop, model)
    assert np.array_equal(desktop.cells, carried(desktop, lattice, painted))
    defaults = DEFAULTS[FAMILIES[model]]
    assert desktop.page.locator("#steps input").first.input_value() == str(defaults.steps)
    assert desktop.page.locator("#guidance").is_visible() == (model != "official")
    assert "class" in desktop.page.locator("#class input").input_value() or model != "official"
    desktop.choose("class", "class 3")
    fill_and_compare(desktop)
    assert desktop.see("studio.steps") == defaults.steps
    desktop.undo()
    use(desktop, "embedded")
    assert np.array_equal(desktop.cells, painted)  # there and back: exactly as it was painted
    fill_and_compare(desktop)


def test_a_model_is_used_on_a_phone(phone: Editor) -> None:
    phone.paint_box(5, 3, 5, 6)
    lattice, painted = phone.lattice, phone.cells
    use(phone, "uvit")
    assert np.array_equal(phone.cells, carried(phone, lattice, painted))
    fill_and_compare(phone)
    phone.tap("#generate")
    phone.wait("!studio.running && studio.picture.width === 96 && studio.picture.height === 96")


def test_undo_goes_through_strokes_of_several_models(desktop: Editor) -> None:
    desktop.paint_box(5, 3, 1, 1)
    lattice, first = desktop.lattice, desktop.cells
    use(desktop, "uvit")
    carried_first = carried(desktop, lattice, first)
    desktop.paint_box(0, 0, 2, 2)
    second = desktop.cells
    use(desktop, "halton")
    desktop.undo()
    desktop.wait("studio.position === 1")
    assert np.array_equal(desktop.cells, carried(desktop, lattice, first))
    use(desktop, "uvit")
    assert np.array_equal(desktop.cells, carried_first)
    desktop.redo()
    desktop.wait("studio.position === 2")
    assert np.array_equal(desktop.cells, second)


def test_a_download_shows_how_far_it_is_and_can_be_cancelled_and_resumed(
    desktop: Editor, hub: LittleHub, cache: Path
) -> None:
    shutil.rmtree(cache / "models" / "fresh", ignore_errors=True)
    desktop.paint_box(2, 2, 3, 3)
    before = desktop.see(WORK)
    half = len(hub.files[FRESH[1]]) // 2
    hub.release.clear()
    hub.arrange(FRESH[1], stall(after=half))
    open_menu(desktop)
    press(desktop, "fresh", "download")
    desktop.wait("document.querySelector('[data-model=fresh] progress').value > 0.3")
    assert " of 4 MB" in part(desktop, "fresh", "state").inner_text()
    desktop.page.keyboard.press("Escape")
    expect(desktop.page.locator(".mgm-line")).to_be_visible()  # told while one paints, too
    desktop.fill()
    desktop.undo()

    second = desktop.another_tab()  # the download is the server's, so every page sees it
    open_menu(second)
    expect(part(second, "fresh", "cancel")).to_be_visible()
    open_menu(desktop)
    press(desktop, "fresh", "cancel")
    expect(part(desktop, "fresh", "download")).to_be_visible()
    expect(desktop.page.locator(".mgm-line")).to_be_hidden()
    assert before == desktop.see(WORK) or desktop.see("studio.count") == 9
    hub.release.set()
    use(desktop, "fresh")
    assert f"bytes={half}-" in hub.ranges(FRESH[1])


@pytest.mark.parametrize(
    ("answer", "words"),
    [(refuse(404), "404"), (page, "log in"), (cut(after=0), "Check the internet connection")],
    ids=["gone", "login", "no connection"],
)
def test_a_download_that_fails_says_why_and_nothing_is_lost(
    desktop: Editor, hub: LittleHub, cache: Path, answer, words: str
) -> None:
    shutil.rmtree(cache / "models" / "fresh", ignore_errors=True)
    desktop.paint_box(2, 2, 3, 3)
    before = desktop.see(WORK)
    hub.arrange(FRESH[0], *[answer] * 2)
    open_menu(desktop)
    press(desktop, "fresh", "download")
    expect(part(desktop, "fresh", "problem")).to_contain_text(words, timeout=PATIENCE_MS)
    expect(part(desktop, "fresh", "download")).to_be_visible()
    desktop.tap(".mgm-close")
    assert desktop.see(WORK) == before
    desktop.fill()
    hub.next_answer(FRESH[0])  # what was not asked for
    use(desktop, "fresh")


def test_a_damaged_folder_is_a_sentence_and_the_old_model_goes_on(
    desktop: Editor, cache: Path
) -> None:
    use(desktop, "official")
    spoilt = shutil.copytree(cache / "models" / "official", cache / "models" / "spoilt")
    weights = spoilt / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    desktop.paint_box(1, 1, 2, 2)
    before = desktop.see(WORK)
    open_menu(desktop)
    press(desktop, "spoilt", "use")
    expect(part(desktop, "spoilt", "problem")).to_contain_text("cannot be used")
    assert part(desktop, "spoilt", "use").inner_text() == "Try again"
    desktop.tap(".mgm-close")
    assert desktop.see(WORK) == before
    desktop.fill()
    shutil.rmtree(spoilt)


def test_a_choice_is_kept_by_a_reload_and_tabs_choose_for_themselves(desktop: Editor) -> None:
    use(desktop, "official")
    desktop.unfold("advanced")
    desktop.type_number("steps", 3)
    chosen = desktop.choose("class", "class 3")
    desktop.wait(f"window.studioControls.label === {chosen.split()[-1]}")
    desktop.paint_box(1, 1, 2, 1)
    cells = desktop.cells
    desktop.wait("studio.saved")
    desktop.reload()
    followed(desktop, "official")
    assert np.array_equal(desktop.cells, cells)
    assert desktop.page.locator("#class input").input_value() == chosen
    second = desktop.another_tab()
    followed(second, "official")
    use(second, "halton")
    fill_and_compare(second)
    fill_and_compare(desktop)
    assert desktop.see("studio.steps") == 3
    assert desktop.page.locator(".mgm-name").inner_text() == "Official"
    assert second.page.locator(".mgm-name").inner_text() == "Halton"


def test_a_run_ends_with_the_model_it_began_with(desktop: Editor) -> None:
    use(desktop, "halton")
    use(desktop, "embedded")
    desktop.paint_box(2, 2, 10, 10)
    lattice, painted = desktop.lattice, desktop.cells
    before = desktop.pixels()
    desktop.unfold("advanced")
    desktop.choose("reveal", "row")  # a pass for each of 100 cells: time to do something meanwhile
    open_menu(desktop)
    choose = "document.querySelector('.mgm-dialog [data-model=halton] .mgm-use').click();"
    is_chosen = "document.querySelector('.mgm-name').textContent === 'Halton'"
    with desktop.at_once(
        ("true", "document.querySelector('#fill').click();"),
        ("studio.running && studio.step >= 2", choose),
        (is_chosen, "window.meanwhile = [studio.running, studio.cols > 16];"),
    ):
        pass
    assert desktop.page.evaluate("window.meanwhile") == [True, True]
    desktop.wait_result(2)
    assert desktop.see("studio.steps") == 100
    followed(desktop, "halton")
    assert np.array_equal(desktop.cells, carried(desktop, lattice, painted))
    assert np.array_equal(
        desktop.pixels()[~lattice.region(painted)], before[~lattice.region(painted)]
    )
    desktop.fill()


def test_offline_nothing_is_offered_for_download_and_what_is_here_works(
    browser: Browser, desktop: Editor, hub: LittleHub, cache: Path
) -> None:
    use(desktop, "official")
    shutil.rmtree(cache / "models" / "fresh", ignore_errors=True)
    asked = len(hub.asked)
    with start(hub, cache, "--offline") as where, opened(browser, where, DESKTOP) as editor:
        open_menu(editor)
        expect(editor.page.locator(".mgm-about")).to_contain_text(Sentence("said.offline"))
        assert not part(editor, "fresh", "download").is_visible()
        use(editor, "official")
        editor.paint_box(1, 1, 2, 2)
        editor.fill()
        assert editor.trouble == []
    assert len(hub.asked) == asked
