"""Refinement: the hole alone changes, reproducibly, and its structure stays."""

import json
from dataclasses import replace

import numpy as np
import pytest

from maskgit import MaskGIT, recipe_files, recipes
from maskgit.compositing import composite
from maskgit.decoding import DecodeOptions
from maskgit.images import open_picture, to_png
from maskgit.jobs import Job, Place, Result
from maskgit.recipes import Recipe, RecipeError
from maskgit.refining import Patch, Refining
from maskgit.replaying import replay
from maskgit.steering import ban
from maskgit.tiles import MAX_LEVELS, Plan, Tile, plan_tiles
from maskgit.types import Picture, Region
from maskgit.window import Window, view
from tests.models import some_picture

PHOTO = some_picture(150, 190)
MASK = np.zeros((150, 190), bool)
MASK[40:100, 60:130] = True
WINDOW = Window(24, 4, 144)


def edited(engine: MaskGIT, refine: int, seed: int = 7, count: int = 1) -> Result:
    return engine.edit(
        PHOTO, MASK, 1000, seed=seed, count=count, window=WINDOW, refine=refine, steps=3
    )


def test_pixels_outside_the_mask_come_back_bit_identical(engine: MaskGIT) -> None:
    coarse, fine = edited(engine, 0).pictures[0], edited(engine, MAX_LEVELS).pictures[0]
    assert np.array_equal(fine[~MASK], PHOTO[~MASK])
    assert (fine != coarse)[MASK].mean() > 0.5


def test_no_levels_and_sharp_fills_come_out_as_without(engine: MaskGIT) -> None:
    assert np.array_equal(edited(engine, 0).pictures, edited(engine, 0).pictures)
    near = Window(60, 30, 40)
    made = [engine.edit(PHOTO, MASK, 1000, window=near, refine=n, steps=2).pictures for n in (0, 8)]
    assert np.array_equal(*made)


def test_a_picture_is_refined_alone_as_among_others(engine: MaskGIT) -> None:
    many = edited(engine, 2, seed=5, count=3)
    for index, seed in enumerate((5, 6, 7)):
        assert np.array_equal(many.pictures[index], edited(engine, 2, seed=seed).pictures[0])
    assert not np.array_equal(many.pictures[0], many.pictures[1])


def test_the_coarse_decode_is_the_one_without_refinement(engine: MaskGIT) -> None:
    plain, fine = edited(engine, 0), edited(engine, 2)
    assert [s.tokens.tolist() for s in plain.traces[0]] == [
        s.tokens.tolist() for s in fine.traces[0]
    ]
    assert plain.seeds == fine.seeds


def test_a_thin_line_is_refined_though_in_most_tiles_none_of_it_is_drawn(engine: MaskGIT) -> None:
    picture, line, seen = some_picture(700, 700), np.eye(700, dtype=bool), []
    made = engine.edit(
        picture, line, steps=1, refine=MAX_LEVELS, on_tile=lambda tile, _: seen.append(tile)
    )
    assert len(seen) > 40
    assert np.array_equal(made.pictures[0][~line], picture[~line])


def test_every_tile_is_told_with_the_plan(engine: MaskGIT) -> None:
    seen: list[tuple[int, Plan]] = []
    engine.edit(
        PHOTO,
        MASK,
        window=WINDOW,
        steps=2,
        refine=1,
        on_tile=lambda tile, plan: seen.append((tile.number, plan)),
    )
    plan = plan_tiles(WINDOW.shown(MASK), WINDOW.side, engine.image_size, 1)
    assert seen == [(number, plan) for number in range(len(plan.tiles))]


def test_a_cell_of_a_tile_is_of_the_class_that_was_painted_there(engine: MaskGIT) -> None:
    left = MASK & (np.arange(190) < 95)
    labels = [each.id for each in engine.classes][:2]
    job = engine.prepare_edit(
        PHOTO, MASK, labels[0], regions={labels[1]: left}, window=WINDOW, steps=1
    )
    state = engine.step(job.state)
    plan = plan_tiles(WINDOW.shown(MASK), WINDOW.side, engine.image_size, 1)
    assert job.place is not None
    refining = Refining(engine, job.place, PHOTO[None], state, plan)
    asked = set()
    for tile in plan.tiles:
        begun = refining.begin(tile).constraints
        assert begun.classes is not None
        found = begun.classes.of_cells(begun.labels)[0]
        where = tile.window.left + (np.arange(engine.grid_size) + 0.5) * (
            tile.window.side / engine.grid_size
        )
        cell = WINDOW.side / engine.grid_size
        for index in np.flatnonzero(begun.is_open[0]):
            middle = where[index % engine.grid_size]
            if abs(middle - 95) > cell / 2:  # beside the border a coarse cell decides for both
                expected = engine.classes.resolve(labels[int(middle < 95)])
                assert int(found[index]) == expected
                asked.add(expected)
    assert len(asked) == 2


def test_tiles_ban_what_the_decode_banned_everywhere(engine: MaskGIT) -> None:
    job = engine.prepare_edit(PHOTO, MASK, 1000, window=WINDOW, steps=2)
    state = engine.step(engine.step(job.state))
    banned = state
    for code in range(31):  # all but the last
        banned = ban(banned, code)
    while not banned.finished:
        banned = engine.step(banned)
    result = engine.finish(job, banned)
    plan = engine.plan(job, 1)
    begun = engine.refining(job, banned, result, plan).begin(plan.tiles[0])
    drawn = begun
    while not drawn.finished:
        drawn = engine.step(drawn)
    assert set(drawn.tokens[begun.mask].tolist()) == {31}


def test_nothing_is_refined_without_a_place_or_a_plan(engine: MaskGIT) -> None:
    generated = engine.prepare_generate(1000, steps=1)
    assert engine.plan(generated) == Plan()
    state = engine.step(generated.state)
    result = engine.finish(generated, state)
    assert engine.refine(generated, state, result, Plan()) is result
    with pytest.raises(ValueError, match="nothing to refine"):
        engine.refining(generated, state, result, Plan())


@pytest.mark.parametrize(
    ("refine", "error"), [(-1, ValueError), (9, ValueError), (True, TypeError)]
)
def test_impossible_levels_are_refused(
    engine: MaskGIT, refine: int, error: type[Exception]
) -> None:
    with pytest.raises(error, match="refine"):
        edited(engine, refine)


def patch_of(filled: Picture, region: Region, levels: int = 1) -> tuple[Patch, Plan]:
    plan = plan_tiles(WINDOW.shown(region), WINDOW.side, 32, levels)
    return Patch(PHOTO, filled, region, plan), plan


def run_through(patch: Patch, plan: Plan, noise: int) -> None:
    """Let a model that redraws what it sees, with noise, answer every tile."""
    for tile in plan.tiles:
        patch.begin(tile)
        seen = patch.sharpened(tile, 32).astype(int)
        drift = np.random.default_rng(tile.number).integers(-noise, noise + 1, seen.shape)
        patch.write(tile, np.clip(seen + drift, 0, 255).astype(np.uint8), 4)


def test_shapes_and_colours_of_the_coarse_fill_stay() -> None:
    filled = PHOTO.copy()
    filled[MASK] = (200, 60, 30)
    patch, plan = patch_of(filled, MASK, 2)
    for tile in plan.tiles:  # a model that draws something else altogether
        patch.begin(tile)
        patch.write(tile, np.full((32, 32, 3), (10, 220, 240), np.uint8), 4)
    inner = np.s_[60:80, 85:105]
    found = patch.written_to(filled)[inner].astype(int).mean((0, 1))
    assert np.abs(found - (200, 60, 30)).max() < 30 < np.abs(found - (10, 220, 240)).min()


def test_no_seam_shows_between_tiles() -> None:
    filled = PHOTO.copy()
    filled[MASK] = 120
    patch, plan = patch_of(filled, MASK)
    assert len(plan.tiles) > 1
    for tile in plan.tiles:
        patch.begin(tile)
        level = 90 + 60 * (tile.number % 2)  # neighbours disagree as much as they can
        ripple = np.indices((32, 32)).sum(0)[..., None] % 2 * 20 + level
        patch.write(tile, np.broadcast_to(ripple, (32, 32, 3)).astype(np.uint8), 4)
    inner = patch.written_to(filled)[50:90, 70:120].astype(int).mean((0, 2))
    assert np.abs(np.diff(inner)).max() < 6


def test_what_is_outside_and_in_the_patch_is_never_written() -> None:
    filled = composite(PHOTO, np.zeros_like(PHOTO), MASK, 0)
    patch, plan = patch_of(filled, MASK, 2)
    run_through(patch, plan, noise=90)
    assert np.array_equal(patch.written_to(filled)[~MASK], PHOTO[~MASK])


def test_cells_that_a_neighbour_has_drawn_are_known(engine: MaskGIT) -> None:
    place = Place(PHOTO, MASK, WINDOW, view(PHOTO, WINDOW, 32))
    job = engine.prepare_edit(PHOTO, MASK, 1000, window=WINDOW, steps=1)
    state = engine.step(job.state)
    plan = engine.plan(job, 1)
    refining = Refining(engine, place, engine.finish(job, state).pictures, state, plan)

    def num_open(tile: Tile) -> int:
        return refining.begin(tile).num_open[0]

    first, second = plan.tiles[:2]
    fresh = num_open(second)
    begun = refining.begin(first)
    while not begun.finished:
        begun = engine.step(begun)
    refining.end(first, begun)
    assert num_open(second) < fresh


def test_a_recipe_with_refinement_is_replayed_bit_for_bit(engine: MaskGIT) -> None:
    made = edited(engine, 2).pictures[0]
    recipe = Recipe(
        "small",
        "a" * 64,
        "float32",
        "1000",
        DecodeOptions(steps=3, seed=7),
        PHOTO,
        MASK,
        WINDOW,
        refine=2,
    )
    data = to_png(made, {recipes.KEY: recipes.to_text(recipe)})
    carried = recipes.from_text(recipe_files.find(data), open_picture(data))
    assert carried.refine == 2
    assert np.array_equal(replay(engine, carried).pictures[0], made)
    assert not np.array_equal(replay(engine, replace(carried, refine=0)).pictures[0], made)


def larger(engine: MaskGIT, refine: int, seed: int = 7, count: int = 1) -> Result:
    small_window_px = 190
    return engine.outpaint(
        some_picture(small_window_px, 250),
        40,
        0,
        0,
        30,
        seed=seed,
        count=count,
        refine=refine,
        steps=2,
    )


def test_a_larger_picture_is_refined_where_it_is_new(engine: MaskGIT) -> None:
    coarse, fine = larger(engine, 0).pictures[0], larger(engine, 2).pictures[0]
    assert np.array_equal(fine[:190, 40:], some_picture(190, 250))
    for new in (np.s_[:, :40], np.s_[190:]):
        assert (fine[new] != coarse[new]).mean() > 0.5


def test_larger_pictures_are_refined_alone_as_among_others(engine: MaskGIT) -> None:
    many = larger(engine, 1, seed=5, count=2)
    for index, seed in enumerate((5, 6)):
        assert np.array_equal(many.pictures[index], larger(engine, 1, seed=seed).pictures[0])


def test_a_larger_picture_is_replayed_bit_for_bit(engine: MaskGIT) -> None:
    made, options = larger(engine, 2).pictures[0], DecodeOptions(steps=2, seed=7)
    recipe = Recipe(
        "small", "a" * 64, "float32", None, options, sides=(40, 0, 0, 30), refine=2, trim=1
    )
    carried = recipes.from_text(recipes.to_text(recipe), made)
    assert carried.refine == 2
    assert np.array_equal(replay(engine, carried).pictures[0], made)
    assert not np.array_equal(replay(engine, replace(carried, refine=0)).pictures[0], made)


def test_a_steered_decode_is_refined_again_from_its_state(engine: MaskGIT) -> None:
    from maskgit.state_text import to_text

    place = Place(PHOTO, MASK, WINDOW, view(PHOTO, WINDOW, engine.image_size))
    state = edited(engine, 0).traces[0][-1]
    job = Job(state, place)
    made = engine.refine(job, state, engine.finish(job, state), engine.plan(job, 1)).pictures[0]
    recipe = Recipe(
        "small",
        "a" * 64,
        "float32",
        "1000",
        state.options[0],
        PHOTO,
        MASK,
        WINDOW,
        state=to_text(state),
        refine=1,
    )
    assert np.array_equal(replay(engine, recipe).pictures[0], made)


@pytest.mark.parametrize("lie", [-1, 9, 1.5, "all", True, None])
def test_lies_about_refinement_get_a_sentence(lie: object) -> None:
    recipe = Recipe("small", "a" * 64, "float32", None, DecodeOptions(), PHOTO, MASK)
    about = json.loads(recipes.to_text(recipe))
    assert "refine" not in about["edit"]  # as older programs write it
    about["edit"]["refine"] = lie
    with pytest.raises(RecipeError, match="refine"):
        recipes.from_text(json.dumps(about), PHOTO)
