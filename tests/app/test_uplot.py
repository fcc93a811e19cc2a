"""The plotting library is the published one: what its page of facts says is what lies there."""

import hashlib
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "app" / "canvas" / "uplot"


def test_the_files_are_those_that_were_published() -> None:
    written = dict(re.findall(r"`(\S+)` \| `([0-9a-f]{64})`", (FOLDER / "README.md").read_text()))
    found = {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in written}
    assert len(written) == 2
    assert found == written
