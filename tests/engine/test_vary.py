"""Pictures close to a finished one: only the share that was asked for changes, by seed alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import maskgit
from maskgit import steering
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions, DecodeState, decode, start
from maskgit.vary import vary
from tests.models import some_picture
from tests.predictors import FakePredictor

N, K = 16, 11
MODEL = FakePredictor(K)


def finished(known: int = 3, seed: int = 3) -> DecodeState:
    """A finished 4 x 4 grid whose first cells are known."""
    is_open = torch.arange(N)[None] >= known
    constraints = Constraints((torch.arange(N) % K)[None], is_open, torch.tensor([1]), (4, 4))
    return run(start(constraints, DecodeOptions(steps=6, seed=seed), MODEL.mask_id))


def run(state: DecodeState) -> DecodeState:
    return decode(MODEL, state)


@settings(deadline=None)
@given(
    share=st.floats(0.01, 1),
    known=st.integers(0, 12),
    seeds=st.lists(st.integers(0, 2**31), min_size=1, max_size=3),
)
def test_no_more_than_the_share_changes_and_known_cells_never(
    share: float, known: int, seeds: list[int]
) -> None:
    before = finished(known)
    after = run(vary(before, share, seeds))
    changed = after.tokens != before.tokens
    assert after.finished
    assert [options.seed for options in after.options] == seeds
    assert not changed[:, :known].any()
    assert changed.sum(dim=1).max() <= max(int(share * (N - known)), 1)


def test_the_least_certain_cells_are_drawn_again() -> None:
    before = finished()
    varied = vary(before, 0.5, [1])
    again = varied.mask[0]
    assert again.sum() == 6
    kept = steering.was_open(before)[0] & ~again
    assert before.confidence[0, again].max() <= before.confidence[0, kept].min() + 1e-2


def test_a_seed_gives_the_same_alone_and_beside_others() -> None:
    before = finished()
    together = run(vary(before, 0.75, [7, 8, 9]))
    for row, seed in enumerate((7, 8, 9)):
        assert torch.equal(together.tokens[row], run(vary(before, 0.75, [seed])).tokens[0])
    assert len({tuple(row.tolist()) for row in together.tokens}) > 1


def test_what_is_pinned_stays_and_the_given_state_too() -> None:
    before = finished()
    held = torch.zeros(1, N, dtype=torch.bool)
    held[0, 5:9] = True
    pinned = steering.pin(before, held)
    tokens = pinned.tokens.clone()
    after = run(vary(pinned, 1.0, [4]))
    assert torch.equal(after.tokens[held], tokens[held])
    assert torch.equal(pinned.tokens, tokens)


def test_a_variation_can_be_varied_and_the_same_cells_are_open() -> None:
    once = run(vary(finished(), 0.25, [4]))
    assert vary(once, 1.0, [5]).num_masked == (N - 3,)


def test_what_cannot_be_varied_is_refused() -> None:
    before = finished()
    for share in (0.0, -1.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="share"):
            vary(before, share, [1])
    with pytest.raises(ValueError, match="seed"):
        vary(before, 0.5, [])
    with pytest.raises(ValueError, match="finished"):
        vary(vary(before, 0.5, [1]), 0.5, [1])
    everything = torch.ones(1, N, dtype=torch.bool)
    with pytest.raises(ValueError, match="can go back"):
        vary(steering.pin(before, everything), 0.5, [1])


def test_pixels_outside_the_mask_are_bit_identical(engine: maskgit.MaskGIT) -> None:
    picture = some_picture(40, 60)
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:40] = True
    job = engine.prepare_edit(picture, mask, 207, seed=5)
    state = decode(engine.predictor, job.state)
    one, other = (engine.vary(job, state, 0.5, seed=9, count=2) for _ in range(2))
    np.testing.assert_array_equal(one.pictures, other.pictures)
    assert one.seeds == (9, 10)
    for result in one.pictures:
        np.testing.assert_array_equal(result[~mask], picture[~mask])
    first = engine.finish(replace(job, state=state), state).pictures[0]
    assert (one.pictures[0] != first).any()


def test_a_cell_that_somebody_chose_and_let_go_can_be_drawn_again() -> None:
    done = finished(known=6)
    chosen = steering.choose(done, 12, 7)
    where = steering.one_cell(chosen, 12)
    free = steering.unpin(chosen, where)
    assert vary(free, 1.0, [1]).num_masked == (10,)
    assert vary(free, 0.9, [1]).mask[0, 12] == 0  # it is the surest
    alone = steering.pin(free, steering.was_open(free) & ~where)
    assert torch.equal(steering.least_certain(alone, 1.0), where)
