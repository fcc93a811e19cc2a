"""What every verb of the command line may be told; `maskgit.cli` has the verbs.

One function per verb adds its arguments to a parser, in the order in which `--help` lists them.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskgit.compositing import FEATHER_CELLS, MAX_FEATHER_CELLS
from maskgit.film import FILM_FORMATS, OVERLAYS
from maskgit.reveal import REVEAL_RULES
from maskgit.schedules import SCHEDULES
from maskgit.state import GUIDANCE_SCHEDULES, KNOWN_CELLS, TEMPERATURE_SCHEDULES
from maskgit.tiles import MAX_LEVELS
from maskgit.traces import TRACE_FILES

EDITED = "edited.png"


def add_generate(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `generate`."""
    add_model(parser)
    _add_choices(parser, "maskgit.png")
    _add_no_recipe(parser)


def add_edit(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `edit`."""
    add = parser.add_argument
    add_model(parser)
    where = _add_picture(parser)
    add(
        "--region",
        type=_region,
        action="append",
        default=[],
        metavar="LABEL=FILE",
        help="another class where this picture is white, once for each class, up to 7; "
        "--label is for the rest of the mask, which by default is all regions together "
        "(experimental)",
    )
    where.add_argument("--masks", type=Path, metavar="FOLDER", help="masks for --images")
    add("--images", type=Path, metavar="FOLDER", help="edit all of these")
    add("--to", type=Path, default=Path("edited"), help="folder for what --images gives")
    add(
        "--feather",
        type=float,
        default=FEATHER_CELLS,
        metavar="CELLS",
        help=f"how far the new content fades in, 0 to {MAX_FEATHER_CELLS:g} cells",
    )
    _add_choices(parser, EDITED)
    _add_refine(parser)
    add(
        "--stand-out",
        action="store_true",
        help="for things that the picture does not show: frames the mask closely, and "
        "lets the class lead",
    )
    _add_no_recipe(parser)


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `trace`."""
    add_model(parser)
    _add_picture(parser)
    _add_choices(parser, "trace.png", kinds=("png", *TRACE_FILES, *FILM_FORMATS))
    parser.add_argument("--overlay", choices=OVERLAYS, default="none", help="what a film shows")
    parser.add_argument("--seconds-per-step", type=float, default=0.4, help="of a film")


def add_outpaint(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `outpaint`."""
    add_model(parser)
    parser.add_argument("picture", type=Path, help="picture to extend")
    for side in ("left", "top", "right", "bottom"):
        parser.add_argument(f"--{side}", type=int, default=0, metavar="PX", help="pixels to add")
    _add_choices(parser, "outpainted.png")
    _add_refine(parser)
    _add_no_recipe(parser)


def add_reconstruct(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `reconstruct`."""
    add_model(parser)
    parser.add_argument("picture", type=Path, help="any picture")
    parser.add_argument(
        "--out", type=path_to_write, default=Path("reconstruction.png"), help="PNG to write"
    )


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    add = parser.add_argument
    add(
        "stage",
        choices=["tokenizer", "transformer", "classifier"],
        help="stage 1, stage 2, or the classifier that judges",
    )
    add("--data", required=True, help="folder of class folders, tar shards or packs; hf://name")
    add("--run", type=Path, required=True, help="folder of the run; continues what is there")
    add("--tokenizer-run", type=Path, help="folder of the finished stage 1 (for stage 2)")
    add(
        "--recipe",
        default="embedded",
        help="embedded, holes, sharper, imagenet256, imagenet512 or tiny",
    )
    add("--from", dest="start", metavar="MODEL", help="begin at this model (fine-tuning)")
    add("--classifier", type=Path, help="run of the classifier, for a perceptual loss")
    add("--accumulate", type=_count, default=1, help="parts to compute a batch in; saves memory")
    add("--steps", type=_count, help="other number of steps than the recipe's")
    add("--seed", type=int, default=0, help="of the weights and of the order of the data")
    add("--save-every", type=_count, default=500, help="steps between checkpoints and sheets")
    add("--threads", type=_count, help="CPU threads")
    add("--no-compile", action="store_true", help="do not compile the transformer")
    add(
        "--out",
        type=Path,
        help="model folder to write: after stage 2, or with a decoder that learned",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which model runs, and where."""
    parser.add_argument("--model", default="embedded", help="a model's id or folder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or int8")


def _add_no_recipe(parser: argparse.ArgumentParser) -> None:
    """Let a verb that writes pictures leave their recipes out."""
    parser.add_argument("--no-recipe", action="store_true", help="save the picture alone")


def _add_picture(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Add a picture and where it may change; others may say that, too."""
    parser.add_argument("picture", type=Path, nargs="?", help="picture to edit")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--mask", type=Path, help="picture of the same size, white = change")
    where.add_argument(
        "--box", type=_box, metavar="LEFT,TOP,WIDTH,HEIGHT", help="change this box, in pixels"
    )
    return where


def _add_choices(
    parser: argparse.ArgumentParser, out: str, kinds: Sequence[str] = ("png",)
) -> None:
    add = parser.add_argument
    add("--label", help="class: ImageNet index, name, synonym or WordNet id (see `classes`)")
    add("--count", type=int, default=1, help="how many pictures, 1 to 64")
    add("--seed", type=int, default=0, help="seed of the first picture; the next has seed + 1")
    add("--steps", type=int, help="decoding passes, 1 to 1024 (default: the model's)")
    add("--start-step", type=int, default=0, help="first pass; skips the most uncertain ones")
    forms = f"{', '.join(SCHEDULES)}, pow2.5 or custom:1,0.5,0"
    add("--schedule", help=f"{forms} (default: the model's)")
    add("--reveal", choices=list(REVEAL_RULES), help="which cells stay (default: the model's)")
    add(
        "--known-cells",
        choices=KNOWN_CELLS,
        help="looked at in every pass, or once: faster with large models and small holes on a CPU",
    )
    add("--temperature", type=float, help="divides logits; 0 = likeliest (default: the model's)")
    add("--temperature-schedule", choices=TEMPERATURE_SCHEDULES, help="constant, or fade to 0")
    add("--choice-temperature", type=float, help="noise on confidence (default: the model's)")
    add("--top-k", type=int, default=0, help="draw among so many codes; 0 = all")
    add("--top-p", type=float, help="draw among codes of this probability together")
    add("--guidance-scale", type=float, help="1 = off (default: the model's)")
    add("--guidance-schedule", choices=GUIDANCE_SCHEDULES, help="constant, or a ramp from 1")
    add(
        "--out",
        type=partial(path_to_write, kinds=kinds),
        default=Path(out),
        help=f"file to write ({', '.join(kinds)}); several are numbered by seed",
    )


def _add_refine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--refine",
        type=_levels,
        default="auto",
        metavar="LEVELS",
        help="draw what is soft again in smaller windows, at most so many times; 0: never",
    )
    parser.add_argument(
        "--borrow",
        action=argparse.BooleanOptionalAction,
        help="write fills with pieces of the picture around them instead (default: the model's)",
    )


def _box(text: str) -> tuple[int, int, int, int]:
    try:
        left, top, width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected four whole numbers, got {text!r}") from error
    return left, top, width, height


def _region(text: str) -> tuple[str, Path]:
    label, equals, file = text.rpartition("=")
    if not equals or not label or not file:
        raise argparse.ArgumentTypeError(f"expected LABEL=FILE, got {text!r}")
    return label, Path(file)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def _levels(text: str) -> int:
    if text == "auto":
        return MAX_LEVELS
    if not text.isdecimal() or int(text) > MAX_LEVELS:
        raise argparse.ArgumentTypeError(f"expected auto or 0 to {MAX_LEVELS}, got {text!r}")
    return int(text)


def path_to_write(text: str, kinds: Sequence[str] = ("png",)) -> Path:
    """Take the path of a file that is written as what its ending says."""
    if Path(text).suffix.lower().removeprefix(".") not in kinds:
        allowed = " or ".join(kind.upper() for kind in kinds)
        raise argparse.ArgumentTypeError(f"this is written as {allowed}; {text!r} ends otherwise")
    return Path(text)
