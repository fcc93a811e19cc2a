"""What a preview costs that draws only the part that changed, and how far it is from the whole.

    python -m benchmarks.partial                   # the tables; also written to benchmarks/results/
    python -m benchmarks.partial --data DATA       # held-out pictures besides the example photos
    python -m benchmarks.partial --pictures 2      # fewer of each, to try it

Each photo is filled by the embedded model: 4x4, 8x8 or 12x12 cells in the middle of its 16x16.
After some passes the picture is drawn whole, and by each way to draw less. The difference in the
masked cells is in levels of 255. That between the whole picture and what the page gets of it, a
small WebP, stands beside it. Times are what the process computes on one thread, median of several
runs; of the official 256 with random weights only these: its statistics would say nothing.
"""

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

import maskgit
from app.export import PREVIEW_QUALITY
from benchmarks.decode import OFFICIAL, machine
from maskgit.images import open_picture, to_levels
from maskgit.masks import Box
from maskgit.models import AnyTokenizer, build_tokenizer
from maskgit.models.partial import Extent, Sketch, Sums, draw_part, draw_whole
from maskgit.types import Images, Picture, TokenGrid
from maskgit.window import Window

RESULTS = Path(__file__).parent / "results"
PHOTOS = Path(__file__).parents[1] / "assets" / "examples"
HOLES = (4, 8, 12)  # cells of a side
PASSES = (2, 6, 12)  # of 12, after which it is drawn
GRID = 16
WHOLE = Extent(0, 0, GRID, GRID)
FROM_FIRST = "coarse levels whole, norms completed, from the first pass"

Ways = dict[str, Callable[[TokenGrid], Images]]  # each gives the masked cells' pixels


def main() -> None:
    """Measure, print the tables and write them down."""
    parser = argparse.ArgumentParser(description="What drawing only what changed costs and saves.")
    parser.add_argument("--pictures", type=int, default=9, help="of each kind (default 9)")
    parser.add_argument("--data", help="as for `maskgit train`: its held-out pictures, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    engine = maskgit.load(device="cpu", dtype="float32")
    pictures = [open_picture(f.read_bytes()) for f in sorted(PHOTOS.glob("*.jpg"))]
    pictures = pictures[: options.pictures]
    if options.data:
        pictures += held_out(engine, options.data, options.pictures)
    official = build_tokenizer(OFFICIAL[0].tokenizer).eval()
    official.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    report = {
        "machine": machine(),
        "pictures": len(pictures),
        "differences": differences(engine, pictures),
        "seconds": {
            "embedded": seconds(engine.tokenizer, repeats=9),
            "official 256": seconds(official, repeats=3),
        },
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "partial-cpu.json").write_text(json.dumps(report, indent=1) + "\n")
    print(tables(report))


def held_out(engine: maskgit.MaskGIT, data: str, count: int) -> list[Picture]:
    """Give held-out pictures, evenly chosen."""
    from maskgit.evaluation.pictures import load_known
    from maskgit.evaluation.sheets import evenly

    known = load_known(data, "val", engine.image_size, engine.classes, ())
    return [np.asarray(known.pictures[row]) for row in evenly(len(known), count)]


@torch.inference_mode()
def differences(engine: maskgit.MaskGIT, pictures: Sequence[Picture]) -> list[dict]:
    """Compare every way with the whole picture, over all pictures and passes."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for number, picture in enumerate(pictures):
        for hole in HOLES:
            before, drawn = decoded(engine, picture, hole, seed=number)
            cells = middle(hole)
            shown = cells.finer(engine.tokenizer.stride)
            ways = ways_to_draw(engine.tokenizer, cells, before, drawn[1])
            for index in PASSES:
                whole = to_levels(engine.tokenizer.decode(drawn[index]))
                exact = whole[0, shown.top : shown.bottom, shown.left : shown.right].int()
                results = {way: to_levels(draw(drawn[index]))[0] for way, draw in ways.items()}
                small = as_webp(whole[0].numpy())
                results["the whole as WebP, which is what the page gets"] = torch.from_numpy(
                    small[shown.top : shown.bottom, shown.left : shown.right]
                )
                for way, pixels in results.items():
                    far = (pixels.int() - exact).abs().float()
                    found.setdefault((way, hole), []).append((far.max().item(), far.mean().item()))
    rows = []
    for (way, hole), values in found.items():
        most, mean = zip(*values, strict=True)
        rows.append({"way": way, "hole": hole, "max": max(most), "mean": statistics.mean(mean)})
        rows[-1]["usual_max"] = statistics.median(most)
    return rows


def decoded(
    engine: maskgit.MaskGIT, picture: Picture, hole: int, seed: int
) -> tuple[TokenGrid, dict[int, TokenGrid]]:
    """Fill the middle of a photo; give its grid, and what is shown after each pass."""
    height, width = picture.shape[:2]
    window = Window((width - min(height, width)) // 2, 0, min(height, width))
    inside, cell = middle(hole), window.side / GRID
    mask = np.zeros((height, width), bool)
    edges = [round(edge * cell) for edge in inside]
    box = Box(edges[0], window.left + edges[1], edges[2] - edges[0], edges[3] - edges[1])
    mask[box.slices] = True
    cells = np.zeros((GRID, GRID), bool)
    cells[inside.top : inside.bottom, inside.left : inside.right] = True
    job = engine.prepare_edit(picture, mask, window=window, cells=cells, seed=seed)
    state, drawn = job.state, {}
    while not state.finished:
        state = engine.step(state)
        drawn[state.step[0]] = state.drawn.view(1, GRID, GRID)
    return job.state.constraints.tokens.view(1, GRID, GRID), drawn


def middle(hole: int) -> Extent:
    """Give a square of cells in the middle of the grid."""
    first = (GRID - hole) // 2
    return Extent(first, first, first + hole, first + hole)


def ways_to_draw(
    tokenizer: AnyTokenizer, cells: Extent, before: TokenGrid, first: TokenGrid
) -> Ways:
    """List the ways.

    Args:
        tokenizer: What draws.
        cells: That are masked.
        before: The grid of the picture as it came.
        first: The grid after the first pass.
    """
    ways: Ways = {}
    for margin in (2, 4):
        ways[f"crop, {margin} cells more, its own norms"] = cropped(tokenizer, cells, margin)
        ways[f"crop, {margin} cells more, norms of the picture as it came"] = frozen(
            tokenizer, before, cropped(tokenizer, cells, margin)
        )
    sketch = draw_whole(tokenizer, first, cells)[1]
    nothing = [Sums(0, *each[1:]) for each in sketch.outside]  # norms of these are plain ones
    alone = replace(sketch, outside=nothing)
    ways["coarse levels whole, norms of the fine part"] = drawing(tokenizer, alone)
    for words, grid in (("the picture as it came", before), ("the first pass", first)):
        way = f"coarse levels whole, norms of {words}"
        ways[way] = frozen(tokenizer, grid, drawing(tokenizer, alone))
    kept = draw_whole(tokenizer, before, cells)[1]
    ways["coarse levels whole, norms completed, from the picture as it came"] = drawing(
        tokenizer, kept
    )
    ways[FROM_FIRST] = drawing(tokenizer, sketch)
    narrow = replace(sketch, boxes=narrowed(tokenizer, sketch))
    ways[f"{FROM_FIRST}, half a cell of margin"] = drawing(tokenizer, narrow)
    return ways


def cropped(tokenizer: AnyTokenizer, cells: Extent, margin: int) -> Callable[[TokenGrid], Images]:
    """Draw a smaller grid as if it were a whole one."""
    seen = cells.grown(margin, WHOLE)
    wide, inner = seen.finer(tokenizer.stride), cells.finer(tokenizer.stride)
    return lambda grid: wide.cut(
        tokenizer.decode(grid[:, seen.top : seen.bottom, seen.left : seen.right]), inner
    )


def drawing(tokenizer: AnyTokenizer, sketch: Sketch) -> Callable[[TokenGrid], Images]:
    """Draw as the engine does, after a sketch."""
    return lambda grid: draw_part(tokenizer, grid, sketch)


def narrowed(tokenizer: AnyTokenizer, sketch: Sketch) -> list[Extent]:
    """Leave half a cell of margin, and at least a pixel."""
    boxes, scale = list(sketch.boxes), 1
    levels = [1]
    for level in tokenizer.decoder.fine_levels:
        scale *= 2
        levels += [scale] * (2 * len(level) + 1)
    levels.append(scale)
    for at, scale in enumerate(levels):
        most = sketch.cells.finer(scale).grown(max(scale // 2, 1), WHOLE.finer(scale))
        box = boxes[at]
        boxes[at] = Extent(*map(max, box[:2], most[:2]), *map(min, box[2:], most[2:]))
    return boxes


def frozen(
    tokenizer: AnyTokenizer, grid: TokenGrid, draw: Callable[[TokenGrid], Images]
) -> Callable[[TokenGrid], Images]:
    """Draw with the mean and variance that each norm has in the picture of a grid."""
    known: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def note(norm: nn.GroupNorm, inputs: tuple[Tensor], _: Tensor) -> None:
        groups = inputs[0].reshape(1, norm.num_groups, -1)
        each = norm.num_channels // norm.num_groups
        variance, mean = torch.var_mean(groups, dim=2, correction=0)
        known[norm] = mean[0].repeat_interleave(each), variance[0].repeat_interleave(each)

    def apply(norm: nn.GroupNorm, inputs: tuple[Tensor], _: Tensor) -> Tensor:
        return F.batch_norm(inputs[0], *known[norm], norm.weight, norm.bias, eps=norm.eps)

    with at_norms(tokenizer, note):
        tokenizer.decode(grid)

    def drawn(other: TokenGrid) -> Images:
        with at_norms(tokenizer, apply):
            return draw(other)

    return drawn


@contextmanager
def at_norms(tokenizer: AnyTokenizer, hook: Callable[..., Tensor | None]) -> Iterator[None]:
    """Call a hook after every norm of the decoder."""
    norms = [part for part in tokenizer.decoder.modules() if isinstance(part, nn.GroupNorm)]
    hooks = [norm.register_forward_hook(hook) for norm in norms]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()


def as_webp(picture: Picture) -> Picture:
    """Give what the page shows of a preview."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=PREVIEW_QUALITY, method=0)
    return np.array(Image.open(file).convert("RGB"))


@torch.inference_mode()
def seconds(tokenizer: AnyTokenizer, repeats: int) -> dict[str, float]:
    """Time the whole picture, a sketch of it, and its parts."""
    codes = torch.randint(tokenizer.codebook_size, (1, GRID, GRID))
    sketches = {hole: draw_whole(tokenizer, codes, middle(hole))[1] for hole in HOLES}
    works: dict[str, Callable[[], object]] = {
        "whole": lambda: tokenizer.decode(codes),
        "whole, noted": lambda: draw_whole(tokenizer, codes, middle(8)),
    }
    for hole, sketch in sketches.items():
        works[f"{hole}x{hole} cells"] = lambda sketch=sketch: draw_part(tokenizer, codes, sketch)
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):  # in turns, so that a busy moment hits all
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
    return {name: round(statistics.median(values), 4) for name, values in times.items()}


def tables(report: dict) -> str:
    """Lay the report out as Markdown."""
    lines = [", ".join(f"{name} {value}" for name, value in report["machine"].items()), ""]
    lines.append(
        f"{report['pictures']} pictures, after passes {PASSES} of 12; mean, usual max, max"
    )
    heads = [f"{hole}x{hole}" for hole in HOLES]
    lines += ["", f"| levels of 255 | {' | '.join(heads)} |", "| --- |" + " --- |" * len(HOLES)]
    cells: dict[str, list[str]] = {}
    for row in report["differences"]:
        text = f"{row['mean']:.2f}, {row['usual_max']:.0f}, {row['max']:.0f}"
        cells.setdefault(row["way"], []).append(text)
    lines += [f"| {way} | {' | '.join(row)} |" for way, row in cells.items()]
    for name, times in report["seconds"].items():
        lines += ["", f"| {name} | ms | share of the whole |", "| --- | --- | --- |"]
        for part, each in times.items():
            lines.append(f"| {part} | {1000 * each:.0f} | {each / times['whole']:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
