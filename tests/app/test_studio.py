"""The studio, with a model of random weights: what comes out matters, not how it looks."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import maskgit
from app.controls import KNOWN_CELLS
from app.document import Lattice, choose_window
from app.errors import UserError
from app.models import Settings
from app.runs import Fill, Generate, Outpaint, Refining, Request, Result, Step
from app.studio import ModelStore, Studio
from maskgit import state
from maskgit.batching import Batcher, FullError
from maskgit.checkpoints import Model
from maskgit.config import ModelConfig
from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.sizes import TokenizerConfig, TransformerConfig
from maskgit.tiles import MAX_LEVELS

GRID, SIZE, STEPS = 4, 16, 3
SETTINGS = Settings(steps=STEPS, seed=5)


@pytest.fixture(scope="module")
def engine() -> maskgit.MaskGIT:
    config = ModelConfig(
        name="tiny",
        image_size=SIZE,
        tokenizer=TokenizerConfig(32, (1, 1, 1), 1, codebook_size=16, embedding_dim=8),
        transformer=TransformerConfig(
            1, 16, 2, 32, num_tokens=GRID**2, codebook_size=16, num_classes=2, has_null_label=True
        ),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = VQGAN(config.tokenizer).eval()
        transformer = BidirectionalTransformer(config.transformer).eval()
    classes = maskgit.Classes(
        [
            maskgit.ImageClass(0, 970, "alp"),
            maskgit.ImageClass(1, 1000, "tulip", ("tulips",)),
        ],
        null_label=2,
    )
    model = Model(config, tokenizer, transformer, classes)
    return maskgit.MaskGIT(model, torch.device("cpu"))


@pytest.fixture
def studio(engine: maskgit.MaskGIT) -> Studio:
    return Studio(ModelStore(engine))


SOFT = 4  # so many times as large, a photo is too large for the small model to draw sharply


def photo(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def fill(count: int = 1, settings: Settings = SETTINGS, scale: int = 1) -> Fill:
    """Ask for a hole in a photo, larger where it is to look soft."""
    picture, lattice = photo(40 * scale, 60 * scale), Lattice(60 * scale, 40 * scale, GRID)
    cells = np.zeros(lattice.shape, bool)
    cells[1:3, 2:4] = True
    window = choose_window(lattice, cells)
    assert window is not None
    region = lattice.region(cells)
    return Fill("tiny", picture, region, window, window.cells_of(cells, GRID), 970, count, settings)


def answers(studio: Studio, request: Request) -> tuple[list[Step], Result]:
    *steps, result = studio.run(request)
    assert isinstance(result, Result)
    return [step for step in steps if isinstance(step, Step)], result


def test_the_page_is_told_what_the_model_knows(studio: Studio) -> None:
    info = studio.models.info("tiny")
    assert (info.name, info.grid, info.image_size, info.has_no_class) == ("tiny", GRID, SIZE, True)
    assert [(c.id, c.name, c.synonyms) for c in info.classes] == [
        (970, "alp", ()),
        (1000, "tulip", ("tulips",)),
    ]
    assert "cosine" in info.schedules
    assert "halton" in info.reveal_rules


def test_the_page_offers_the_ways_to_look_at_known_cells_that_the_engine_has() -> None:
    assert KNOWN_CELLS == state.KNOWN_CELLS


def test_a_fill_shows_every_pass_and_changes_only_what_is_painted(studio: Studio) -> None:
    request = fill()
    steps, result = answers(studio, request)
    assert [step.step for step in steps] == [0, 1, 2, 3]
    assert {step.steps for step in steps} == {STEPS}
    assert steps[0].image is None
    assert all(s.image is not None and s.image.shape == (SIZE, SIZE, 3) for s in steps[1:])
    np.testing.assert_array_equal(
        result.pictures[0][~request.region], request.picture[~request.region]
    )
    assert (result.pictures[0] != request.picture).any()


def test_without_previews_a_run_makes_the_same_picture_and_draws_no_step(studio: Studio) -> None:
    steps, result = answers(studio, replace(fill(), previews=False))
    assert [step.image for step in steps] == [None] * (STEPS + 1)
    np.testing.assert_array_equal(result.pictures[0], answers(studio, fill())[1].pictures[0])


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_kept_is_drawn_once_with_the_last_step(
    studio: Studio, engine: maskgit.MaskGIT, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, result = answers(studio, fill(count=count))
    last = engine.restore(steps[-1].state)
    image = steps[-1].image
    assert image is not None
    assert (image == engine.preview(last)[0]).all()
    drawn: list[int] = []
    preview = engine.preview

    def counted(state: maskgit.DecodeState) -> np.ndarray:
        drawn.append(state.batch)
        return preview(state)

    monkeypatch.setattr(engine, "preview", counted)
    _, again = answers(studio, fill(count=count))
    assert drawn == [count]
    assert all((a == b).all() for a, b in zip(again.pictures, result.pictures, strict=True))


def test_a_schedule_that_rises_is_a_sentence(studio: Studio) -> None:
    with pytest.raises(UserError, match="never rises"):
        answers(studio, fill(settings=replace(SETTINGS, schedule="custom:1,0.2,0.5,0")))


def test_the_painted_cells_are_the_ones_that_open_and_close(studio: Studio) -> None:
    request = fill()
    steps, _ = answers(studio, request)
    for step in steps:
        np.testing.assert_array_equal(step.is_open, request.cells)
        assert not (step.is_masked & ~step.is_open).any()
        np.testing.assert_array_equal(step.revealed_at == -2, step.is_masked)
        np.testing.assert_array_equal(step.revealed_at == -1, ~step.is_open)
        assert ((step.confidence >= 0) & (step.confidence <= 1)).all()
        assert (step.confidence[~step.is_open] == 1).all()
    assert steps[0].is_masked.sum() == 4
    assert not steps[-1].is_masked.any()


def test_variations_are_what_their_seeds_give_alone(studio: Studio) -> None:
    _, several = answers(studio, fill(count=4))
    _, alone = answers(studio, fill(settings=replace(SETTINGS, seed=7)))
    assert list(several.seeds) == [5, 6, 7, 8]
    np.testing.assert_array_equal(several.pictures[2], alone.pictures[0])


def test_a_new_picture_has_the_size_of_the_model(studio: Studio) -> None:
    steps, result = answers(studio, Generate("tiny", 1000, 2, SETTINGS))
    assert steps[0].is_open.all()
    assert steps[0].window == (0, 0, SIZE)
    assert [p.shape for p in result.pictures] == [(SIZE, SIZE, 3)] * 2


@pytest.mark.parametrize("reveal", ["confidence", "raster"])
def test_a_larger_picture_keeps_the_old_one_in_its_place(studio: Studio, reveal: str) -> None:
    settings = replace(SETTINGS, reveal=reveal)
    steps, result = answers(studio, Outpaint("tiny", photo(), 7, 0, 50, 3, None, 2, settings))
    assert [step.step for step in steps[1:]] == list(range(1, len(steps)))
    assert steps[-1].step == steps[-1].steps
    for picture in result.pictures:
        assert picture.shape == (43, 117, 3)
        np.testing.assert_array_equal(picture[:40, 7:67], photo())


def test_larger_pictures_are_what_their_seeds_give_alone(studio: Studio) -> None:
    request = Outpaint("tiny", photo(), 0, 0, 20, 0, 970, 2, SETTINGS)
    _, several = answers(studio, request)
    alone = replace(request, count=1, settings=replace(SETTINGS, seed=6))
    np.testing.assert_array_equal(several.pictures[1], answers(studio, alone)[1].pictures[0])


def test_a_larger_picture_is_the_one_the_engine_makes_at_once(
    studio: Studio, engine: maskgit.MaskGIT
) -> None:
    _, result = answers(studio, Outpaint("tiny", photo(), 9, 0, 30, 0, 970, 1, SETTINGS))
    whole = engine.outpaint(photo(), 9, 0, 30, 0, 970, steps=STEPS, seed=5)
    np.testing.assert_array_equal(result.pictures[0], whole.pictures[0])


def test_what_the_engine_refuses_is_a_sentence(studio: Studio) -> None:
    with pytest.raises(UserError, match="cannot do that"):
        answers(studio, Generate("tiny", 3, 1, SETTINGS))


def test_a_closed_run_leaves_the_model_to_the_next_one(studio: Studio) -> None:
    run = studio.run(fill())
    assert len(list(itertools.islice(run, 2))) == 2
    run.close()  # pyright: ignore[reportAttributeAccessIssue]  (a generator)
    answers(studio, fill())


def test_people_at_once_get_the_pictures_they_get_alone(studio: Studio) -> None:
    requests: list[Request] = [
        fill(),
        fill(2, replace(SETTINGS, steps=5, guidance_scale=3.0, seed=8)),
        Generate("tiny", 1000, 1, replace(SETTINGS, reveal="random")),
        Outpaint("tiny", photo(), 0, 0, 9, 0, 970, 1, SETTINGS),
    ]
    alone = [answers(studio, request)[1] for request in requests]
    ready = threading.Barrier(len(requests))

    def ask(request: Request) -> Result:
        ready.wait(20)
        return answers(studio, request)[1]

    with ThreadPoolExecutor(len(requests)) as pool:
        together = list(pool.map(ask, requests))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.pictures, other.pictures)


def test_a_studio_that_rests_gives_memory_back(
    engine: maskgit.MaskGIT, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = threading.Event()
    monkeypatch.setattr("app.studio.studio.give_back", rests.set)
    monkeypatch.setattr("app.studio.studio.Batcher", partial(Batcher, linger_s=0.0))
    answers(Studio(ModelStore(engine)), fill())
    assert rests.wait(20)


def test_a_full_queue_is_a_sentence(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise FullError

    monkeypatch.setattr(studio._batcher, "step", refuse)
    with pytest.raises(UserError, match=r"Too many people .* Try again in a moment") as error:
        answers(studio, fill())
    assert error.value.code == "busy"


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_a_broken_file_is_a_sentence(studio: Studio, data: bytes) -> None:
    with pytest.raises(UserError) as error:
        studio.open(data)
    assert str(error.value).endswith(".")
    assert error.value.code == "bad-picture"


def test_a_soft_fill_is_refined_window_by_window_as_the_engine_does(
    studio: Studio, engine: maskgit.MaskGIT
) -> None:
    request = fill(count=2, scale=SOFT)
    *_, result = list(studio.run(request))
    told = [answer for answer in studio.run(request) if isinstance(answer, Refining)]
    window = request.window
    assert window is not None
    made = engine.edit(
        request.picture,
        request.region,
        970,
        seed=5,
        count=2,
        window=maskgit.Window(window.left, window.top, window.side),
        refine=MAX_LEVELS,
        steps=STEPS,
    )
    assert isinstance(result, Result)
    assert told == [Refining(number, len(told)) for number in range(1, len(told) + 1)]
    assert told
    np.testing.assert_array_equal(np.stack(result.pictures), made.pictures)


def test_a_larger_picture_is_refined_as_the_engine_does(
    studio: Studio, engine: maskgit.MaskGIT
) -> None:
    picture = np.repeat(np.repeat(photo(), SOFT, 0), SOFT, 1)
    request = Outpaint("tiny", picture, 30, 0, 0, 20, 970, 2, SETTINGS)
    *_, result = list(studio.run(request))
    told = [answer for answer in studio.run(request) if isinstance(answer, Refining)]
    made = engine.outpaint(
        picture, 30, 0, 0, 20, 970, seed=5, count=2, refine=MAX_LEVELS, steps=STEPS
    )
    assert isinstance(result, Result)
    assert told
    assert told == [Refining(number, len(told)) for number in range(1, len(told) + 1)]
    np.testing.assert_array_equal(np.stack(result.pictures), made.pictures)


def test_texture_is_borrowed_as_the_engine_does(studio: Studio, engine: maskgit.MaskGIT) -> None:
    picture = np.repeat(np.repeat(photo(), SOFT, 0), SOFT, 1)
    larger = Outpaint("tiny", picture, 30, 0, 0, 20, 970, 2, SETTINGS, borrow=True)
    request = replace(fill(count=2, scale=SOFT), borrow=True)
    window = request.window
    assert window is not None
    how = {"seed": 5, "count": 2, "borrow": True, "steps": STEPS}
    seen = maskgit.Window(window.left, window.top, window.side)
    expected = [
        engine.edit(request.picture, request.region, 970, window=seen, **how),
        engine.outpaint(picture, 30, 0, 0, 20, 970, **how),
    ]
    for asked, made in zip((request, larger), expected, strict=True):
        *told, result = list(studio.run(asked))
        assert isinstance(result, Result)
        assert told[-2:] == [Refining(1, 2, borrows=True), Refining(2, 2, borrows=True)]
        np.testing.assert_array_equal(np.stack(result.pictures), made.pictures)


def test_a_run_without_refinement_ends_with_its_last_pass(studio: Studio) -> None:
    request = replace(fill(scale=SOFT), refine=False)
    assert not any(isinstance(answer, Refining) for answer in studio.run(request))
    coarse, fine = answers(studio, request)[1], answers(studio, fill(scale=SOFT))[1]
    assert list(coarse.states) == list(fine.states)
    assert (coarse.pictures[0] != fine.pictures[0]).any()


def test_between_two_windows_others_have_the_machine(studio: Studio) -> None:
    one = studio.run(fill(scale=SOFT))
    while not isinstance(next(one), Refining):
        pass
    _, beside = answers(studio, replace(fill(scale=SOFT), refine=False))
    assert len(beside.pictures) == 1
    one.close()  # Stop
    assert isinstance(answers(studio, fill(scale=SOFT))[1], Result)
