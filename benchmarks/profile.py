"""Where the time of a picture goes: operators of a forward pass, of bookkeeping, of the picture.

    python -m benchmarks.profile                    # official 256 sizes, random weights
    python -m benchmarks.profile embedded           # or any model, or the path of a folder
    python -m benchmarks.profile --steps 12 --rows 30

Each part runs once to warm up and then several times under PyTorch's profiler; times are those of
an operator alone, without the operators it calls, per run. Bookkeeping is a step with a model that
answers at once: what the engine adds to its networks. The profiler itself costs some microseconds
a call, so the sums lie a little over what `python -m benchmarks.decode` measures. Other work on the
machine makes every operator wait for its slowest thread, small ones most: mind the load in line 1.
"""

import argparse
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

import maskgit
from benchmarks.decode import OFFICIAL, machine, make_random
from maskgit import runtime
from maskgit.decoding import step
from maskgit.models import TokenPredictor
from maskgit.pipeline import MaskGIT
from maskgit.types import Labels, Logits, Tokens

RUNS = 5


class Answered:
    """Gives one answer to every question, at once. Implements `models.TokenPredictor`."""

    def __init__(self, predictor: TokenPredictor, answer: Logits) -> None:
        self.mask_id = predictor.mask_id
        self.num_classes = predictor.num_classes
        self.null_label = predictor.null_label
        self.answer = answer

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        """Give the answer, once for each row."""
        del labels
        return self.answer.expand(len(tokens), -1, -1)


def main() -> None:
    """Profile each part and print its table."""
    parser = argparse.ArgumentParser(description="Where the time of a picture goes.")
    parser.add_argument("model", nargs="?", help="default: official 256 sizes, random weights")
    parser.add_argument("--steps", type=int, default=8, help="steps of the decode (default 8)")
    parser.add_argument("--rows", type=int, default=12, help="operators in a table (default 12)")
    options = parser.parse_args()
    folder = runtime.cache_folder() / "benchmarks"
    engine = maskgit.load(options.model or make_random(folder, OFFICIAL[0]))
    print(f"{machine()}, {engine.dtype}, mean of {RUNS} runs\n")
    for name, work in parts(engine, options.steps).items():
        print(f"## {name}\n\n{operators(work, options.rows)}\n")


def parts(engine: MaskGIT, steps: int) -> dict[str, Callable[[], object]]:
    """Name what a picture is made of."""
    label = engine.classes[0].id
    state = engine.prepare_generate(label, steps=steps).state
    labels = state.constraints.labels
    answered = Answered(engine.predictor, engine.predictor.logits(state.tokens, labels))

    def bookkeeping() -> None:
        now = state
        while not now.finished:
            now = step(answered, now)

    grid = engine.encode(engine.generate(label, steps=1).pictures)
    return {
        "one forward pass": lambda: engine.predictor.logits(state.tokens, labels),
        f"bookkeeping of {steps} steps": bookkeeping,
        "picture": lambda: engine.decode(grid),
    }


@torch.inference_mode()
def operators(work: Callable[[], object], rows: int) -> str:
    """Run under the profiler; lay the dearest operators out as Markdown."""
    work()
    activities = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as seen:
        for _ in range(RUNS):
            work()
    found = [
        (event.self_cpu_time_total + event.self_device_time_total, event)
        for event in seen.key_averages()
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    total = sum(taken for taken, _ in found)
    lines = ["| operator | ms | share | calls |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.key} | {taken / RUNS / 1000:.2f} | {taken / total:.1%} | {one.count / RUNS:g} |"
        for taken, one in found[:rows]
    ]
    return "\n".join([*lines, f"| all | {total / RUNS / 1000:.2f} | 100% | |"])


if __name__ == "__main__":
    main()
