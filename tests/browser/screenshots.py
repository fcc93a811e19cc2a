"""Take the pictures of the README from the running editor: `python -m tests.browser.screenshots`.

Seeds are fixed, so the same model gives the same pictures.
"""

import io
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from tests.browser import chromium
from tests.browser.editor import DESKTOP, PHONE, ROOT, Editor, opened, serve
from tests.browser.editor import chromium as started

IMAGES = ROOT / "docs" / "images"
SEED = 21
CLASS = "sunflower"
EXAMPLE = "meadow"


def main() -> None:
    """Take all of them."""
    executable = chromium.find()
    if executable is None:
        sys.exit("No Chromium found; `make screenshots` installs one.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with serve() as address, started(executable) as browser:
        with opened(browser, address, DESKTOP | {"device_scale_factor": 1.5}) as desktop:
            show_a_run(desktop)
            photograph(desktop, IMAGES / "editor.webp")
        with opened(browser, address, PHONE) as phone:
            show_a_run(phone)
            phone.page.evaluate("scrollTo(0, 0)")
            photograph(phone, IMAGES / "phone.webp")
    draw_steps(IMAGES / "steps.webp")


def show_a_run(editor: Editor) -> None:
    """Let a flower grow in the meadow and go half way back, to where things are still open."""
    before = editor.see("studio.picture.id")
    editor.tap(f"#examples [data-example={EXAMPLE}]")
    editor.wait(f"studio.picture.id !== {before!r}")
    editor.fix_seed(SEED)
    editor.tap("#advanced > button")
    editor.choose("class", CLASS)
    editor.paint_box(7, 7, 5, 5)
    editor.pick_tool("brush")
    editor.tap("#stand-out")
    editor.wait("document.querySelector('#stand-out').ariaPressed === 'true'")
    editor.fill()
    for _ in range(3):
        editor.tap("[data-do=back]")
    editor.wait("studio.step === studio.steps - 3")
    if not editor.is_touch:
        editor.page.mouse.move(0, 0)


def photograph(editor: Editor, path: Path) -> None:
    """Write what is in the window."""
    write(editor.page.screenshot(animations="disabled"), path)


def draw_steps(path: Path) -> None:
    """Write the steps of a whole picture, by the command line."""
    model = os.environ.get("MASKGIT_STUDIO_MODEL", "embedded")
    with TemporaryDirectory() as folder:
        sheet = Path(folder) / "steps.png"
        command = [sys.executable, "-m", "maskgit", "trace", "--model", model, "--label", CLASS]
        subprocess.run([*command, "--seed", str(SEED), "--out", sheet], cwd=ROOT, check=True)
        write(sheet.read_bytes(), path)


def write(png: bytes, path: Path) -> None:
    """Write a picture small enough for a repository."""
    with Image.open(io.BytesIO(png)) as file:
        file.convert("RGB").save(path, quality=88, method=6)


if __name__ == "__main__":
    main()
