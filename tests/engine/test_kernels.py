"""The kernels for a GPU where there is none (`tests/elsewhere/kernels.py`)."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton, which is made for Linux")
@pytest.mark.parametrize("way", ["interpreted", "compiled"])
def test_kernels_are_right_without_a_gpu(way: str, tmp_path: Path) -> None:
    environment = {
        "TRITON_INTERPRET": str(int(way == "interpreted")),
        "TRITON_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.elsewhere.kernels", way],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
