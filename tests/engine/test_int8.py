"""Linear layers in whole numbers: near the plain ones, vector by vector, at any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import maskgit
from maskgit.models import int8
from maskgit.models.int8 import Int8Linear
from maskgit.runtime import choose_dtype
from tests.models import some_picture


def layer(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs, bias).requires_grad_(False)


def exactly(linear: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """The same rounding, written out, and its products in float64."""
    weight_scale = linear.weight.abs().amax(1, keepdim=True) / 127
    weight = (linear.weight / weight_scale).round().double() * weight_scale.double()
    largest = x.abs().amax(-1, keepdim=True)
    rounded = torch.floor(x / largest * 63 + 64.5).double() - 64
    product = rounded @ weight.T * largest.double() / 63
    return product if linear.bias is None else product + linear.bias


@pytest.mark.parametrize("bias", [True, False])
def test_whole_numbers_are_multiplied_without_overflow(bias: bool) -> None:
    linear = layer(768, 96, bias)
    linear.weight[:4] = 1.0  # the largest sums there can be
    x = torch.randn(2, 33, 768)
    x[0, :3] = 1.0
    x[1, :2] = -1.0
    torch.testing.assert_close(
        Int8Linear(linear, 33)(x).double(), exactly(linear, x), atol=1e-3, rtol=1e-4
    )


def test_no_vector_changes_what_becomes_of_another() -> None:
    rounded = Int8Linear(layer(64, 48), 5)
    x = torch.randn(5, 64)
    together = rounded(x)
    x[1:] *= 1000
    assert torch.equal(rounded(x)[0], together[0])


def test_nothing_stays_nothing() -> None:
    assert torch.equal(
        Int8Linear(layer(16, 8, bias=False), 2)(torch.zeros(2, 16)), torch.zeros(2, 8)
    )


def test_a_model_in_int8_edits_finds_like_codes_and_says_what_it_runs_in(
    model_folder: Path, engine: maskgit.MaskGIT
) -> None:
    fast = maskgit.load(model_folder, "cpu", "int8")
    assert "int8" in fast.status
    tokens, labels = torch.full((2, 16), engine.predictor.mask_id), torch.tensor([0, 1])
    exact, near = engine.predictor.logits(tokens, labels), fast.predictor.logits(tokens, labels)
    error = float((near - exact).std() / exact.std())
    assert 0 < error < 0.1
    photo = some_picture(40, 70)
    mask = np.zeros((40, 70), bool)
    mask[10:20, 33:45] = True
    made = [fast.edit(photo, mask, seed=3, count=count).pictures[0] for count in (1, 2)]
    assert np.array_equal(*made)
    assert np.array_equal(made[0][~mask], photo[~mask])


def test_where_it_does_not_work_it_is_refused(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "works", lambda: False)
    with pytest.raises(ValueError, match="int8 runs on a CPU"):
        choose_dtype("int8", torch.device("cpu"), model_folder)
