"""Reveal rules: which cells stay, exactly as many as asked for."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskgit.noise import HASHED
from maskgit.reveal import Proposal, halton_order, lowest, scores
from tests import oracles
from tests.shared import SHARED, needs_shared


def proposal(temperature: float = 0.0, step: int = 0, seed: int = 1) -> Proposal:
    confidence = -torch.arange(24.0).reshape(2, 12).cos().abs()
    seeds, steps = torch.tensor([seed, seed + 1]), torch.tensor([step, step])
    logits = torch.arange(24.0).reshape(2, 12).sin()
    return Proposal(confidence, logits, [temperature, 0.0], seeds, steps, (3, 4), HASHED)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=30),
    st.integers(0, 40),
)
def test_counts_are_exact_and_earlier_cells_go_first_among_equals(
    cells: list[tuple[bool, int]], count: int
) -> None:
    among, score = (np.array(column) for column in zip(*cells, strict=True))
    marked = lowest(torch.tensor(score[None]).float(), torch.tensor(among[None]), [count])
    assert marked.sum() == min(count, among.sum())
    np.testing.assert_array_equal(marked[0], oracles.mask_again(score, among, count))


def test_rows_may_ask_for_different_counts() -> None:
    among = torch.ones(3, 4, dtype=torch.bool)
    marked = lowest(torch.zeros(3, 4), among, [0, 3, 4])
    assert marked.sum(dim=1).tolist() == [0, 3, 4]


def test_cells_outside_never_count_however_low_they_score() -> None:
    among = torch.tensor([[True, False, True, False]])
    marked = lowest(torch.tensor([[5.0, -9.0, 4.0, -9.0]]), among, [1])
    assert marked.tolist() == [[False, False, True, False]]


@pytest.mark.parametrize(("rule", "value"), [("confidence", "confidence"), ("logit", "logits")])
def test_likelihood_gets_noise_scaled_per_row(rule: str, value: str) -> None:
    plain, noisy = proposal(), proposal(temperature=2.0)
    expected = getattr(plain, value)
    assert torch.equal(scores([rule] * 2, plain), expected)
    found = scores([rule] * 2, noisy)
    assert torch.equal(found[0], expected[0] + 2 * noisy.gumbel(noisy.steps)[0])
    assert torch.equal(found[1], expected[1])


def test_the_random_order_is_the_seed_s_and_holds_in_every_pass() -> None:
    first, later, other = (
        scores(["random"] * 2, proposal(**change))[0] for change in ({}, {"step": 5}, {"seed": 9})
    )
    assert torch.equal(first, later)
    assert first.argsort().tolist() != other.argsort().tolist()


def test_raster_and_halton_follow_their_orders() -> None:
    raster = scores(["raster"], proposal())[0]
    assert raster.argsort(descending=True).tolist() == list(range(12))
    halton = scores(["halton"], proposal())[0]
    assert halton.argsort(descending=True).tolist() == oracles.halton_order(3, 4)


def test_a_rolled_order_is_the_same_round_begun_elsewhere() -> None:
    order = oracles.halton_order(3, 4)
    begun = set()
    for seed in range(9):
        here = proposal(seed=seed, step=seed)
        rolled = scores(["halton_rolled"] * 2, here)[0].argsort(descending=True).tolist()
        place = rolled.index(order[0])
        assert rolled[place:] + rolled[:place] == order
        assert place == here.gumbel(torch.zeros_like(here.steps))[0].argmax()  # in every pass
        begun.add(place)
    assert len(begun) > 4


def test_rows_may_follow_different_rules() -> None:
    mixed = scores(["halton", "confidence"], proposal())
    assert torch.equal(mixed[0], scores(["halton"], proposal())[0])
    assert torch.equal(mixed[1], proposal().confidence[1])


@needs_shared
def test_the_halton_order_is_the_published_one() -> None:
    with np.load(SHARED / "golden/halton/halton_order.npz") as recorded:
        for key in (key for key in recorded.files if key.startswith("order_")):
            side = int(key.removeprefix("order_"))
            rows, columns = np.divmod(halton_order(side, side), side)
            np.testing.assert_array_equal(np.stack([rows, columns], axis=1), recorded[key])


@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (9, 2), (5, 8), (16, 24)])
def test_grids_need_not_be_square(grid: tuple[int, int]) -> None:
    assert halton_order(*grid).tolist() == oracles.halton_order(*grid)
