"""`python -m maskgit replay | strip`: pictures that carry their recipe."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from maskgit import loading, recipe_files, recipes
from maskgit.cli_options import path_to_write
from maskgit.compositing import FEATHER_CELLS
from maskgit.images import to_png
from maskgit.jobs import Regions, Result
from maskgit.originals import Original, open_original
from maskgit.outpainting import TRIM
from maskgit.pipeline import MaskGIT
from maskgit.recipe_parts import Grid
from maskgit.recipes import Recipe, RecipeError
from maskgit.replaying import replay as replay_recipe
from maskgit.types import Region
from maskgit.whole_files import beside
from maskgit.window import Window


def replay(options: argparse.Namespace) -> None:
    """Make a picture again from the recipe inside it, and say whether it is the same."""
    data = options.file.read_bytes()
    original = open_original(data)  # first: it bounds the size of the file and of the picture
    picture = original.flat
    recipe = recipes.from_text(recipe_files.find(data), picture)
    named = options.model or recipe.model
    if recipes.fingerprint(loading.find_folder(named)) != recipe.weights:
        raise RecipeError(f"The picture was made by {recipe.model}, with other weights than here.")
    engine = loading.load(named, options.device, options.dtype or recipe.dtype)
    again = replay_recipe(engine, recipe)
    tokens = again.tokens(0)
    if options.out:
        notes = {recipes.KEY: recipes.to_text(dataclasses.replace(recipe, tokens=tokens))}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_bytes(original.to_png(again.pictures[0], recipe.mask, text=notes))
        print(options.out)
    if not np.array_equal(again.pictures[0], picture):
        raise RecipeError(f"The picture came out differently: {_difference(recipe, tokens)}.")
    print("identical: every pixel is the same")


def _difference(recipe: Recipe, tokens: Sequence[Grid]) -> str:
    """Say whether a picture was drawn differently, or only rounded so."""
    why = "another device, precision or number of threads, perhaps"
    if [grid.shape for grid in recipe.tokens] != [grid.shape for grid in tokens]:
        return why
    pairs = zip(recipe.tokens, tokens, strict=True)
    differ = sum(int((before != now).sum()) for before, now in pairs)
    total = sum(grid.size for grid in tokens)
    return f"{differ} of its {total} tokens are others ({why})"


def strip(options: argparse.Namespace) -> None:
    """Take the recipe out of a picture; all else stays, byte for byte."""
    out = options.out or options.file
    with beside(out) as partial:
        partial.write_bytes(recipe_files.strip(options.file.read_bytes()))
    print(out)


def add_replay(parser: argparse.ArgumentParser) -> None:
    """Say what `replay` understands."""
    parser.add_argument("file", type=Path, help="PNG that carries a recipe")
    parser.add_argument("--out", type=path_to_write, help="PNG to write")
    parser.add_argument("--model", help="id or folder, if the recipe's name is not known here")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    parser.add_argument("--dtype", help="float32, bfloat16 or int8 (default: the recipe's)")


def add_strip(parser: argparse.ArgumentParser) -> None:
    """Say what `strip` understands."""
    parser.add_argument("file", type=Path, help="PNG file")
    parser.add_argument("--out", type=Path, help="PNG to write (default: the file itself)")


def begun(engine: MaskGIT, options: argparse.Namespace) -> Callable[..., Recipe] | None:
    """Give what the recipes of a command have in common; None where none is wanted.

    Large weights take a second to be read, and a folder of pictures needs that once.
    """
    if options.no_recipe:
        return None
    weights = recipes.fingerprint(loading.find_folder(options.model))
    name, dtype = recipes.name_of(Path(options.model)), str(engine.dtype).removeprefix("torch.")
    feather = getattr(options, "feather", FEATHER_CELLS)  # of verbs that edit
    about = {"feather": feather, "refine": getattr(options, "refine", 0)}
    about["borrow"] = borrows(engine, options)
    return partial(Recipe, name, weights, dtype, options.label, **about)


def borrows(engine: MaskGIT, options: argparse.Namespace) -> bool:
    """Tell whether fills are written with pieces of the picture: as asked, else as usual."""
    asked = getattr(options, "borrow", False)  # of verbs that change pictures
    return engine.config.borrow if asked is None else asked


def with_recipes(
    begun: Callable[..., Recipe] | None,
    result: Result,
    original: Original | None = None,
    mask: Region | None = None,
    sides: tuple[int, int, int, int] | None = None,
    regions: Regions | None = None,
    window: Window | None = None,
) -> Iterator[bytes]:
    """Write results as PNG files with recipes, or without where one is not wanted or too large.

    What was made from a picture carries over what its file says beside its pixels.

    Args:
        begun: See there.
        result: What came out.
        original: The file it was made from, if any.
        mask: For an edit, what could change.
        sides: For a picture made larger, what was added on the left, top, right and bottom.
        regions: Where other classes were asked for.
        window: What the model saw, unless it was chosen as usual.
    """
    at = sides[:2] if sides else (0, 0)
    for index, (made, trace) in enumerate(zip(result.pictures, result.traces, strict=True)):
        notes = {}
        if begun:
            decode = trace[0].options[0]
            about = {"sides": sides, "trim": TRIM if sides else 0, "window": window}
            about |= {"regions": tuple((regions or {}).items()), "tokens": result.tokens(index)}
            recipe = begun(decode, original and original.flat, mask, **about)
            try:
                notes[recipes.KEY] = recipes.to_text(recipe)
            except RecipeError as error:
                print(f"maskgit: saved without a recipe. {error}", file=sys.stderr)
        yield original.to_png(made, mask, at, notes) if original else to_png(made, notes)
