"""What other precisions than float32 cost in likeness, and win in time.

    python -m benchmarks.precision                    # the embedded model, the example photos
    python -m benchmarks.precision --model FOLDER --photos 1 --precisions float32 int8

The middle of every example photo is filled, in each precision by the same seed. How often is a draw
of the first pass the same as in float32, how many of the finished tokens are, and how far off are
the logits of the first pass, relative to their spread over the codes? Passes are timed in turns, so
that a busy moment hits all.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import maskgit
from benchmarks.decode import RESULTS, STEPS, machine
from maskgit import MaskGIT, runtime
from maskgit.decoding import DecodeState
from maskgit.images import open_picture
from maskgit.types import Picture, Region

PHOTOS = Path(__file__).parents[1] / "assets" / "examples"
ROUNDS = 9
SEED = 7


def main() -> None:
    """Measure, print the table and write it down."""
    parser = argparse.ArgumentParser(description="What other precisions cost and win.")
    parser.add_argument("--model", default="embedded", help="id or folder (default: embedded)")
    parser.add_argument("--photos", type=int, default=100, help="how many at most")
    parser.add_argument("--precisions", nargs="+", default=list(runtime.PRECISIONS), metavar="NAME")
    options = parser.parse_args()
    photos = [
        open_picture(file.read_bytes()) for file in sorted(PHOTOS.glob("*.jpg"))[: options.photos]
    ]
    engines = [maskgit.load(options.model, "cpu", dtype) for dtype in options.precisions]
    traces = [[decode(engine, photo) for photo in photos] for engine in engines]
    seconds = time_passes(engines, traces[0][0][0])
    rows = [
        {"precision": name, "pass_s": took, **likeness(engines[0], traces[0], engine, trace)}
        for name, took, engine, trace in zip(
            options.precisions, seconds, engines, traces, strict=True
        )
    ]
    report = {"machine": machine(), "model": options.model, "photos": len(photos), "rows": rows}
    file = RESULTS / f"precision-{Path(options.model).name}-cpu.json"
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["machine"]))
    print("| precision | a pass, ms | logits off by | first draws alike | finished tokens alike |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        print(
            f"| {row['precision']} | {1000 * row['pass_s']:.1f} | {row['error']:.1%} "
            f"| {row['first']:.1%} | {row['finished']:.1%} |"
        )


def decode(engine: MaskGIT, photo: Picture) -> Sequence[DecodeState]:
    """Fill the middle of a photo."""
    label = engine.classes[0].id if engine.predictor.null_label is None else None
    return engine.edit(photo, middle(photo), label, seed=SEED, steps=STEPS).traces[0]


def middle(photo: Picture) -> Region:
    """The middle half of a photo, in each direction."""
    height, width = photo.shape[:2]
    mask = np.zeros((height, width), bool)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = True
    return mask


def time_passes(engines: Sequence[MaskGIT], state: DecodeState) -> list[float]:
    """Seconds of a pass, the median of several."""
    seconds = [list[float]() for _ in engines]
    for _ in range(ROUNDS):
        for engine, took in zip(engines, seconds, strict=True):
            start = time.perf_counter()
            engine.step(state)
            took.append(time.perf_counter() - start)
    return [statistics.median(took[1:]) for took in seconds]  # the first warms up


def likeness(
    exact: MaskGIT,
    reference: Sequence[Sequence[DecodeState]],
    engine: MaskGIT,
    traces: Sequence[Sequence[DecodeState]],
) -> dict[str, float]:
    """Compare decodes of the same photos with the reference's, at the cells that were open."""
    errors, first, finished = [], [], []
    for wanted, found in zip(reference, traces, strict=True):
        cells = wanted[0].mask
        begun, labels = wanted[0].tokens, wanted[0].constraints.labels
        with torch.inference_mode():
            right = exact.predictor.logits(begun, labels)[cells].float()
            error = engine.predictor.logits(begun, labels)[cells].float() - right
        errors.append(float(error.square().mean().sqrt() / right.std(-1).mean()))
        first.append(share_alike(wanted[1], found[1], cells))
        finished.append(share_alike(wanted[-1], found[-1], cells))
    means = {"error": errors, "first": first, "finished": finished}
    return {name: statistics.mean(values) for name, values in means.items()}


def share_alike(wanted: DecodeState, found: DecodeState, cells: torch.Tensor) -> float:
    """The share of cells whose code is the same."""
    return float((wanted.drawn == found.drawn)[cells].float().mean())


if __name__ == "__main__":
    main()
