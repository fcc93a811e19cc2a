"""Sampling: which codes may be drawn, in the right proportions, each row by its own parameters."""

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit.noise import HASHED
from maskgit.sampling import _descending, draw, guide, log_probability, shape
from tests.oracles import allowed_codes, log_softmax

NEUTRAL = {"temperature": [1.0], "top_k": [0], "top_p": [1.0]}


def some_logits(rows: int, cells: int = 5, codes: int = 13) -> Tensor:
    """Distinct logits of a few units' spread; the same for every test run."""
    return 3 * torch.sin(torch.arange(rows * cells * codes) * 1.7).reshape(rows, cells, codes)


def test_guidance_is_u_plus_s_times_c_minus_u() -> None:
    conditional = torch.tensor([[[2.0, 1.0]]]).expand(4, 1, 2)
    unconditional = torch.tensor([[[1.0, 3.0]]]).expand(4, 1, 2)
    guided = guide(conditional, unconditional, [0, 1, 3, 1.5])
    assert guided[:, 0].tolist() == [[1.0, 3.0], [2.0, 1.0], [4.0, -3.0], [2.5, 0.0]]


def test_neutral_parameters_cost_nothing() -> None:
    logits = some_logits(1)
    assert shape(logits, **NEUTRAL) is logits


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("ban", [False, True])
def test_every_row_keeps_what_the_slow_twin_keeps(temperature: float, ban: bool) -> None:
    top_k = [0, 1, 3, 13, 99, 0, 0, 4, 2]
    top_p = [1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 1e-9, 0.9, 0.3]
    logits = some_logits(len(top_k))
    banned = torch.zeros_like(logits, dtype=torch.bool)
    if ban:
        banned[:, :, ::3] = True
        banned[:, 1] = torch.arange(13) != 7  # one code is left
    shaped = shape(logits, [temperature] * len(top_k), top_k, top_p, banned if ban else None)
    for row in range(len(top_k)):
        for cell in range(logits.shape[1]):
            values, bans = logits[row, cell].numpy(), banned[row, cell].numpy()
            allowed = allowed_codes(values, temperature, top_k[row], top_p[row], bans)
            expected = np.where(allowed, values, -np.inf)
            np.testing.assert_array_equal(shaped[row, cell], expected)


def test_the_sort_of_a_cpu_is_a_sort() -> None:
    logits = torch.randn(2, 7, 100).masked_fill(torch.rand(2, 7, 100) < 0.2, -torch.inf)
    before = logits.clone()
    assert torch.equal(_descending(logits), logits.sort(dim=-1, descending=True).values)
    assert torch.equal(logits, before)


@pytest.mark.parametrize(
    ("temperature", "top_p"), [(1.0, 1e-46), (1e-39, 0.9), (1e-46, 0.9), (100.0, 5e-324)]
)
def test_numbers_that_are_nothing_in_float32_leave_the_likeliest_code(
    temperature: float, top_p: float
) -> None:
    logits = torch.tensor([[[1.0, 3.0, 2.0], [-90.0, 0.0, 90.0]]])
    kept = shape(logits, [temperature], [0], [top_p]).isfinite()
    assert kept.tolist() == [[[False, True, False], [False, False, True]]]


def test_bans_may_be_the_same_in_every_cell() -> None:
    logits, banned = some_logits(2), torch.zeros(2, 1, 13, dtype=torch.bool)
    banned[1, 0, 4] = True
    shaped = shape(logits, [1.0] * 2, [0] * 2, [1.0] * 2, banned)
    assert (shaped == -torch.inf).nonzero().tolist() == [[1, cell, 4] for cell in range(5)]


def test_codes_as_likely_as_the_last_that_stays_stay_too() -> None:
    logits = torch.tensor([[[1.0, 2.0, 1.0, 0.0]]])
    for options in ({"top_k": [2]}, {"top_p": [0.6]}):
        shaped = shape(logits, **{**NEUTRAL, **options})
        assert shaped[0, 0].isfinite().tolist() == [True, True, True, False]


def test_shaping_leaves_its_input_alone() -> None:
    logits = some_logits(1)
    before = logits.clone()
    shape(logits, [1.0], [2], [0.5], torch.zeros(1, 5, 13, dtype=torch.bool))
    assert torch.equal(logits, before)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax_of_logits_over_temperature(temperature: float) -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, -torch.inf])
    cells = torch.arange(40_000)[None]
    gumbel = HASHED.gumbel_codes(torch.tensor([4]), torch.tensor([0]), cells, 5)
    ids = draw(logits.expand(1, 40_000, 5), gumbel, [temperature])
    share = torch.bincount(ids[0], minlength=5) / 40_000
    torch.testing.assert_close(share, (logits / temperature).softmax(0), atol=0.012, rtol=0)
    assert share[4] == 0


def test_temperature_zero_and_no_noise_take_the_likeliest_code_and_the_first_of_equals() -> None:
    logits = torch.tensor([[[1.0, 5.0, 5.0], [0.0, 0.0, 0.0]]])
    noise = torch.tensor([[[9.0, 0.0, 9.0], [0.0, 1.0, 2.0]]])
    assert draw(logits, None, [0]).tolist() == [[1, 0]]
    assert draw(logits, noise, [0.0]).tolist() == [[1, 0]]


def test_each_row_has_its_own_temperature() -> None:
    logits = torch.tensor([[[0.0, 1.0]]]).expand(3, 1, 2)
    noise = torch.tensor([[[1.5, 0.0]]]).repeat(3, 1, 1)
    assert draw(logits, noise, [0.5, 1.0, 0.0])[:, 0].tolist() == [1, 0, 1]


def test_log_probability_is_that_of_the_whole_softmax() -> None:
    logits, ids = some_logits(2), torch.tensor([[0, 12, 3, 4, 5], [9, 8, 7, 6, 5]])
    for row, cell in np.ndindex(2, 5):
        expected = log_softmax(logits[row, cell].numpy())[ids[row, cell]]
        found = log_probability(logits, ids)[row, cell].item()
        assert found == pytest.approx(expected, abs=1e-6)
