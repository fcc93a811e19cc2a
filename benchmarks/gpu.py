"""How fast one GPU is: passes and picture, by what each step of building it gained.

    python -m benchmarks.gpu                          # the table, in 75 seconds at most
    python -m benchmarks.gpu --seconds 300 --out gpu.json
    python -m benchmarks.gpu --kernels                # also which kernels take the time

Published sizes with random weights: speed does not depend on the values. A time is the median of a
few runs after those that warm up, between two CUDA events: from a state that is ready to decode to
pictures in 8-bit levels on the GPU, with whatever Python does meanwhile. `request` is the wall
clock around a whole `engine.generate`, pictures on the host. The floor is the larger of operations
over the rate of a large matrix product and bytes over the rate of a large copy, both measured in
the same run; bytes are those of the weights in each pass. Rows come in order of importance and are
written down at once, so a run that is cut off has said the most.
"""

import argparse
import gc
import json
import os
import statistics
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import maskgit
from benchmarks.decode import machine
from maskgit import decoding, graphs
from maskgit.checkpoints import Model
from maskgit.classes import Classes
from maskgit.config import DecodeDefaults, ModelConfig
from maskgit.images import to_levels
from maskgit.models import AnyTransformer, build_tokenizer, build_transformer
from maskgit.models.empty import without_weights
from maskgit.models.fused import SWITCH
from maskgit.models.packed import pack
from maskgit.pipeline import MaskGIT
from maskgit.published import DEFAULTS
from maskgit.sizes import AdaLNConfig, LlamaGenConfig, TransformerConfig
from maskgit.state import DecodeState

RUNS, RUN_SECONDS = 9, 0.8  # at most so many runs, and about so long, for a time
LONG_MS = 3000
MATRIX = 8192
Passes: TypeAlias = Callable[[], DecodeState]
Paint: TypeAlias = Callable[[Tensor], Tensor]
HALTON = replace(DEFAULTS["adaln"], steps=8)
MODELS = {
    "official 256": ModelConfig("official-256", 256, decode=DecodeDefaults(steps=8)),
    "official 512": ModelConfig(
        "official-512",
        512,
        transformer=TransformerConfig(num_tokens=1024),
        decode=DecodeDefaults(steps=12),
    ),
    "halton 384 large": ModelConfig(
        "halton-384-large",
        384,
        LlamaGenConfig(),
        AdaLNConfig(24, 1024, 16, 2816, num_tokens=576),
        HALTON,
    ),
}
# Model, how it is built, and seconds that a row may need: none begins that would come too late.
ROWS = [
    ("official 256", "graphs bf16", 6),
    ("official 512", "graphs bf16", 9),
    ("halton 384 large", "graphs bf16", 10),
    ("official 256", "eager bf16", 4),
    ("official 256", "eager float32", 5),
    ("official 256", "compiled bf16", 16),
    ("official 256", "compiled, graphs bf16", 12),
    ("official 512", "eager bf16", 7),
    ("halton 384 large", "eager bf16", 10),
    ("official 512", "eager float32", 12),
    ("halton 384 large", "eager float32", 16),
    ("official 512", "compiled bf16", 16),
    ("halton 384 large", "compiled bf16", 20),
]


@dataclass
class Report:
    """What is known so far.

    Attributes:
        out: File that is written anew with every row.
        deadline: Moment at which all must be over, of `time.monotonic`.
        values: Everything, ready for JSON.
    """

    out: Path | None
    deadline: float
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """Time until the deadline."""
        return self.deadline - time.monotonic()

    def add(self, name: str, value: Any) -> None:
        """Write a value down, and print it."""
        self.values[name] = value
        print(f"[{self.seconds_left:5.1f} s left] {name}: {json.dumps(value)}", flush=True)
        if self.out is not None:
            self.out.write_text(json.dumps(self.values, indent=1) + "\n", encoding="utf-8")

    def attempt(self, name: str, work: Callable[[], Any]) -> None:
        """Do it and write down what came of it, be it an error."""
        try:
            self.add(name, work())
        except Exception as error:
            traceback.print_exc()
            self.add(name, {"error": str(error).partition("\n")[0]})
        gc.collect()
        torch.cuda.empty_cache()


def main() -> None:
    """Measure, print the table and write it down."""
    parser = argparse.ArgumentParser(description="How fast one GPU is.")
    parser.add_argument("--seconds", type=float, default=75.0, help="to end after (default 75)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--kernels", action="store_true", help="list the dearest kernels, too")
    options = parser.parse_args()
    os.environ[SWITCH] = "1"
    report = Report(options.out, time.monotonic() + options.seconds)
    report.attempt("machine", machine)
    report.attempt("ceilings", ceilings)
    for number, (model, build, needed_s) in enumerate(ROWS):
        if report.seconds_left < needed_s:
            report.add(f"{model}, {build}", {"left out": "no time"})
            continue
        measure_model(report, model, build, options.kernels)
        if number == 0:
            report.attempt("agreement", agreement)
    print(table(report.values), flush=True)


def ceilings() -> dict[str, float]:
    """Measure the rate of a large bf16 product and of a large copy, in TFLOP/s and GB/s."""
    a, b = torch.randn(2, MATRIX, MATRIX, dtype=torch.bfloat16, device="cuda")
    product = torch.empty_like(a)
    here, there = torch.empty(2, 2**31, dtype=torch.uint8, device="cuda")
    multiply_ms = median_ms(lambda: torch.mm(a, b, out=product), runs=20)
    copy_ms = median_ms(lambda: there.copy_(here), runs=20)
    return {
        "matrix_tflops": round(2 * MATRIX**3 / multiply_ms / 1e9, 1),
        "copy_gbs": round(2 * here.nbytes / copy_ms / 1e6, 1),
    }


def median_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """Time work on the GPU.

    The first run warms up and does not count, unless it takes so long that it does not matter.
    """
    first = _ms(work)
    if first > LONG_MS:
        return first
    times, end = [], time.monotonic() + RUN_SECONDS
    while not times or (len(times) < runs and time.monotonic() < end):
        times.append(_ms(work))
    return statistics.median(times)


def _ms(work: Callable[[], object]) -> float:
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    before.record()
    work()
    after.record()
    torch.cuda.synchronize()
    return before.elapsed_time(after)


def measure_model(report: Report, model: str, build: str, kernels: bool) -> None:
    """Measure one row of the table for each batch size."""
    try:
        engine, network = built(MODELS[model], build)
    except Exception as error:
        traceback.print_exc()
        report.add(f"{model}, {build}", {"error": str(error)})
        return
    for batch in (1, 64):
        name = f"{model}, {build}, batch {batch}"
        report.attempt(name, partial(measure, engine, network, build, batch, report))
        if kernels and build == "graphs bf16":
            passes, paint = _passes(engine, network, build, batch), _painter(engine, build)
            grid = (engine.grid_size, engine.grid_size)
            work = partial(_both, passes, paint, grid)
            report.attempt(f"{name}: kernels", partial(dearest, work))


def built(config: ModelConfig, build: str) -> tuple[MaskGIT, AnyTransformer]:
    """Make an engine with random weights, as `maskgit.load` would."""
    dtype = torch.float32 if build.endswith("float32") else torch.bfloat16
    torch.manual_seed(0)
    with torch.device("cuda"):
        tokenizer, network = (
            build_tokenizer(config.tokenizer),
            build_transformer(config.transformer),
        )
    for part in (tokenizer, network):
        part.to(dtype).eval().requires_grad_(False)
    tokenizer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    pack(network, rows=config.transformer.num_tokens + 1)
    if build.startswith("compiled"):
        for layer in network.get_submodule("layers").children():
            layer.compile(dynamic=False)
    classes = Classes.imagenet(config.transformer.null_label)
    return MaskGIT(Model(config, tokenizer, network, classes), torch.device("cuda")), network


def measure(
    engine: MaskGIT, network: AnyTransformer, build: str, batch: int, report: Report
) -> dict[str, float]:
    """Time passes and picture of one batch, together and apart."""
    passes, paint = _passes(engine, network, build, batch), _painter(engine, build)
    grid = (engine.grid_size, engine.grid_size)
    row = {"ms": median_ms(partial(_both, passes, paint, grid))}
    if "graphs" in build:
        drawn = passes().drawn.unflatten(1, grid)
        row["passes_ms"] = median_ms(passes)
        row["picture_ms"] = median_ms(partial(paint, drawn))
        row["request_ms"] = request_ms(engine, batch)
    tflop = [batch * each for each in operations(engine.config)]
    row["tflop"] = sum(tflop)
    if "error" not in report.values["ceilings"]:
        rate, copy = (report.values["ceilings"][key] for key in ("matrix_tflops", "copy_gbs"))
        read = engine.config.decode.steps * _num_bytes(network) / 1e6 / copy
        row["floor_ms"] = max(tflop[0] / rate * 1e3, read) + tflop[1] / rate * 1e3
        row["share_of_rate"] = row["tflop"] / row["ms"] * 1e3 / rate
    return {key: round(value, 4) for key, value in row.items()}


def request_ms(engine: MaskGIT, batch: int) -> float:
    """Time whole requests by the clock on the wall."""
    times, end = [], time.monotonic() + RUN_SECONDS
    while not times or (len(times) < RUNS and time.monotonic() < end):
        start = time.perf_counter()
        engine.generate(1, count=batch, seed=len(times))
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def _both(passes: Passes, paint: Paint, grid: tuple[int, int]) -> Tensor:
    return paint(passes().drawn.unflatten(1, grid))


def _passes(engine: MaskGIT, network: AnyTransformer, build: str, batch: int) -> Passes:
    """Give what runs all passes of a batch, by recordings or by the plain step."""
    state = engine.prepare_generate(1, count=batch).state
    if "graphs" not in build:
        return partial(decoding.decode, network, state)
    return partial(graphs.decode, engine.predictor, state)


def _painter(engine: MaskGIT, build: str) -> Paint:
    """Give what draws pictures of grids, by recordings or not."""
    if "graphs" in build and engine.painter is not None:
        return engine.painter.levels

    @torch.inference_mode()
    def paint(grids: Tensor) -> Tensor:
        most = max(1, graphs.MAX_PIXELS // engine.image_size**2)
        return torch.cat([to_levels(engine.tokenizer.decode(part)) for part in grids.split(most)])

    return paint


@cache
def operations(config: ModelConfig) -> tuple[float, float]:
    """Count one picture's multiplications and additions in products and convolutions, in 10^12.

    Returns:
        Of all passes, and of the picture.
    """
    with without_weights():
        tokenizer = build_tokenizer(config.tokenizer).eval()
        network = build_transformer(config.transformer).eval()
    tokens = torch.zeros(1, config.transformer.num_tokens, dtype=torch.long, device="meta")
    labels = torch.zeros(1, dtype=torch.long, device="meta")
    counts = []
    for work in (
        lambda: network.logits(tokens, labels),
        lambda: tokenizer.decode(tokens.view(1, config.grid_size, config.grid_size)),
    ):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            work()
        counts.append(counter.get_total_flops() / 1e12)
    asked = 1 if config.decode.guidance_scale == 1 else 2
    return counts[0] * asked * config.decode.steps, counts[1]


def _num_bytes(network: AnyTransformer) -> int:
    return sum(p.nbytes for p in network.parameters())


def agreement() -> dict[str, float]:
    """Count the cells of the embedded model's decodes that agree, in float32."""
    on_cpu = maskgit.load("embedded", "cpu", "float32")
    on_gpu = maskgit.load("embedded", "cuda", "float32")
    state = on_cpu.prepare_generate(on_cpu.classes[0].id, count=4, steps=8).state
    there = state.to("cuda")
    expected = decoding.decode(on_cpu.predictor, state).tokens
    network = on_gpu.predictor
    plain = list(decoding.trace(network, there))
    replayed = list(graphs.trace(network, there))
    half = maskgit.load("embedded", "cuda", "bfloat16").predictor
    pairs = {
        "plain on the GPU and on the CPU": (plain[-1].tokens.cpu(), expected),
        "graphs on the GPU and plain on the CPU": (replayed[-1].tokens.cpu(), expected),
        "graphs and plain": _stacked(replayed, plain),
        "graphs and plain, bf16": _stacked(
            list(graphs.trace(half, there)), list(decoding.trace(half, there))
        ),
    }
    return {name: float((a == b).double().mean()) for name, (a, b) in pairs.items()}


def _stacked(*traces: list[DecodeState]) -> tuple[Tensor, ...]:
    return tuple(torch.stack([state.tokens for state in states]) for states in traces)


def dearest(work: Callable[[], object], count: int = 14) -> list[str]:
    """Name the kernels that take the most time, with their milliseconds and calls."""
    work()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as seen:
        work()
        torch.cuda.synchronize()
    found = sorted(seen.key_averages(), key=lambda event: -event.self_device_time_total)
    return [
        f"{event.self_device_time_total / 1000:.3f} ms {event.count} {event.key[:90]}"
        for event in found[:count]
    ]


def table(values: dict[str, Any]) -> str:
    """Lay the rows out as Markdown."""
    lines = [
        "| model, how it runs, batch | ms | passes | picture | request | floor | share of rate |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in values.items():
        if isinstance(row, dict) and "ms" in row:
            times = [row.get(key) for key in ("ms", "passes_ms", "picture_ms", "request_ms")]
            cells = ["" if ms is None else f"{ms:.2f}" for ms in [*times, row.get("floor_ms")]]
            share = f"{row['share_of_rate']:.0%}" if "share_of_rate" in row else ""
            lines.append(f"| {name} | {' | '.join(cells)} | {share} |")
    ceiling, shares = values.get("ceilings"), values.get("agreement")
    return "\n".join(["", *lines, "", f"Ceilings: {ceiling}", f"Cells that agree: {shares}"])


if __name__ == "__main__":
    main()
