"""All that the benchmarks last measured, in one table.

    python -m benchmarks.summary              # the table; also written into docs/performance.md

It reads the runs in benchmarks/results/ and measures nothing: `make bench` makes them anew first.
Each row names the machine of its run; runs of several machines are not to be compared. A goal is
what the project set itself for a CPU of two cores with AMX.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.decode import RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- summary: begin -->", "<!-- summary: end -->"
GOALS = {"official 256": "0.75 s", "official 512": "5 s", "embedded": "0.1 s"}
START_GOALS = {"import maskgit, beyond torch": "1.5 s", "usable page": "8 s", "first fill": "1 s"}


class Figure(NamedTuple):
    """One row: what was measured, how it came out, and what was hoped for."""

    what: str
    value: str
    goal: str = ""


def main() -> None:
    """Print the table and write it into the docs."""
    text = table()
    page = PAGE.read_text(encoding="utf-8")
    head, tail = page[: page.index(BEGIN)], page[page.index(END) :]
    PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{tail}", encoding="utf-8")
    print(text)


def table() -> str:
    """Lay out the figures of all runs that are there as Markdown."""
    lines = ["| what | measured | goal | by | on |", "| --- | --- | --- | --- | --- |"]
    for name, (pattern, figures) in READERS.items():
        for file in sorted(RESULTS.glob(pattern)):
            report = json.loads(file.read_text(encoding="utf-8"))
            place = machine(report["machine"])
            lines += [
                f"| {each.what} | {each.value} | {each.goal} | `{name}` | {place} |"
                for each in figures(report)
            ]
    return "\n".join(lines)


def machine(about: Mapping[str, Any]) -> str:
    """Say what was measured on, in a few words."""
    units = ", AMX" if about["amx"] else ", AVX-512 bf16" if about.get("avx512_bf16") else ""
    units = f", held to {about['held_to']}" if about.get("held_to") else units
    kind = "" if about["device"] == "gpu" else f", {about['cores']} cores{units}"
    return f"{about['name']}{kind}; Python {about['python']}, torch {about['torch']}"


def decode(report: Mapping[str, Any]) -> Iterator[Figure]:
    """A picture from nothing, beside the plain network in the same run."""
    for row in report["rows"]:
        if row["part"].endswith("+ picture"):
            kind = row["dtype"].removeprefix("torch.")
            times = f"{row['ours']:.3g} s, {row['plain'] / row['ours']:.1f} times as fast as plain"
            goal = GOALS.get(row["model"], "") if row["batch"] == 1 else ""
            name = f"{row['model']} ({kind}), batch {row['batch']}: {row['part']}"
            yield Figure(name, times, goal)


def precision(report: Mapping[str, Any]) -> Iterator[Figure]:
    """Whole numbers of 8 bits instead of float32."""
    passes = {row["precision"]: row for row in report["rows"]}
    int8, plain = passes["int8"], passes["float32"]
    value = (
        f"{int8['pass_s']:.3g} s instead of {plain['pass_s']:.3g} s, {int8['first']:.1%} of draws"
    )
    yield Figure(f"{Path(report['model']).name}: a pass in int8", value)


def known_cells(report: Mapping[str, Any]) -> Iterator[Figure]:
    """Known cells looked at once instead of in every pass."""
    for row in report["rows"]:
        value = f"{row['cached_s']:.3g} s instead of {row['recomputed_s']:.3g} s"
        value += f", {row['another_seed_s']:.3g} s with another seed"
        name = f"{row['model']}: {row['steps']} passes, hole {row['hole']:.0%}, known cells cached"
        yield Figure(name, value)


def factors(report: Mapping[str, Any]) -> Iterator[Figure]:
    """How much longer a picture takes without one thing."""
    for row in report["rows"]:
        promised = f"x{row['predicted']:g}, predicted" if row["predicted"] else ""
        yield Figure(f"{row['model']} without: {row['factor']}", f"x{row['times']:.2f}", promised)


def curves(report: Mapping[str, Any]) -> Iterator[Figure]:
    """How time grows beside work."""
    for curve in report["curves"]:
        for line in curve["lines"]:
            seconds = {float(x): value for x, value in line["seconds"].items()}
            work = {float(x): value for x, value in line["work"].items()}
            first, last = min(seconds), max(seconds)
            value = f"x{seconds[last] / seconds[first]:.3g}, {seconds[last]:.3g} s at last"
            goal = f"x{work[last] / work[first]:.3g}"
            name = f"{curve['x_name']} {first:.4g} to {last:.4g}: {line['name']}"
            yield Figure(name, value, goal)


def start(report: Mapping[str, Any]) -> Iterator[Figure]:
    """From the command to the page."""
    for name, row in report["seconds"].items():
        value = f"{row['median']:.3g} s, at best {row['best']:.3g} s"
        yield Figure(name, value, START_GOALS.get(name, ""))


def load(report: Mapping[str, Any]) -> Iterator[Figure]:
    """Many people at once."""
    alone = report["rows"][0]["edits_per_s"]
    if rate := report["machine"].get("engine_edits_per_s"):
        yield Figure("the engine alone", f"{rate} edits a second", "")
    for row in report["rows"]:
        faults = f"{row['errors']} errors, {row['wrong']} wrong"
        value = f"{row['edits_per_s']} edits a second, p99 {row['p99_s']:.3g} s, {faults}"
        name = f"people at once: {row['people']}, {row['edits']} edits"
        yield Figure(name, value, f"{alone} or more, none")
    at_rest = ", ".join(str(row["memory_after_mb"]) for row in report["rows"])
    yield Figure("the server's memory at rest, after each of these", f"{at_rest} MB", "no growth")


def interface(report: Mapping[str, Any]) -> Iterator[Figure]:
    """What the page waits for."""
    for name, row in report["ms"].items():
        yield Figure(f"page: {name}", f"{row['median']:.3g} ms, at worst {row['worst']:.3g} ms")
    for name, row in report["bytes"].items():
        yield Figure(f"page: asks `{name}`", f"{row['sent']:.0f} bytes, {row['received']:.0f} back")


def painting(report: Mapping[str, Any]) -> Iterator[Figure]:
    """Frames while somebody paints."""
    for size, found in report["megapixels"].items():
        worst = max(found["actions"].values(), key=lambda row: row["frame_p95_ms"])
        longest = max(row["longest_own_ms"] for row in found["actions"].values())
        value = f"frames {worst['frame_p95_ms']:.3g} ms (p95), longest task {longest:.3g} ms"
        yield Figure(f"painting on {size} megapixels", value, "16.7 ms, 100 ms")
        fill, live = found["fill"], found["actions"]["live stroke"]
        value = f"{fill['bytes']} bytes, {fill['asked_after_ms']:.3g} ms after the press"
        yield Figure(f"Fill's question, {size} megapixels", value)
        begins = f"{fill['begun_after_ms']:.3g} ms after the press"
        begins += f", {fill['begun_first_ms']:.3g} the first time"
        yield Figure(f"the run begins in the page, {size} megapixels", begins, "50 ms")
        value = f"{live['requests']} questions, {live['bytes']} bytes; other strokes send nothing"
        yield Figure(f"a live stroke on {size} megapixels", value)
        soon = found["live"]
        sketch = f"{soon['p50_ms']:.3g} ms, p95 {soon['p95_ms']:.3g}, with a pass and its picture"
        yield Figure(f"a live stroke on {size} megapixels: an answer", sketch, "50 ms")


READERS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Iterator[Figure]]]] = {
    "decode": ("decode-*.json", decode),
    "decode --families": ("families-*.json", decode),
    "factors": ("factors-*.json", factors),
    "precision": ("precision-*.json", precision),
    "known_cells": ("known-cells-*.json", known_cells),
    "curves": ("curves-*.json", curves),
    "start": ("start-*.json", start),
    "load": ("load-*.json", load),
    "interface": ("interface-*.json", interface),
    "painting": ("painting-*.json", painting),
}


if __name__ == "__main__":
    main()
