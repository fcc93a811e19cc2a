"""The five measurements of `python -m maskgit evaluate`, each from a bench to a report."""

from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby

import numpy as np
import torch

from maskgit.evaluation import (
    ablation,
    editing,
    generation,
    large_holes,
    metrics,
    reconstruction,
    regions,
    sheets,
    swaps,
)
from maskgit.evaluation.bench import Bench
from maskgit.evaluation.editing import TASKS
from maskgit.evaluation.pictures import load_each
from maskgit.evaluation.plot import line_chart
from maskgit.evaluation.report import Report, Row
from maskgit.evaluation.sampling import Samples, sample
from maskgit.training.data import ImageSet
from maskgit.training.perceptual import find_perceptual

SHEET, COLUMNS = 100, 10  # pictures in the sheet of samples; columns of every sheet
NEIGHBOURS = 3
LARGE = 51  # held-out pictures that are enlarged
SCHEDULE_PLOTS = {"fid": "FID", "class_top1": "share that shows its class"}


def measure_reconstruction(bench: Bench) -> Report:
    """Measure what the tokenizer loses, pack by pack."""
    engine, request = bench.engine, bench.request
    sets = load_each(request.data, "val", engine.image_size, request.packs)
    columns = min([COLUMNS, *(len(bench.limited(images)) for _, images in sets)])
    perceptual = find_perceptual(request.classifier, torch.device("cpu"))
    seen, shown = [], []
    for name, whole in sets:
        pictures = bench.limited(whole).pictures
        again = reconstruction.reconstruct(engine, pictures)
        seen.append((name, pictures, again))
        places = sheets.evenly(len(pictures), columns)
        shown += [pictures[places], again.pictures[places]]
    if len(seen) > 1:
        seen.append(reconstruction.together(seen))
    codes, extractor = engine.config.tokenizer.codebook_size, bench.judge.extractor
    rows = [
        reconstruction.measure(name, pictures, again, codes, extractor, perceptual)
        for name, pictures, again in seen
    ]
    sheet = bench.keep(".webp", sheets.columns_of(shown))
    return _report(
        bench,
        "reconstruction",
        "Reconstruction",
        f"Held-out pictures, encoded and decoded. Perceptual difference: {perceptual.name}. "
        "rFID is the Frechet distance between the two; sharpness is the mean step between "
        "neighbouring pixels, relative to the real pictures. A code counts as used where it "
        "appears in these pictures at all; the perplexity counts evenly used codes fully.",
        {"What the tokenizer loses": rows},
        {"Held-out pictures, and below each what the tokenizer makes of it": sheet},
    )


def measure_generation(bench: Bench) -> Report:
    """Measure generated pictures against held-out ones, and look for copies of training ones."""
    engine, judge, val = bench.engine, bench.judge, bench.val
    samples = sample(engine, bench.counts, bench.request.seed, **bench.choices)
    remembered = judge.classifier.describe(bench.train.pictures).features
    chosen = bench.trained_on()
    again = reconstruction.reconstruct(engine, val.pictures)
    made = judge.describe(samples.pictures, samples.labels)
    rows = [
        generation.row("real, held out", bench.real, bench.real, remembered),
        generation.row(
            "real, trained on", judge.describe(chosen.pictures, chosen.labels), bench.real
        ),
        generation.row("reconstructed", judge.describe(again.pictures, val.labels), bench.real),
        generation.row("generated", made, bench.real, remembered) | {"seconds": samples.seconds},
    ]
    tokens = generation.token_rows(engine, val, again.tokens)
    tables = {
        "Generated pictures beside real ones": rows,
        "Held-out tokens, by the share that is masked": tokens,
    }
    if bench.request.cas:
        score = generation.accuracy_score(samples, val, bench.request.cas)
        tables["A classifier's accuracy on held-out pictures, by what it was trained on"] = [
            {"trained on": "real pictures", "accuracy": judge.classifier.accuracy},
            {"trained on": f"{len(samples.pictures)} generated pictures", "accuracy": score},
        ]
    return _report(
        bench,
        "generation",
        "Generation",
        f"{_decoding(bench)} Distances are to the {len(val)} held-out pictures and depend on the "
        "number of pictures: compare rows of one count. The classifier has seen what the model "
        "was trained on, so that row flatters. Sharpness is the mean step between neighbouring "
        "pixels, relative to the held-out pictures. Likeness is the mean cosine of the "
        "classifier's features to the nearest training picture: higher for generated than for "
        "held-out ones would mean that pictures are remembered.",
        tables,
        _generation_sheets(bench, samples, made.features.numpy(), remembered.numpy()),
    )


def measure_editing(bench: Bench) -> Report:
    """Measure how well holes in held-out pictures are filled."""
    engine, val = bench.engine, bench.val
    places = sheets.evenly(len(val), COLUMNS)
    rows, shown = [], [val.pictures[places]]
    for task, region_of in TASKS.items():
        region = region_of(*val.pictures.shape[1:3])
        shown.append(sheets.with_hole(val.pictures[places], region))
        for borrow in (False, True):
            seed = bench.request.seed
            filled = editing.fill(engine, val, task, seed, borrow=borrow, **bench.choices)
            row = editing.measure(task, val, filled, bench.real, bench.judge)
            rows.append({**row, "task": f"{task}, borrowed" if borrow else task})
            shown.append(filled[places])
    sheet = bench.keep(".webp", sheets.columns_of(shown))
    large, pairs = _large_holes(bench)
    swapped, things, names = _swaps(bench)
    return _report(
        bench,
        "editing",
        "Editing",
        f"{_decoding(bench, is_edit=True)} Every held-out picture is filled once, knowing its "
        "class. `Class right` is of the whole picture, and of the hole's pixels alone. The step at "
        "the seam is the mean difference of neighbours on either side of the border, in levels of "
        "255; a ratio of 1 is a seam like any other place. Holes in larger pictures are filled by "
        "one decode, put there as drawn, then with colours evened out and the edge faded in "
        "(plain), then refined, or written with pieces of the picture around (borrowed); there "
        "sharpness is the hole's alone, and the step in colour is taken between the means on "
        "either side of the border. Another class is drawn at random for each hole, and the hole "
        "shown to the classifier alone; to stand out means a window framed closely, and the "
        f"guidance that the model's configuration names for it ({bench.engine.config.stand_out}).",
        {
            "Holes in held-out pictures": rows,
            "Holes in larger pictures": large,
            "Another class into the hole": swapped,
        },
        {
            "Real, then each hole and what was put there: drawn, and borrowed": sheet,
            "Larger pictures: real, the fill as drawn, plain, refined, borrowed": pairs,
            f"Real, then another class {' and '.join(swaps.WAYS)}: {', '.join(names)}": things,
        },
    )


def measure_regions(bench: Bench) -> Report:
    """Measure two classes in one picture, at once and one after the other."""
    engine, val, judge, seed = bench.engine, bench.val, bench.judge, bench.request.seed
    wanted = regions.pairs(len(val), len(engine.classes), seed)
    places = sheets.evenly(len(val), COLUMNS)
    own = np.stack([val.labels, val.labels], axis=1)
    real = regions.consistency("real, of one class", val.pictures, own, judge)
    del real["swapped_top1"]  # both boxes are of the same class
    rows, shown = [real], []
    for way in regions.WAYS:
        filled = regions.fill(engine, val, wanted, way, seed, **bench.choices)
        rows.append(regions.measure(way, val, wanted, filled, judge))
        shown.append(filled.pictures[places])
    names = [
        " and ".join(engine.classes[label].name for label in wanted[place].tolist())
        for place in places
    ]
    sheet = bench.keep(".webp", sheets.columns_of([val.pictures[places], *shown]))
    return _report(
        bench,
        "regions",
        "Several classes in one picture",
        f"{_decoding(bench)} Two boxes that touch are painted over each held-out picture, for two "
        "classes drawn at random, and each is shown to the classifier alone; the first row is what "
        "it says to the same boxes of the real pictures. `The other box's class` is the share that "
        "shows the class next door. The step at a seam is relative to the real pictures, around "
        "both boxes and between them.",
        {"Two boxes in held-out pictures, each with a class of its own": rows},
        {f"Real, {', then '.join(regions.WAYS)}. From the left: {'; '.join(names)}": sheet},
    )


def _large_holes(bench: Bench) -> tuple[list[Row], str]:
    """Measure what blending and refinement do for holes in larger pictures."""
    engine, seed = bench.engine, bench.request.seed
    few = sheets.evenly(len(bench.val), LARGE)
    images = ImageSet(bench.val.pictures[few], bench.val.labels[few], ())
    holes = large_holes.in_enlarged(engine, images)
    filled = large_holes.fill(engine, holes, seed, **bench.choices)
    rows = large_holes.measure("held out, enlarged", holes, filled)
    rows = large_holes.with_classes(rows, filled, images, bench.judge)
    if bench.photos:
        holes = large_holes.in_photos(bench.photos)
        filled = large_holes.fill(engine, holes, seed, **bench.choices)
        rows += large_holes.measure("photos", holes, filled)
    shown = sheets.evenly(len(holes), COLUMNS)
    columns = [large_holes.looked_at(holes[i], filled[i]) for i in shown]
    rows_of_sheet = [np.stack(row) for row in zip(*columns, strict=True)]
    return rows, bench.keep("-large.webp", sheets.columns_of(rows_of_sheet))


def _swaps(bench: Bench) -> tuple[list[Row], str, list[str]]:
    """Measure whether other classes come into a picture; also gives a sheet and its classes."""
    engine, judge, seed = bench.engine, bench.judge, bench.request.seed
    few = sheets.evenly(len(bench.val), LARGE)
    images = ImageSet(bench.val.pictures[few], bench.val.labels[few], ())
    wanted = swaps.others(images, len(engine.classes), seed)
    before = swaps.enlarged(images.pictures)
    rows = [swaps.measure("none: real, of its own class", before, images.labels, before, judge)]
    places = sheets.evenly(len(before), COLUMNS)
    shown = [before[places]]
    for way in swaps.WAYS:
        filled = swaps.fill(engine, before, wanted, way, seed, **bench.choices)
        rows.append(swaps.measure(way, filled, wanted, before, judge))
        shown.append(filled[places])
    names = [engine.classes[label].name for label in wanted[places].tolist()]
    small = [swaps.shown(each) for each in shown]
    return rows, bench.keep("-others.webp", sheets.columns_of(small)), names


def measure_ablation(bench: Bench) -> Report:
    """Compare mask schedules by steps, and reveal rules."""
    engine, judge, request = bench.engine, bench.judge, bench.request
    by_schedule = ablation.schedules_by_steps(
        engine, judge, bench.real, bench.counts, request.schedules, request.steps
    )
    by_rule = ablation.rules_compared(engine, judge, bench.real, bench.counts, request.rules)
    plots = {}
    for figure, name in SCHEDULE_PLOTS.items():
        chart = line_chart(f"{name} by schedule", "steps", name, _lines(by_schedule, figure))
        caption = f"{name}, by schedule and number of steps"
        plots[caption] = bench.keep(f"-{figure.replace('_', '-')}.svg", chart)
    return _report(
        bench,
        "ablation",
        "Schedules, steps and reveal rules",
        f"{sum(bench.counts)} pictures for each row, everything that a row does not name as the "
        "model's defaults say. `raster` is the autoregressive baseline on the same network: one "
        "token in each pass, row by row. Speed is relative to the slowest rule.",
        {"Mask schedules and steps": by_schedule, "Reveal rules": by_rule},
        plots,
    )


PART_OF: dict[str, Callable[[Bench], Report]] = {
    "reconstruction": measure_reconstruction,
    "generation": measure_generation,
    "editing": measure_editing,
    "regions": measure_regions,
    "ablation": measure_ablation,
}


def _report(
    bench: Bench,
    part: str,
    title: str,
    method: str,
    tables: dict[str, list[Row]],
    pictures: dict[str, str],
) -> Report:
    return Report(
        part=part,
        title=title,
        method=method,
        model=bench.request.model,
        extractor=bench.judge.extractor.name,
        classifier=bench.judge.classifier.name,
        tables=tables,
        pictures=pictures,
    )


def _decoding(bench: Bench, is_edit: bool = False) -> str:
    """Say how pictures were decoded."""
    config = bench.engine.config
    defaults = config.decode_edits if is_edit else config.decode
    values = {**asdict(defaults), **bench.choices}
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    return f"Decoded with {words}; seeds from {bench.request.seed} on."


def _generation_sheets(
    bench: Bench, samples: Samples, features: np.ndarray, remembered: np.ndarray
) -> dict[str, str]:
    """Draw samples as they came, and some of them above their nearest training pictures."""
    places = sheets.evenly(len(samples.pictures), SHEET)
    plain = sheets.grid(samples.pictures[places], min(COLUMNS, len(places)))
    few = sheets.evenly(len(samples.pictures), COLUMNS)
    found = metrics.nearest(
        torch.from_numpy(features[few]), torch.from_numpy(remembered), NEIGHBOURS
    )
    neighbours = [bench.train.pictures[column] for column in found.T.numpy()]
    beside = sheets.columns_of([samples.pictures[few], *neighbours])
    return {
        "Samples, class after class, none chosen": bench.keep(".webp", plain),
        "Samples (above) and the training pictures that are nearest by the classifier's "
        "features": bench.keep("-nearest.webp", beside),
    }


def _lines(rows: list[Row], figure: str) -> dict[str, list[tuple[float, float]]]:
    return {
        str(name): [(float(row["steps"]), float(row[figure])) for row in line]
        for name, line in groupby(rows, key=lambda row: row["schedule"])
    }
