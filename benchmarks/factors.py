"""What each thing that makes a CPU fast is worth: each is taken away by itself.

    python -m benchmarks.factors              # the embedded model and the official 256 sizes
    python -m benchmarks.factors --quick      # to try it: a few rounds of the embedded model

A picture from nothing, 8 steps and the model's own guidance, alone, with everything and without one
thing, in turns, so that a busy moment hits all. What counts is the median of the rounds' ratios. A
prediction is what the profile (`python -m benchmarks.profile`) and counted operations promised
before the thing was made, where there was one. The official sizes have random weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import maskgit
from benchmarks.decode import OFFICIAL, RESULTS, STEPS, machine, make_random
from maskgit import decoding, loading, runtime, sampling
from maskgit.memory import keep_memory
from maskgit.models import PartialPredictor, attention, packed, vqgan
from maskgit.pipeline import MaskGIT
from maskgit.runtime import Around
from maskgit.types import Cells, Labels, Logits, Tokens
from tests.predictors import Plain


class OneByOne(Around):
    """Runs with a class and without one apart. Implements `models.PartialPredictor`."""

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        """Predict every cell, row by row."""
        rows = zip(tokens.split(1), labels.split(1), strict=True)
        return torch.cat([self._predictor.logits(*row) for row in rows])

    def logits_at(self, tokens: Tokens, labels: Labels, cells: Cells) -> Tensor:
        """Predict some cells, row by row."""
        assert isinstance(self._predictor, PartialPredictor)
        rows = zip(tokens.split(1), labels.split(1), cells.split(1), strict=True)
        return torch.cat([self._predictor.logits_at(*row) for row in rows])


class Factor(NamedTuple):
    """One thing that makes it fast.

    Attributes:
        name: In a few words.
        predicted: How many times as fast it was said to make the embedded model and the official
            sizes; 0 where nothing was said.
        without: Takes it away from an engine for a while.
    """

    name: str
    predicted: tuple[float, float]
    without: Callable[[MaskGIT], AbstractContextManager[object]]


@contextmanager
def _replaced(engine: MaskGIT, kind: type[Around]) -> Iterator[None]:
    usual = engine.predictor
    engine.predictor = kind(usual)  # pyright: ignore[reportAttributeAccessIssue]
    yield
    engine.predictor = usual


@contextmanager
def _one_thread(engine: MaskGIT) -> Iterator[None]:
    del engine
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


@contextmanager
def _usual_layout(engine: MaskGIT) -> Iterator[None]:
    engine.tokenizer.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    yield
    engine.tokenizer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _sorted_with_places(logits: Tensor) -> Tensor:
    return logits.sort(dim=-1, descending=True).values


def _group_norm(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    return F.silu(norm(x))


FACTORS = [
    Factor("two threads", (2.0, 2.0), _one_thread),
    Factor("decoder's maps with channels last", (0, 0), _usual_layout),
    Factor(
        "top-p sorts values alone, not their places",
        (1.11, 1.0),
        lambda _: patch.object(sampling, "_descending", _sorted_with_places),
    ),
    Factor(
        "one run for both answers that guidance takes",
        (1.25, 1.0),
        lambda engine: _replaced(engine, OneByOne),
    ),
    Factor(
        "last layer and head for masked cells only",
        (1.06, 1.01),
        lambda engine: _replaced(engine, Plain),
    ),
    Factor(
        "draws in parts that fit the cache",
        (0, 0),
        lambda _: patch.object(decoding, "LOGITS_IN_CACHE", 2**40),
    ),
    Factor(
        "attention written out in bfloat16",
        (1.0, 1.11),
        lambda _: patch.object(attention, "SMALL", 2**60),
    ),
    Factor("SiLU in place", (1.01, 1.01), lambda _: patch.object(vqgan, "group_norm", _group_norm)),
]
BFLOAT16 = "bfloat16"  # where there are units for it
PACKED, PHASES = "linear layers packed once", "decoder's doublings phase by phase"
PHASES_PREDICTED = 1.03, 1.02  # 20 of 36 go of a third and a quarter of a picture's products
KEPT = "memory kept from step to step"
NEW_PROCESS = """
import statistics, sys
import maskgit
from benchmarks.factors import time_picture
from maskgit.memory import keep_memory
model, rounds, keeps = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "keep"
if keeps:
    keep_memory()
engine = maskgit.load(model, "cpu")
print(statistics.median([time_picture(engine) for _ in range(rounds + 1)][1:]))
"""


def main() -> None:
    """Measure, print the table and write it down."""
    keep_memory()
    parser = argparse.ArgumentParser(description="What each thing that makes it fast is worth.")
    parser.add_argument("--quick", action="store_true", help="three rounds, the embedded model")
    options = parser.parse_args()
    about = machine()
    rows = measure("embedded", 0, rounds=3 if options.quick else 15)
    if not options.quick:
        official = make_random(runtime.cache_folder() / "benchmarks", OFFICIAL[0])
        rows += measure(official, 1, rounds=3)
    report = {"machine": about, "steps": STEPS, "rows": rows}
    RESULTS.joinpath("factors-cpu.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"{about}\n\n{table(rows)}")


def measure(model: str, place: int, rounds: int) -> list[dict[str, Any]]:
    """Take each factor away in turns; `place` is that of the model in the predictions."""
    engine, others = maskgit.load(model, "cpu"), {}
    if engine.dtype == torch.bfloat16:
        others[BFLOAT16] = maskgit.load(model, "cpu", torch.float32)
    with patch.object(packed, "_works", return_value=False):
        others[PACKED] = maskgit.load(model, "cpu", engine.dtype)
    with patch.object(loading, "in_phases"):
        others[PHASES] = maskgit.load(model, "cpu", engine.dtype)
    predicted = {factor.name: factor.predicted[place] for factor in FACTORS}
    predicted |= dict.fromkeys(others, 0.0) | {PHASES: PHASES_PREDICTED[place]}
    seconds = [one_round(engine, others) for _ in range(rounds + 1)][1:]  # the first warms up
    usual = statistics.median(each["all"] for each in seconds)
    times = {name: statistics.median(s[name] / s["all"] for s in seconds) for name in predicted}
    times[KEPT] = without_kept_memory(model, rounds)
    return [
        {
            "model": engine.config.name,
            "dtype": str(engine.dtype),
            "all_s": round(usual, 4),
            "factor": name,
            "predicted": predicted.get(name, 0.0),
            "times": round(each, 3),
        }
        for name, each in times.items()
    ]


def without_kept_memory(model: str, rounds: int, turns: int = 3) -> float:
    """Say how many times as long a picture takes; in new processes, as it cannot be taken back."""

    def seconds(what: str) -> float:
        command = [sys.executable, "-c", NEW_PROCESS, model, str(rounds), what]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout)

    return statistics.median(seconds("give back") / seconds("keep") for _ in range(turns))


def one_round(engine: MaskGIT, others: dict[str, MaskGIT]) -> dict[str, float]:
    """Time a picture with all, and without each thing."""
    seconds = {"all": time_picture(engine)}
    for factor in FACTORS:
        with factor.without(engine):
            seconds[factor.name] = time_picture(engine)
    return seconds | {name: time_picture(other) for name, other in others.items()}


def time_picture(engine: MaskGIT) -> float:
    """Give the seconds that a picture takes."""
    start = time.perf_counter()
    engine.generate(engine.classes[0].id, steps=STEPS)
    return time.perf_counter() - start


def table(rows: list[dict[str, Any]]) -> str:
    """Lay the rows out as Markdown."""
    lines = ["| model | thing | predicted | measured |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row['model']}, {row['all_s']:.3g} s with all | {row['factor']} "
        f"| {'x' + format(row['predicted'], 'g') if row['predicted'] else ''} "
        f"| x{row['times']:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
