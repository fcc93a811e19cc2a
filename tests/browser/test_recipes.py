"""A saved picture carries its recipe: it is made again in the shell, and restored on the page."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import maskgit
from maskgit import loading, recipe_files, recipes
from maskgit.images import open_picture, to_png
from maskgit.loading import find_folder
from maskgit.originals import open_original
from maskgit.replaying import replay
from tests.browser.editor import SOME_CLASS, Editor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CONTROLS = "[window.studioControls.label, window.studioControls.seed, window.studioControls.steps]"


@pytest.fixture(autouse=True)
def same_models(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MODELS", models)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    colours = np.random.default_rng(3).integers(0, 256, (300, 420, 3), np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(colours).save(path)
    return path


def filled(editor: Editor, photo: Path) -> None:
    """Fill a part of a photo, with a class and a seed of one's own."""
    editor.open_file(photo)
    editor.wait("studio.picture.width === 420")
    editor.choose("class", SOME_CLASS)
    editor.fix_seed(77)
    editor.paint_box(4, 3, 5, 6)
    editor.fill()


def saved(editor: Editor, path: Path, selector: str = "[data-do=download]") -> Path:
    path.write_bytes(editor.download(selector).read_bytes())
    return path


def replayed(path: Path) -> np.ndarray:
    """Make a picture again from what its file says."""
    data = path.read_bytes()
    recipe = recipes.from_text(recipe_files.find(data), open_picture(data))
    assert recipe.weights == recipes.fingerprint(find_folder(recipe.model))
    again = replay(maskgit.load(recipe.model, "cpu", recipe.dtype), recipe)
    assert np.array_equal(recipe.tokens, again.tokens(0))
    return again.pictures[0]


def test_a_saved_edit_is_made_again_and_restored_where_it_is_dropped(
    either: Editor, photo: Path, tmp_path: Path
) -> None:
    filled(either, photo)
    cells, controls = either.see("studio.cells"), either.page.evaluate(CONTROLS)
    result = either.pixels()
    file = saved(either, tmp_path / "edited.png")
    assert "its recipe" in either.status()[0]
    assert np.array_equal(replayed(file), result)

    other = either.another_tab()
    other.tap("[data-do=clear]") if other.see("studio.count") else None
    other.hand_over("drop", file)
    other.wait("studio.status.text.startsWith('Its recipe is back')")
    other.page.wait_for_function(f"JSON.stringify({CONTROLS}) === JSON.stringify({controls})")
    assert other.see("studio.cells") == cells
    assert other.see("studio.shown")
    with Image.open(photo) as before:
        assert np.array_equal(other.pixels(), np.asarray(before))
    other.fill()
    assert np.array_equal(other.pixels(), result)


def test_known_cells_that_were_looked_at_once_are_made_again_so(
    desktop: Editor, photo: Path, tmp_path: Path
) -> None:
    desktop.open_file(photo)
    desktop.wait("studio.picture.width === 420")
    desktop.fix_seed(77)
    desktop.choose("known-cells", "once")
    desktop.paint_box(4, 3, 5, 6)
    desktop.fill()
    file = saved(desktop, tmp_path / "edited.png")
    recipe = recipes.from_text(
        recipe_files.find(file.read_bytes()), open_picture(file.read_bytes())
    )
    assert recipe.options.known_cells == "cached"
    assert np.array_equal(replayed(file), desktop.pixels())
    other = desktop.another_tab()
    other.hand_over("drop", file)
    other.wait("studio.status.text.startsWith('Its recipe is back')")
    other.page.wait_for_function("window.studioControls.known_cells === 'cached'")


def test_the_variation_that_was_taken_is_the_one_that_is_made_again(
    desktop: Editor, photo: Path, tmp_path: Path
) -> None:
    desktop.tap("#variations label >> text=2")
    filled(desktop, photo)
    first = desktop.pixels()
    desktop.tap(".mgs-thumbnail >> nth=1")
    desktop.wait("studio.variation === 1")
    file = saved(desktop, tmp_path / "second.png")
    second = desktop.pixels()
    assert not np.array_equal(first, second)
    assert np.array_equal(replayed(file), second)


def test_without_recipe_nothing_but_the_picture_is_in_the_file(
    either: Editor, photo: Path, tmp_path: Path
) -> None:
    filled(either, photo)
    either.tap("[data-do=saving]")
    file = saved(either, tmp_path / "alone.png", "[data-do=downloadAlone]")
    assert not recipe_files.has_recipe(file.read_bytes())
    assert b"maskgit" not in file.read_bytes()
    assert not either.page.locator(".mgs-saving").is_visible()


def test_transparency_comes_back_as_well(desktop: Editor, tmp_path: Path) -> None:
    colours = np.random.default_rng(5).integers(0, 256, (300, 420, 4), np.uint8)
    colours[:150, :, 3] = 0
    Image.fromarray(colours).save(tmp_path / "glass.png", dpi=(300, 300))
    filled(desktop, tmp_path / "glass.png")
    file = saved(desktop, tmp_path / "edited.png")
    data = file.read_bytes()
    flat = open_original(data).flat
    recipe = recipes.from_text(recipe_files.find(data), flat)
    again = replay(maskgit.load(recipe.model, "cpu", recipe.dtype), recipe)
    assert np.array_equal(again.pictures[0], flat)
    result = desktop.file()
    desktop.hand_over("drop", file)
    desktop.wait("studio.status.text.startsWith('Its recipe is back')")
    assert recipe.mask is not None
    assert np.array_equal(desktop.file()[~recipe.mask], colours[~recipe.mask])
    desktop.fill()
    assert np.array_equal(desktop.file(), result)
    project = tmp_path / "glass.maskgit.zip"
    desktop.tap("[data-do=saving]")
    project.write_bytes(desktop.download("[data-do=saveProject]").read_bytes())
    desktop.tap("#examples [data-example=coast]")
    desktop.wait("studio.picture.width !== 420")
    desktop.hand_over("drop", project)
    desktop.tap("[data-replace=open]")
    desktop.wait("studio.status.text.startsWith('The project is open')")
    assert np.array_equal(desktop.file(), result)


def test_a_jpeg_is_made_again_and_its_exif_can_be_left_out(desktop: Editor, tmp_path: Path) -> None:
    shades = np.linspace(0, 255, 300 * 420 * 3).reshape(300, 420, 3).astype(np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    Image.fromarray(shades).save(tmp_path / "photo.jpg", exif=exif, quality=85)
    filled(desktop, tmp_path / "photo.jpg")
    file = saved(desktop, tmp_path / "edited.png")
    assert b"a camera" in file.read_bytes()
    assert np.array_equal(replayed(file), desktop.pixels())
    desktop.tap("[data-do=saving]")
    alone = saved(desktop, tmp_path / "alone.png", "[data-do=downloadAlone]")
    assert b"a camera" not in alone.read_bytes()
    project = tmp_path / "photo.maskgit.zip"
    desktop.tap("[data-do=saving]")
    project.write_bytes(desktop.download("[data-do=saveProject]").read_bytes())
    result = desktop.pixels()
    desktop.hand_over("drop", project)
    desktop.tap("[data-replace=open]")
    desktop.wait("studio.status.text.startsWith('The project is open')")
    assert np.array_equal(desktop.pixels(), result)
    assert b"a camera" in saved(desktop, tmp_path / "again.png").read_bytes()


def test_new_and_larger_pictures_are_made_again_too(desktop: Editor, tmp_path: Path) -> None:
    desktop.tap("#generate")
    desktop.wait_result(1)
    file = saved(desktop, tmp_path / "new.png")
    assert np.array_equal(replayed(file), desktop.pixels())
    desktop.unfold("outpaint")
    desktop.type_number("outpaint-left", 40)
    desktop.tap("#outpaint-run")
    desktop.wait_result(2)
    file = saved(desktop, tmp_path / "larger.png")
    assert np.array_equal(replayed(file), desktop.pixels())
    desktop.hand_over("drop", file)
    desktop.wait("studio.status.text.includes('Add these sides')")
    desktop.page.wait_for_function("window.studioControls.left === 40")
    assert desktop.size == (128, 128)  # the picture before


def test_a_steered_picture_is_made_again(desktop: Editor, photo: Path, tmp_path: Path) -> None:
    filled(desktop, photo)
    unsteered = desktop.pixels()
    desktop.tap("[data-do=lab]")
    desktop.tap(".mgs-transport [data-do=back]")
    desktop.tap("[data-steer=anew]")
    desktop.wait("studio.walking && !studio.asking")
    desktop.tap("[data-steer=run]")
    desktop.wait("!studio.walking && !studio.asking && studio.historyLength > 3")
    assert not np.array_equal(desktop.pixels(), unsteered)
    file = saved(desktop, tmp_path / "steered.png")
    assert np.array_equal(replayed(file), desktop.pixels())


@pytest.mark.parametrize("damage", ["not JSON", '{"version": 99}', "[" * 9999])
def test_a_damaged_recipe_leaves_a_plain_picture_and_a_sentence(
    desktop: Editor, tmp_path: Path, damage: str
) -> None:
    picture = np.random.default_rng(4).integers(0, 256, (60, 80, 3), np.uint8)
    file = tmp_path / "lies.png"
    file.write_bytes(to_png(picture, {recipes.KEY: damage}))
    desktop.hand_over("drop", file)
    desktop.wait("studio.status.text.includes('without its recipe')")
    assert np.array_equal(desktop.pixels(), picture)
    assert desktop.see("studio.count") == 0
    assert not recipe_files.has_recipe(desktop.download().read_bytes())  # nor is it passed on


def test_a_server_that_does_not_answer_costs_only_the_recipe(
    desktop: Editor, photo: Path, tmp_path: Path
) -> None:
    filled(desktop, photo)
    desktop.page.route("**/component_server**", lambda route: route.abort())
    picture = saved(desktop, tmp_path / "alone.png")
    assert not recipe_files.has_recipe(picture.read_bytes())
    desktop.wait("studio.status.kind === 'error'")
    assert "without its recipe" in desktop.status()[0]
    desktop.trouble.clear()  # the refused request itself
