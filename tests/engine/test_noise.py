"""Noise: the same bits everywhere, whatever else is asked for, and as random as it must be."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from maskgit.noise import CELLS_STREAM, CODES_STREAM, HASHED, uniform
from tests.oracles import hashed_uniform

SEEDS = [0, 1, 7, 2**31, 2**32 + 5, 2**63 - 1]


def grid_noise(seed: int, cells: int = 64, codes: int = 256, step: int = 0) -> Tensor:
    seeds, steps = torch.tensor([seed]), torch.tensor([step])
    return uniform(seeds, steps, torch.arange(cells)[None], codes, CODES_STREAM)[0]


@given(
    st.one_of(st.sampled_from(SEEDS), st.integers(0, 2**63 - 1)),
    st.integers(0, 2000),
    st.integers(0, 5000),
    st.integers(0, 1023),
    st.sampled_from([CODES_STREAM, CELLS_STREAM]),
)
def test_bits_are_those_of_the_whole_number_twin(
    seed: int, step: int, cell: int, code: int, stream: int
) -> None:
    numbers = uniform(
        torch.tensor([seed]), torch.tensor([step]), torch.tensor([[cell]]), 1024, stream
    )
    assert numbers[0, 0, code].item() == hashed_uniform(seed, step, cell, code, stream)


def test_bits_never_change_between_versions() -> None:
    """A saved seed must give the same picture next year."""
    assert [int(hashed_uniform(seed, 3, 200, 1000, 1) * 2**24) for seed in SEEDS] == [
        9204341,
        15723731,
        14660697,
        13500727,
        15767903,
        4263637,
    ]


def test_noise_of_a_cell_is_the_same_whatever_else_is_asked_for() -> None:
    seeds, steps = torch.tensor([5, 9]), torch.tensor([2, 0])
    every = torch.arange(100).expand(2, -1)
    some = torch.tensor([[3, 4, 99], [50, 0, 7]])
    codes, cells = (
        HASHED.gumbel_codes(seeds, steps, every, 37),
        HASHED.gumbel_cells(seeds, steps, every),
    )
    for row in range(2):
        one = seeds[row : row + 1], steps[row : row + 1], some[row : row + 1]
        assert torch.equal(HASHED.gumbel_codes(*one, 37)[0], codes[row, some[row]])
        assert torch.equal(HASHED.gumbel_cells(*one)[0], cells[row, some[row]])
        # Fewer codes are the first of many, so a smaller codebook changes nothing else.
        assert torch.equal(HASHED.gumbel_codes(*one, 9)[0], codes[row, some[row], :9])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_makes_the_same_bits() -> None:
    seeds, steps, cells = torch.tensor(SEEDS), torch.arange(6), torch.arange(256).expand(6, -1)
    on_gpu = uniform(seeds.cuda(), steps.cuda(), cells.cuda(), 1024, 1).cpu()
    assert torch.equal(on_gpu, uniform(seeds, steps, cells, 1024, 1))


def test_uniforms_lie_strictly_between_zero_and_one() -> None:
    numbers = grid_noise(0, cells=256, codes=4096)
    assert 0 < numbers.min() < 1e-5
    assert 1 - 1e-5 < numbers.max() < 1
    gumbel = HASHED.gumbel_codes(
        torch.tensor([0]), torch.tensor([0]), torch.arange(256)[None], 4096
    )
    assert gumbel.isfinite().all()


def test_gumbel_noise_has_the_moments_of_its_distribution() -> None:
    arguments = torch.tensor([3]), torch.tensor([1]), torch.arange(256)[None]
    gumbel = HASHED.gumbel_codes(*arguments, 4096).double()
    assert gumbel.mean().item() == pytest.approx(0.5772157, abs=5e-3)  # 4 standard errors
    assert gumbel.var().item() == pytest.approx(math.pi**2 / 6, abs=2e-2)


def test_uniforms_fill_their_bins_evenly() -> None:
    numbers = grid_noise(11, cells=256, codes=1024)
    counts = torch.histc(numbers, 256, 0, 1)
    expected = numbers.numel() / 256
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    assert abs(chi_square - 255) < 5 * math.sqrt(2 * 255)


@pytest.mark.parametrize("what", ["seed", "high bits of the seed", "step", "cell", "row", "code"])
def test_neighbours_are_uncorrelated(what: str) -> None:
    numbers = grid_noise(21)
    other = {
        "seed": lambda: grid_noise(22),
        "high bits of the seed": lambda: grid_noise(21 + 2**40),
        "step": lambda: grid_noise(21, step=1),
        "cell": lambda: numbers.roll(1, dims=0),
        "row": lambda: numbers.roll(16, dims=0),
        "code": lambda: numbers.roll(1, dims=1),
    }[what]()
    product = ((numbers - 0.5) * (other - 0.5)).double().mean().item()
    assert abs(product * 12 * math.sqrt(numbers.numel())) < 4


def test_the_two_streams_differ() -> None:
    arguments = torch.tensor([1]), torch.tensor([0]), torch.arange(16)[None]
    codes = HASHED.gumbel_codes(*arguments, 1)[..., 0]
    assert not torch.isclose(codes, HASHED.gumbel_cells(*arguments)).any()


def test_the_arg_max_of_gumbel_noise_is_uniform_over_the_codes() -> None:
    seeds, steps = torch.arange(64), torch.zeros(64, dtype=torch.long)
    winners = HASHED.gumbel_codes(seeds, steps, torch.arange(256).expand(64, -1), 32).argmax(-1)
    counts = torch.bincount(winners.flatten(), minlength=32).double()
    expected = winners.numel() / 32
    assert ((counts - expected) ** 2 / expected).sum().item() < 31 + 5 * math.sqrt(62)
