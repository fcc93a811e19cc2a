"""The engine from the shell: `python -m maskgit VERB`.

One function per verb; each reads files, calls the pipeline and writes what came out. What it may be
told is said in `maskgit.cli_options`.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import distributed
from tqdm import tqdm
from typing_extensions import TypedDict

from maskgit import checks, cli_options, commands_models, commands_recipes, loading
from maskgit.commands_batch import edit_folder
from maskgit.commands_models import convert, models
from maskgit.commands_recipes import begun, borrows, replay, strip, with_recipes
from maskgit.contact_sheet import contact_sheet
from maskgit.decoding import DecodeState
from maskgit.evaluation import commands as evaluation
from maskgit.evaluation import curves as learning
from maskgit.film import FILM_FORMATS, film, overlaid
from maskgit.hub import HubError
from maskgit.images import open_picture, to_png
from maskgit.memory import keep_memory
from maskgit.originals import Original, open_original
from maskgit.pipeline import Choices, MaskGIT, OnStep
from maskgit.tiles import Plan, Tile
from maskgit.traces import TRACE_FILES
from maskgit.types import Picture, Region
from maskgit.window import resample, standing_out

WHITE = 128  # of 255, from which a mask's pixel may change


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status: 0, or 1 with a sentence on standard error."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING)
    keep_memory()
    try:
        options.verb(options)
        end_if_launched()
    except (ValueError, TypeError, OSError, HubError) as error:
        print(f"maskgit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("maskgit: stopped", file=sys.stderr)
        return 130  # what a shell reports for Ctrl-C
    return 0


def end_if_launched() -> None:
    """End this process, with status 0, if it was launched with others; its work must be done.

    They are connected by threads of PyTorch that now and then do not survive the interpreter's end,
    and then the process counts as aborted.
    """
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def generate(options: argparse.Namespace) -> None:
    """Imagine pictures from nothing."""
    engine = _engine(options)
    with _progress() as on_step:
        result = engine.generate(options.label, on_step=on_step, **_common(options))
    _write_all(options.out, with_recipes(begun(engine, options), result), result.seeds)


def edit(options: argparse.Namespace) -> None:
    """Imagine the masked part of a picture anew, or of every picture in a folder."""
    if options.images is not None:
        edit_many(options)
        return
    if options.picture is None or options.masks is not None:
        raise ValueError("name the picture and its --mask, or --images FOLDER and --masks FOLDER")
    engine, original = _engine(options), _original(options.picture)
    picture = original.flat
    regions: dict[str, Region] = {}
    for label, file in options.region:
        region = _mask(picture, file, None)
        regions[label] = region | regions.pop(label, region)
    if options.mask or options.box or not regions:
        mask = _mask(picture, options.mask, options.box)
    else:
        mask = np.logical_or.reduce(list(regions.values()))
    wish = _wish(engine, options, mask)
    with _progress() as on_step:
        result = engine.edit(
            picture, mask, options.label, regions=regions,
            feather=options.feather, **_touches(engine, options),
            on_step=on_step, on_tile=_say_tile, **wish,
        )  # fmt: skip
    about = {"regions": regions, "window": wish.get("window")}
    files = with_recipes(begun(engine, options), result, original, mask, **about)
    _write_all(options.out, files, result.seeds)


def edit_many(options: argparse.Namespace) -> None:
    """Edit every picture of a folder."""
    if options.picture is not None or options.mask is not None or options.region:
        raise ValueError("--images takes its masks from --masks FOLDER, or one --box for all")
    if options.out != Path(cli_options.EDITED):
        raise ValueError("--out is of one picture; say --to FOLDER beside --images")
    engine = _engine(options)
    engine.classes.resolve(options.label)  # a class that is not known would fail for every picture
    recipe = begun(engine, options)

    def edit_one(file: Path, mask_file: Path | None) -> Iterator[bytes]:
        original = _original(file)
        mask = _mask(original.flat, mask_file, options.box)
        wish = _wish(engine, options, mask)
        result = engine.edit(
            original.flat, mask, options.label,
            feather=options.feather, **_touches(engine, options), **wish,
        )  # fmt: skip
        return with_recipes(recipe, result, original, mask, window=wish.get("window"))

    seeds = checks.seeds(options.seed, options.count)
    edit_folder(options.images, options.masks, options.to, seeds, edit_one)


def _wish(engine: MaskGIT, options: argparse.Namespace, mask: Region) -> dict[str, Any]:
    """Give what was said about an edit; what is to stand out has a window of its own."""
    usual = standing_out(mask, engine.config) if options.stand_out else {}
    return {**usual, **_common(options)}


def outpaint(options: argparse.Namespace) -> None:
    """Imagine what lies beyond the edges of a picture."""
    engine, original = _engine(options), _original(options.picture)
    sides = (options.left, options.top, options.right, options.bottom)
    with _progress() as on_step:
        result = engine.outpaint(
            original.flat, *sides, label=options.label, on_step=on_step, on_tile=_say_tile,
            **_touches(engine, options), **_common(options),
        )  # fmt: skip
    files = with_recipes(begun(engine, options), result, original, sides=sides)
    _write_all(options.out, files, result.seeds)


def reconstruct(options: argparse.Namespace) -> None:
    """Show what the tokenizer alone makes of a picture, scaled to the model's size."""
    engine, picture = _engine(options), _read(options.picture)
    square = resample(picture, engine.image_size, engine.image_size)
    _write(options.out, engine.reconstruct(square)[0])


def trace(options: argparse.Namespace) -> None:
    """Write every pass of a decode: a sheet (.png), a film (.mp4, ...), a file (.npz, .json)."""
    engine = _engine(options)
    with _progress() as on_step:
        if options.picture:
            picture = _read(options.picture)
            mask = _mask(picture, options.mask, options.box)
            result = engine.edit(picture, mask, options.label, on_step=on_step, **_common(options))
        elif options.mask or options.box:
            raise ValueError("--mask and --box say what may change in a picture: name the picture")
        else:
            result = engine.generate(options.label, on_step=on_step, **_common(options))
    write = partial(_trace_file, engine, options)
    _write_all(options.out, map(write, result.traces), result.seeds)


def _trace_file(
    engine: MaskGIT, options: argparse.Namespace, states: Sequence[DecodeState]
) -> Picture | bytes:
    kind = options.out.suffix.lower().removeprefix(".")
    if kind in FILM_FORMATS:
        pictures = (overlaid(engine.preview(s)[0], s, options.overlay) for s in states)
        return film(pictures, kind, options.seconds_per_step)
    if kind in TRACE_FILES:
        return TRACE_FILES[kind](states, options.model)
    return contact_sheet(engine, states)


def classes(options: argparse.Namespace) -> None:
    """List the classes a model knows: id, name, synonyms."""
    for entry in _engine(options).classes:
        print(f"{entry.id:5d}  {', '.join((entry.name, *entry.synonyms))}")


def train(options: argparse.Namespace) -> None:
    """Train a stage on your own pictures; `--out` also writes the model folder."""
    from maskgit.training import commands  # slow to import, and only this verb needs it

    commands.run(options)


def evaluate(options: argparse.Namespace) -> None:
    """Measure how good a model is: its table, its figures as JSON, its section of a page."""
    evaluation.run(options)


def curves(options: argparse.Namespace) -> None:
    """Draw how runs of `train` learned, from their logs."""
    learning.run(options)


VERBS: dict[Callable[[argparse.Namespace], None], Callable[[argparse.ArgumentParser], None]] = {
    generate: cli_options.add_generate,
    edit: cli_options.add_edit,
    trace: cli_options.add_trace,
    outpaint: cli_options.add_outpaint,
    reconstruct: cli_options.add_reconstruct,
    classes: cli_options.add_model,
    train: cli_options.add_train,
    evaluate: evaluation.add_arguments,
    curves: learning.add_arguments,
    convert: commands_models.add_convert,
    models: commands_models.add_models,
    replay: commands_recipes.add_replay,
    strip: commands_recipes.add_strip,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="maskgit", description="Generate and edit pictures.")
    parser.add_argument("--verbose", action="store_true", help="say more on standard error")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb, add_arguments in VERBS.items():
        text = (verb.__doc__ or "").strip()
        sub = verbs.add_parser(
            verb.__name__, help=text, description=text, formatter_class=_HelpWithDefaults
        )
        add_arguments(sub)
        sub.set_defaults(verb=verb)
    return parser


class _HelpWithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but not that of options that are simply absent."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is False or action.default in (None, [], ()):  # but 0 is said
            return action.help
        return super()._get_help_string(action)


def _engine(options: argparse.Namespace) -> MaskGIT:
    return loading.load(options.model, options.device, options.dtype)


def _common(options: argparse.Namespace) -> "_Common":
    names = Choices.__optional_keys__
    given = {name: getattr(options, name, None) for name in names}
    chosen: Choices = {name: value for name, value in given.items() if value is not None}  # pyright: ignore
    return {"seed": options.seed, "count": options.count, **chosen}


class _Touches(TypedDict):
    refine: int
    borrow: bool


def _touches(engine: MaskGIT, options: argparse.Namespace) -> _Touches:
    """Say how a finished fill is made sharp."""
    return {"refine": options.refine, "borrow": borrows(engine, options)}


class _Common(Choices):
    seed: int
    count: int


def _mask(picture: Picture, file: Path | None, box: tuple[int, int, int, int] | None) -> Region:
    height, width = picture.shape[:2]
    if file:
        mask = _read(file)
        if mask.shape != picture.shape:
            raise ValueError(
                f"{file} is {mask.shape[1]}x{mask.shape[0]} px, the picture {width}x{height} px"
            )
        return mask.sum(2, dtype=np.uint16) >= 3 * WHITE
    if not box:
        raise ValueError("say what may change: --mask FILE or --box LEFT,TOP,WIDTH,HEIGHT")
    left, top, box_width, box_height = box
    region = np.zeros((height, width), bool)
    region[max(top, 0) : max(top + box_height, 0), max(left, 0) : max(left + box_width, 0)] = True
    return region


def _read(path: Path) -> Picture:
    try:
        return open_picture(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _original(path: Path) -> Original:
    try:
        original = open_original(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if original.is_one_of_many:
        print(f"maskgit: {path} holds several pictures; this is the first", file=sys.stderr)
    return original


def _write(path: Path, content: Picture | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else to_png(content))
    print(path)


def _write_all(path: Path, contents: Iterable[Picture | bytes], seeds: Sequence[int]) -> None:
    if len(seeds) == 1:
        _write(path, *contents)
        return
    for seed, content in zip(seeds, contents, strict=True):
        _write(path.with_stem(f"{path.stem}-{seed}"), content)


def _say_tile(tile: Tile, plan: Plan) -> None:
    """Say how far a refinement is, where people look."""
    if sys.stderr.isatty():
        end = "\n" if tile.number + 1 == len(plan.tiles) else ""
        print(f"\rrefining: {tile.number + 1} of {plan}", end=end, file=sys.stderr, flush=True)


@contextmanager
def _progress() -> Iterator[OnStep]:
    """Show passes done on standard error, where that is a terminal."""
    with tqdm(unit="pass", disable=not sys.stderr.isatty()) as bar:

        def on_step(state: DecodeState) -> None:
            bar.total = max(state.steps)
            bar.n = max(state.step)
            bar.refresh()

        yield on_step
