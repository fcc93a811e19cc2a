"""A picture made again from its recipe: the same pixels, by the same weights.

Batches are independent of each other, so a picture that was one variation of many comes out alone.
Other devices, precisions and numbers of threads may round otherwise; see `maskgit.recipes`.
"""

from dataclasses import asdict
from typing import cast

from maskgit.decoding import DecodeState
from maskgit.jobs import Choices, Job, Place, Result
from maskgit.pipeline import MaskGIT
from maskgit.recipes import Recipe, RecipeError
from maskgit.window import choose, view


def replay(engine: MaskGIT, recipe: Recipe) -> Result:
    """Make the picture of a recipe again.

    Args:
        engine: The model that made it; whether it is that one, `recipe.weights` tells.
        recipe: From `recipes.from_text`.

    Raises:
        ValueError: If the model refuses what the recipe says.
    """
    values = asdict(recipe.options)
    seed, label = values.pop("seed"), recipe.label
    choices = cast("Choices", values)
    regions = dict(recipe.regions)
    if recipe.state is not None:
        return _finished(engine, recipe, recipe.state)
    if recipe.original is None:
        return engine.generate(label, regions=regions, seed=seed, **choices)
    if recipe.sides is not None:
        return engine.outpaint(
            recipe.original, *recipe.sides, label,
            seed=seed, trim=recipe.trim, refine=recipe.refine, borrow=recipe.borrow, **choices,
        )  # fmt: skip
    assert recipe.mask is not None
    job = engine.prepare_edit(
        recipe.original,
        recipe.mask,
        label,
        regions=regions,
        seed=seed,
        window=recipe.window,
        cells=recipe.cells,
        feather=recipe.feather,
        **choices,
    )
    state = job.state
    while not state.finished:
        state = engine.step(state)
    return _drawn(engine, job, state, recipe)


def _finished(engine: MaskGIT, recipe: Recipe, text: str) -> Result:
    """Draw a state that is complete already."""
    state = engine.restore(text)
    if not state.finished:
        raise RecipeError("The recipe is damaged: its decode is not finished.")
    place = None
    if recipe.original is not None and recipe.mask is not None:
        window = recipe.window or choose(recipe.mask, engine.grid_size)
        seen = view(recipe.original, window, engine.image_size)
        place = Place(recipe.original, recipe.mask, window, seen, recipe.feather)
    return _drawn(engine, Job(state, place), state, recipe)


def _drawn(engine: MaskGIT, job: Job, state: DecodeState, recipe: Recipe) -> Result:
    result = engine.finish(job, state)
    return engine.refine(job, state, result, engine.plan(job, recipe.refine, recipe.borrow))
