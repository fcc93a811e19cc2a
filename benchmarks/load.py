"""How the editor serves many people who edit at once, on the embedded model.

    python -m benchmarks.load        # a minute for each number of people, then four times 500 edits
    python -m benchmarks.load --seconds 5 --edits 0   # shorter, to try it

The real server in a process of its own; every person is a thread with a `gradio_client` that asks
for one edit after another and waits for each. People differ in class, steps, guidance, reveal rule
and seed. A time is that of a whole edit: the photo there, all passes, the PNG back. Every answer is
compared to what the same server answered to the same question when nobody else was there. People
and server share the machine; the server's memory is read when it has rested. Before that the engine
answers the same questions alone, one after the other: what would be possible without page, server
and clients.
"""

import argparse
import base64
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from gradio_client import Client

import maskgit
from benchmarks.decode import machine
from maskgit.batching import LINGER_S
from maskgit.images import open_picture, to_png
from maskgit.tiles import MAX_LEVELS

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = (1, 2, 4, 8, 16, 32)
LAST_ROWS = 4  # of so many edits each: whether memory grows shows only in several
PHOTO = ROOT / "assets" / "examples" / "meadow.jpg"
WISHES: list[dict[str, Any]] = [  # one each; the ninth person wishes what the first does
    {"steps": 8},
    {"steps": 4, "guidance_scale": 2.0},
    {"steps": 12, "temperature": 0.7},
    {"steps": 6, "reveal": "random"},
    {"steps": 8, "reveal": "halton"},
    {"steps": 10, "top_k": 50},
    {"steps": 5, "schedule": "linear"},
    {"steps": 8, "guidance_scale": 3.0, "top_p": 0.9},
]


@dataclass
class Tally:
    """What people saw: seconds of good answers, wrong answers, sentences of refusals."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    errors: list[str] = field(default_factory=list)


def main() -> None:
    """Measure, print the table and write it down."""
    parser = argparse.ArgumentParser(description="How the editor serves many people at once.")
    parser.add_argument("--seconds", type=float, default=60, help="for each number of people")
    how = f"by eight people, in each of {LAST_ROWS} rows at the end"
    parser.add_argument("--edits", type=int, default=500, help=how)
    options = parser.parse_args()
    seconds = options.seconds
    about = machine() | {"gradio": version("gradio"), "seconds_each": seconds}
    questions = [question(number) for number in range(len(WISHES))]
    about["engine_edits_per_s"] = round(engine_rate(questions, seconds), 2)
    rows = []
    with served() as (address, server):
        client = Client(address, verbose=False)
        alone = [ask(client, one) for one in questions]
        crowd = partial(measure, address, server, questions, alone)
        for people in PEOPLE:
            rows.append(crowd(people, seconds=seconds))
            print(line(rows[-1]), file=sys.stderr)
        for _ in range(LAST_ROWS if options.edits else 0):
            rows.append(crowd(8, edits=options.edits))
            print(line(rows[-1]), file=sys.stderr)
    about["load_after"] = round(os.getloadavg()[0], 2)
    report = {"machine": about, "rows": rows}
    file = Path(__file__).parent / "results" / f"load-{about['device']}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    """Run the editor as its users do; give its address and its process."""
    command = [sys.executable, "app.py", "--offline"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            ready = next(said for said in server.stdout if "ready: " in said)
            yield ready.split("ready: ")[1].split()[0], server.pid
        finally:
            server.terminate()


def question(number: int) -> dict[str, Any]:
    """Say what person `number` asks for."""
    return {
        "picture": base64.b64encode(PHOTO.read_bytes()).decode(),
        "box": [60 + 20 * number, 150, 120, 100],
        "label": 970 if number % 2 else 985,
        "settings": {**WISHES[number], "seed": number},
    }


def ask(client: Client, wish: dict[str, Any]) -> str:
    """Ask for an edit and give its PNG.

    Raises:
        RuntimeError: With the server's sentence, if it refuses.
    """
    answer = client.predict(wish, api_name="/edit")
    if not answer["ok"]:
        raise RuntimeError(answer["error"]["message"])
    return answer["pictures"][0]["png"]


def engine_rate(questions: list[dict[str, Any]], seconds: float) -> float:
    """Give how many of these edits a second the engine makes, with nothing around it."""
    engine, picture = maskgit.load("embedded"), open_picture(PHOTO.read_bytes())
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        asked = questions[count % len(questions)]
        left, top, width, height = asked["box"]
        mask = np.zeros(picture.shape[:2], bool)
        mask[top : top + height, left : left + width] = True
        result = engine.edit(
            picture, mask, asked["label"], refine=MAX_LEVELS, borrow=engine.config.borrow,
            **asked["settings"],
        )  # fmt: skip
        to_png(result.pictures[0])
        count += 1
    return count / (time.perf_counter() - start)


def measure(
    address: str,
    server: int,
    questions: list[dict[str, Any]],
    alone: list[str],
    people: int,
    seconds: float = math.inf,
    edits: float = math.inf,
) -> dict[str, Any]:
    """Let so many people edit for a time, or until so many edits are made by all together."""
    begun = itertools.count()  # a step of it is atomic
    clients = [Client(address, verbose=False) for _ in range(people)]
    together = threading.Barrier(people)
    memory = resident_mb(server)

    def edit(number: int) -> Tally:
        tally, mine = Tally(), number % len(questions)
        together.wait()
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end and next(begun) < edits:
            try:
                picture = ask(clients[number], questions[mine])
            except Exception as error:  # whatever a person would see is counted
                tally.errors.append(f"{type(error).__name__}: {error}")
                continue
            tally.seconds.append(time.perf_counter() - start)
            tally.wrong += picture != alone[mine]
        return tally

    start = time.perf_counter()
    with ThreadPoolExecutor(people) as pool:
        tallies = list(pool.map(edit, range(people)))
    lasted = time.perf_counter() - start
    for client in clients:
        client.close()
    time.sleep(LINGER_S + 1)  # then the server gives back what it does not need
    times = [one for tally in tallies for one in tally.seconds]
    errors = [error for tally in tallies for error in tally.errors]
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    return {
        "people": people,
        "edits": len(times),
        "edits_per_s": round(len(times) / lasted, 2),
        **{f"p{cut}_s": round(cuts[cut - 1], 3) if cuts else None for cut in (50, 95, 99)},
        "fewest_each": min(len(tally.seconds) for tally in tallies),
        "most_each": max(len(tally.seconds) for tally in tallies),
        "errors": len(errors),
        "error_examples": sorted(set(errors))[:3],
        "wrong": sum(tally.wrong for tally in tallies),
        "memory_before_mb": memory,
        "memory_after_mb": resident_mb(server),
    }


def resident_mb(process: int) -> int:
    """Give the memory that a process has in RAM (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def line(row: dict[str, Any]) -> str:
    """Lay one row of the table out."""
    cells = [row[name] for name in ("people", "edits", "edits_per_s", "p50_s", "p95_s", "p99_s")]
    cells += [row["errors"], row["wrong"], f"{row['memory_before_mb']}, {row['memory_after_mb']}"]
    return f"| {' | '.join(map(str, cells))} |"


def table(report: dict[str, Any]) -> str:
    """Lay the report out as Markdown."""
    about = report["machine"]
    head = "people | edits | edits a second | p50 s | p95 s | p99 s | errors | wrong"
    return "\n".join(
        [
            f"| {head} | server's memory before, after (MB) |",
            "|" + " --- |" * 9,
            *(line(row) for row in report["rows"]),
            "",
            f"{about['name']}, {about['cores']} cores, Python {about['python']}, torch "
            f"{about['torch']}, Gradio {about['gradio']}; {about['seconds_each']:g} s each, people "
            f"and server on this machine; the engine alone {about['engine_edits_per_s']} edits a "
            f"second; load average {about['load_before']} before the run and "
            f"{about['load_after']} after it.",
        ]
    )


if __name__ == "__main__":
    main()
