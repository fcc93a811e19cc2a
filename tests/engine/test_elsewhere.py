"""The engine on a device that is not the CPU, which stands in for a GPU where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "check", ["pictures", "steered", "together", "ahead", "recordings", "paintings"]
)
def test_elsewhere_it_is_as_on_the_cpu(check: str, model_folder: Path) -> None:
    command = [sys.executable, "-m", "tests.elsewhere.checks", check, str(model_folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
