"""Known cells that are looked at once: which passes do that, and what comes of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch

import maskgit
from maskgit import DecodeOptions, DecodeState, MaskGIT, steering
from maskgit.class_map import ClassMap
from maskgit.decoding import decode, step
from maskgit.inspection import inspect
from maskgit.models import RememberingPredictor
from maskgit.models.context import Context
from maskgit.models.predictor import Predictor
from maskgit.remembering import Remembering
from maskgit.sizes import AnyTransformerConfig
from maskgit.state_text import from_text, to_text
from maskgit.types import Cells, Labels, Picture, Region, Tokens
from maskgit.vary import vary
from tests.engine.test_asking import IDS, SIZES, K, N, begun, network
from tests.models import some_picture


class Counted(Remembering):
    """Notes how often known cells were looked at, and how many were not."""

    def __init__(self, network: Predictor, **limits: int) -> None:
        super().__init__(network, **limits)
        self.num_looks, self.num_within, self.asked = 0, 0, list[int]()
        look, within = network.context, network.logits_within

        def context(tokens: Tokens, labels: Labels, cells: Cells) -> Context:
            self.num_looks += 1
            return look(tokens, labels, cells)

        def logits_within(
            tokens: Tokens, labels: Labels, cells: Cells, context: Context
        ) -> torch.Tensor:
            self.num_within += 1
            self.asked.append(cells.shape[1])
            return within(tokens, labels, cells, context)

        network.context, network.logits_within = context, logits_within  # pyright: ignore

    @property
    def counts(self) -> tuple[int, int]:
        return self.num_looks, self.num_within


def cached(num_open: int, **options: float | str) -> DecodeState:
    state = begun(num_open, **options)  # pyright: ignore[reportArgumentType]
    rows = (replace(row, known_cells="cached") for row in state.options)
    return replace(state, options=tuple(rows))


@pytest.fixture(scope="module")
def embedded() -> MaskGIT:
    return maskgit.load("embedded", "cpu", "float32")


def hole() -> tuple[Picture, Region]:
    """Give a picture and a mask of 6x6 of the embedded model's cells."""
    mask = np.zeros((128, 128), bool)
    mask[24:72, 40:88] = True
    return some_picture(128, 128), mask


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_a_picture_is_the_same_alone_in_a_batch_and_looked_at_anew(
    sizes: AnyTransformerConfig,
) -> None:
    states = [
        cached(40, seed=1, guidance_scale=2.0),
        begun(40, seed=1, guidance_scale=2.0),
        cached(20, label=3, seed=2),
        cached(60, seed=3, guidance_scale=3.0, guidance_schedule="ramp"),
    ]
    together = decode(Remembering(network(sizes)), DecodeState.stack(states))
    for row, state in enumerate(states):
        forgetful = Remembering(network(sizes), most_bytes=0)
        between, alone = cached(30, seed=9), state
        while not alone.finished:
            step(forgetful, between)  # takes the one place there is
            alone = step(forgetful, from_text(to_text(alone), (12, 12), K))
        assert torch.equal(together.tokens[row], alone.tokens[0])
        known = ~state.constraints.is_open
        assert torch.equal(alone.tokens[known], state.constraints.tokens[known])


def test_threads_that_share_a_predictor_get_what_they_get_alone() -> None:
    shared = Remembering(network(SIZES[0]), most_bytes=200_000)
    states = [cached(number, seed=number) for number in range(20, 44, 2)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda state: decode(shared, state), states))
    for found, state in zip(together, states, strict=True):
        assert torch.equal(found.tokens, decode(Remembering(network(SIZES[0])), state).tokens)


def test_known_cells_are_looked_at_once_for_a_hole_and_its_class() -> None:
    counted = Counted(network(SIZES[0]))
    for seed in range(3):
        decode(counted, cached(40, seed=seed, steps=5))
    assert counted.counts == (1, 12)  # the first pass is done with the look
    decode(counted, cached(40, label=2, steps=5))
    decode(counted, cached(50, steps=5))
    assert counted.counts == (3, 20)
    assert set(counted.asked) == {32, 64}  # masked ones, filled up; of these 64 are computed


def test_everything_is_looked_at_where_nothing_would_be_won() -> None:
    counted = Counted(network(SIZES[0]))
    decode(counted, begun(40, steps=5))
    decode(counted, cached(97, steps=5))  # of 144, filled up to 128
    halves = ClassMap((torch.arange(N) % 2).byte()[None], ((None, 4),))
    state = cached(40, steps=5)
    decode(counted, replace(state, constraints=replace(state.constraints, classes=halves)))
    assert counted.counts == (0, 0)


def test_what_is_kept_is_bounded_and_the_newest_stays() -> None:
    one = network(SIZES[0]).context(
        begun(40).tokens, torch.tensor([1]), torch.arange(64)[None]
    ).num_bytes  # fmt: skip
    counted = Counted(network(SIZES[0]), most_bytes=3 * one)
    states = [cached(40, label=label, steps=5) for label in range(4)]
    for state in states[:3] * 2:
        step(counted, state)
    assert counted.num_looks == 3
    step(counted, states[3])
    step(counted, states[2])
    assert counted.num_looks == 4
    step(counted, states[0])  # was the oldest
    assert counted.num_looks == 5
    tight = Counted(network(SIZES[0]), most_bytes=0)
    decode(tight, states[0])
    assert tight.counts == (1, 4)


def test_nothing_of_a_look_can_be_trained_or_is_in_the_way_of_training() -> None:
    trained = network(SIZES[0]).requires_grad_(True)
    predictor = Remembering(trained)
    state = cached(40, steps=5)
    cells, asked = torch.arange(4, 44)[None], torch.arange(40)[None]
    first = predictor.logits_around(state.tokens, state.tokens, torch.tensor([1]), cells, asked)
    assert not first.requires_grad
    decode(predictor, state)
    trained.logits(state.tokens, torch.tensor([1])).sum().backward()


def test_what_somebody_holds_on_to_is_known_from_there_on() -> None:
    counted = Counted(network(SIZES[0]))
    state = step(counted, cached(40, seed=1, steps=3))
    drawn = (~state.mask & state.constraints.is_open).nonzero()[:, 1]
    where = torch.zeros(1, N, dtype=torch.bool)
    where[:, drawn[:2]] = True
    after = decode(counted, steering.pin(state, where))
    assert counted.num_looks == 2
    assert torch.equal(after.tokens[where], state.tokens[where])


def test_an_edit_and_pictures_close_to_it_say_how_they_were_made(embedded: MaskGIT) -> None:
    picture, mask = hole()
    with patch.object(
        Remembering, "logits_around", autospec=True, side_effect=Remembering.logits_around
    ) as looked:
        result = embedded.edit(picture, mask, seed=4, steps=4, known_cells="cached")
        assert looked.call_count == 4
        (trace,) = result.traces
        assert trace[-1].options[0].known_cells == "cached"
        assert np.array_equal(result.pictures[0][~mask], picture[~mask])
        decode(embedded.predictor, vary(trace[-1], 0.5, [7]))
        num_looked = looked.call_count
        assert num_looked > 4
        embedded.edit(picture, mask, seed=4, steps=4)
        embedded.generate(seed=4, steps=2, known_cells="cached")
        assert looked.call_count == num_looked
    assert DecodeOptions().known_cells == "recomputed"


def test_a_cell_is_inspected_as_it_would_be_drawn(embedded: MaskGIT) -> None:
    picture, mask = hole()
    found = {}
    for way in ("recomputed", "cached"):
        state = embedded.prepare_edit(picture, mask, seed=4, known_cells=way).state
        state = embedded.step(embedded.step(state))
        found[way] = {cell: inspect(embedded, state, cell).logits for cell in (3 * 16 + 5, 0)}
        assert state.constraints.is_open[0, 3 * 16 + 5]
        assert not state.constraints.is_open[0, 0]
    inside, outside = 3 * 16 + 5, 0
    far = (found["cached"][inside] - found["recomputed"][inside]).abs().max()
    assert 0 < far < 3  # known cells have not heard of the two passes
    # Of a known cell nothing was kept that would be of use: it is the same question.
    recomputed = replace(state, options=(replace(state.options[0], known_cells="recomputed"),))
    assert torch.equal(found["cached"][outside], inspect(embedded, recomputed, outside).logits)


def test_options_say_what_is_done(engine: MaskGIT, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.looks_once
    assert isinstance(engine.predictor, RememberingPredictor)
    picture = some_picture(64, 64)
    mask = np.zeros((64, 64), bool)
    mask[20:40, 20:40] = True
    state = engine.prepare_edit(picture, mask, "rose", known_cells="cached").state
    assert state.options[0].known_cells == "cached"
    monkeypatch.setattr(engine, "predictor", engine.predictor.network)  # as on a GPU
    for other in (
        engine.prepare_edit(picture, mask, "rose", known_cells="cached").state,
        engine.restore(to_text(state)),
    ):
        assert other.options[0].known_cells == "recomputed"


def test_who_has_regions_does_not_change_how_others_are_asked(embedded: MaskGIT) -> None:
    picture, mask = hole()
    left = mask & (np.arange(128) < 64)
    alone = embedded.prepare_edit(picture, mask, "daisy", steps=3, known_cells="cached").state
    other = embedded.prepare_edit(picture, mask, "daisy", steps=3, regions={"tulip": left}).state
    together = decode(embedded.predictor, DecodeState.stack([alone, other]))
    wanted = [decode(embedded.predictor, state) for state in (alone, other)]
    assert [to_text(row) for row in together.rows] == [to_text(state) for state in wanted]
