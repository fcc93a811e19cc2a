"""The shell does what the pipeline does, writes files, and answers mistakes with a sentence."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskgit import MaskGIT, cli, recipe_files, recipes
from maskgit.contact_sheet import contact_sheet
from maskgit.film import film, overlaid
from maskgit.images import open_picture, to_png
from maskgit.types import Picture
from maskgit.window import close_up
from tests.engine.test_images import SWAPPED
from tests.models import some_picture


class Shell:
    """Runs the command line in this process, in a folder with a few files, on the small model."""

    def __init__(self, folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.model = model
        self.capsys = capsys
        self.picture = some_picture(40, 70)
        self.mask = np.zeros((40, 70), bool)
        self.mask[5:25, 30:50] = True
        white = np.repeat(np.uint8(255) * self.mask[..., None], 3, axis=2)
        (folder / "photo.png").write_bytes(to_png(self.picture))
        (folder / "mask.png").write_bytes(to_png(white))
        (folder / "broken.png").write_bytes(b"\x89PNG nothing")

    def __call__(self, verb: str, *arguments: str) -> str:
        status, out, error = self.attempt(verb, *arguments)
        assert (status, error) == (0, "")
        return out

    def attempt(self, verb: str, *arguments: str) -> tuple[int, str, str]:
        """Give exit status, standard output and standard error."""
        model = ["--model", str(self.model), "--device", "cpu", "--dtype", "float32"]
        try:
            status = cli.main([verb, *model, *arguments])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        out, error = self.capsys.readouterr()
        return status, out, error

    def read(self, name: str) -> Picture:
        return open_picture((self.folder / name).read_bytes())


@pytest.fixture
def shell(
    tmp_path: Path,
    model_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, model_folder, capsys)


def test_generate_writes_the_picture_the_pipeline_makes(shell: Shell, engine: MaskGIT) -> None:
    options = "--steps 3 --seed 4 --temperature 0.9 --choice-temperature 2 --top-k 9 --top-p 0.8"
    options += " --guidance-scale 2 --schedule linear --reveal halton --start-step 1"
    out = shell("generate", "--label", "golden retriever", *options.split(), "--out", "new/a.png")
    assert out == f"{Path('new/a.png')}\n"
    result = engine.generate(
        207,
        steps=3,
        seed=4,
        temperature=0.9,
        choice_temperature=2.0,
        top_k=9,
        top_p=0.8,
        guidance_scale=2.0,
        schedule="linear",
        reveal="halton",
        start_step=1,
    )
    np.testing.assert_array_equal(shell.read("new/a.png"), result.pictures[0])


def test_several_pictures_are_numbered_by_seed(shell: Shell, engine: MaskGIT) -> None:
    out = shell("generate", "--label", "1000", "--count", "3", "--seed", "9", "--out", "b.png")
    assert out.split() == ["b-9.png", "b-10.png", "b-11.png"]
    result = engine.generate("rose", seed=9, count=3)
    for name, picture in zip(out.split(), result.pictures, strict=True):
        np.testing.assert_array_equal(shell.read(name), picture)


def test_a_class_need_not_be_named_where_the_model_allows_it(shell: Shell, engine: MaskGIT) -> None:
    assert shell("generate") == "maskgit.png\n"
    np.testing.assert_array_equal(shell.read("maskgit.png"), engine.generate().pictures[0])


@pytest.mark.parametrize("where", [["--mask", "mask.png"], ["--box", "30,5,20,20"]])
def test_edit_changes_the_mask_or_the_box_and_nothing_else(
    shell: Shell, engine: MaskGIT, where: list[str]
) -> None:
    shell("edit", "photo.png", *where, "--label", "rose")
    edited = shell.read("edited.png")
    expected = engine.edit(shell.picture, shell.mask, "rose")
    np.testing.assert_array_equal(edited, expected.pictures[0])
    np.testing.assert_array_equal(edited[~shell.mask], shell.picture[~shell.mask])


def test_what_stands_out_is_framed_closely_and_made_again(shell: Shell, engine: MaskGIT) -> None:
    shell("edit", "photo.png", "--mask", "mask.png", "--label", "rose", "--stand-out")
    window = close_up(shell.mask, engine.grid_size)
    expected = engine.edit(shell.picture, shell.mask, "rose", window=window)
    np.testing.assert_array_equal(shell.read("edited.png"), expected.pictures[0])
    assert "identical" in shell("replay", "edited.png")


def test_regions_are_of_other_classes_and_by_default_the_mask(
    shell: Shell, engine: MaskGIT
) -> None:
    half = shell.mask.copy()
    half[:, 40:] = False
    for name, region in (("left", half), ("right", shell.mask & ~half)):
        white = np.repeat(np.uint8(255) * region[..., None], 3, axis=2)
        (shell.folder / f"{name}.png").write_bytes(to_png(white))
    both = {"rose": half, "forest": shell.mask & ~half}
    shell("edit", "photo.png", "--region", "rose=left.png", "--region", "forest=right.png")
    expected = engine.edit(shell.picture, shell.mask, regions=both)
    np.testing.assert_array_equal(shell.read("edited.png"), expected.pictures[0])
    assert "identical" in shell("replay", "edited.png")
    shell("edit", "photo.png", "--mask", "mask.png", "--label", "207", "--region", "rose=left.png")
    expected = engine.edit(shell.picture, shell.mask, 207, regions={"rose": half})
    np.testing.assert_array_equal(shell.read("edited.png"), expected.pictures[0])
    shell("edit", "photo.png", *("--region", "rose=left.png", "--region", "rose=right.png"))
    expected = engine.edit(shell.picture, shell.mask, "rose")
    np.testing.assert_array_equal(shell.read("edited.png"), expected.pictures[0])


def test_a_picture_that_comes_out_differently_says_by_how_many_tokens(shell: Shell) -> None:
    shell("edit", "photo.png", "--mask", "mask.png", "--label", "rose")
    data = (shell.folder / "edited.png").read_bytes()
    recipe = recipes.from_text(recipe_files.find(data), open_picture(data))
    assert len(recipe.tokens) == 1
    differently = shell.picture.copy()
    differently[shell.mask] = 0
    for change, said in ((0, "0 of its 16 tokens"), (1, "1 of its 16 tokens")):
        tokens = recipe.tokens[0].copy()
        tokens[2, 2] ^= change
        text = recipes.to_text(replace(recipe, tokens=[tokens]))
        (shell.folder / "other.png").write_bytes(to_png(differently, {recipes.KEY: text}))
        status, _, error = shell.attempt("replay", "other.png")
        assert status == 1
        assert said in error


def test_a_soft_edge_is_asked_for_and_kept_in_the_recipe(shell: Shell, engine: MaskGIT) -> None:
    shell("edit", "photo.png", "--mask", "mask.png", "--label", "rose", "--feather", "0")
    expected = engine.edit(shell.picture, shell.mask, "rose", feather=0.0)
    np.testing.assert_array_equal(shell.read("edited.png"), expected.pictures[0])
    assert "identical" in shell("replay", "edited.png")


def test_a_box_may_reach_beyond_the_picture(shell: Shell) -> None:
    shell("edit", "photo.png", "--box=-10,30,20,500")
    changed = (shell.read("edited.png") != shell.picture).any(axis=2)
    assert changed[30:, :10].any()
    changed[30:, :10] = False
    assert not changed.any()


@pytest.mark.parametrize("verb", ["edit", "folder", "outpaint"])
def test_what_the_file_holds_beside_opaque_colours_is_given_back(shell: Shell, verb: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (40, 70, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Box 3", 1
    (shell.folder / "glass").mkdir()
    about = {"icc_profile": SWAPPED, "dpi": (300, 300), "exif": exif}
    Image.fromarray(pixels).save("glass/glass.png", **about)
    if verb == "edit":
        shell("edit", "glass/glass.png", "--mask", "mask.png", "--out", "after.png")
    elif verb == "folder":
        shell("edit", "--images", "glass", "--box", "30,5,20,20", "--to", ".")
        (shell.folder / "glass.png").rename("after.png")
    else:
        shell("outpaint", "glass/glass.png", "--left", "10", "--out", "after.png")
    assert "identical" in shell("replay", "after.png")
    with Image.open("after.png") as file:
        after = np.asarray(file)
        assert file.info["icc_profile"] == SWAPPED
        assert file.info["dpi"] == pytest.approx((300, 300), abs=0.02)
        assert file.getexif()[0x0110] == "Box 3"
    if verb == "outpaint":
        np.testing.assert_array_equal(after[:, 10:], pixels)
    else:
        np.testing.assert_array_equal(after[~shell.mask], pixels[~shell.mask])
        assert (after[shell.mask, 3] == 255).all()


@pytest.mark.parametrize(("side", "mode"), [(1, "L"), (1, "RGBA"), (16, "P"), (16, "I;16")])
def test_icons_of_any_kind_can_be_edited(shell: Shell, side: int, mode: str) -> None:
    Image.new(mode, (side, side)).save("icon.png")
    shell("edit", "icon.png", "--box", "0,0,9,9", "--out", "after.png")
    assert shell.read("after.png").shape == (side, side, 3)


def test_the_first_frame_of_an_animation_is_edited_and_it_is_said(shell: Shell) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime")]
    frames[0].save("film.gif", save_all=True, append_images=frames[1:])
    status, out, error = shell.attempt("edit", "film.gif", "--box", "0,0,9,9")
    assert (status, out) == (0, "edited.png\n")
    assert error == "maskgit: film.gif holds several pictures; this is the first\n"
    assert (shell.read("edited.png")[20:, 20:] == (255, 0, 0)).all()


def test_a_folder_is_edited_picture_by_picture_and_goes_on_where_it_stopped(
    shell: Shell, engine: MaskGIT
) -> None:
    images, masks, out = (shell.folder / name for name in ("images", "masks", "out"))
    for folder, files in ((images, ("photo.png", "broken.png")), (masks, ("mask.png",))):
        folder.mkdir()
        for name in files:
            (folder / name).write_bytes((shell.folder / name).read_bytes())
    (masks / "mask.png").rename(masks / "photo.png")
    (masks / "broken.png").write_bytes((masks / "photo.png").read_bytes())
    (images / "lonely.webp").write_bytes((images / "photo.png").read_bytes())
    line = ("edit", "--images", "images", "--masks", "masks", "--to", "out", "--label", "207")
    status, _, error = shell.attempt(*line)
    assert status == 1
    assert "2 of 3 pictures failed; out/failures.json says why" in error
    failures = json.loads((out / "failures.json").read_text())
    assert set(failures) == {"broken.png", "lonely.webp"}
    assert "holds no mask of that name" in failures["lonely.webp"]
    expected = engine.edit(shell.picture, shell.mask, 207).pictures[0]
    np.testing.assert_array_equal(shell.read("out/photo.png"), expected)
    assert "identical" in shell("replay", "out/photo.png")
    before = (out / "photo.png").stat().st_mtime_ns
    (images / "broken.png").unlink()
    (images / "lonely.webp").unlink()
    assert shell(*line).strip() == "out"
    assert (out / "photo.png").stat().st_mtime_ns == before
    assert sorted(file.name for file in out.iterdir()) == ["photo.png"]


@pytest.mark.parametrize("wrong", ["count", "seed"])
def test_a_folder_is_refused_for_what_one_picture_is(shell: Shell, wrong: str) -> None:
    folder = shell.folder / "images"
    folder.mkdir()
    (folder / "photo.png").write_bytes((shell.folder / "photo.png").read_bytes())
    line = ("edit", "--images", "images", "--box", "30,5,20,20", "--to", "out")
    value = {"count": "0", "seed": "-1"}[wrong]
    status, _, error = shell.attempt(*line, f"--{wrong}", value)
    assert (status, f"{wrong} must be" in error) == (1, True)
    assert not (shell.folder / "out").exists()


def test_a_folder_is_edited_in_one_box_with_several_seeds(shell: Shell) -> None:
    folder = shell.folder / "images"
    folder.mkdir()
    (folder / "photo.png").write_bytes((shell.folder / "photo.png").read_bytes())
    line = ["--images", "images", "--box", "5,5,20,20", "--label", "207", "--to", "out"]
    shell("edit", *line, "--seed", "4", "--count", "2")
    for seed in (4, 5):
        shell("edit", "photo.png", "--box", "5,5,20,20", "--label", "207", "--seed", str(seed))
        assert (shell.read(f"out/photo-{seed}.png") == shell.read("edited.png")).all()


def test_outpaint_adds_pixels_on_each_side(shell: Shell, engine: MaskGIT) -> None:
    shell("outpaint", "photo.png", "--left", "8", "--bottom", "5", "--label", "meadow")
    grown = shell.read("outpainted.png")
    expected = engine.outpaint(shell.picture, left=8, bottom=5, label="meadow")
    np.testing.assert_array_equal(grown, expected.pictures[0])
    np.testing.assert_array_equal(grown[:40, 8:], shell.picture)
    assert "identical" in shell("replay", "outpainted.png")


@pytest.mark.parametrize(
    "line",
    ["outpaint images/photo.png --left 8 --out out/photo.png", "edit --images images --to out"],
)
def test_larger_and_folder_pictures_are_saved_without_recipe_where_that_is_wished(
    shell: Shell, line: str
) -> None:
    (shell.folder / "images").mkdir()
    (shell.folder / "photo.png").rename(shell.folder / "images" / "photo.png")
    box = ["--box", "5,5,20,20"] if line.startswith("edit") else []
    shell(*line.split(), *box, "--count", "1", "--no-recipe")
    assert b"maskgit" not in (shell.folder / "out" / "photo.png").read_bytes()


def test_reconstruct_writes_what_the_tokenizer_makes_of_a_picture(shell: Shell) -> None:
    shell("reconstruct", "photo.png", "--out", "c.png")
    assert shell.read("c.png").shape == (32, 32, 3)


def test_trace_writes_the_contact_sheet_of_each_picture(shell: Shell, engine: MaskGIT) -> None:
    shell("trace", "--label", "rose", "--steps", "5")
    sheet = contact_sheet(engine, engine.generate("rose", steps=5).traces[0])
    np.testing.assert_array_equal(shell.read("trace.png"), sheet)
    out = shell("trace", "photo.png", "--mask", "mask.png", "--count", "2", "--out", "t.png")
    assert out.split() == ["t-0.png", "t-1.png"]
    traces = engine.edit(shell.picture, shell.mask, count=2).traces
    np.testing.assert_array_equal(shell.read("t-1.png"), contact_sheet(engine, traces[1]))


@pytest.mark.parametrize("kind", ["npz", "json", "gif", "webp", "mp4"])
def test_trace_writes_the_file_that_its_ending_asks_for(
    shell: Shell, engine: MaskGIT, kind: str
) -> None:
    shell("trace", "--label", "rose", "--out", f"t.{kind}", "--overlay", "confidence")
    data = (shell.folder / f"t.{kind}").read_bytes()
    states = engine.generate("rose").traces[0]
    if kind == "npz":
        with np.load(io.BytesIO(data)) as trace:
            np.testing.assert_array_equal(trace["tokens"][-1].ravel(), states[-1].tokens[0])
    elif kind == "json":
        assert json.loads(data)["states"][-1]["tokens"] == states[-1].tokens[0].tolist()
    else:
        pictures = [overlaid(engine.preview(s)[0], s, "confidence") for s in states]
        assert data == film(pictures, kind)


def test_classes_lists_ids_names_and_synonyms(shell: Shell) -> None:
    lines = shell("classes").splitlines()
    assert lines[1] == " 1001  sea shore, beach"
    assert lines[2].startswith("  207  golden retriever")
    assert len(lines) == 5


MISTAKES = {
    "generate --label rosse": "no class 'rosse'; nearest: 'rose'",
    "generate --count 0": "count must be 1 to 64, got 0",
    "generate --steps 0": "steps must be 1 to 1024, got 0",
    "generate --schedule sine": "cosine",
    "generate --model elsewhere": "no model 'elsewhere': give a model folder",
    "generate --device tpu": "no device 'tpu' here; use auto, cpu or cuda",
    "generate --dtype float64": "dtype must be auto, float32, bfloat16 or int8",
    "edit missing.png --box 0,0,9,9": "missing.png",
    "edit broken.png --box 0,0,9,9": "broken.png: The picture is damaged",
    "edit photo.png --box 90,0,9,9": "the mask is empty",
    "edit photo.png --mask missing.png": "missing.png",
    "edit mask.png --mask small.png": "small.png is 9x9 px, the picture 70x40 px",
    "edit --box 0,0,9,9": "name the picture and its --mask, or --images FOLDER",
    "edit photo.png --masks .": "name the picture and its --mask, or --images FOLDER",
    "edit photo.png --images . --box 0,0,9,9": "--images takes its masks from --masks FOLDER",
    "edit --images missing --box 0,0,9,9": "missing",
    "edit photo.png": "say what may change: --mask FILE or --box LEFT,TOP,WIDTH,HEIGHT",
    "edit photo.png --region rose=small.png": "small.png is 9x9 px, the picture 70x40 px",
    "edit photo.png --region tulip=mask.png": "tulip",
    "edit --images . --region rose=mask.png --box 0,0,9,9": "--images takes its masks",
    "edit --images . --box 0,0,9,9 --out all.png": "--out is of one picture; say --to FOLDER",
    "edit --images . --box 0,0,9,9 --label rosse": "no class 'rosse'",
    "edit --images . --box 0,0,9,9 --to . --label rose": "holds the pictures; say --to",
    "trace photo.png": "say what may change: --mask FILE or --box LEFT,TOP,WIDTH,HEIGHT",
    "trace --box 0,0,9,9": "name the picture",
    "outpaint photo.png": "at least one side must grow",
    "outpaint photo.png --left -5": "must not be negative",
    "reconstruct missing.png": "missing.png",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_answered_with_a_sentence_and_status_1(shell: Shell, line: str) -> None:
    (shell.folder / "small.png").write_bytes(to_png(some_picture(9, 9)))
    before = sorted(shell.folder.iterdir())
    verb, *arguments = line.split()
    status, out, error = shell.attempt(verb, *arguments)
    assert (status, out) == (1, "")
    assert error.startswith("maskgit: ")
    assert MISTAKES[line] in error
    assert error.count("\n") == 1
    assert sorted(shell.folder.iterdir()) == before


USAGE = {
    "edit photo.png --region tulip": "expected LABEL=FILE, got 'tulip'",
    "edit photo.png --region =mask.png": "expected LABEL=FILE, got '=mask.png'",
    "edit photo.png --box 1,2,3": "expected four whole numbers, got '1,2,3'",
    "edit photo.png --box a,b,c,d": "expected four whole numbers, got 'a,b,c,d'",
    "generate --out picture.jpg": "this is written as PNG; 'picture.jpg' ends otherwise",
    "generate --steps many": "invalid int value: 'many'",
    "generate --reveal spiral": "halton",
    "outpaint": "picture",
    "replay photo.png --out again.jpg": "this is written as PNG; 'again.jpg' ends otherwise",
}


@pytest.mark.parametrize("line", USAGE)
def test_a_wrong_command_line_is_answered_with_its_usage_and_status_2(
    shell: Shell, line: str
) -> None:
    verb, *arguments = line.split()
    status, _, error = shell.attempt(verb, *arguments)
    assert status == 2
    assert error.startswith(f"usage: maskgit {verb}")
    assert USAGE[line] in error


def test_stopping_by_keyboard_leaves_no_traceback(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("maskgit.loading.load", stopped)
    assert shell.attempt("generate") == (130, "", "maskgit: stopped\n")


def test_progress_is_shown_on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, out, error = shell.attempt("generate", "--steps", "7")
    assert (status, out) == (0, "maskgit.png\n")
    assert "7/7" in error


@pytest.mark.parametrize("verb", ["generate", "edit", "trace", "outpaint", "reconstruct", "train"])
def test_help_explains_every_option_and_no_default_that_is_none(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([verb, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "default: None" not in text
    assert "default: False" not in text


@pytest.mark.slow
def test_python_dash_m_maskgit_has_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "maskgit", "--help"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    for verb in ("generate", "edit", "outpaint", "reconstruct", "trace", "classes", "train"):
        assert verb in done.stdout


@pytest.mark.parametrize("option", ["--steps", "--accumulate", "--save-every", "--threads"])
@pytest.mark.parametrize("number", ["0", "-1", "few"])
def test_training_counts_from_one(
    option: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["train", "tokenizer", "--data", ".", "--run", "run", option, number])
    assert f"{option}: expected a whole number above 0, got '{number}'" in capsys.readouterr().err
