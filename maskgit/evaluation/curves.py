"""How runs learned: their logs, thinned out, as charts and a section of a page.

Read in this order:
    run    `python -m maskgit curves RUN ...`
    read   the log of a run, by quantity
    thin   few points of many

Elsewhere: who writes the log (training.run), the chart itself (plot).
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from maskgit.evaluation.plot import Points, line_chart
from maskgit.evaluation.report import Row, command, put_section, table

Curves: TypeAlias = dict[str, list[tuple[int, float]]]  # of each quantity: steps, and its values

FIRST_STEP = 50  # of the first point, at most; every other is at twice the step of the one before
PAUSE_S = 1800.0  # between two lines: nobody trained meanwhile
ABOUT_TIME = ("step", "time", "pictures_per_s")
TEXT = (
    "What the logs of these runs say. Every point is the mean since the point before, so the first "
    "ones hide how fast a run began. Hours are those of the clock, shared with other work."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's command line."""
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs")
    add("--show", metavar="NAMES", help="only these quantities, with commas, such as val_psnr,loss")
    add("--out", type=Path, default=Path("curves"), metavar="FOLDER", help="where charts go")
    add("--page", type=Path, help="Markdown page whose section is written anew")


def run(options: argparse.Namespace) -> None:
    """Draw a chart for each quantity that the runs have logged, and say where each began and ended.

    Raises:
        ValueError: If a folder has no log, a log is damaged, or nothing has the quantities.
    """
    logs = {folder.name: read(folder) for folder in options.runs}
    if len(logs) < len(options.runs):
        raise ValueError("two runs have the same name; rename a folder to tell them apart")
    there = list(dict.fromkeys(name for curves, _ in logs.values() for name in curves))
    wanted = options.show.split(",") if options.show else there
    if unknown := [name for name in wanted if name not in there]:
        raise ValueError(f"no run has logged {unknown[0]!r}; there is {', '.join(there)}")
    options.out.mkdir(parents=True, exist_ok=True)
    charts = {}
    for name in wanted:
        lines = {run: thin(curves[name]) for run, (curves, _) in logs.items() if name in curves}
        charts[name] = options.out / f"curve-{name}.svg"
        chart = line_chart(f"{name}, by step", "step", name, lines)
        charts[name].write_text(chart, encoding="utf-8")
    rows = [row for run, log in logs.items() for row in _rows(run, *log, wanted)]
    if options.page:
        names = ["--show", options.show] if options.show else []
        place = ["--out", str(options.out), "--page", str(options.page)]
        words = ["curves", *map(str, options.runs), *names, *place]
        put_section(options.page, "curves", _section(rows, charts, options.page.parent, words))
    sys.stdout.write(f"{table(rows)}\n{options.out}\n")


def read(folder: Path) -> tuple[Curves, float]:
    """Read the log of a run: the curve of every quantity, and the hours it took.

    Steps that were done again, after a run was killed, count as they went the last time.

    Raises:
        ValueError: If there is no log, or a line of it is no figures.
    """
    file = folder / "log.jsonl"
    if not file.is_file():
        raise ValueError(f"{folder} holds no log.jsonl: it is not the folder of a run")
    curves: dict[str, dict[int, float]] = {}
    times: list[float] = []
    for line in _figures(file):
        step = int(line["step"])
        times.append(line["time"])
        for name, value in line.items():
            if name not in ABOUT_TIME and step:
                curves.setdefault(name, {})[step] = value
    pauses = (after - before for before, after in pairwise(times))
    hours = sum(pause for pause in pauses if pause < PAUSE_S) / 3600
    return {name: sorted(curve.items()) for name, curve in curves.items()}, hours


def thin(curve: Sequence[tuple[int, float]]) -> Points:
    """Give few points of many: each the mean of what came since the one before."""
    last, points, before = curve[-1][0], [], 0
    first = min(FIRST_STEP, max(1, last // 8))  # short runs have a curve, too
    ends = [first * 2**number for number in range(math.ceil(math.log2(last / first)) + 1)]
    for end in (min(end, last) for end in ends):
        values = [value for step, value in curve if before < step <= end]
        if values:
            points.append((end, sum(values) / len(values)))
        before = end
    return points


def _figures(file: Path) -> Iterator[dict[str, float]]:
    """Give the numbers of each line of a log."""
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
            numbers = {k: float(v) for k, v in line.items() if isinstance(v, int | float)}
            if not all(map(math.isfinite, numbers.values())) or not {"step", "time"} <= set(
                numbers
            ):
                raise ValueError("no figures")
        except (ValueError, AttributeError) as error:
            raise ValueError(f"line {number} of {file} is damaged") from error
        yield numbers


def _rows(run: str, curves: Curves, hours: float, wanted: Sequence[str]) -> Iterator[Row]:
    for name in wanted:
        if name in curves:
            points = thin(curves[name])
            (first, began), (last, ended) = points[0], points[-1]
            yield {
                "run": run,
                "hours": hours,
                "quantity": name,
                "steps": f"to {first:g} / {last:g}",
                "began at": float(began),
                "ended at": float(ended),
            }


def _section(
    rows: Sequence[Row], charts: Mapping[str, Path], base: Path, words: Sequence[str]
) -> str:
    lines = ["## Learning curves", "", TEXT, "", "```sh", command(words), "```", ""]
    lines += [table(rows), ""]
    for name, file in charts.items():
        link = os.path.relpath(file, base).replace(os.sep, "/")
        lines += [f"![{name}, by step]({link})", ""]
    return "\n".join(lines)
