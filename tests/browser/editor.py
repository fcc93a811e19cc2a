"""Drive the editor like a person: open the page, paint, press buttons, and look at what is there.

Read in this order:
    serve     the real server in a process of its own
    chromium  the real browser
    opened    one page of it as an `Editor`, which notes every sign of trouble
    forget    lets a browser be used again by somebody who was never there
    Editor    what a person can do and see

Nothing here waits for a time: every wait is for something that can be seen, mostly through the
read-only probe that `app/canvas/probe.js` puts on the page.
"""

import base64
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    Response,
    TimeoutError,
    sync_playwright,
)

from app.document import Lattice

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "checkpoints" / "embedded"
# Ids of the embedded model's classes by name. The longest names are no part of others, so a search
# for one of them finds it alone.
CLASSES: dict[str, int] = {
    each["name"]: each["id"]
    for each in json.loads((EMBEDDED / "classes.json").read_text(encoding="utf-8"))
}
SOME_CLASS, ANOTHER_CLASS, *_ = sorted(CLASSES, key=len, reverse=True)
PATIENCE_MS = 180_000
FLAGS = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FRAMES_TO_SETTLE = 12
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}

Point = tuple[float, float]  # x, y in cells of the picture's lattice


@contextmanager
def serve(
    port: int = 0, start: Sequence[str] = ("app.py",), environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run the editor as its users do and give its address.

    What it says of errors goes where the tests' own does, so pytest shows it with the test that
    failed meanwhile.

    Args:
        port: Where it listens; 0 takes a free one.
        start: What starts it, and options.
        environment: More variables for it.
    """
    command = [sys.executable, *start, "--port", str(port or free_port())]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        # What it says later is read, too: a full pipe would stop it.
        rest = threading.Thread(target=server.stdout.read)
        try:
            address = _wait_ready(server, server.stdout)
            rest.start()
            yield address
        finally:
            server.terminate()
            server.wait()
            if rest.ident:
                rest.join()


def _wait_ready(server: subprocess.Popen[str], output: IO[str]) -> str:
    """Read the address that the server says it listens on."""
    deadline = threading.Timer(2 * PATIENCE_MS / 1000, server.kill)
    deadline.start()
    said = []
    try:
        for line in output:
            said.append(line)
            if "ready: " in line:
                return line.split("ready: ")[1].split()[0]
    finally:
        deadline.cancel()
    raise AssertionError("the editor did not start:\n" + "".join(said))


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return any_socket.getsockname()[1]


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, address: str, device: dict[str, Any]) -> Iterator["Editor"]:
    """Open the page on a device, with storage of its own, and wait until it can be used."""
    context = new_context(browser, device)
    yield visit(context, address, device)
    context.close()


def new_context(browser: Browser, device: dict[str, Any]) -> BrowserContext:
    """Take a device that nobody has used yet."""
    context = browser.new_context(**device, service_workers="block")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(
        "window.clicks = 0; addEventListener('click', () => window.clicks++, { capture: true })"
    )
    return context


def visit(context: BrowserContext, address: str, device: dict[str, Any]) -> "Editor":
    """Open the page in a new tab and wait until it can be used."""
    editor = Editor(context.new_page(), address, is_touch=device.get("has_touch", False))
    editor.open()
    return editor


def forget(context: BrowserContext, address: str) -> None:
    """Make a device as good as new: no tabs, and nothing that a page could have kept.

    What the browser has loaded and compiled stays, which is the point: that takes longer than all
    the rest of opening the page.
    """
    close_tabs(context)
    context.unroute_all()
    context.clear_cookies()
    context.clear_permissions()
    blank = context.new_page()
    where = {"origin": address.rstrip("/"), "storageTypes": "all"}
    context.new_cdp_session(blank).send("Storage.clearDataForOrigin", where)
    blank.close()


def close_tabs(context: BrowserContext) -> None:
    """Close every tab."""
    for page in context.pages:
        page.close()


@dataclass
class Editor:
    """The page, as somebody has it open.

    Attributes:
        page: The page of the browser.
        address: Where the editor is served.
        is_touch: Whether this is a device for fingers.
        trouble: What must not happen: errors in the console, requests to other machines, answers
            that say that the server failed.
    """

    page: Page
    address: str
    is_touch: bool = False
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(f"page error: {error}"))
        self.page.on("request", self._note_request)
        self.page.on("response", self._note_response)

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.trouble.append(f"console {kind}: {text}")

    def _note_request(self, request: Request) -> None:
        where = urlsplit(request.url)
        is_local = where.scheme in ("data", "blob") or where.hostname in ("127.0.0.1", "localhost")
        if not is_local:
            self.trouble.append(f"request to {request.url}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 500:
            asked = f"{response.request.method} {response.url}"
            self.trouble.append(f"answer {response.status} to {asked}")

    # --- opening ---------------------------------------------------------------------------

    def open(self) -> None:
        """Go to the page."""
        self.page.goto(self.address)
        self.wait_ready()

    def reload(self) -> None:
        """Load the page again."""
        self.page.reload()
        self.wait_ready()

    def another_tab(self) -> "Editor":
        """Open the page once more in the same browser."""
        tab = Editor(self.context.new_page(), self.address, self.is_touch, self.trouble)
        tab.open()
        return tab

    @property
    def context(self) -> BrowserContext:
        """What the tabs of one browser share."""
        return self.page.context

    # --- seeing ----------------------------------------------------------------------------

    def see(self, expression: str) -> Any:
        """Look at the probe: a JavaScript expression in which `studio` is the probe."""
        return self.page.evaluate(_with_probe(expression))

    def wait(self, expression: str) -> None:
        """Wait until an expression in `studio` holds."""
        self.page.wait_for_function(_with_probe(f"Boolean({expression})"))

    def wait_here(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds in the test, such as that a request was caught on its way."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not holds():
            assert time.monotonic() < deadline, "it never came"
            self.page.wait_for_timeout(20)  # what is caught is told while the page is waited for

    def wait_ready(self) -> None:
        """Wait until there is something to see and to work with."""
        self.page.wait_for_function(
            "document.querySelector('#canvas')?.studio?.ready"
            " && getComputedStyle(document.documentElement).visibility === 'visible'"
        )

    def wait_result(self, position: int) -> None:
        """Wait until a run has ended and its result is at a place of the history."""
        self.wait(f"!studio.running && studio.position === {position}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return tuple(self.see("[studio.picture.width, studio.picture.height]"))

    @property
    def lattice(self) -> Lattice:
        """The cells of the picture."""
        width, height = self.size
        cols, rows = self.see("[studio.cols, studio.rows]")
        return Lattice(width, height, min(cols, rows))

    @property
    def cells(self) -> np.ndarray:
        """The painted cells, bool (rows, cols)."""
        return self.lattice.unpack(self.see("studio.cells"))

    def download(self, selector: str = "[data-do=download]") -> Path:
        """Press what saves a file, by itself the picture, and give the file."""
        with self.page.expect_download() as download:
            self.tap(selector)
        return Path(download.value.path())

    def file(self) -> np.ndarray:
        """Download the picture and read the file, uint8 (H, W, 3), or 4 where it has alpha."""
        with Image.open(self.download()) as file:
            assert file.format == "PNG"
            return np.asarray(file)

    def pixels(self) -> np.ndarray:
        """Do the same, without alpha."""
        return self.file()[..., :3]

    def screen_differs(self, picture: np.ndarray) -> float:
        """Tell how far the screen is from a picture (H, W, 3), all in sight: mean levels."""
        box = self.see("studio.box")
        screen = self.page.screenshot(
            clip={"x": box["left"], "y": box["top"], "width": box["width"], "height": box["height"]}
        )
        with Image.open(io.BytesIO(screen)) as file:
            shown = np.asarray(file.convert("RGB"), np.float32)
        small = Image.fromarray(picture).resize(shown.shape[1::-1], Image.Resampling.BOX)
        return float(np.abs(shown - np.asarray(small)).mean())

    def status(self) -> tuple[str, str]:
        """What the canvas says, and whether it is "busy" or an "error"."""
        return tuple(self.see("[studio.status.text, studio.status.kind]"))

    def seen_steps(self) -> list[int]:
        """Which steps were shown while the last run went on, in order; see `watch_steps`."""
        words = self.page.evaluate("window.seenSteps")
        return [int(text.split()[1]) for text in words if text.startswith("Step ")]

    def watch_steps(self) -> None:
        """Note from now on which step the canvas shows."""
        self.page.evaluate(
            """() => {
                window.seenSteps = [];
                const pill = document.querySelector(".mgs-pill");
                const note = () => {
                    const words = pill.textContent;
                    if (words !== window.seenSteps.at(-1)) window.seenSteps.push(words);
                };
                const changes = { childList: true, characterData: true, subtree: true };
                new MutationObserver(note).observe(pill, changes);
            }"""
        )

    # --- doing -----------------------------------------------------------------------------

    @contextmanager
    def at_once(self, *moments: tuple[str, str]) -> Iterator[None]:
        """Let the page itself do things, each in the very moment in which something holds.

        What goes on in the page does not wait for the test: on a busy machine a run may be over
        before a test that has seen it going on gets to press anything. So the page looks after
        every change of itself; what is done meanwhile begins what it looks for.

        Args:
            moments: An expression and statements in `studio`, one pair after the other.
        """
        probe = "const { studio } = document.querySelector('#canvas')"
        todo = [f"[() => {_with_probe(when)}, () => {{ {probe}; {act} }}]" for when, act in moments]
        self.page.evaluate(
            f"""() => {{
                window.todo = [{", ".join(todo)}];
                const look = () => {{
                    while (window.todo[0]?.[0]()) window.todo.shift()[1]();
                    if (!window.todo.length) changes.disconnect();
                }};
                const changes = new MutationObserver(look);
                const all = {{ subtree: true, childList: true, characterData: true }};
                changes.observe(document.body, {{ ...all, attributes: true }});
                look();
            }}"""
        )
        yield
        self.page.wait_for_function("!window.todo.length")

    def tap(self, selector: str) -> None:
        """Press something, with the mouse or with a finger."""
        self.touch(self.page.locator(selector).first)

    def touch(self, target: Locator) -> None:
        """Press something that was found already."""
        if not self.is_touch:
            target.click()
            return
        before = self.page.evaluate("window.clicks")
        arrived = f"window.clicks > {before}"
        for _ in range(5):
            target.tap()
            # On a busy machine a finger seems to rest too long, and that is no tap: then again.
            with suppress(TimeoutError):
                self.page.wait_for_function(arrived, timeout=3000)
                return
        raise AssertionError(f"could not tap on {target}")

    def open_file(self, path: Path) -> None:
        """Choose a file in the dialog of the Open button."""
        with self.page.expect_file_chooser() as chooser:
            self.tap(".mgs-top [data-do=open]")
        chooser.value.set_files(path)

    def hand_over(self, how: str, path: Path) -> None:
        """Drop a file on the page, or paste it."""
        kind = "ClipboardEvent" if how == "paste" else "DragEvent"
        carrier = "clipboardData" if how == "paste" else "dataTransfer"
        self.page.evaluate(
            f"""([name, base64]) => {{
                const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
                const transfer = new DataTransfer();
                const type = name.endsWith(".zip") ? "application/zip" : "image/png";
                transfer.items.add(new File([bytes], name, {{ type }}));
                const init = {{ bubbles: true, cancelable: true, {carrier}: transfer }};
                const target = document.querySelector(".mgs-stage");
                target.dispatchEvent(new {kind}("{how}", init));
            }}""",
            [path.name, base64.b64encode(path.read_bytes()).decode()],
        )

    def pick_tool(self, name: str) -> None:
        """Take a tool."""
        self.tap(f".mgs-tools [data-tool={name}]")
        self.wait(f"studio.tool === {json.dumps(name)}")

    def stroke(self, *points: Point, button: Literal["left", "right"] = "left") -> None:
        """Draw a line through points given in cells, (0.5, 0.5) being the middle of the first."""
        self.bring_stage()
        places = [self.place(point) for point in points]
        if self.is_touch:
            self.drag_fingers([[place] for place in places])
            return
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down(button=button)
        for place in places[1:]:
            mouse.move(*place, steps=4)
        mouse.up(button=button)

    def bring_stage(self) -> None:
        """Scroll until the picture can be reached, as on a phone."""
        self.page.locator(".mgs-stage").scroll_into_view_if_needed()

    def place(self, point: Point) -> Point:
        """Where in the browser's window a point of the lattice is, in CSS pixels."""
        box = self.see("studio.box")
        scale = self.lattice.cell_px * self.see("studio.zoom")
        return box["left"] + point[0] * scale, box["top"] + point[1] * scale

    def drag_fingers(self, frames: Sequence[Sequence[Point]]) -> None:
        """Move one or more fingers along: for each moment, where every finger is."""
        device = self.context.new_cdp_session(self.page)
        for index, frame in enumerate(frames):
            points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(frame)]
            kind = "touchMove" if index else "touchStart"
            device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        device.detach()

    def paint_box(self, left: int, top: int, width: int, height: int) -> None:
        """Paint a rectangle of cells and wait until it is there."""
        self.pick_tool("rectangle")
        before = self.see("studio.historyLength")
        self.stroke((left + 0.5, top + 0.5), (left + width - 0.5, top + height - 0.5))
        self.wait(f"studio.historyLength > {before}")

    def unfold(self, panel: str) -> None:
        """Open a folded panel.

        Gradio writes the values of its fields once more some frames after it has made them: what a
        test types before that, faster than anybody, would be gone.
        """
        self.tap(f"#{panel} > button")
        self.page.locator(f"#{panel} input").first.wait_for(state="visible")
        self.page.evaluate(
            """async (frames) => {
                while (frames--) await new Promise((done) => requestAnimationFrame(done));
            }""",
            FRAMES_TO_SETTLE,
        )

    def type_number(self, field_id: str, value: int) -> None:
        """Type a number into a field."""
        box = self.page.locator(f"#{field_id} input[type=number]").first
        box.fill(str(value))
        box.press("Tab")

    def choose(self, field_id: str, words: str) -> str:
        """Search a list by typing and take the first match; gives what is chosen then."""
        box = self.page.locator(f"#{field_id} input")
        self.touch(box)
        box.fill(words)
        self.touch(self.page.locator("[role=option]", has_text=words).first)
        self.page.locator("[role=option]").first.wait_for(state="hidden")
        return box.input_value()

    def fix_seed(self, seed: int) -> None:
        """Ask for a certain seed instead of a fresh one each time."""
        self.unfold("advanced")
        self.page.locator("#randomise input").uncheck()
        self.type_number("seed", seed)

    def undo(self) -> None:
        """Go back by one and wait until that is what is shown."""
        self._go("undo")

    def redo(self) -> None:
        """Go forward by one and wait until that is what is shown."""
        self._go("redo")

    def _go(self, way: str) -> None:
        shown = "JSON.stringify([studio.picture, studio.cells, studio.classes, studio.shown])"
        before = self.see(shown)
        self.tap(f"[data-do={way}]")
        self.wait(f"{shown} !== {json.dumps(before)}")

    def fill(self) -> None:
        """Press Fill and wait for the result."""
        position = self.see("studio.position") + 1
        self.tap("#fill")
        self.wait_result(position)


def press(*names: str) -> str:
    """Write what presses buttons, for `Editor.at_once`."""
    return " ".join(f"document.getElementById({json.dumps(name)}).click();" for name in names)


def _with_probe(expression: str) -> str:
    probe = "const { studio } = document.querySelector('#canvas')"
    return f"(() => {{ {probe}; return {expression}; }})()"
