"""What a network keeps of known cells while others are drawn.

The plain way computes every position in every pass, and shows others the kept part of those that
may not hear of anything new.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit import DecodeOptions, DecodeState, MaskGIT, asking, steering
from maskgit.decoding import decode, step
from maskgit.inspection import inspect
from maskgit.models import AnyTransformer, ContextPredictor
from maskgit.models.context import Around, Context
from maskgit.sights import Sights
from maskgit.sizes import AnyTransformerConfig
from maskgit.types import Cells, Labels, Tokens
from tests.engine.test_asking import IDS, NULL, SIZES, K, N, begun, network
from tests.models import some_picture
from tests.predictors import Plain

CELLS = torch.randperm(N, generator=torch.Generator().manual_seed(3))[:32]
OTHERS = [cell for cell in range(N) if cell not in CELLS.tolist()]


class Overwritten(Around):
    """Computes all, and shows of the others what was kept."""

    def __init__(self, context: Context) -> None:
        self._others, self._kept = context.others, iter(context.kept)

    def seen(self, values: Tensor) -> Tensor:
        return values.index_copy(1, self._others, next(self._kept))

    def whole(self, values: Tensor) -> Tensor:
        return self.seen(values)


class Counted(Plain):
    """Notes how often everything was looked at. Implements `models.ContextPredictor`."""

    def __init__(self, predictor: AnyTransformer) -> None:
        super().__init__(predictor)
        self.num_contexts, self.num_within = 0, 0
        self._whole = predictor

    def logits_at(self, tokens: Tokens, labels: Labels, cells: Cells) -> Tensor:
        return self._whole.logits_at(tokens, labels, cells)

    def context(self, tokens: Tokens, labels: Labels, cells: Cells) -> Context:
        self.num_contexts += 1
        return self._whole.context(tokens, labels, cells)

    def logits_within(
        self, tokens: Tokens, labels: Labels, cells: Cells, context: Context
    ) -> Tensor:
        self.num_within += 1
        return self._whole.logits_within(tokens, labels, cells, context)


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin without contexts."""
    monkeypatch.setattr(asking, "_contexts", Sights(asking.NUM_CONTEXTS))
    return


def grids() -> tuple[Tokens, Tokens, Labels, Cells]:
    """Give a grid with masked cells, the same with some of them drawn, labels and the cells."""
    tokens = torch.randint(K, (1, N), generator=torch.Generator().manual_seed(1)).expand(2, -1)
    masked = tokens.index_fill(1, CELLS, K)
    drawn = masked.index_copy(1, CELLS[:20], (tokens[:, CELLS[:20]] + 1) % K)
    return masked, drawn, torch.tensor([0, NULL]), CELLS.expand(2, -1)


def cached(num_open: int, **options: float) -> DecodeState:
    state = begun(num_open, **options)
    return replace(state, options=tuple(replace(row, context="cached") for row in state.options))


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_known_cells_are_what_they_were_and_the_others_are_computed(
    sizes: AnyTransformerConfig,
) -> None:
    predictor = network(sizes)
    for name, parameter in predictor.named_parameters():
        if "norm" not in name:
            parameter.mul_(4)  # so that cells hear of each other
    assert isinstance(predictor, ContextPredictor)
    masked, drawn, labels, cells = grids()
    context = predictor.context(masked, labels, cells)
    found = predictor.logits_within(drawn, labels, cells, context)
    plain = predictor.predict(drawn, labels, cells, Overwritten(context))
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=1e-5)
    fresh = predictor.logits_at(drawn, labels, cells)
    assert (found - fresh).abs().max() > 2e-3  # known cells would have heard of what was drawn
    some = cells[:, [5, 30, 1]]
    torch.testing.assert_close(
        predictor.logits_within(drawn, labels, some, context), found[:, [5, 30, 1]]
    )
    with pytest.raises(ValueError, match=f"grid has 9 tokens, the model expects {N}"):
        predictor.logits_within(drawn[:, :9], labels, cells, context)
    with pytest.raises(ValueError, match=f"grid has 9 tokens, the model expects {N}"):
        predictor.context(masked[:, :9], labels, cells)


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_the_first_pass_is_as_without(sizes: AnyTransformerConfig) -> None:
    predictor = network(sizes)
    masked, _, labels, cells = grids()
    context = predictor.context(masked, labels, cells)
    found = predictor.logits_within(masked, labels, cells, context)
    fresh = predictor.logits_at(masked, labels, cells)
    assert torch.equal(context.logits, fresh)
    torch.testing.assert_close(found, fresh, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_a_picture_is_the_same_alone_in_a_batch_and_made_anew(sizes: AnyTransformerConfig) -> None:
    predictor = network(sizes)
    states = [
        cached(40, seed=1, guidance_scale=2.0),
        begun(40, seed=1, guidance_scale=2.0),
        cached(20, label=3, seed=2),
    ]
    together = decode(predictor, DecodeState.stack(states))
    for row, state in enumerate(states):
        asking._contexts = Sights(0)  # made in every pass
        alone = decode(predictor, state)
        assert torch.equal(together.tokens[row], alone.tokens[0])
        known = ~state.constraints.is_open
        assert torch.equal(alone.tokens[known], state.constraints.tokens[known])


def test_known_cells_are_looked_at_once_for_a_hole_and_its_class() -> None:
    counted = Counted(network(SIZES[0]))
    for seed in range(3):
        decode(counted, cached(40, seed=seed, steps=5))
    assert (counted.num_contexts, counted.num_within) == (1, 12)  # a first pass is done already
    decode(counted, cached(40, label=2, steps=5))
    decode(counted, cached(50, steps=5))
    assert (counted.num_contexts, counted.num_within) == (3, 20)
    decode(counted, begun(40, steps=5))
    decode(counted, cached(110, steps=5))  # of 144: hardly anything would be left out
    assert (counted.num_contexts, counted.num_within) == (3, 20)


def test_what_somebody_holds_on_to_is_known_from_there_on() -> None:
    counted = Counted(network(SIZES[0]))
    state = step(counted, cached(40, seed=1, steps=3))
    drawn = (~state.mask & state.constraints.is_open).nonzero()[:, 1]
    where = torch.zeros(1, N, dtype=torch.bool)
    where[:, drawn[:2]] = True
    held = steering.pin(state, where)
    after = decode(counted, held)
    assert counted.num_contexts == 2
    assert torch.equal(after.tokens[where], state.tokens[where])


def test_any_cell_can_be_inspected(engine: MaskGIT) -> None:
    picture = some_picture(64, 64)
    mask = np.zeros((64, 64), bool)
    mask[:16, :16] = True
    found = {}
    for context in ("recomputed", "cached"):
        state = engine.step(engine.prepare_edit(picture, mask, "rose", context=context).state)
        asked = {cell: inspect(engine, state, cell) for cell in (0, 15)}  # open and known
        found[context] = torch.stack([asked[0].logits, asked[15].logits])
    assert found["cached"].isfinite().all()
    assert not found["cached"].eq(0).all(dim=-1).any()
    torch.testing.assert_close(found["cached"], found["recomputed"], atol=2.0, rtol=0.5)


def test_an_edit_says_how_it_was_made(engine: MaskGIT) -> None:
    picture = some_picture(64, 64)
    mask = np.zeros((64, 64), bool)
    mask[20:40, 20:40] = True
    result = engine.edit(picture, mask, "rose", seed=4, context="cached")
    (trace,) = result.traces
    assert trace[-1].options == (
        replace(
            engine.prepare_edit(picture, mask, "rose", seed=4).state.options[0], context="cached"
        ),
    )
    assert np.array_equal(result.pictures[0][~mask], picture[~mask])
    assert DecodeOptions().context == "recomputed"
