"""Doubling phase by phase is the same sum in another order."""

import copy

import pytest
import torch
from torch import Tensor

from maskgit import load
from maskgit.models.doubling import Doubling, DoublingInPhases, in_phases

SHAPES = [(1, 6, 1, 1), (2, 6, 5, 3), (1, 6, 8, 16)]


def doubling(dtype: torch.dtype) -> Doubling:
    torch.manual_seed(0)
    return Doubling(6).to(dtype).requires_grad_(False)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_phases_together_are_the_convolution_of_the_large_map(shape: tuple[int, ...]) -> None:
    plain, x = doubling(torch.float64), torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(DoublingInPhases(plain)(x), plain(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_is_no_worse_than_that_of_the_plain_form(dtype: torch.dtype) -> None:
    plain, x = doubling(dtype), torch.randn(2, 6, 32, 32).to(dtype)
    exact = copy.deepcopy(plain).double()(x.double())

    def error(found: Tensor) -> float:
        return float((found.double() - exact).square().mean().sqrt())

    assert error(DoublingInPhases(plain)(x)) < 1.5 * error(plain(x))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_stays(layout: torch.memory_format) -> None:
    x = torch.randn(2, 6, 4, 4).contiguous(memory_format=layout)
    phases = DoublingInPhases(doubling(torch.float32).to(memory_format=layout))
    assert phases(x).is_contiguous(memory_format=layout)
    assert phases(x[:, :, 1:3, :2]).is_contiguous(memory_format=layout)  # of a part, likewise
    assert all(
        kernel.is_contiguous(memory_format=layout)
        for name, kernel in phases.named_buffers()
        if name != "bias"
    )


def test_every_doubling_of_a_loaded_model_is_replaced() -> None:
    engine = load("embedded", "cpu")
    kinds = [type(module) for module in engine.tokenizer.modules()]  # pyright: ignore
    assert kinds.count(DoublingInPhases) == 3
    assert Doubling not in kinds


def test_only_doublings_are_replaced() -> None:
    network = torch.nn.Sequential(doubling(torch.float32), torch.nn.Conv2d(6, 6, 3, padding=1))
    x = torch.randn(1, 6, 4, 4)
    before, last = network(x), network[1]
    in_phases(network)
    assert isinstance(network[0], DoublingInPhases)
    assert network[1] is last
    torch.testing.assert_close(network(x), before)
