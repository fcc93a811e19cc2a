"""What a long history costs the page: many states in the tree of branches.

    python -m benchmarks.nodes      # prints a table; also written to benchmarks/results/

The server keeps no state of anybody, so a question from the thousandth is the question from the
first. The page keeps them all: a run of 12 steps is filled, its last state is put into the
browser's database some hundred times as branches, and the page is loaded again. Times are what the
page's main thread computes, by the browser's own clock, median of three; no GPU, headless.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.decode import machine
from tests.browser import chromium
from tests.browser.editor import DESKTOP, Editor, opened, serve
from tests.browser.editor import chromium as started
from tests.browser.test_steering import MANY, filled, settled, steer

RESULT = Path(__file__).parent / "results" / "nodes-cpu.json"
ADDED = (0, 100, 1000)
ACTIONS = ("load the page", "open the tree", "open a branch", "change its state")


def main() -> None:
    """Measure, print the table and write it down."""
    parser = argparse.ArgumentParser(description="What a long history costs the page.")
    parser.add_argument("--times", type=int, default=3, help="repeats (default: %(default)s)")
    times = parser.parse_args().times
    executable = chromium.find()
    if executable is None:
        sys.exit("No Chromium found; `make browser` installs one.")
    rows = []
    with started(executable) as browser, serve() as where:
        about = machine() | {"gradio": version("gradio"), "chromium": browser.version}
        for added in ADDED:
            tries = [measure(browser, where, added) for _ in range(times)]
            nodes, *seconds = zip(*tries, strict=True)
            medians = [round(statistics.median(each), 3) for each in seconds]
            rows.append({"states": nodes[0], **dict(zip(ACTIONS, medians, strict=True))})
    RESULT.write_text(json.dumps({"machine": about, "times": times, "rows": rows}, indent=1) + "\n")
    print(f"| states | {' | '.join(ACTIONS)} |\n| --- |{' --- |' * len(ACTIONS)}")
    for row in rows:
        print(f"| {' | '.join(str(value) for value in row.values())} |")
    print(", ".join(f"{name} {value}" for name, value in about.items()))


def measure(browser: Browser, where: str, added: int) -> list[float]:
    """Give how many states there are, and the seconds of each action, in a browser's profile."""
    with opened(browser, where, DESKTOP) as editor:
        filled(editor)
        editor.wait("studio.saved")
        editor.page.evaluate(MANY, added)

        def load() -> None:
            editor.reload()
            editor.wait(f"studio.branches > {added}")

        def unfold() -> None:
            editor.tap("[data-do=lab]")
            editor.page.locator(".mgs-branch").first.wait_for()
            settled(editor)

        def open_branch() -> None:
            found = editor.page.locator(".mgs-branch").last
            node = found.get_attribute("data-node")
            found.click()
            editor.wait(f"studio.node === {node}")
            settled(editor)

        actions: list[Callable[[], None]] = [load, unfold, open_branch]
        actions.append(lambda: steer(editor, "least"))
        with computing(editor) as clock:
            seconds = []
            for action in actions:
                before = clock()
                action()
                seconds.append(clock() - before)
        return [editor.see("studio.branches"), *seconds]


@contextmanager
def computing(editor: Editor) -> Iterator[Callable[[], float]]:
    """Give a clock of what the page's main thread has computed."""
    session = editor.context.new_cdp_session(editor.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def clock() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    yield clock
    session.detach()


if __name__ == "__main__":
    main()
