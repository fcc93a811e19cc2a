"""What it saves to look at known cells once, and what that costs.

    python -m benchmarks.known_cells               # times; also written to benchmarks/results/
    python -m benchmarks.known_cells --data DATA   # and how well held-out tokens are predicted
    python -m benchmarks.known_cells --quick       # to try it: the embedded model, only printed

Times: all passes of an edit whose hole is a square in the middle of the grid, with the known cells
recomputed in every pass and cached; cached anew, and once more with another seed, when what was
kept is still there. In turns, the median of several rounds. Published sizes have random weights.

Cost: in held-out pictures the same holes are masked and some of their cells drawn as they really
are; how likely does the embedded model find the others, in nats a cell? Between what it says with
the drawn cells recomputed and without them lies all that it can hear of them.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import maskgit
from benchmarks.decode import FAMILIES, LARGE, LARGE_STEPS, OFFICIAL, STEPS, machine, make_random
from maskgit import DecodeState, MaskGIT, runtime
from maskgit.asking import predict
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions
from maskgit.memory import keep_memory
from maskgit.remembering import Remembering
from maskgit.state import KNOWN_CELLS
from maskgit.types import TokenMask, Tokens

RESULTS = Path(__file__).parent / "results"
SIDES = (0.25, 0.5, 0.75)  # of the hole, as shares of the grid's
DRAWN = (0.0, 0.3, 0.6, 0.9)  # shares of the hole
PICTURES_AT_ONCE = 32


def main() -> None:
    """Measure, print the tables and write them down."""
    parser = argparse.ArgumentParser(description="What it saves to look at known cells once.")
    parser.add_argument("--data", help="as for `maskgit train`: its held-out pictures")
    parser.add_argument("--quick", action="store_true", help="the embedded model, three rounds")
    options = parser.parse_args()
    keep_memory()
    embedded = maskgit.load(device="cpu")
    times = time_edits("embedded", embedded, 3 if options.quick else 9)
    for config in () if options.quick else (*OFFICIAL, FAMILIES[3]):
        folder = runtime.cache_folder() / "benchmarks"
        engine = maskgit.load(make_random(folder, config), device="cpu")
        times += time_edits(config.name, engine, 3)
    about = machine()
    print(json.dumps(about), times_table(times), sep="\n\n")
    if not options.quick:
        write("known-cells", {"machine": about, "rows": times})
    if options.data:
        tokens = held_out(embedded, options.data)
        rows = likelihoods(embedded, tokens)
        print("", likelihood_table(rows), sep="\n")
        if not options.quick:
            write("likelihood", {"machine": about, "pictures": len(tokens), "rows": rows})


def write(name: str, report: dict[str, Any]) -> None:
    """Keep a run; each kind has a file of its own, so that one does not take the other's away."""
    (RESULTS / f"{name}-cpu.json").write_text(json.dumps(report, indent=1) + "\n")


def hole(side: int, share: float) -> TokenMask:
    """Mark a square in the middle of a grid."""
    length = round(share * side)
    first = (side - length) // 2
    is_open = torch.zeros(side, side, dtype=torch.bool)
    is_open[first : first + length, first : first + length] = True
    return is_open.flatten()[None]


def time_edits(name: str, engine: MaskGIT, rounds: int) -> list[dict[str, Any]]:
    """Time all passes of edits with holes of several sizes."""
    side = engine.grid_size
    tokens = torch.arange(side**2)[None] * 7919 % engine.config.tokenizer.codebook_size
    guidance = engine.config.decode_edits.guidance_scale
    steps = LARGE_STEPS if engine.image_size == LARGE else STEPS
    assert isinstance(engine.predictor, Remembering)
    network = engine.predictor.network

    def seconds(is_open: TokenMask, known_cells: str, seed: int) -> float:
        options = DecodeOptions(
            steps=steps, guidance_scale=guidance, known_cells=known_cells, seed=seed
        )
        conditions = Constraints(tokens, is_open, torch.tensor([0]), (side, side))
        state = engine.start(conditions, options)
        begun = time.perf_counter()
        while not state.finished:
            state = engine.step(state)
        return time.perf_counter() - begun

    rows = []
    for share in SIDES:
        is_open = hole(side, share)
        took: dict[str, list[float]] = {"recomputed_s": [], "cached_s": [], "another_seed_s": []}
        for turn in range(rounds + 1):
            engine.predictor = Remembering(network)  # nothing is kept yet
            found = {
                "recomputed_s": seconds(is_open, "recomputed", 1),
                "cached_s": seconds(is_open, "cached", 1),
                "another_seed_s": seconds(is_open, "cached", 2),
            }
            if turn:  # the first warms up
                for way, value in found.items():
                    took[way].append(value)
        medians = {way: statistics.median(values) for way, values in took.items()}
        rows.append({"model": name, "steps": steps, "hole": share**2, **medians})
    return rows


def held_out(engine: MaskGIT, data: str) -> Tokens:
    """Encode held-out pictures."""
    from maskgit.evaluation.pictures import load_known

    pictures = load_known(data, "val", engine.image_size, engine.classes, ()).pictures
    parts = (
        engine.encode(np.asarray(pictures[first : first + PICTURES_AT_ONCE])).flatten(1)
        for first in range(0, len(pictures), PICTURES_AT_ONCE)
    )
    return torch.cat(list(parts))


@torch.inference_mode()
def likelihoods(engine: MaskGIT, tokens: Tokens) -> list[dict[str, float]]:
    """Say how likely the cells are that are still masked, in nats, in each way."""
    rows = []
    for share in SIDES:
        is_open = hole(engine.grid_size, share).expand_as(tokens)
        by_chance = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(0))
        order = by_chance.masked_fill(~is_open, 2).argsort(dim=1)  # the open ones come first
        for drawn in DRAWN:
            shown = order[:, : round(drawn * int(is_open[0].sum()))]
            masked = is_open.scatter(1, shown, value=False)
            ways = {way: (masked, way) for way in KNOWN_CELLS}
            ways["nothing_drawn"] = is_open, "recomputed"
            row: dict[str, float] = {"hole": share**2, "drawn": drawn}
            for way, (hidden, known_cells) in ways.items():
                state = halfway(engine, tokens, is_open, hidden, known_cells)
                row[way] = nats(engine, state, tokens, masked)
            rows.append(row)
    return rows


def halfway(
    engine: MaskGIT, tokens: Tokens, is_open: TokenMask, masked: TokenMask, known_cells: str
) -> DecodeState:
    """Give a decode whose open cells are drawn as they really are, but for the masked ones."""
    assert engine.predictor.null_label is not None
    labels = torch.full((len(tokens),), engine.predictor.null_label)
    conditions = Constraints(tokens, is_open, labels, (engine.grid_size, engine.grid_size))
    state = engine.start(conditions, DecodeOptions(known_cells=known_cells))
    return replace(
        state,
        tokens=tokens.masked_fill(masked, state.mask_id),
        revealed_at=state.revealed_at.masked_fill(is_open & ~masked, 0),
        num_masked=tuple(masked.sum(dim=1).tolist()),
    )


def nats(engine: MaskGIT, state: DecodeState, tokens: Tokens, cells: TokenMask) -> float:
    """Give the mean cross entropy of what really is in some masked cells."""
    everywhere = torch.arange(tokens.shape[1]).expand_as(tokens)
    logits = predict(engine.predictor, state).at(everywhere)
    return float(F.cross_entropy(logits[cells], tokens[cells]))


def times_table(rows: list[dict[str, Any]]) -> str:
    """Write times as Markdown."""
    lines = [
        "| model, passes | hole | recomputed, s | cached, s | with another seed, s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        whole = row["recomputed_s"]
        cached, again = (
            f"{value:.3g} ({whole / value:.1f}x)"
            for value in (row["cached_s"], row["another_seed_s"])
        )
        about = f"{row['model']}, {row['steps']} | {row['hole']:.0%}"
        lines.append(f"| {about} | {whole:.3g} | {cached} | {again} |")
    return "\n".join(lines)


def likelihood_table(rows: list[dict[str, float]]) -> str:
    """Write likelihoods as Markdown."""
    lines = [
        "| hole | of it drawn | recomputed, nats | cached | nothing drawn |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        nats = " | ".join(f"{row[way]:.3f}" for way in (*KNOWN_CELLS, "nothing_drawn"))
        lines.append(f"| {row['hole']:.0%} | {row['drawn']:.0%} | {nats} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
