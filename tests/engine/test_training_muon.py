"""Muon in float32 is torch's Muon, but for the rounding of bfloat16."""

import pytest
import torch

if not hasattr(torch.optim, "Muon"):
    pytest.skip("needs torch 2.9 or newer", allow_module_level=True)

from maskgit.training.muon import Float32Muon, orthogonal

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@pytest.mark.parametrize("shape", [(64, 128), (128, 32), (48, 48)])
def test_steps_are_those_of_torch(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    begin = torch.randn(shape)
    ours, theirs = torch.nn.Parameter(begin.clone()), torch.nn.Parameter(begin.clone())
    optimizers = [
        kind([weight], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        for kind, weight in ((Float32Muon, ours), (torch.optim.Muon, theirs))
    ]
    for _ in range(4):
        gradient = torch.randn(shape)
        for weight, optimizer in zip((ours, theirs), optimizers, strict=True):
            weight.grad = gradient.clone()
            optimizer.step()
    moved = (theirs - begin).norm()
    assert (ours - theirs).norm() < 0.02 * moved
    assert (theirs.detach() - begin).abs().max() > 0.01  # something happened


@pytest.mark.parametrize("shape", [(20, 60), (60, 20)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    made = orthogonal(torch.randn(shape) * 100, COEFFICIENTS, steps=5, eps=1e-7)
    values = torch.linalg.svdvals(made)
    assert made.shape == shape
    assert made.dtype == torch.float32
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_a_weight_without_a_gradient_stays_and_a_closure_is_called() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4))
    optimizer = Float32Muon([weight], lr=0.1)
    assert optimizer.step(lambda: 2.5) == 2.5
    assert bool((weight == 1).all())
