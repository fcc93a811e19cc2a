"""How time grows with what is asked for, one curve after another, beside the work it takes.

    python -m benchmarks.curves               # table, plots, and their section of the docs
    python -m benchmarks.curves --quick       # fewer repeats, to try it; the docs stay as they are
    python -m benchmarks.curves --only grid   # one curve, printed and nothing else

A time is what the process computes on one thread, so that other programs change it little; the
points of a curve are measured in turns, and the median of each is kept. Work is counted, not
measured: operations of a network, pixels, passes.
"""

import argparse
import io
import json
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import maskgit
from benchmarks.decode import machine, make_random
from maskgit import runtime
from maskgit.borrowing import borrow
from maskgit.config import ModelConfig
from maskgit.decoding import DecodeState, trace
from maskgit.evaluation.plot import line_chart
from maskgit.images import open_picture
from maskgit.masks import Box
from maskgit.memory import keep_memory
from maskgit.pipeline import MaskGIT
from maskgit.sizes import TransformerConfig
from maskgit.types import Picture, Region
from maskgit.window import Window

ROOT = Path(__file__).parents[1]
JSON = ROOT / "benchmarks" / "results" / "curves-cpu.json"
PLOTS = ROOT / "docs" / "images"
PAGE = ROOT / "docs" / "performance.md"
SLACK = 1.25  # of medians on a busy machine, and for what is not counted: draws, mostly
SHAPES = {1: (1152, 864), 3: (2000, 1500), 12: (4032, 3024), 24: (6016, 4016), 48: (8064, 6048)}
HOLE_PX = 256

Task: TypeAlias = Callable[[], object]


@dataclass(frozen=True)
class Line:
    """One line of a curve: seconds at each x, and what is done there in any unit."""

    name: str
    seconds: dict[float, float]
    work: dict[float, float]

    @property
    def growth(self) -> tuple[float, float]:
        """How many times the work, and the time, from the first point to the last."""
        first, last = min(self.seconds), max(self.seconds)
        return self.work[last] / self.work[first], self.seconds[last] / self.seconds[first]

    @property
    def is_fair(self) -> bool:
        """Whether time grows no faster than work, in all and from any point to the next."""
        xs = sorted(self.seconds)
        pairs = [*pairwise(xs), (xs[0], xs[-1])]
        return all(
            self.seconds[b] / self.seconds[a] <= SLACK * self.work[b] / self.work[a]
            for a, b in pairs
        )


@dataclass(frozen=True)
class Curve:
    """Lines over a common x."""

    name: str
    x_name: str
    lines: list[Line]


def main() -> None:
    """Measure, print the table, and write figures, plots and the section down."""
    keep_memory()
    curves = {each.__name__: each for each in (share, steps, grid, batch, pixels, holes)}
    parser = argparse.ArgumentParser(description="How time grows with what is asked for.")
    parser.add_argument("--quick", action="store_true", help="three repeats instead of seven")
    parser.add_argument("--only", choices=curves, help="one curve, printed and nothing else")
    options = parser.parse_args()
    torch.set_num_threads(1)
    about, found = machine(), []
    for name in [options.only] if options.only else curves:
        found.append(curves[name](3 if options.quick else 7))
        print(f"{table(found[-1:])}\n", flush=True)
    if options.only or options.quick:
        return
    report = {"machine": about, "curves": [asdict(curve) for curve in found]}
    JSON.write_text(json.dumps(report, indent=1) + "\n")
    for curve in found:
        lines = {line.name: list(line.seconds.items()) for line in curve.lines}
        chart = line_chart(f"Seconds by {curve.x_name}", curve.x_name, "seconds", lines)
        (PLOTS / plot_name(curve)).write_text(chart)
    write_section(found, about)


def measured(
    xs: Sequence[float],
    repeats: int,
    lines: Mapping[str, Callable[[float], Task]],
    work: Callable[[float], float] | None = None,
) -> list[Line]:
    """Time tasks at each x in turns, after one run of each.

    Args:
        xs: Where.
        repeats: How often.
        lines: By name, what makes a task for an x.
        work: What is done for an x, in any unit; by default the operations of the task's networks.
    """
    found = []
    for name, prepare in lines.items():
        tasks = {x: prepare(x) for x in xs}
        done = {x: work(x) if work else operations(task) for x, task in tasks.items()}
        times: dict[float, list[float]] = {x: [] for x in xs}
        for turn in range(repeats + 1):
            for x, task in tasks.items():
                start = time.process_time()
                task()
                if turn:
                    times[x].append(time.process_time() - start)
        medians = {x: round(statistics.median(values), 5) for x, values in times.items()}
        found.append(Line(name, medians, done))
    return found


def operations(task: Task) -> float:
    """Count the operations of convolutions and products, attention included."""
    packed = {torch.ops.mkldnn._linear_pointwise: _operations_of_packed}
    counter = FlopCounterMode(display=False, custom_mapping=packed)
    with sdpa_kernel(SDPBackend.MATH), counter:
        task()
    return float(counter.get_total_flops())


def _operations_of_packed(x: torch.Size, *_: object, out_shape: torch.Size) -> int:
    """Count a packed linear layer's operations, which the counter does not know."""
    return 2 * out_shape.numel() * x[-1]


def share(repeats: int) -> Curve:
    """Cells that may change: a pass sees the whole window, a picture of a step does not."""
    engine = maskgit.load(device="cpu", dtype="float32")
    size, cells = engine.image_size, engine.grid_size
    window = Window(0, 0, size)

    def begun(x: float) -> DecodeState:
        side = round(x**0.5 * cells)
        edge, length = (cells - side) // 2 * size // cells, side * size // cells
        mask = np.zeros((size, size), bool)
        mask[Box(edge, edge, length, length).slices] = True
        return engine.prepare_edit(photo(size, size), mask, window=window).state

    def passing(x: float) -> Task:
        state = begun(x)
        return lambda: engine.step(state)

    def watching(x: float) -> Task:
        state = engine.step(begun(x))
        seen = engine.glimpse(state)
        return lambda: engine.glimpse(state, seen)

    xs = [(side / cells) ** 2 for side in (2, 4, 8, 12, 16)]
    lines = measured(xs, repeats, {"a pass": passing, "its picture": watching})
    return Curve("share", "share of the window that may change", lines)


def steps(repeats: int) -> Curve:
    """Passes of a decode."""
    engine = maskgit.load(device="cpu", dtype="float32")

    def decoding(x: float) -> Task:
        state = engine.prepare_generate(engine.classes[0].id, steps=round(x)).state
        return lambda: deque(trace(engine.predictor, state), maxlen=0)

    xs = (1, 2, 4, 8, 16, 32)
    return Curve("steps", "steps", measured(xs, repeats, {"all passes": decoding}))


def grid(repeats: int) -> Curve:
    """Cells of the grid, 8x8 to 32x32, with one middling network of random weights for each."""
    engines = {float(side * side): random_engine(side) for side in (8, 16, 24, 32)}

    def passing(x: float) -> Task:
        state = engines[x].prepare_generate(None).state
        return lambda: engines[x].step(state)

    def drawing(x: float) -> Task:
        codes = torch.zeros(engines[x].grid_size, engines[x].grid_size, dtype=torch.long)
        return lambda: engines[x].decode(codes)

    def encoding(x: float) -> Task:
        picture = photo(engines[x].image_size, engines[x].image_size)
        return lambda: engines[x].encode(picture)

    parts = {"a pass": passing, "a picture is drawn": drawing, "a picture is read": encoding}
    return Curve("grid", "cells of the grid", measured(list(engines), repeats, parts))


def random_engine(side: int) -> MaskGIT:
    """Make a model of the embedded one's tokenizer and the official kind of transformer."""
    sizes = maskgit.load(device="cpu", dtype="float32").config.tokenizer
    predictor = TransformerConfig(6, 256, 4, 1024, side * side, has_null_label=True)
    config = ModelConfig(f"curve {side}", side * sizes.stride, sizes, predictor)
    folder = make_random(runtime.cache_folder() / "benchmarks", config)
    return maskgit.load(folder, device="cpu", dtype="float32")


def batch(repeats: int) -> Curve:
    """Pictures at once."""
    engine = maskgit.load(device="cpu", dtype="float32")

    def passing(x: float) -> Task:
        state = engine.prepare_generate(engine.classes[0].id, count=round(x)).state
        return lambda: engine.step(state)

    return Curve("batch", "rows", measured((1, 2, 4, 8), repeats, {"a pass": passing}))


def pixels(repeats: int) -> Curve:
    """Megapixels of the photo around the window: what is done beside the passes."""
    engine = maskgit.load(device="cpu", dtype="float32")

    def opening(x: float) -> Task:
        file = io.BytesIO()
        Image.fromarray(photo(*SHAPES[round(x)])).save(file, "JPEG", quality=91)
        return lambda: open_picture(file.getvalue())

    def hole(x: float, side: int | None) -> Region:
        width, height = SHAPES[round(x)]
        rows, columns = (side, side) if side else (height // 2, width // 2)
        mask = np.zeros((height, width), bool)
        mask[Box((height - rows) // 2, (width - columns) // 2, rows, columns).slices] = True
        return mask

    def beginning(side: int | None) -> Callable[[float], Task]:
        def begun(x: float) -> Task:
            picture, mask = photo(*SHAPES[round(x)]), hole(x, side)
            return lambda: engine.prepare_edit(picture, mask)

        return begun

    def finishing(side: int | None) -> Callable[[float], Task]:
        def finished(x: float) -> Task:
            job = engine.prepare_edit(photo(*SHAPES[round(x)]), hole(x, side))
            state = engine.step(job.state)
            return lambda: engine.finish(job, state)

        return finished

    parts = {
        "open a JPEG": opening,
        f"begin, {HOLE_PX} px": beginning(HOLE_PX),
        f"finish, {HOLE_PX} px": finishing(HOLE_PX),
        "begin, a quarter": beginning(None),
        "finish, a quarter": finishing(None),
    }
    return Curve("pixels", "megapixels", measured(list(SHAPES), repeats, parts, lambda x: x))


def holes(repeats: int) -> Curve:
    """Pixels of a hole in 12 megapixels, written with pieces of the picture around it."""
    width, height = SHAPES[12]
    picture = photo(width, height)

    def writing(x: float) -> Task:
        side = round(x**0.5)
        hole = np.zeros((height, width), bool)
        hole[Box((height - side) // 2, (width - side) // 2, side, side).slices] = True
        filled = np.where(hole[..., None], np.uint8(128), picture)
        return lambda: borrow(picture, filled, hole)

    xs = [float(side * side) for side in (64, 128, 256, 512, 1024, 2048)]
    lines = measured(xs, repeats, {"texture is borrowed": writing}, lambda x: x)
    return Curve("holes", "pixels of a hole", lines)


@lru_cache
def photo(width: int, height: int) -> Picture:
    """Make a picture with large shapes and a fine grain."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return smooth // 2 + rng.integers(0, 64, (height, width, 1), np.uint8)


def table(curves: Sequence[Curve]) -> str:
    """Lay curves out as Markdown, a line each."""
    lines = [
        "| curve | seconds | work | time | no faster than its work |",
        "| --- | --- | --- | --- | --- |",
    ]
    for curve in curves:
        for line in curve.lines:
            work, took = line.growth
            points = ", ".join(f"{x:.4g}: {each:.3g}" for x, each in line.seconds.items())
            lines.append(
                f"| {curve.x_name}: {line.name} | {points} | x{work:.3g} | x{took:.3g} "
                f"| {'yes' if line.is_fair else '**no**'} |"
            )
    return "\n".join(lines)


def write_section(curves: Sequence[Curve], about: Mapping[str, object]) -> None:
    """Put table and plots into the docs, between the marks that are there."""
    plots = [
        f'<img src="images/{plot_name(curve)}" width="49%" alt="Seconds by {curve.x_name}">'
        for curve in curves
    ]
    made_by = ", ".join(f"{name} {value}" for name, value in about.items())
    section = "\n\n".join(["", table(curves), "\n".join(plots), f"Machine: {made_by}.", ""])
    text, mark = PAGE.read_text(encoding="utf-8"), "<!-- curves: {} -->"
    head, _, rest = text.partition(mark.format("begin"))
    _, _, tail = rest.partition(mark.format("end"))
    marked = mark.format("begin") + section + mark.format("end")
    PAGE.write_text(head + marked + tail, encoding="utf-8")


def plot_name(curve: Curve) -> str:
    """Name the file of a curve's plot."""
    return f"curve-{curve.name}.svg"


if __name__ == "__main__":
    main()
