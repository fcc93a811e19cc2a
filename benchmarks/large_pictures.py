"""How long a phone's photo takes on the page: opened, filled, filled again, undone and saved.

Drives a real Chromium against a real server on this machine, and prints one row of a table a size:
seconds as a person waits, and the most memory the server has held.

    .venv/bin/python -m benchmarks.large_pictures [MEGAPIXELS ...]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from tests.browser import chromium
from tests.browser.editor import DESKTOP, Editor, opened, serve
from tests.browser.editor import chromium as started

SHAPES = {1: (1152, 864), 12: (4032, 3024), 24: (6016, 4016), 48: (8064, 6048)}
PATIENCE_MS = 300_000
COLUMNS = (
    "megapixels", "file, MB", "open, s", "fill", "kept", "fill again", "undo", "save", "server, MB",
)  # fmt: skip


def photo(path: Path, width: int, height: int) -> None:
    """Write a picture with a photo's fine grain: as JPEG about 3 bits a pixel."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 64, width // 64, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    grain = rng.integers(-14, 15, (height, width, 1), np.int16)
    picture = Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
    picture.save(path, quality=91, compress_level=1)


def seconds(action: Callable[[], object]) -> float:
    """Time an action."""
    started_at = time.monotonic()
    action()
    return time.monotonic() - started_at


def server_pid() -> int:
    """Find the process that `serve` started."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            is_child = f"PPid:\t{os.getpid()}\n" in status.read_text()
            command = status.with_name("cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if is_child and b"app.py" in command:
            return int(status.parent.name)
    raise RuntimeError("the server cannot be found")


def peak_mb() -> float:
    """Give the most memory the server has held, in MB."""
    lines = Path(f"/proc/{server_pid()}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def page() -> Iterator[Editor]:
    """Open the editor in a fresh browser, on a fresh server."""
    executable = chromium.find()
    if executable is None:
        raise RuntimeError("no Chromium found; `make test` installs one")
    with serve() as where, started(executable) as browser, opened(browser, where, DESKTOP) as one:
        one.context.set_default_timeout(PATIENCE_MS)
        yield one


def measure(path: Path, width: int) -> list[float]:
    """Give the seconds of each thing a person does, and the server's memory in MB."""

    def open_it() -> None:
        editor.open_file(path)
        editor.wait(f"studio.picture.width === {width}")

    with page() as editor:
        times = [seconds(open_it)]
        editor.paint_box(3, 3, 5, 5)
        times += [seconds(editor.fill), seconds(lambda: editor.wait("studio.saved"))]
        times += [seconds(editor.fill), seconds(editor.undo), seconds(editor.download)]
        return [*times, peak_mb()]


def main() -> None:
    """Measure and print."""
    sizes = [int(argument) for argument in sys.argv[1:]] or list(SHAPES)
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / "photo.jpg"
            photo(path, *SHAPES[size])
            *times, memory = measure(path, SHAPES[size][0])
            cells = [f"{size}", f"{path.stat().st_size / 2**20:.1f}"]
            cells += [f"{value:.1f}" for value in times]
            print(f"| {' | '.join(cells)} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
