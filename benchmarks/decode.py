"""How long a picture takes: tokens and pixels, for the official sizes and the embedded model.

    python -m benchmarks.decode            # the table; also written to benchmarks/results/
    python -m benchmarks.decode --quick    # fewer repeats, to try it

The official architecture runs with random weights: speed does not depend on the values. The
baseline, in the same run, is the same network in float32 with default memory layout, eager, in the
same decoding loop. Each figure is the median of several runs after one warm-up; the rows of both
builds take turns, so that a busy moment hits both.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import maskgit
from maskgit import runtime
from maskgit.checkpoints import save_model
from maskgit.classes import Classes
from maskgit.config import ModelConfig
from maskgit.models import build_tokenizer, build_transformer
from maskgit.pipeline import MaskGIT

RESULTS = Path(__file__).parent / "results"
STEPS = 8


def main() -> None:
    """Measure, print the table and write it down."""
    parser = argparse.ArgumentParser(description="How long a picture takes.")
    parser.add_argument("--quick", action="store_true", help="three repeats instead of five")
    parser.add_argument("--folder", type=Path, help="where the official-size model is kept")
    options = parser.parse_args()
    repeats = 3 if options.quick else 5
    folder = options.folder or runtime.cache_folder() / "benchmark-official-256"
    make_official(folder)

    rows = []
    for name, model in (("official 256", str(folder)), ("embedded", "embedded")):
        ours = maskgit.load(model)
        plain = plain_float32(model, ours.device)
        for batch in (1, 4):
            rows += compare(name, ours, plain, batch, repeats)
        del ours, plain
    memory = {name: loaded_mb(model) for name, model in (("official 256", str(folder)),)}
    report = {"machine": machine(), "repeats": repeats, "memory_mb": memory, "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"decode-{report['machine']['device']}.json"
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


def make_official(folder: Path) -> None:
    """Write a model folder of the official 256 px sizes with random weights, once."""
    if (folder / "config.json").exists():
        return
    torch.manual_seed(0)
    config = ModelConfig("official-256-random", 256)
    save_model(
        folder,
        build_tokenizer(config.tokenizer),
        build_transformer(config.transformer),
        config,
        Classes.imagenet(),
        "# Random weights of the official sizes, for measuring speed\n",
        dtype=torch.bfloat16,
    )


def plain_float32(model: str, device: torch.device) -> MaskGIT:
    """Give the same model as anyone would write it first: float32, default layout, eager."""
    engine = maskgit.load(model, device, "float32")
    tokenizer = engine.tokenizer
    tokenizer.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    return engine


def compare(
    name: str, ours: MaskGIT, plain: MaskGIT, batch: int, repeats: int
) -> list[dict[str, object]]:
    """Measure each part for both builds in turns."""
    size = ours.image_size
    pictures = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    label = ours.classes[0].id

    def tokens(engine: MaskGIT) -> None:
        state = engine.prepare_generate(label, count=batch, steps=STEPS).state
        while not state.finished:
            state = engine.step(state)
        state.tokens.cpu()

    grid = ours.encode(pictures)
    parts: dict[str, Callable[[MaskGIT], object]] = {
        f"{STEPS} steps": tokens,
        "decode picture": lambda engine: engine.decode(grid),
        "encode picture": lambda engine: engine.encode(pictures).cpu(),
        f"{STEPS} steps + picture": lambda engine: engine.generate(label, count=batch, steps=STEPS),
    }
    rows = []
    for part, work in parts.items():
        times: dict[str, list[float]] = {"ours": [], "plain": []}
        for turn in range(repeats + 1):
            for build, engine in (("ours", ours), ("plain", plain)):
                start = time.perf_counter()
                work(engine)
                if turn:  # the first turn warms up
                    times[build].append(time.perf_counter() - start)
        medians = {build: round(statistics.median(t), 4) for build, t in times.items()}
        rows.append({"model": name, "dtype": str(ours.dtype), "batch": batch, "part": part})
        rows[-1] |= {**medians, "best": round(min(times["ours"]), 4)}
    return rows


def loaded_mb(model: str) -> int:
    """Memory that loading adds to an interpreter with torch, in a fresh process, in MB."""
    code = (
        "import resource, sys, torch, maskgit\n"
        "def now():\n"
        "    for line in open('/proc/self/status'):\n"
        "        if line.startswith('VmRSS'): return int(line.split()[1]) / 1024\n"
        "before = now(); engine = maskgit.load(sys.argv[1]); print(round(now() - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def machine() -> dict[str, object]:
    """Say what was measured on."""
    cuda = torch.cuda.is_available()
    names = [line for line in _cpuinfo() if line.startswith("model name")]
    return {
        "device": "gpu" if cuda else "cpu",
        "name": torch.cuda.get_device_name()
        if cuda
        else (names or ["?"])[0].split(":")[-1].strip(),
        "amx": any("amx_bf16" in line for line in _cpuinfo()),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "maskgit": maskgit.__version__,
    }


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []


def table(report: dict) -> str:
    """Lay the report out as Markdown."""
    lines = [
        f"{report['machine']}, median of {report['repeats']}",
        "",
        "| model | batch | part | ours, s | best, s | plain float32, s | times as fast |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r['model']} ({r['dtype'].removeprefix('torch.')}) | {r['batch']} | {r['part']} "
        f"| {r['ours']:.3f} | {r['best']:.3f} | {r['plain']:.3f} | {r['plain'] / r['ours']:.1f} |"
        for r in report["rows"]
    ]
    return "\n".join([*lines, "", f"Memory of the loaded model: {report['memory_mb']} MB"])


if __name__ == "__main__":
    main()
