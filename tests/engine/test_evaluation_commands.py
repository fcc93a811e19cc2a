"""`python -m maskgit evaluate`: every part writes its figures, its pictures and its section."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from maskgit import cli
from tests.datasets import write_class_folders
from tests.judges import write_judge


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, whose classes 0 and 1 the small model knows, and a `judge`."""
    base = tmp_path_factory.mktemp("evaluation")
    for split in ("train", "val"):
        write_class_folders(base / "data" / split, each=4)
    (base / "judge").mkdir()
    write_judge(base / "judge")
    return base


def evaluate(part: str, base: Path, model: Path, out: Path, *more: str) -> int:
    where = ["--data", str(base / "data"), "--classifier", str(base / "judge")]
    plain = ["--model", str(model), "--device", "cpu", "--dtype", "float32"]
    return cli.main(["evaluate", part, *where, *plain, "--out", str(out), *more])


@pytest.mark.parametrize(
    ("part", "more", "pictures"),
    [
        ("reconstruction", (), [".webp"]),
        ("generation", ("--set", "steps=2"), [".webp", "-nearest.webp"]),
        ("editing", ("--set", "steps=2", "--limit", "5"), [".webp", "-large.webp", "-others.webp"]),
        ("regions", ("--set", "steps=2", "--limit", "5"), [".webp"]),
        (
            "ablation",
            ("--schedules", "cosine,linear", "--steps", "1,2", "--rules", "confidence,raster"),
            ["-fid.svg", "-class-top1.svg"],
        ),
    ],
)
def test_a_part_writes_its_figures_its_pictures_and_its_section(
    base: Path,
    model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    part: str,
    more: tuple[str, ...],
    pictures: list[str],
) -> None:
    out, page = tmp_path / "results" / f"{part}.json", tmp_path / "results.md"
    assert evaluate(part, base, model_folder, out, "--page", str(page), *more) == 0
    found = json.loads(out.read_text())
    assert found["part"] == part
    assert found["extractor"].startswith("pack classifier ")
    assert all(rows for rows in found["tables"].values())
    assert [found["pictures"][caption] for caption in found["pictures"]] == [
        f"{part}{ending}" for ending in pictures
    ]
    for name in found["pictures"].values():
        assert (out.parent / name).stat().st_size > 0
        assert f"(results/{name})" in page.read_text()
    shown = capsys.readouterr().out
    assert all(caption in shown for caption in found["tables"])
    assert f"features: {found['extractor']}" in shown
    for word in more:
        assert word in found["command"]


def test_generation_compares_as_many_pictures_as_are_held_out(
    base: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "g.json"
    assert evaluate("generation", base, model_folder, out, "--set", "steps=1") == 0
    first, *_ = json.loads(out.read_text())["tables"].values()
    assert [row["pictures"] for row in first] == [
        *("real, held out", "real, trained on"),
        *("reconstructed", "generated"),
    ]
    assert {row["count"] for row in first} == {8}  # blue and green; the model does not know red


def test_the_same_command_gives_the_same_figures(
    base: Path, model_folder: Path, tmp_path: Path
) -> None:
    tables = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.json"
        assert evaluate("editing", base, model_folder, out, "--set", "steps=1") == 0
        found = json.loads(out.read_text())["tables"]
        rows = [{"table": title, **row} for title, table in found.items() for row in table]
        assert sum(row.pop("seconds", 0) > 0 for row in rows) == 4  # these alone may differ
        tables.append(rows)
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--set", "stps=3"), "no option stps"),
        (("--set", "steps=0"), "steps must be 1 to 1024"),
        (("--limit", "0"), "limit must be 1 or more"),
        (("--packs", "stars"), "has no pack stars"),
    ],
)
def test_what_is_not_allowed_is_said_in_a_sentence(
    base: Path,
    model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    complaint: str,
) -> None:
    assert evaluate("generation", base, model_folder, tmp_path / "g.json", *more) == 1
    assert complaint in capsys.readouterr().err


def test_figures_are_written_as_json_only(
    base: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("editing", base, model_folder, tmp_path / "figures.md") == 1
    assert "figures are written as JSON" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["steps", "=3"])
def test_a_setting_without_a_name_or_a_value_is_refused(
    base: Path, model_folder: Path, tmp_path: Path, setting: str
) -> None:
    with pytest.raises(SystemExit):
        evaluate("editing", base, model_folder, tmp_path / "e.json", "--set", setting)


@pytest.mark.slow
def test_other_verbs_and_the_library_do_not_load_it() -> None:
    code = """
import sys, maskgit
assert not any(name.startswith("maskgit.evaluation") for name in sys.modules)
from maskgit import cli
sys.exit("accelerate" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=600).returncode == 0
