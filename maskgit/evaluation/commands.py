"""`python -m maskgit evaluate`: a measurement, its table, its JSON file and its section of a page.

Every part writes `--out FILE.json` and its sheets or plots beside it, and with `--page` puts the
same into a Markdown page. Started by `accelerate launch -m maskgit evaluate ...` the pictures are
shared out among processes; the figures are the same.
"""

import argparse
import sys
from pathlib import Path

PARTS = ("reconstruction", "generation", "editing", "regions", "ablation")


def run(options: argparse.Namespace) -> None:
    """Measure what the command line says, write it down and show its tables.

    Raises:
        ValueError: If an option is not allowed, or data or classes do not fit the model.
        CheckpointError: If there is no such model or classifier.
    """
    from accelerate import PartialState  # slow to import, and other verbs need no more than names

    from maskgit.evaluation.bench import Bench, Request
    from maskgit.evaluation.parts import PART_OF
    from maskgit.evaluation.report import table, write_json, write_section

    known = Request.__dataclass_fields__
    given = {k: v for k, v in vars(options).items() if k in known and v is not None}
    request = Request(**{**given, "choices": dict(options.settings)})
    report = PART_OF[options.part](Bench(request))
    if not PartialState().is_main_process:
        return
    arguments = _arguments(options)
    write_json(report, request.out, arguments)
    if options.page:
        write_section(report, options.page, request.out.parent, arguments)
    for caption, rows in report.tables.items():
        sys.stdout.write(f"{caption}\n{table(rows)}\n\n")
    sys.stdout.write(f"features: {report.extractor}\n{request.out}\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb's command line."""
    add = parser.add_argument
    add("part", choices=PARTS, help="what to measure")
    add("--model", default="embedded", help="a model's id or folder")
    add("--data", required=True, help="folder of class folders, tar shards or packs; hf://name")
    add("--classifier", type=Path, required=True, help="run of `maskgit train classifier`")
    add("--out", type=Path, required=True, help="JSON file to write; pictures go beside it")
    add("--page", type=Path, help="Markdown page whose section is written anew")
    add("--packs", type=_names, default=(), help="only these packs, with commas")
    limit = "only so many held-out pictures, evenly chosen (not of those that editing enlarges)"
    add("--limit", type=int, help=limit)
    add("--per-class", type=int, help="pictures to generate per class (default: as held out)")
    add("--seed", type=int, default=0, help="seed of the first picture; the next has seed + 1")
    add(
        "--set",
        type=_setting,
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="decode otherwise than the model's defaults say, such as steps=12",
    )
    add("--inception", type=Path, help="weights of Inception (default: where torch keeps them)")
    add("--photos", type=Path, help="editing: also cut holes into the photos of this folder")
    add("--cas", type=Path, help="generation: train a classifier on the samples in this folder")
    ablation = parser.add_argument_group("for ablation, with commas")
    ablation.add_argument("--schedules", type=_names, help="which (default: the paper's seven)")
    ablation.add_argument("--steps", type=_counts, help="how many (default: 4,8,12,16,32)")
    ablation.add_argument("--rules", type=_names, help="default: confidence,halton,random,raster")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    add("--dtype", default="auto", help="auto, float32, bfloat16 or int8")


def _arguments(options: argparse.Namespace) -> list[str]:
    """Say the command line again, in the one order; what is as by default is left out."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["evaluate", options.part]
    for action in parser._actions:
        value = getattr(options, action.dest, None)
        if not action.option_strings or value in (None, action.default):
            continue
        if action.dest == "settings":
            words += [word for n, v in value for word in ("--set", f"{n}={v}")]
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [action.option_strings[-1], text]
    return words


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _counts(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(name) for name in _names(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected whole numbers, got {text!r}") from error


def _setting(text: str) -> tuple[str, int | float | str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    try:
        number = float(value)
    except ValueError:
        return name, value
    return name, int(value) if value.strip().lstrip("+-").isdecimal() else number
