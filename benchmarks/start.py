"""How long it takes to begin: `import maskgit`, and `python app.py` to a page and a first fill.

    python -m benchmarks.start            # the table; also written to benchmarks/results/
    python -m benchmarks.start --times 3  # fewer repeats, to try it

`import maskgit` is timed in fresh processes, after `import torch`. The editor is timed from the
start of its process until it says that it is ready, and until the page, in the tests' Chromium on
the same machine, has opened its first picture; the browser is open before. Then a hole is filled,
timed from the press until the result is there: at once, again, and without pictures of the steps.
Beside the seconds that pass stands what was
computed, of the editor all in all: on a machine that has more to do, it says more.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.decode import machine
from tests.browser import chromium
from tests.browser.editor import DESKTOP, Editor, opened, serve
from tests.browser.editor import chromium as started

RESULTS = Path(__file__).parent / "results"
IMPORT = """
import time, torch
at = time.perf_counter(), time.process_time()
import maskgit
print(time.perf_counter() - at[0], time.process_time() - at[1])
"""
GOALS_S = {
    "import maskgit, beyond torch": 1.5,
    "app.py until it says ready": None,
    "usable page": 8.0,
    "first fill": 1.0,
    "second fill": 1.0,
    "third fill, without pictures of its steps": None,
}
HOLE = (4, 4, 8, 8)  # left, top, width, height in cells

Pair = tuple[float, float]  # seconds that passed, seconds of computing


def main() -> None:
    """Measure, print the table and write it down."""
    parser = argparse.ArgumentParser(description="How long it takes to begin.")
    parser.add_argument("--times", type=int, default=7, help="repeats (default: %(default)s)")
    times = parser.parse_args().times
    executable = chromium.find()
    if executable is None:
        sys.exit("No Chromium found; `make screenshots` installs one.")
    with started(executable) as browser:
        versions = {name: version(name) for name in ("gradio", "playwright")}
        about = machine() | versions | {"chromium": browser.version}
        imports = [import_engine() for _ in range(times)]
        starts = [start_editor(browser) for _ in range(times)]
    measured = dict(zip(GOALS_S, [imports, *zip(*starts, strict=True)], strict=True))
    report = {"machine": about, "times": times, "seconds": {}}
    for name, pairs in measured.items():
        passed, computed = zip(*pairs, strict=True)
        report["seconds"][name] = {
            "median": round(statistics.median(passed), 2),
            "best": round(min(passed), 2),
            "computing": round(statistics.median(computed), 2),
        }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"start-{about['device']}.json").write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


def import_engine() -> Pair:
    """Time the import in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    passed, computed = map(float, done.stdout.split())
    return passed, computed


def start_editor(browser: Browser) -> list[Pair]:
    """Time the editor until it is ready, until its page is, and its first three fills."""
    begin, before = time.monotonic(), _computed()
    with ExitStack() as later:
        where = later.enter_context(serve())
        ready = time.monotonic() - begin
        editor = later.enter_context(opened(browser, where, DESKTOP))
        usable = time.monotonic() - begin
        editor.paint_box(*HOLE)
        fills = [time_fill(editor), time_fill(editor)]
        editor.unfold("advanced")
        editor.page.locator("#previews input").uncheck()
        editor.tap("#advanced > button")
        fills.append(time_fill(editor))
    computed = _computed() - before  # a process that has ended can be asked
    return [(seconds, computed) for seconds in (ready, usable, *fills)]


def time_fill(editor: Editor) -> float:
    """Fill what is painted, and take it back."""
    begin = time.monotonic()
    editor.fill()
    passed = time.monotonic() - begin
    editor.undo()
    editor.wait("studio.saved")
    return passed


def _computed() -> float:
    """Give the seconds that ended child processes have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(report: dict) -> str:
    """Show a report as Markdown."""
    lines = [
        "| | median, s | best, s | computing, s | goal, s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in report["seconds"].items():
        goal = GOALS_S[name] or ""
        lines.append(f"| {name} | {row['median']} | {row['best']} | {row['computing']} | {goal} |")
    about = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    return "\n".join([*lines, "", about])


if __name__ == "__main__":
    main()
