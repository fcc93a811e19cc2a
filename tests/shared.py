"""Where the data shared beside the checkout lies: golden recordings and training pictures."""

import os
from pathlib import Path

import pytest

SHARED = Path(
    os.environ.get("MASKGIT_SHARED") or Path(__file__).resolve().parents[2] / "shared"
).absolute()

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"needs the shared data, looked for in {SHARED}"
)
