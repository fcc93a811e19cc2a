"""Looking into a cell: the answers are the model's own."""

import math

import numpy as np
import pytest
import torch

from maskgit import MaskGIT, steering
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions, DecodeState
from maskgit.inspection import PATCH_CELLS, entropy, inspect, patches


@pytest.fixture
def state(engine: MaskGIT) -> DecodeState:
    state = engine.prepare_generate("rose", seed=4, guidance_scale=2).state
    return engine.step(engine.step(state))


def test_masked_cells_have_entropy_and_decided_ones_have_none(
    engine: MaskGIT, state: DecodeState
) -> None:
    found = entropy(engine, state)
    assert (found[state.mask] > 0).all()
    assert (found[state.mask] <= math.log(32) + 1e-5).all()
    assert (found[~state.mask] == 0).all()


def test_a_masked_cell_is_seen_as_it_is(engine: MaskGIT, state: DecodeState) -> None:
    cell = int(state.mask[0].nonzero()[0, 0])
    found = inspect(engine, state, cell)
    labels = state.constraints.labels
    with_class = engine.predictor.logits(state.tokens, labels)[0, cell]
    without = engine.predictor.logits(state.tokens, labels.new_tensor([5]))[0, cell]
    torch.testing.assert_close(found.logits, without + 2 * (with_class - without))
    assert found.code is None
    assert found.entropy == pytest.approx(float(entropy(engine, state)[0, cell]), rel=1e-4)
    assert found.top(10).tolist() == found.logits.argsort(descending=True)[:10].tolist()


def test_a_decided_cell_is_asked_about_as_if_it_were_masked(
    engine: MaskGIT, state: DecodeState
) -> None:
    cell = int((~state.mask)[0].nonzero()[0, 0])
    found = inspect(engine, state, cell)
    assert found.code == state.tokens[0, cell]
    assert found.revealed_at == state.revealed_at[0, cell] >= 0
    assert found.confidence == pytest.approx(float(state.confidence[0, cell].exp()))
    back = steering.remask(state, steering.one_cell(state, cell))
    other = inspect(engine, back, cell)
    assert other.code is None


def test_banned_codes_are_not_among_the_likely_ones(engine: MaskGIT, state: DecodeState) -> None:
    best = inspect(engine, state, 5).top(1)
    banned = inspect(engine, steering.ban(state, int(best[0]), 5), 5)
    assert banned.logits[best] == -math.inf
    assert int(best[0]) not in banned.top(32).tolist()
    assert math.isfinite(banned.entropy)


@pytest.mark.parametrize("cell", [0, 3, 5, 12, 15])
def test_a_patch_is_part_of_the_picture_with_that_code(
    engine: MaskGIT, state: DecodeState, cell: int
) -> None:
    codes = torch.tensor([1, 7, 30])
    found = patches(engine, state, cell, codes)
    side = PATCH_CELLS * 8
    assert found.shape == (3, side, side, 3)
    row, column = divmod(cell, 4)
    top, left = 8 * min(max(row - 1, 0), 1), 8 * min(max(column - 1, 0), 1)
    for code, patch in zip(codes.tolist(), found, strict=True):
        whole = engine.preview(steering.choose(state, cell, code))[0]
        np.testing.assert_array_equal(patch, whole[top : top + side, left : left + side])


def test_one_picture_and_one_cell_at_a_time(engine: MaskGIT, state: DecodeState) -> None:
    with pytest.raises(ValueError, match="0 to 15"):
        inspect(engine, state, 16)
    with pytest.raises(ValueError, match="one picture"):
        inspect(engine, DecodeState.stack([state, state]), 0)


def test_banned_codes_make_nobody_undecided(engine: MaskGIT, state: DecodeState) -> None:
    cell = int(state.mask[0].nonzero()[0, 0])
    before = entropy(engine, state)[0, cell]
    for code in inspect(engine, state, cell).top(5).tolist():
        state = steering.ban(state, code, cell)
    found = float(entropy(engine, state)[0, cell])
    assert found == pytest.approx(inspect(engine, state, cell).entropy, rel=1e-4)
    assert abs(found - before) > 1e-3
    everywhere = steering.ban(state, 3)
    assert entropy(engine, everywhere).isfinite().all()


@pytest.mark.parametrize("reveal", ["raster", "confidence"])
def test_where_nothing_was_open_nobody_is_undecided(engine: MaskGIT, reveal: str) -> None:
    known = torch.arange(16).view(1, 4, 4)
    constraints = Constraints.from_grid(
        known, torch.zeros(1, 4, 4, dtype=torch.bool), torch.tensor([2])
    )
    for schedule in ("ramp", "constant"):
        options = DecodeOptions(
            reveal=reveal, guidance_scale=3.0, guidance_schedule=schedule,
            temperature_schedule="fade",
        )  # fmt: skip
        state = engine.start(constraints, options)
        assert state.finished
        assert entropy(engine, state).tolist() == [[0.0] * 16]
        assert inspect(engine, state, 5).code == 5
