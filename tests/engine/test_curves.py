"""Learning curves: what a log says comes out, thinned, as charts and a section of a page."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from maskgit import cli
from maskgit.evaluation.curves import read, thin


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A log as `train` writes it: killed after step 150, a night later begun again at 100."""
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    steps = [(0, 0), (50, 60), (100, 120), (150, 180), (150, 90_000), (200, 90_060)]
    lines = [{"step": step, "time": time, "loss": 8 - step / 50} for step, time in steps]
    lines[0] = {"step": 0, "time": 0, "perceptual": "LPIPS"}
    lines[-1]["val_psnr"] = 20.5
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


def test_a_log_is_read_by_quantity_and_hours_without_pauses(run: Path) -> None:
    curves, hours = read(run)
    assert curves == {
        "loss": [(50, 7.0), (100, 6.0), (150, 5.0), (200, 4.0)],
        "val_psnr": [(200, 20.5)],
    }
    assert hours == pytest.approx((180 + 60) / 3600)


def test_points_are_means_since_the_one_before_at_doubling_steps() -> None:
    curve = [(step, float(step)) for step in range(50, 501, 50)]
    assert thin(curve) == [(50, 50), (100, 100), (200, 175), (400, 325), (500, 475)]
    assert thin([(7, 1.0)]) == [(7, 1.0)]
    assert [step for step, _ in thin([(step, 0.0) for step in range(1, 41)])] == [5, 10, 20, 40]
    assert thin([(200, 2.0)]) == [(200, 2.0)]


def test_charts_table_and_section_are_written_and_written_again(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, out = tmp_path / "docs" / "page.md", tmp_path / "docs" / "curves"
    page.parent.mkdir()
    page.write_text("# Mine\n\nBefore.\n")
    line = ["curves", str(run), "--show", "loss", "--out", str(out), "--page", str(page)]
    for _ in range(2):
        assert cli.main(line) == 0
    text = page.read_text()
    assert text.count("## Learning curves") == 1
    assert "Before." in text
    assert "](curves/curve-loss.svg)" in text
    assert "| mine |" in capsys.readouterr().out
    assert [file.name for file in out.iterdir()] == ["curve-loss.svg"]
    ET.fromstring((out / "curve-loss.svg").read_text())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "holds no log.jsonl"),
        ("{", "line 1 of"),
        ("[1]", "line 1 of"),
        ('{"step": 1}', "line 1 of"),
        ('{"step": 1, "time": NaN}', "line 1 of"),
        ('{"step": 1, "time": "noon"}', "line 1 of"),
    ],
    ids=["none", "no json", "a list", "no time", "no number", "words"],
)
def test_what_is_no_log_is_refused(
    tmp_path: Path, text: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "log.jsonl").write_text(text)
    assert cli.main(["curves", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_nobody_logged_and_two_runs_of_one_name_are_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["curves", str(run), "--show", "fun"]) == 1
    assert "no run has logged 'fun'; there is loss, val_psnr" in capsys.readouterr().err
    assert cli.main(["curves", str(run), str(run)]) == 1
    assert "two runs have the same name" in capsys.readouterr().err
