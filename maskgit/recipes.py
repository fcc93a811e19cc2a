"""What a picture was made with, kept inside its PNG: a `Recipe` as JSON in an iTXt chunk.

An edit keeps the pixels that were painted over, so that the picture it began with is the finished
one outside of the mask and the kept ones inside. A picture made larger holds the one it began with,
and a generated one needs nothing but the words. A decode that somebody steered cannot be run again
from a seed, so its finished state is kept instead. The tokens that were decoded are kept, too: they
say whether a picture that comes out differently was drawn differently, or only rounded so.

Whatever a file says is checked before it is used; unpacking stops at the size that the picture
itself allows. What is wrong with it is a `RecipeError` with a sentence for people.

Read in this order:
    Recipe                what makes a picture again; `maskgit.replaying` does it
    to_text, from_text    a recipe as JSON, and back
    to_draft, complete    one for all pictures of a run, written when none was at hand; then one's

Elsewhere: masks, grids and pixels as text (recipe_parts), recipes in PNG files (recipe_files).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from maskgit import recipe_parts as parts
from maskgit.class_map import MAX_CLASSES
from maskgit.compositing import FEATHER_CELLS, require_feather
from maskgit.decoding import DecodeOptions
from maskgit.outpainting import MAX_TRIM
from maskgit.recipe_parts import Grid, RecipeError, damaged
from maskgit.state_text import MAX_TEXT as MAX_STATE
from maskgit.tiles import MAX_LEVELS
from maskgit.types import Picture, Region
from maskgit.window import Window

KEY = "maskgit"
VERSION = 3  # of what has one of `_SINCE_3` or `_OPTIONS_SINCE_3`; with `_SINCE_2` it is 2, else 1
MAX_TEXT = 32 * 2**20  # an edit of some ten megapixels
MAX_LABEL = 200
MAX_PX = 2**16  # how far a window may reach
MAX_LENS = 1000  # characters
DTYPES = ("float32", "bfloat16", "int8")

_NAMES = {"version", "model", "weights", "dtype", "label", "options", "edit"}
_OPTIONAL = {"outpaint", "trim", "refine", "borrow", "state", "regions", "tokens"}
_SINCE_2 = {"trim", "refine", "regions", "tokens"}
_SINCE_3 = {"borrow"}
_EDIT = {"mask", "pixels"}
_EDIT_OPTIONAL = {"window", "cells", "lens", "feather", "refine"}
_OPTIONS = {field.name for field in fields(DecodeOptions)}
_OPTIONS_SINCE_3 = {"known_cells"}  # written only where it is not as it was before


@dataclass(frozen=True, eq=False)
class Recipe:
    """All that makes a picture again.

    Attributes:
        model: Id of the model, or the last part of its folder's path; never the whole path.
        weights: `fingerprint` of its folder.
        dtype: Precision it ran in, one of `DTYPES`.
        label: The class, as it was asked for; None: no class.
        options: Of the decode, the seed included.
        original: The picture it began with; None for a generated one, and until it is at hand.
        mask: For an edit, True where the picture could change.
        window: What the model saw of it; None: what `maskgit.window.choose` gives for the mask.
        cells: The window's cells that could change; None: all that the mask touches.
        sides: For a picture made larger, pixels added on the left, top, right and bottom.
        trim: For a picture made larger, cells at its sides that a window left to the next one.
        state: The finished state (`maskgit.state_text`) where the decode was steered.
        lens: For an edit, how an editor showed it while it was painted: a small JSON object that
            only editors read.
        feather: For an edit, cells over which the new content faded in.
        regions: Where other classes were asked for than `label`: class and mask, in order. Masks
            are of the picture's size; empty while that is not known.
        refine: For an edit or a larger picture, levels of refinement at most (`maskgit.tiles`).
        borrow: For these, whether the fill was written with pieces of the picture instead.
        tokens: The finished grid of every window, in the order they were decoded, before any
            refinement; empty where they are not known.
    """

    model: str
    weights: str
    dtype: str
    label: str | None
    options: DecodeOptions
    original: Picture | None = None
    mask: Region | None = None
    window: Window | None = None
    cells: Bool[np.ndarray, "h w"] | None = None
    sides: tuple[int, int, int, int] | None = None
    state: str | None = None
    lens: dict[str, Any] | None = None
    feather: float = FEATHER_CELLS
    regions: tuple[tuple[str | None, Region], ...] = ()
    refine: int = 0
    borrow: bool = False
    trim: int = 0
    tokens: Sequence[Grid] = ()


def name_of(folder: Path) -> str:
    """Give the name that a recipe has for a model: no path, and nothing but plain letters."""
    plain = re.sub(r"[^\w.-]", "-", folder.resolve().name, flags=re.ASCII).lstrip(".-")
    return plain[:100] or "model"


def fingerprint(folder: Path) -> str:
    """Give the SHA-256 of what decides a model's pictures: its sizes, classes and weights."""
    whole = hashlib.sha256()
    names = {"config.json", "classes.json"}
    for file in sorted(folder.iterdir()):
        if file.name in names or file.suffix == ".safetensors":
            part = hashlib.sha256()
            with file.open("rb") as opened:
                while block := opened.read(2**20):
                    part.update(block)
            whole.update(f"{file.name}\n{part.hexdigest()}\n".encode())
    return whole.hexdigest()


def to_text(recipe: Recipe) -> str:
    """Write a recipe as JSON, ready for `images.to_png` under `KEY`.

    Raises:
        RecipeError: If it is too large to be kept in a picture.
    """
    about = _written(recipe)
    if recipe.tokens:
        about["tokens"] = [parts.grid_text(grid) for grid in recipe.tokens]
    return _dumped(about)


def to_draft(recipe: Recipe, tokens: Mapping[int, Sequence[Grid]]) -> str:
    """Write what the pictures of a run have in common, for `complete`.

    Args:
        recipe: An edit's without its original.
        tokens: As `Recipe.tokens`, by the seed of each picture.

    Raises:
        RecipeError: If it is too large to be kept in a picture.
    """
    grids = {str(seed): [parts.grid_text(grid) for grid in each] for seed, each in tokens.items()}
    return _dumped({**_written(recipe), "tokens": grids})


def _written(recipe: Recipe) -> dict[str, Any]:
    """Give the values of a recipe as JSON has them, all but its tokens."""
    about: dict[str, Any] = {"model": recipe.model, "weights": recipe.weights}
    about |= {"dtype": recipe.dtype, "label": recipe.label}
    about["options"] = _written_options(recipe.options)
    about["edit"] = None if recipe.mask is None else _written_edit(recipe, recipe.mask)
    if recipe.sides is not None:
        about["outpaint"] = list(recipe.sides)
    if recipe.trim:
        about["trim"] = recipe.trim
    if recipe.sides is not None and recipe.refine:
        about["refine"] = recipe.refine
    if recipe.borrow:
        about["borrow"] = True
    if recipe.state is not None:
        about["state"] = recipe.state
    if recipe.regions:
        about["regions"] = [[label, parts.mask_text(region)] for label, region in recipe.regions]
    return about


def _dumped(about: dict[str, Any]) -> str:
    text = json.dumps({**about, "version": _version(about)})
    if len(text) > MAX_TEXT:
        raise RecipeError("The painted region is too large to be kept inside the picture.")
    return text


def _version(about: Mapping[str, Any]) -> int:
    """Give the oldest version that has all keys."""
    options = about.get("options")
    has_new = isinstance(options, dict) and _OPTIONS_SINCE_3 & options.keys()
    if has_new or _SINCE_3 & about.keys():
        return VERSION
    return 2 if _SINCE_2 & about.keys() else 1


def from_text(text: str, result: Picture) -> Recipe:
    """Read what `to_text` wrote.

    Args:
        text: From `recipe_files.find`.
        result: The picture that carries it.

    Raises:
        RecipeError: If it is damaged, of another version, or does not fit the picture.
    """
    recipe, about = _read(text)
    edit, named = about["edit"], about.get("regions", [])
    regions = tuple((label, parts.mask(bits, result)) for label, bits in named)
    tokens = parts.grids(about["tokens"]) if "tokens" in about else ()
    recipe = replace(recipe, regions=regions, tokens=tokens)
    if recipe.sides is not None:
        return replace(recipe, original=_inner(result, recipe.sides))
    if edit is None:
        return recipe
    mask = parts.mask(edit["mask"], result)
    pixels = parts.unpacked(edit["pixels"], 3 * int(mask.sum()))
    original = result.copy()
    original[mask] = np.frombuffer(pixels, np.uint8).reshape(-1, 3)
    return replace(recipe, original=original, mask=mask)


def complete(draft: str, seed: int, original: Picture | None) -> str:
    """Write the recipe of one picture of a run, now that what it began with is at hand.

    Args:
        draft: From `to_draft`.
        seed: Of that picture; those of a run differ in nothing else but their tokens.
        original: For an edit, the picture it began with.

    Raises:
        RecipeError: If the draft is damaged, the original is missing or of another size, or the
            recipe is too large to be kept in a picture.
    """
    recipe, about = _read(draft)
    about["options"] = _written_options(_options({**asdict(recipe.options), "seed": seed}))
    if (tokens := about.pop("tokens", None)) is not None:
        if not isinstance(tokens, dict):
            raise damaged("tokens")
        about["tokens"] = tokens.get(str(seed))
        parts.grids(about["tokens"])
    if edit := about["edit"]:
        if original is None:
            raise RecipeError("The picture it began with is not here any more.")
        mask = parts.mask(edit["mask"], original)
        about["edit"] = {**edit, "pixels": parts.packed(original[mask].tobytes())}
    return _dumped(about)


def _written_edit(recipe: Recipe, mask: Region) -> dict[str, Any]:
    pixels = None if recipe.original is None else parts.packed(recipe.original[mask].tobytes())
    edit: dict[str, Any] = {"mask": parts.mask_text(mask), "pixels": pixels}
    if recipe.window is not None:
        edit["window"] = [recipe.window.left, recipe.window.top, recipe.window.side]
    if recipe.cells is not None:
        edit["cells"] = parts.cells_text(recipe.cells)
    if recipe.lens is not None:
        edit["lens"] = recipe.lens
    if recipe.feather != FEATHER_CELLS:
        edit["feather"] = recipe.feather
    if recipe.refine:
        edit["refine"] = recipe.refine
    return edit


def _read(text: str) -> tuple[Recipe, dict[str, Any]]:
    """Check all that needs no picture; masks and pixels do, and stay as they are written."""
    about = _opened(text)
    for name, pattern in (("model", r"\w[\w.-]{0,99}"), ("weights", r"[0-9a-f]{64}")):
        value = about[name]
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise damaged(name)
    if about["dtype"] not in DTYPES:
        raise damaged("dtype")
    for name, most in (("label", MAX_LABEL), ("state", MAX_STATE)):
        value = about.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= most):
            raise damaged(name)
    edit, sides = about["edit"], about.get("outpaint")
    if edit is not None and not (isinstance(edit, dict) and _has(edit, _EDIT, _EDIT_OPTIONAL)):
        raise damaged("edit")
    if edit is not None and sides is not None:
        raise damaged("outpaint")
    if "borrow" in about and (about["borrow"] is not True or (edit is None and sides is None)):
        raise damaged("borrow")
    if sides is None and (misplaced := {"trim", "refine"} & about.keys()):
        raise damaged(min(misplaced))
    if "regions" in about:
        _require_regions(about["regions"])
    named = about["model"], about["weights"], about["dtype"], about["label"]
    recipe = Recipe(
        *named,
        options=_options(about["options"]),
        window=_window((edit or {}).get("window")),
        cells=parts.cells((edit or {}).get("cells")),
        sides=_sides(sides),
        borrow="borrow" in about,
        trim=parts.whole_number("trim", about.get("trim", 0), 0, MAX_TRIM),
        state=about.get("state"),
        lens=_lens((edit or {}).get("lens")),
        feather=_feather((edit or {}).get("feather", FEATHER_CELLS)),
        refine=parts.whole_number("refine", (edit or about).get("refine", 0), 0, MAX_LEVELS),
    )
    return recipe, about


def _require_regions(values: object) -> None:
    if not isinstance(values, list) or not 1 <= len(values) < MAX_CLASSES:
        raise damaged("regions")
    for value in values:
        if not isinstance(value, list) or len(value) != 2:
            raise damaged("regions")
        if value[0] is not None and not (isinstance(value[0], str) and len(value[0]) <= MAX_LABEL):
            raise damaged("regions")


def _has(found: dict[str, Any], needed: set[str], optional: set[str]) -> bool:
    return needed <= set(found) <= needed | optional


def _opened(text: str) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError("The recipe is damaged: it is not JSON.") from error
    if not isinstance(about, dict) or type(about.get("version")) is not int:
        raise RecipeError("The recipe is damaged: it does not say its version.")
    if about["version"] != _version(about):
        raise RecipeError(
            f"The recipe is of version {about['version']}; this program reads up to {VERSION}."
        )
    if not _has(about, _NAMES, _OPTIONAL):
        raise RecipeError("The recipe is damaged: parts are missing or unknown.")
    return about


def _window(values: object) -> Window | None:
    if values is None:
        return None
    return Window(*parts.whole_numbers("window", values, (-MAX_PX, -MAX_PX, 1), MAX_PX))


def _sides(values: object) -> tuple[int, int, int, int] | None:
    if values is None:
        return None
    return parts.whole_numbers("outpaint", values, (0, 0, 0, 0), MAX_PX)


def _feather(value: Any) -> float:
    try:
        require_feather(value)
    except (TypeError, ValueError) as error:
        raise damaged("feather") from error
    return float(value)


def _lens(value: object) -> dict[str, Any] | None:
    if value is None or (isinstance(value, dict) and len(json.dumps(value)) <= MAX_LENS):
        return value
    raise damaged("lens")


def _inner(result: Picture, sides: tuple[int, int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Give what a picture was before it was made larger."""
    left, top, right, bottom = sides
    height, width = result.shape[:2]
    inner = result[top : height - bottom, left : width - right]
    if left + right >= width or top + bottom >= height or not any(sides):
        raise RecipeError("The recipe does not fit its picture.")
    return inner.copy()


def _written_options(options: DecodeOptions) -> dict[str, Any]:
    usual = DecodeOptions()
    return {
        name: value
        for name, value in asdict(options).items()
        if name not in _OPTIONS_SINCE_3 or value != getattr(usual, name)
    }


def _options(values: object) -> DecodeOptions:
    if not isinstance(values, dict) or not _has(
        values, _OPTIONS - _OPTIONS_SINCE_3, _OPTIONS_SINCE_3
    ):
        raise RecipeError("The recipe is damaged: its options cannot be read.")
    try:
        return DecodeOptions(**values)
    except (ValueError, TypeError, OverflowError) as error:
        raise RecipeError(f"The recipe is damaged: {error}") from error
