"""Borrowed texture: the hole alone changes, reproducibly, and what it shows is the picture's."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import maskgit
from maskgit import MaskGIT, borrowing, pieces, recipe_files, recipes
from maskgit.borrowing import borrow, is_possible
from maskgit.decoding import DecodeOptions
from maskgit.images import open_picture, to_png
from maskgit.jobs import Job, Result
from maskgit.recipes import Recipe, RecipeError
from maskgit.replaying import replay
from maskgit.tiles import Plan
from maskgit.types import Picture, Region
from maskgit.window import Window, standing_out
from tests.models import some_picture

ROOT = Path(__file__).resolve().parents[2]
PHOTO = some_picture(150, 190)
MASK = np.zeros((150, 190), bool)
MASK[60:90, 80:120] = True
WINDOW = Window(24, 4, 144)


def stripes(height: int, width: int) -> Picture:
    """A picture that goes on in one way only: bands of three colours, 12 pixels each."""
    colours = np.array([[200, 40, 40], [40, 160, 60], [230, 220, 90]], np.uint8)
    rows = colours[np.arange(height) // 12 % 3]
    return np.repeat(rows[:, None], width, axis=1)


def with_fog(picture: Picture, hole: Region) -> Picture:
    """As a small model would fill it: the colours are right, all edges are soft."""
    fogged = picture.copy()
    mean = [picture[:, :, c][hole].mean() for c in range(3)]
    fogged[hole] = (0.5 * picture[hole] + 0.5 * np.array(mean)).astype(np.uint8)
    return fogged


def hole_in(picture: Picture, top: int, left: int, height: int, width: int) -> Region:
    hole = np.zeros(picture.shape[:2], bool)
    hole[top : top + height, left : left + width] = True
    return hole


@pytest.mark.parametrize("shape", [(150, 180), (700, 900)], ids=["small", "larger than a level"])
def test_what_repeats_goes_on_through_the_hole(shape: tuple[int, int]) -> None:
    picture = stripes(*shape)
    hole = hole_in(picture, shape[0] // 3, shape[1] // 3, shape[0] // 4, shape[1] // 4)
    foggy = with_fog(picture, hole)
    written = borrow(picture, foggy, hole)
    wrong = np.abs(written.astype(int) - picture)[hole].mean()
    assert wrong < 0.3 * np.abs(foggy.astype(int) - picture)[hole].mean()


def test_pixels_outside_the_hole_come_back_bit_identical() -> None:
    foggy = with_fog(PHOTO, MASK)
    written = borrow(PHOTO, foggy, MASK, feather_px=3)
    assert np.array_equal(written[~MASK], PHOTO[~MASK])
    assert (written != foggy)[MASK].mean() > 0.5
    assert written is not PHOTO


def test_what_was_in_the_hole_does_not_matter() -> None:
    foggy = with_fog(PHOTO, MASK)
    other = PHOTO.copy()
    other[MASK] = 255 - other[MASK]
    assert np.array_equal(borrow(PHOTO, foggy, MASK), borrow(other, foggy, MASK))


def test_what_the_model_drew_does_matter() -> None:
    picture = np.concatenate([stripes(60, 200), np.full((90, 200, 3), 128, np.uint8)])
    hole = hole_in(picture, 80, 70, 50, 60)
    grey, striped = picture.copy(), picture.copy()
    striped[hole] = stripes(150, 200)[hole]
    assert np.ptp(borrow(picture, grey, hole)[hole]) < 10
    assert np.ptp(borrow(picture, striped, hole)[hole]) > 100


def test_what_has_colours_that_the_picture_lacks_stays_as_drawn() -> None:
    picture = stripes(150, 180)
    hole = hole_in(picture, 50, 50, 60, 80)
    drawn = with_fog(picture, hole)
    drawn[65:95, 75:105] = 30, 60, 220
    written = borrow(picture, drawn, hole)
    assert np.abs(written.astype(int) - drawn)[72:88, 82:98].max() <= 2
    beside = np.s_[52:108, 118:128]
    wrong = np.abs(written.astype(int) - picture)[beside].mean()
    assert wrong < 0.5 * np.abs(drawn.astype(int) - picture)[beside].mean()


def test_what_such_colours_nearly_enclose_stays_too() -> None:
    picture = stripes(150, 180)
    picture[..., 0] = 40  # no red anywhere
    hole = hole_in(picture, 35, 50, 80, 80)
    drawn = picture.copy()
    drawn[55:95, 70:110] = (230, 20, 20)
    drawn[68:95, 84:96] = 0  # a dark heart, open to below
    written = borrow(picture, drawn, hole)
    np.testing.assert_array_equal(written[70:85, 86:94], 0)


def test_flowers_grow_in_the_meadow_where_they_are_to_stand_out() -> None:
    """What the model's configuration promises of itself, on the picture that people try first."""
    engine = maskgit.load("embedded", "cpu", "float32")
    assert engine.config.stand_out is not None
    meadow = open_picture((ROOT / "assets" / "examples" / "meadow.jpg").read_bytes())
    hole = hole_in(meadow, 200, 260, 160, 160)
    grown = []
    for wish in ({}, standing_out(hole, engine.config)):
        made = engine.edit(meadow, hole, "tulip", seed=20, count=4, borrow=True, **wish).pictures
        red = (made[..., 0].astype(int) - made[..., 1] > 60)[:, hole].mean(1)
        grown.append(int((red > 0.1).sum()))
    assert grown[1] >= 3 > grown[0]


def test_pictures_that_can_only_be_read_are_taken() -> None:
    before, after, hole = PHOTO.copy(), with_fog(PHOTO, MASK), MASK.copy()
    for each in (before, after, hole):
        each.flags.writeable = False
    assert borrow(before, after, hole).flags.writeable


@pytest.mark.parametrize(
    "hole",
    [np.ones((60, 80), bool), np.ones((1, 1), bool), np.ones((3, 400), bool)],
    ids=["everything", "a pixel", "a line"],
)
def test_where_there_is_nothing_to_borrow_the_fill_stays(hole: Region) -> None:
    picture = some_picture(*hole.shape)
    foggy = 255 - picture
    assert not is_possible(hole)
    assert borrow(picture, foggy, hole) is foggy


@pytest.mark.parametrize("at", [(0, 0), (149, 189), (70, 90)])
def test_a_hole_of_one_pixel_is_filled(at: tuple[int, int]) -> None:
    hole = np.zeros((150, 190), bool)
    hole[at] = True
    assert is_possible(hole)
    written = borrow(PHOTO, 255 - PHOTO, hole)
    assert (written != PHOTO).any(-1).sum() <= 1


def test_single_pixels_far_apart_in_a_large_picture_are_filled() -> None:
    rows = np.linspace(0, 200, 4000)[:, None, None]
    picture = np.broadcast_to(rows, (4000, 3000, 3)).astype(np.uint8)
    hole = np.zeros((4000, 3000), bool)
    hole[[0, 17, 2001, 3999, 3999], [0, 2990, 1500, 0, 2999]] = True
    written = borrow(picture, np.where(hole[..., None], 0, picture).astype(np.uint8), hole)
    assert np.abs(written.astype(int) - picture).max() <= 25


def test_whether_it_is_possible_and_what_is_done_agree() -> None:
    for rest in range(0, 40, 3):  # columns that are left of a picture
        hole = np.ones((50, 60), bool)
        hole[:, :rest] = False
        foggy = 255 - some_picture(50, 60)
        is_same = borrow(some_picture(50, 60), foggy, hole) is foggy
        assert is_same == (not is_possible(hole)), rest


@pytest.mark.usefixtures("unchecked")
def test_wrong_sizes_and_empty_holes_are_refused() -> None:
    with pytest.raises(ValueError, match="same size"):
        borrow(PHOTO, PHOTO[:-1], MASK)
    with pytest.raises(ValueError, match="nothing is marked"):
        borrow(PHOTO, PHOTO, np.zeros_like(MASK))
    with pytest.raises(ValueError, match="nothing is marked"):
        is_possible(np.zeros_like(MASK))


def test_every_place_finds_the_very_best_piece() -> None:
    level = small_level()
    there = pieces.features(level, level.picture, level.sources)
    found, costs = pieces.search(level, pieces.prepare(level), level.drawn)
    wanted = pieces.features(level, level.drawn, level.places)
    every = (wanted[:, None] - there).square().sum(-1)
    assert np.allclose(costs, every.min(1).values, rtol=1e-3)
    assert (level.sources[every.argmin(1)] == found).all()


def test_of_a_few_pieces_the_closest_is_found() -> None:
    level = small_level()
    draw = torch.Generator().manual_seed(0)
    some = level.sources[torch.randint(len(level.sources), level.places.shape, generator=draw)]
    found, costs = pieces.follow(level, some, level.drawn)
    guesses = pieces._guesses(level, some)
    assert (guesses[:, 0] == some).all()
    radius = pieces.FINE_RADIUS
    every = torch.stack([distance(level, level.places, each, radius) for each in guesses.T], 1)
    assert np.allclose(costs, every.min(1).values, rtol=1e-3)
    assert (guesses.gather(1, every.argmin(1, keepdim=True))[:, 0] == found).all()


@pytest.fixture
def waves() -> Iterator[None]:
    """Lets a test choose others."""
    pieces.waves.cache_clear()
    yield
    pieces.waves.cache_clear()


@pytest.mark.usefixtures("waves")
def test_with_all_waves_features_are_as_far_apart_as_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "FINEST", (12, 12, 12))
    level = small_level()
    here, there = level.places, level.sources[: len(level.places)]
    costs = pieces.features(level, level.drawn, here) - pieces.features(level, level.picture, there)
    exact = distance(level, here, there, pieces.RADIUS)
    assert np.allclose(costs.square().sum(1), exact, rtol=1e-4)


@pytest.mark.usefixtures("waves")
def test_waves_that_are_left_out_hold_little_of_a_cat_s_hair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "MEAN", 0.0)  # of detail alone
    monkeypatch.setattr(pieces, "GUIDE", 0.0)
    cat = open_picture((ROOT / "assets/examples/cat.jpg").read_bytes())
    level = small_level(cat[20:84, 120:220])  # its forehead, between the ears
    here, there = level.places, level.sources[-len(level.places) :]
    costs = pieces.features(level, level.drawn, here) - pieces.features(level, level.picture, there)
    share = costs.square().sum(1) / distance(level, here, there, pieces.RADIUS)
    assert 0.9 < float(share.mean()) < 1


def small_level(picture: Picture | None = None) -> pieces.Level:
    noise = np.random.default_rng(3).integers(0, 255, (30, 40, 3), np.uint8)
    shown = (noise if picture is None else picture).astype(np.float32)
    height, width = shown.shape[:2]
    hole = np.zeros((height, width), np.float32)
    hole[12:16, 18:24] = 1
    return pieces.Level(shown, shown, hole, (width, height))


def distance(
    level: pieces.Level, places: pieces.Flat, sources: pieces.Flat, radius: int
) -> torch.Tensor:
    """Say what pieces cost for places, in so many words."""
    shown, picture = (
        each.view(level.height, level.width, 3) for each in (level.drawn, level.picture)
    )

    def piece(image: torch.Tensor, middle: int) -> torch.Tensor:
        row, column = divmod(middle, level.width)
        cut = image[row - radius : row + radius + 1, column - radius : column + radius + 1]
        return cut.reshape(-1, 3)

    costs = []
    for place, source in zip(places.tolist(), sources.tolist(), strict=True):
        here, there = piece(shown, place), piece(picture, source)
        detail = (here - here.mean(0)) - (there - there.mean(0))
        colour = pieces.MEAN * (here.mean(0) - there.mean(0)).square().sum()
        guide = pieces.GUIDE * (level.soft[place] - level.soft[source]).square().sum()
        costs.append(detail.square().sum() + len(here) * (colour + guide))
    return torch.stack(costs)


def edited(engine: MaskGIT, borrow: bool = True, seed: int = 7, count: int = 1) -> Result:
    about = {"seed": seed, "count": count, "window": WINDOW, "refine": 2, "steps": 3}
    return engine.edit(PHOTO, MASK, 1000, borrow=borrow, **about)


def test_an_edit_borrows_instead_of_refining(engine: MaskGIT) -> None:
    plain = engine.edit(PHOTO, MASK, 1000, seed=7, window=WINDOW, steps=3).pictures[0]
    made = edited(engine).pictures[0]
    feather_px = round(0.4 * WINDOW.side / engine.grid_size)
    assert np.array_equal(made, borrow(PHOTO, plain, MASK, feather_px))
    assert np.array_equal(made[~MASK], PHOTO[~MASK])
    assert not np.array_equal(made, edited(engine, borrow=False).pictures[0])


def test_a_picture_comes_out_alone_as_among_others(engine: MaskGIT) -> None:
    many = edited(engine, seed=5, count=3)
    for index, seed in enumerate((5, 6, 7)):
        assert np.array_equal(many.pictures[index], edited(engine, seed=seed).pictures[0])


def test_a_hole_without_surroundings_is_refined(engine: MaskGIT) -> None:
    job = engine.prepare_edit(PHOTO, np.ones_like(MASK), 1000)
    assert engine.plan(job, 2, borrow=True) == engine.plan(job, 2)
    assert engine.plan(job, 0, borrow=True) == Plan()


def test_a_generated_picture_has_nothing_to_borrow_from(engine: MaskGIT) -> None:
    job = engine.prepare_generate(1000, steps=1)
    assert engine.plan(job, borrow=True) == Plan()
    with pytest.raises(ValueError, match="nothing to borrow"):
        engine.borrow(job, engine.generate(1000, steps=1))


def recipe_of(**about: object) -> Recipe:
    options = DecodeOptions(steps=3, seed=7)
    return replace(Recipe("small", "a" * 64, "float32", "1000", options, borrow=True), **about)


def test_a_recipe_is_replayed_bit_for_bit(engine: MaskGIT) -> None:
    made = edited(engine).pictures[0]
    recipe = recipe_of(original=PHOTO, mask=MASK, window=WINDOW)
    data = to_png(made, {recipes.KEY: recipes.to_text(recipe)})
    carried = recipes.from_text(recipe_files.find(data), open_picture(data))
    assert carried.borrow
    assert np.array_equal(replay(engine, carried).pictures[0], made)
    assert not np.array_equal(replay(engine, replace(carried, borrow=False)).pictures[0], made)


def test_a_larger_picture_borrows_and_is_replayed(engine: MaskGIT) -> None:
    def larger(seed: int, count: int) -> Result:
        about = {"seed": seed, "count": count, "steps": 2, "trim": 0, "borrow": True}
        return engine.outpaint(PHOTO, 0, 0, 40, label=1000, **about)

    made = larger(6, 2).pictures
    assert np.array_equal(made[:, :, :190], np.stack([PHOTO, PHOTO]))
    assert np.array_equal(made[1], larger(7, 1).pictures[0])
    options = DecodeOptions(steps=2, seed=7)
    recipe = recipe_of(options=options, sides=(0, 0, 40, 0))
    carried = recipes.from_text(recipes.to_text(recipe), made[1])
    assert carried.borrow
    assert np.array_equal(replay(engine, carried).pictures[0], made[1])


def test_a_steered_decode_borrows_again_from_its_state(engine: MaskGIT) -> None:
    from maskgit.state_text import to_text

    job = engine.prepare_edit(PHOTO, MASK, 1000, seed=7, window=WINDOW, steps=3)
    state = edited(engine).traces[0][-1]
    made = engine.borrow(Job(state, job.place), engine.finish(job, state)).pictures[0]
    recipe = recipe_of(original=PHOTO, mask=MASK, window=WINDOW, state=to_text(state))
    assert np.array_equal(replay(engine, recipe).pictures[0], made)


def test_only_recipes_that_borrow_are_of_the_newest_version() -> None:
    edit = recipe_of(original=PHOTO, mask=MASK)
    assert json.loads(recipes.to_text(edit))["version"] == recipes.VERSION == 3
    about = json.loads(recipes.to_text(replace(edit, borrow=False)))
    assert about["version"] == 1
    assert "borrow" not in about


@pytest.mark.parametrize("lie", [False, 1, "yes", None])
def test_lies_about_borrowing_get_a_sentence(lie: object) -> None:
    about = json.loads(recipes.to_text(recipe_of(original=PHOTO, mask=MASK)))
    with pytest.raises(RecipeError, match="borrow"):
        recipes.from_text(json.dumps({**about, "borrow": lie}), PHOTO)
    with pytest.raises(RecipeError, match="borrow"):
        recipes.from_text(json.dumps({**about, "edit": None}), PHOTO)


def test_constants_agree() -> None:
    assert borrowing.SMALLEST_PX <= pieces.SEARCHED_PX <= borrowing.LARGEST_PX
    assert borrowing.FEWEST > 0
