r"""How long a picture takes: tokens and pixels, for the official sizes and the embedded model.

    python -m benchmarks.decode               # the table; also written to benchmarks/results/
    python -m benchmarks.decode --quick       # fewer repeats, to try it
    python -m benchmarks.decode --families    # the other published architectures instead
    ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 python -m benchmarks.decode \
        --models "official 256" embedded      # as on a processor without units for bfloat16

Published sizes run with random weights: speed does not depend on the values. The
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
from unittest.mock import patch

import numpy as np
import torch

import maskgit
from maskgit import runtime
from maskgit.checkpoints import save_model
from maskgit.classes import Classes
from maskgit.config import ModelConfig
from maskgit.memory import keep_memory
from maskgit.models import build_tokenizer, build_transformer, packed
from maskgit.pipeline import MaskGIT
from maskgit.published import DEFAULTS
from maskgit.sizes import AdaLNConfig, LlamaGenConfig, TransformerConfig, UViTConfig

RESULTS = Path(__file__).parent / "results"
LIMIT = "ONEDNN_MAX_CPU_ISA"  # instructions that may be used at most, to see older processors
STEPS = 8
LARGE, LARGE_STEPS, LARGE_REPEATS = 512, 12, 3  # pixels; half a minute each in float32
OFFICIAL = [
    ModelConfig("official 256", 256),
    ModelConfig("official 512", 512, transformer=TransformerConfig(num_tokens=1024)),
]
VQ16 = LlamaGenConfig()
FAMILIES = [
    ModelConfig("halton 256 tiny", 256, VQ16, AdaLNConfig(6, 384, 6, 1024), DEFAULTS["adaln"]),
    ModelConfig("halton 256 small", 256, VQ16, AdaLNConfig(12, 512, 6, 1536), DEFAULTS["adaln"]),
    ModelConfig("halton 256 base", 256, VQ16, AdaLNConfig(), DEFAULTS["adaln"]),
    ModelConfig("halton 384 base", 384, VQ16, AdaLNConfig(num_tokens=576), DEFAULTS["adaln"]),
    ModelConfig("muse u-vit 256", 256, transformer=UViTConfig(), decode=DEFAULTS["uvit"]),
]


def main() -> None:
    """Measure, print the table and write it down."""
    keep_memory()
    parser = argparse.ArgumentParser(description="How long a picture takes.")
    parser.add_argument("--quick", action="store_true", help="three repeats instead of five")
    parser.add_argument("--families", action="store_true", help="Halton-MaskGIT and U-ViT instead")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--folder", type=Path, help="where models with random weights are kept")
    options = parser.parse_args()
    repeats = 3 if options.quick else 5
    folder = options.folder or runtime.cache_folder() / "benchmarks"

    rows, memory = [], {}
    chosen = FAMILIES if options.families else OFFICIAL
    models = {config.name: make_random(folder, config) for config in chosen}
    if not options.families:
        models["embedded"] = "embedded"
    if unknown := set(options.models or ()) - models.keys():
        parser.error(f"no {', '.join(sorted(unknown))} here; there are {', '.join(models)}")
    for name, model in ((name, models[name]) for name in options.models or models):
        ours = maskgit.load(model)
        plain = plain_float32(model, ours.device)
        is_large = ours.image_size == LARGE
        for batch in (1,) if is_large or options.families else (1, 4):
            rows += compare(name, ours, plain, batch, LARGE_REPEATS if is_large else repeats)
        del ours, plain
        memory[name] = loaded_mb(model)
    report = {"machine": machine(), "repeats": repeats, "memory_mb": memory, "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    kind = "families" if options.families else "decode"
    limit = f"-{isa.lower()}" if (isa := os.environ.get(LIMIT)) else ""
    file = RESULTS / f"{kind}-{report['machine']['device']}{limit}.json"
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))


def make_random(folder: Path, config: ModelConfig) -> str:
    """Write a model folder of published sizes with random weights, once; give its path."""
    place = folder / config.name.replace(" ", "-")
    if not (place / "config.json").exists():
        torch.manual_seed(0)
        save_model(
            place,
            build_tokenizer(config.tokenizer),
            build_transformer(config.transformer),
            config,
            Classes.imagenet(config.transformer.null_label),
            "# Random weights of published sizes, for measuring speed\n",
            dtype=torch.bfloat16,
        )
    return str(place)


def plain_float32(model: str, device: torch.device) -> MaskGIT:
    """Give the same model as anyone would write it first: float32, default layout, eager."""
    with patch.object(packed, "_works", return_value=False):
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
    steps = LARGE_STEPS if size == LARGE else STEPS

    def tokens(engine: MaskGIT) -> None:
        state = engine.prepare_generate(label, count=batch, steps=steps).state
        while not state.finished:
            state = engine.step(state)
        state.tokens.cpu()

    grid = ours.encode(pictures)
    parts: dict[str, Callable[[MaskGIT], object]] = {
        f"{steps} steps": tokens,
        "decode picture": lambda engine: engine.decode(grid),
        "encode picture": lambda engine: engine.encode(pictures).cpu(),
        f"{steps} steps + picture": lambda engine: engine.generate(label, count=batch, steps=steps),
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
        "avx512_bf16": any("avx512_bf16" in line for line in _cpuinfo()),
        "held_to": os.environ.get(LIMIT, ""),
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
        f"{report['machine']}, median of {report['repeats']}, {LARGE_REPEATS} at {LARGE} px",
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
