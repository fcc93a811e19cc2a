"""What a model sees of a picture is made once; nobody can tell but by the time it takes."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from maskgit import MaskGIT
from maskgit.sights import Sights
from maskgit.types import Images, Picture, TokenGrid
from maskgit.window import Window
from tests.models import some_picture

WINDOW, OTHER = Window(0, 0, 60), Window(20, 0, 60)


def kept(picture: Picture) -> Picture:
    """Give a picture that nobody can write to."""
    own = picture.copy()
    own.flags.writeable = False
    return own


@pytest.fixture
def encoded(engine: MaskGIT, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes how many pictures were encoded, call by call."""
    calls: list[int] = []
    encode = engine.tokenizer.encode

    def noted(images: Images) -> TokenGrid:
        calls.append(len(images))
        return encode(images)

    monkeypatch.setattr(engine, "_sights", Sights())
    monkeypatch.setattr(engine.tokenizer, "encode", noted)
    return calls


def mask_of(picture: Picture) -> np.ndarray:
    mask = np.zeros(picture.shape[:2], bool)
    mask[10:30, 30:50] = True
    return mask


def test_a_picture_is_encoded_once_for_each_window(engine: MaskGIT, encoded: list[int]) -> None:
    picture = kept(some_picture(60, 90))
    mask = mask_of(picture)
    for window in (WINDOW, OTHER, WINDOW):
        for seed in range(3):
            engine.prepare_edit(picture, mask, 1000, seed=seed, window=window)
    assert encoded == [1, 1]
    engine.prepare_edit(kept(picture), mask, 1000, window=WINDOW)  # another one like it
    assert encoded == [1, 1, 1]


def test_what_is_remembered_is_what_would_be_made(engine: MaskGIT, encoded: list[int]) -> None:
    picture = kept(some_picture(60, 90))
    mask = mask_of(picture)
    first, second, anew = (
        engine.prepare_edit(each, mask, 1000, window=WINDOW)
        for each in (picture, picture, picture.copy())
    )
    assert encoded == [1, 1]
    for job in (second, anew):
        assert job.place is not None
        assert first.place is not None
        assert torch.equal(job.state.constraints.tokens, first.state.constraints.tokens)
        assert (job.place.seen == first.place.seen).all()


def test_a_picture_that_is_written_to_is_seen_anew(engine: MaskGIT, encoded: list[int]) -> None:
    picture = some_picture(60, 90)
    mask = mask_of(picture)
    before = engine.see(picture, WINDOW)
    engine.prepare_edit(picture, mask, 1000, window=WINDOW)
    picture[:] = 255 - picture
    engine.prepare_edit(picture, mask, 1000, window=WINDOW)
    assert (engine.see(picture, WINDOW) != before).any()
    assert encoded == [1, 1]
    part = kept(some_picture(80, 90))[:60]  # read-only, but of an array that may not be
    for _ in range(2):
        engine.prepare_edit(part, mask, 1000, window=WINDOW)
    assert encoded == [1, 1, 1, 1]


def test_what_was_seen_cannot_be_written_to_and_keeps_no_picture(engine: MaskGIT) -> None:
    picture = kept(some_picture(60, 90))
    seen = engine.see(picture, Window(0, 0, engine.image_size))  # not resized
    assert seen.base is None
    with pytest.raises(ValueError, match="read-only"):
        seen[0, 0] = 0


def test_what_was_seen_of_a_picture_goes_with_it() -> None:
    sights = Sights()
    first, second = kept(some_picture(4, 4)), kept(some_picture(4, 4))
    for picture in (first, second):
        sights.of(picture, "mean", lambda: 1)
        sights.of(picture, "sum", lambda: 2)
    del first, picture
    gc.collect()
    assert len(sights._kept) == 2
    assert sights.of(second, "mean", lambda: 3) == 1


def test_writing_to_the_tokens_of_an_answer_changes_no_other(
    engine: MaskGIT, encoded: list[int]
) -> None:
    picture = kept(some_picture(60, 90))
    first = engine.prepare_edit(picture, mask_of(picture), 1000, window=WINDOW)
    tokens = first.state.constraints.tokens.clone()
    first.state.constraints.tokens.fill_(0)
    second = engine.prepare_edit(picture, mask_of(picture), 1000, window=WINDOW)
    assert torch.equal(second.state.constraints.tokens, tokens)
    assert encoded == [1]


def test_what_is_refused_costs_no_encoding(engine: MaskGIT, encoded: list[int]) -> None:
    picture = some_picture(60, 90)
    wrong = {"label": "no such class", "steps": 0, "seed": -1, "temperature": -1.0}
    for name, value in wrong.items():
        about = {"label": 1000, "window": WINDOW, name: value}
        with pytest.raises(ValueError, match=str(value)):
            engine.prepare_edit(picture, mask_of(picture), **about)
    assert encoded == []


def test_a_new_picture_in_the_place_of_an_old_one_is_not_mistaken_for_it() -> None:
    sights = Sights()
    for number in range(200):  # some of them are at the address of one before
        picture = kept(np.full((4, 4, 3), number, np.uint8))
        assert sights.of(picture, "mean", lambda now=picture: int(now.mean())) == number
        del picture
        gc.collect(0)


def test_the_least_recently_used_go_first() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    sights, picture = Sights(kept=2), kept(some_picture(4, 4))
    for name in ("a", "b", "a", "c", "a", "b"):
        assert sights.of(picture, name, lambda name=name: make(name)) == name
    assert made == ["a", "b", "c", "b"]


def test_many_threads_get_what_one_gets() -> None:
    sights = Sights(kept=3)
    pictures = [kept(np.full((4, 4, 3), number, np.uint8)) for number in range(8)]

    def mean(turn: int) -> bool:
        picture = pictures[turn % len(pictures)]
        return sights.of(picture, "mean", lambda: int(picture.mean())) == turn % len(pictures)

    with ThreadPoolExecutor(8) as people:
        assert all(people.map(mean, range(2000)))
