"""How quickly the page answers: scrubbing, inspecting and steering, in a real browser.

    python -m benchmarks.interface            # the table; also written to benchmarks/results/
    python -m benchmarks.interface --quick    # fewer repeats, to try it

The real server with the embedded model, and the tests' Chromium on the same machine. Every time is
taken inside the page: from the timestamp of the person's event (a drag of the slider's knob, a
press) until the frame after the one in which the outcome is drawn. A new step is one whose picture
nobody has: the run is made without previews, and the strip of thumbnails, which would draw ahead,
is out of sight. Payloads are counted by the browser, uncompressed.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.decode import machine
from tests.browser import chromium
from tests.browser.editor import DESKTOP, Editor, opened, serve
from tests.browser.editor import chromium as started
from tests.browser.many import MANY_BRANCHES

RESULTS = Path(__file__).parent / "results"
GOALS = {
    "scrub to a cached step": "50",
    "scrub to a new step": "200",
    "inspect a cell": "150",
    "steer": "one step + 100",
}
KNOB = 16  # CSS pixels
BRANCHES = (100, 1000)  # that the page remembers
NEW_BRANCHES = """async (tree) => {
  const isThere = () => /Edit/.test(tree.textContent);
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let left = 0; left < tree.scrollWidth; left += tree.clientWidth / 2) {
    tree.scrollTo(left, tree.scrollHeight);
    await frame().then(frame);
    if (isThere()) return;
  }
}"""
STOPWATCH = """
  const { studio } = document.querySelector("#canvas");
  window.stopwatch = (type, isDone) => {
    window.measured = new Promise((resolve, reject) => {
      const begin = ({ timeStamp }) => {
        const look = () => requestAnimationFrame((now) => {
          if (!isDone(studio)) look();
          else requestAnimationFrame(() => resolve(performance.now() - timeStamp));
        });
        look();
      };
      addEventListener(type, begin, { capture: true, once: true });
      setTimeout(reject, 30_000, new Error("nothing happened in the page"));
    });
  };
"""

Times = dict[str, list[float]]


@dataclass
class Question:
    """What the page asked: its name, and the bytes there and back."""

    name: str
    sent: int
    received: int = 0


def main() -> None:
    """Measure, print the table and write it down."""
    parser = argparse.ArgumentParser(description="How quickly the page answers.")
    parser.add_argument("--quick", action="store_true", help="one run of each kind, not four")
    rounds = 1 if parser.parse_args().quick else 4
    executable = chromium.find()
    if executable is None:
        sys.exit("No Chromium found; `make screenshots` installs one.")
    times: Times = defaultdict(list)
    with serve() as address, started(executable) as browser:
        with opened(browser, address, DESKTOP) as page:
            prepare(page)
            questions = watch_network(page)
            for _ in range(rounds):
                measure_run(page, times)
        with opened(browser, address, DESKTOP) as page:  # another one: payloads are as they were
            page.paint_box(3, 3, 10, 10)
            page.fill()
            for branches in BRANCHES:
                measure_among(page, times, branches)
        versions = {name: version(name) for name in ("gradio", "playwright")}
        about = machine() | versions | {"chromium": browser.version}
    report = {"machine": about, "ms": summary(times), "bytes": sizes(questions)}
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"interface-{about['device']}.json"
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


def prepare(editor: Editor) -> None:
    """Ask for runs without previews, and paint."""
    editor.page.evaluate(f"() => {{ {STOPWATCH} }}")
    editor.page.add_style_tag(content=".mgs-strip { display: none !important; }")
    editor.unfold("advanced")
    editor.page.locator("#previews input").uncheck()
    editor.tap("#advanced > button")
    editor.paint_box(3, 3, 10, 10)
    editor.tap("[data-do=lab]")


def measure_run(editor: Editor, times: Times) -> None:
    """Fill what is painted and do everything once on the steps of that."""
    editor.fill()
    steps = editor.see("studio.steps")
    scrub(editor, times["scrub to a new step"], range(steps - 1, 0, -1))
    scrub(editor, times["scrub to a cached step"], [*range(2, steps), *range(steps - 2, 0, -1)])
    middle = steps // 2
    drag_to(editor, middle)
    editor.wait(f"studio.step === {middle} && studio.isDrawn")
    editor.pick_tool("inspect")
    for column in range(4, 10):
        inspect(editor, times["inspect a cell"], (column + 0.5, 6.5))
    for _ in range(3):
        steer(editor, times["steer"], "least")
        steer(editor, times["one step"], "step")
    editor.tap("[data-steer=leave]")
    editor.wait("!studio.walking")
    editor.pick_tool("brush")
    editor.undo()


def measure_among(editor: Editor, times: Times, branches: int) -> None:
    """Open and steer three branches among so many others, as after a long afternoon."""
    editor.wait("studio.saved")
    editor.page.evaluate(MANY_BRANCHES, branches - editor.see("studio.branches"))
    editor.reload()
    editor.page.evaluate(f"() => {{ {STOPWATCH} }}")
    editor.tap("[data-do=lab]")
    tree = editor.page.locator(".mgs-tree")
    shown = tree.locator(".mgs-branch", has_text="Edit")  # the new ones: all can be steered
    for turn in range(3):
        tree.locator(".mgs-branch").first.wait_for()
        tree.evaluate(NEW_BRANCHES)
        branch = shown.nth(turn)
        is_open = f"studio.node === {branch.get_attribute('data-node')} && studio.isDrawn"
        taken = timed(editor, "click", is_open, branch.click)
        times[f"open a branch, of {branches}"].append(taken)
        editor.wait("!studio.asking && !studio.running")
        steer(editor, times[f"steer, beside {branches} branches"], "least")


def scrub(editor: Editor, taken: list[float], positions: range | list[int]) -> None:
    """Drag the knob of the timeline from step to step without letting go."""
    mouse = editor.page.mouse
    editor.page.locator(".mgs-steps").scroll_into_view_if_needed()
    mouse.move(*knob_at(editor, editor.see("studio.step")))
    mouse.down()
    for position in positions:
        move = knob_at(editor, position)
        taken.append(timed(editor, "input", "isDrawn", lambda move=move: mouse.move(*move)))
        editor.wait(f"studio.step === {position}")
    mouse.up()


def drag_to(editor: Editor, position: int) -> None:
    """Drag the knob of the timeline to a step."""
    mouse = editor.page.mouse
    editor.page.locator(".mgs-steps").scroll_into_view_if_needed()
    mouse.move(*knob_at(editor, editor.see("studio.step")))
    mouse.down()
    mouse.move(*knob_at(editor, position))
    mouse.up()


def knob_at(editor: Editor, position: int) -> tuple[float, float]:
    """Give the place of the slider's knob at a step."""
    box = editor.page.locator(".mgs-steps").bounding_box()
    assert box is not None
    share = position / editor.see("studio.steps")
    return box["x"] + KNOB / 2 + share * (box["width"] - KNOB), box["y"] + box["height"] / 2


def inspect(editor: Editor, taken: list[float], cell: tuple[float, float]) -> None:
    """Press a cell that was not asked about yet."""
    editor.bring_stage()
    place = editor.place(cell)
    before = editor.page.locator(".mgs-look-title").inner_text()
    is_shown = (
        f"document.querySelector('.mgs-look-title').textContent !== {json.dumps(before)}"
        " && document.querySelector('.mgs-look').ariaBusy === 'false'"
    )
    taken.append(timed(editor, "pointerup", is_shown, lambda: editor.page.mouse.click(*place)))


def steer(editor: Editor, taken: list[float], how: str) -> None:
    """Press a button that steers or goes on."""
    before = editor.see("studio.branches")
    editor.page.locator(f"[data-steer={how}]").scroll_into_view_if_needed()
    is_shown = f"studio.branches > {before} && studio.isDrawn"
    taken.append(timed(editor, "click", is_shown, lambda: editor.tap(f"[data-steer={how}]")))
    editor.wait("!studio.asking && !studio.running")


def timed(editor: Editor, kind: str, is_done: str, act: Callable[[], None]) -> float:
    """Time from an event of a kind until something holds in the page, in milliseconds."""
    condition = is_done if "studio" in is_done or "document" in is_done else f"studio.{is_done}"
    editor.page.evaluate(f"() => {{ stopwatch({kind!r}, (studio) => {condition}) }}")
    act()
    return editor.page.evaluate("() => window.measured")


def watch_network(editor: Editor) -> list[Question]:
    """Count the bytes of every question from now on; a stream of frames is one, `run`."""
    asked: dict[str, Question] = {}
    found: list[Question] = []
    device = editor.context.new_cdp_session(editor.page)

    def begin(event: dict) -> None:
        request = event["request"]
        body = request.get("postData", "")
        if "queue/data" in request["url"]:
            name = "run"
        elif "component_server" in request["url"]:
            name = json.loads(body)["fn_name"]
        else:
            return
        asked[event["requestId"]] = Question(name, len(body))
        found.append(asked[event["requestId"]])

    def receive(event: dict) -> None:
        if event["requestId"] in asked:
            asked[event["requestId"]].received += event["dataLength"]

    device.on("Network.requestWillBeSent", begin)
    device.on("Network.dataReceived", receive)
    device.send("Network.enable")
    return found


def summary(times: Times) -> dict[str, dict[str, float]]:
    """Give median, worst and number of each kind."""
    return {
        name: {
            "median": round(statistics.median(taken), 1),
            "worst": round(max(taken), 1),
            "times": len(taken),
        }
        for name, taken in times.items()
    }


def sizes(questions: list[Question]) -> dict[str, dict[str, float]]:
    """Give the median bytes there and back of each question."""
    kinds: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        kinds[question.name].append(question)
    return {
        name: {
            "sent": statistics.median(one.sent for one in alike),
            "received": statistics.median(one.received for one in alike),
            "times": len(alike),
        }
        for name, alike in sorted(kinds.items())
    }


def table(report: dict) -> str:
    """Lay the report out as Markdown."""
    lines = [str(report["machine"]), ""]
    lines += [
        "| what | median, ms | worst, ms | goal, ms | times |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {t['median']:.0f} | {t['worst']:.0f} | {GOALS.get(name, '')} | {t['times']} |"
        for name, t in report["ms"].items()
    ]
    lines += ["", "| question | bytes sent | bytes received | times |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {name} | {b['sent']:.0f} | {b['received']:.0f} | {b['times']} |"
        for name, b in report["bytes"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
