"""The editor with the embedded model as it is, but for half of the steps that it usually takes.

What the tests look at does not depend on their number, and most of them fill something:

    python -m tests.browser.fewer_steps FOLDER --port 7860
"""

import json
import sys
from pathlib import Path

from app import launch
from maskgit import loading
from tests.browser.editor import EMBEDDED

STEPS = 6


def write_models(folder: Path) -> None:
    """Write a folder of models with the embedded one, for an editor to be started with."""
    model = folder / EMBEDDED.name
    model.mkdir()
    for file in EMBEDDED.iterdir():
        (model / file.name).symlink_to(file)
    config = json.loads((EMBEDDED / "config.json").read_text(encoding="utf-8"))
    for usual in ("decode", "edit"):
        config[usual]["steps"] = STEPS
    (model / "config.json").unlink()
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")


def main() -> None:
    """Start the editor."""
    folder, *options = sys.argv[1:]
    loading.MODELS = Path(folder)
    launch.main(options)


if __name__ == "__main__":
    main()
