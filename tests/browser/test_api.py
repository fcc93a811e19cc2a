"""The examples of docs/api.md and docs/traces.md are run as they stand, on a real server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from PIL import Image

from tests.browser.editor import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.browser]
NO_EXAMPLE = "There is no example of that name."


def examples(name: str) -> list[str]:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(code: str, folder: Path, address: str = "") -> str:
    code = code.replace("http://127.0.0.1:7860", address.rstrip("/"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_in_python_runs(tmp_path: Path) -> None:
    _, _, in_python, *_ = examples("api.md")
    assert run(in_python, tmp_path)


def test_a_script_makes_whole_edits(tmp_path: Path, address: str) -> None:
    shutil.copy(ROOT / "assets" / "examples" / "meadow.jpg", tmp_path / "photo.jpg")
    whole, *_ = examples("api.md")
    assert "embedded is here" in run(whole, tmp_path, address)
    assert len(list(tmp_path.glob("tulip-*.png"))) == 4
    with Image.open(tmp_path / "photo.jpg") as photo, Image.open(tmp_path / "wider.png") as wider:
        assert wider.size == (photo.width + 128, photo.height)


def test_a_script_steers_branches_and_exports_and_the_file_goes_on(
    tmp_path: Path, address: str
) -> None:
    *_, steering, _ = examples("api.md")
    said = run(steering, tmp_path, address)
    assert re.search(r"^[1-9]\d* cells differ; pinned: True$", said, re.MULTILINE)
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (128, 128)
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"
    with np.load(tmp_path / "trace.npz") as trace:
        assert trace["is_pinned"][5:].sum(axis=(1, 2)).tolist() == [128] * (len(trace["step"]) - 5)
    (going_on,) = examples("traces.md")
    run(going_on, tmp_path)


def test_a_script_fills_a_part_of_a_picture(tmp_path: Path, address: str) -> None:
    shutil.copy(ROOT / "assets" / "examples" / "meadow.jpg", tmp_path / "photo.jpg")
    *_, filling = examples("api.md")
    run(filling + "\nassert patch['width'] > 0 and done['ok']\n", tmp_path, address)


def test_trouble_is_an_answer(address: str) -> None:
    client = Client(address, verbose=False)
    try:
        for name in ("start", "step", "look", "maps", "inspect", "steer", "finish", "reconstruct"):
            answer = client.predict({"nonsense": 1}, api_name=f"/{name}")
            assert not answer["ok"]
            assert answer["error"]["message"].endswith(".")
        answer = client.predict({"name": "nothing"}, api_name="/open_example")
        assert answer["error"]["message"] == NO_EXAMPLE
    finally:
        client.close()
