"""The paper's ablation on any model: mask schedules by steps, and rules by which cells stay.

Source: MaskGIT section 4.4 and Table 3; the raster rule is the autoregressive baseline, one token
in each pass, on the same network.
"""

from collections.abc import Sequence

from typing_extensions import Unpack

from maskgit.evaluation.generation import Judge, Seen, distances
from maskgit.evaluation.report import Row
from maskgit.evaluation.sampling import sample
from maskgit.jobs import Choices
from maskgit.pipeline import MaskGIT

PAPER_SCHEDULES = (  # concave, then linear, then convex
    *("exponential", "cubic", "square", "cosine"),
    *("linear", "square_root", "logarithmic"),
)
STEPS = (4, 8, 12, 16, 32)
RULES = ("confidence", "halton", "random", "raster")


def schedules_by_steps(
    engine: MaskGIT,
    judge: Judge,
    real: Seen,
    counts: Sequence[int],
    schedules: Sequence[str] = PAPER_SCHEDULES,
    steps: Sequence[int] = STEPS,
) -> list[Row]:
    """Sample with every schedule and number of steps; all else as the model's defaults say."""
    return [
        {
            "schedule": schedule,
            "steps": number,
            **_measure(engine, judge, real, counts, schedule=schedule, steps=number),
        }
        for schedule in schedules
        for number in steps
    ]


def rules_compared(
    engine: MaskGIT,
    judge: Judge,
    real: Seen,
    counts: Sequence[int],
    rules: Sequence[str] = RULES,
) -> list[Row]:
    """Sample with every rule; `speed` is how many times as fast as the slowest one."""
    rows: list[Row] = []
    for rule in rules:
        state = engine.prepare_generate(engine.classes[0].id, reveal=rule).state
        passes = state.steps[0] - state.step[0]
        figures = _measure(engine, judge, real, counts, reveal=rule)
        rows.append({"rule": rule, "passes": passes, **figures})
    slowest = max(float(row["seconds"]) for row in rows)
    return [{**row, "speed": slowest / float(row["seconds"])} for row in rows]


def _measure(
    engine: MaskGIT, judge: Judge, real: Seen, counts: Sequence[int], **choices: Unpack[Choices]
) -> Row:
    samples = sample(engine, counts, **choices)
    seen = judge.describe(samples.pictures, samples.labels)
    return {
        **distances(real.described, seen.described),
        "class_top1": seen.consistency.top1,
        "seconds": samples.seconds,
    }
