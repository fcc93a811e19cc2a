"""The objectives against slow twins in NumPy, and at the ends of their range."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from maskgit.training import losses, recipes


def log_softmax(values: np.ndarray) -> np.ndarray:
    shifted = values - values.max()
    return shifted - np.log(np.exp(shifted).sum())


def slow_masked_token_loss(
    logits: np.ndarray, targets: np.ndarray, is_masked: np.ndarray, smoothing: float
) -> float:
    pictures = []
    for picture in range(len(targets)):
        cells = []
        for cell in np.flatnonzero(is_masked[picture]):
            log_p = log_softmax(logits[picture, cell])
            wanted = np.full(len(log_p), smoothing / len(log_p))
            wanted[targets[picture, cell]] += 1 - smoothing
            cells.append(-(wanted * log_p).sum())
        pictures.append(np.mean(cells) if cells else 0.0)
    return float(np.mean(pictures))


def tokens_and_logits() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(3, 6, 5, generator=generator)
    targets = torch.randint(5, (3, 6), generator=generator)
    is_masked = torch.rand(3, 6, generator=generator) < 0.5
    is_masked[0] = torch.tensor([1, 0, 0, 0, 0, 0]).bool()  # one cell counts as much as six
    is_masked[1] = True
    return logits, targets, is_masked


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_masked_token_loss_equals_its_slow_twin(smoothing: float) -> None:
    logits, targets, is_masked = tokens_and_logits()
    found = float(losses.masked_token_loss(logits, targets, is_masked, smoothing))
    slow = slow_masked_token_loss(logits.numpy(), targets.numpy(), is_masked.numpy(), smoothing)
    assert found == pytest.approx(slow, rel=1e-5)


def test_tokens_that_are_not_masked_have_no_part_in_the_loss() -> None:
    logits, targets, is_masked = tokens_and_logits()
    logits.requires_grad_()
    loss = losses.masked_token_loss(logits, targets, is_masked, 0.1)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[~is_masked] == 0).all()
    assert (logits.grad[is_masked] != 0).any(dim=-1).all()
    others = torch.where(is_masked, targets, (targets + 1) % 5)
    assert torch.equal(losses.masked_token_loss(logits, others, is_masked, 0.1), loss)


def test_a_picture_without_masked_tokens_costs_nothing() -> None:
    logits, targets, is_masked = tokens_and_logits()
    assert losses.masked_token_loss(logits, targets, torch.zeros_like(is_masked), 0.1) == 0


def test_codebook_loss_is_squared_error_and_its_commitment() -> None:
    features, quantized = torch.randn(2, 3, 2, 2), torch.randn(2, 3, 2, 2)
    error = float((features - quantized).square().mean())
    assert float(losses.codebook_loss(features, quantized, 0.25)) == pytest.approx(1.25 * error)


def test_codes_move_to_features_and_features_to_codes_commitment_times_as_hard() -> None:
    features = torch.randn(2, 3, 2, 2, requires_grad=True)
    quantized = torch.randn(2, 3, 2, 2, requires_grad=True)
    losses.codebook_loss(features, quantized, 0.25).backward()
    pull = 2 * (quantized - features).detach() / features.numel()
    assert quantized.grad is not None
    assert features.grad is not None
    torch.testing.assert_close(quantized.grad, pull)
    torch.testing.assert_close(features.grad, -0.25 * pull)


def slow_entropy_loss(distances: np.ndarray, temperature: float) -> float:
    p = np.stack([np.exp(log_softmax(-row / temperature)) for row in distances.astype(np.float64)])
    each = np.mean([-sum(q * math.log(q) for q in row if q > 0) for row in p])
    mean = p.mean(0)
    return float(each - -sum(q * math.log(q + 1e-5) for q in mean))


@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_entropy_loss_equals_its_slow_twin(temperature: float) -> None:
    distances = torch.rand(7, 5, generator=torch.Generator().manual_seed(0))
    found = float(losses.entropy_loss(distances, temperature))
    assert found == pytest.approx(slow_entropy_loss(distances.numpy(), temperature), abs=1e-5)


def test_entropy_loss_is_lowest_for_sure_choices_spread_over_all_codes() -> None:
    one_each = 1 - torch.eye(8)
    assert float(losses.entropy_loss(one_each)) == pytest.approx(-math.log(8), abs=1e-3)
    always_the_first = one_each[:1].expand(8, 8)
    assert float(losses.entropy_loss(always_the_first)) == pytest.approx(0, abs=1e-3)
    undecided = torch.ones(8, 8)
    assert float(losses.entropy_loss(undecided)) == pytest.approx(0, abs=1e-3)


def test_entropy_loss_is_finite_however_far_the_codes_are() -> None:
    distances = torch.tensor([[0.0, 1e6], [1e6, 0.0]], requires_grad=True)
    loss = losses.entropy_loss(distances)
    loss.backward()
    assert loss.isfinite()
    assert distances.grad is not None
    assert distances.grad.isfinite().all()


def test_the_discriminator_is_content_beyond_the_hinge() -> None:
    sure = losses.discriminator_loss(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -9.0]))
    assert sure == 0
    wrong = losses.discriminator_loss(torch.tensor([0.0, -1.0]), torch.tensor([0.5]))
    assert float(wrong) == pytest.approx((1.5 + 1.5) / 2)


def test_the_generator_wants_high_scores() -> None:
    scores = torch.tensor([1.0, 2.0], dtype=torch.bfloat16)
    assert losses.adversarial_loss(scores) == -1.5


def test_the_non_saturating_losses_are_those_of_a_classifier() -> None:
    real, generated = torch.tensor([0.5, -1.0]), torch.tensor([2.0])
    log_loss = [math.log(1 + math.exp(x)) for x in (-0.5, 1.0, 2.0, -2.0)]
    found = losses.discriminator_loss(real, generated, "non-saturating")
    assert float(found) == pytest.approx((log_loss[0] + log_loss[1]) / 2 + log_loss[2])
    assert float(losses.adversarial_loss(generated, "non-saturating")) == pytest.approx(log_loss[3])


def test_the_gradient_penalty_is_the_squared_slope_at_real_pictures() -> None:
    slope, real = torch.randn(3, 4, 4), torch.rand(2, 3, 4, 4, requires_grad=True)
    scores = (real * slope).sum((1, 2, 3))[:, None, None, None].expand(-1, 1, 2, 2)
    penalty = losses.gradient_penalty(scores, real)
    assert float(penalty) == pytest.approx(float(slope.square().sum()), rel=1e-5)


def test_the_adaptive_weight_makes_both_gradients_equally_long_up_to_a_limit() -> None:
    rest, adversarial = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0])
    assert float(losses.adaptive_weight(rest, adversarial)) == pytest.approx(2.5, rel=1e-3)
    assert float(losses.adaptive_weight(rest, torch.zeros(2))) == pytest.approx(1e4)


def unit_filters() -> torch.Tensor:
    return F.normalize(torch.randn(8, 3, 5, 5).flatten(1)).view(8, 3, 5, 5)


def test_texture_counts_and_not_where_it_lies() -> None:
    torch.manual_seed(0)
    real, filters = torch.rand(2, 3, 64, 64), unit_filters()
    moved, blurred = real.roll((6, 4), (-2, -1)), F.avg_pool2d(real, 3, 1, 1)
    assert float(losses.texture_loss(real, real, filters)) == 0
    distances = [float(losses.texture_loss(each, real, filters)) for each in (moved, blurred)]
    assert distances[0] < 0.2 * distances[1]
    assert float(F.l1_loss(moved, real)) > float(F.l1_loss(blurred, real))


def test_texture_is_compared_tile_by_tile() -> None:
    torch.manual_seed(0)
    noise, grey = torch.rand(1, 3, 64, 32), torch.full((1, 3, 64, 32), 0.5)
    here, there = torch.cat([noise, grey], dim=3), torch.cat([grey, noise], dim=3)
    filters = unit_filters()
    assert float(losses.texture_loss(here, there, filters)) > 0.1
    assert float(losses.texture_loss(here, there, filters, tile=64)) < 0.02


def test_crops_that_are_no_whole_tiles_are_refused_in_words() -> None:
    stage = recipes.sharper().tokenizer
    with pytest.raises(ValueError, match="tiles of 32 px; crops of 80 px are no multiple"):
        replace(stage, crop_px=80)
    assert replace(stage, crop_px=80, texture_weight=0.0).crop_px == 80


def test_a_blurred_picture_is_sharpened_for_its_texture() -> None:
    torch.manual_seed(0)
    real, filters = torch.rand(2, 3, 64, 64), unit_filters()
    blurred = F.avg_pool2d(real, 3, 1, 1).requires_grad_()
    losses.texture_loss(blurred, real, filters).backward()
    assert blurred.grad is not None
    moved = (blurred - 20 * blurred.grad).detach()
    assert moved.std() > blurred.detach().std()


def test_perplexity_counts_evenly_used_codes() -> None:
    assert losses.perplexity(torch.tensor([3, 3, 3, 3])) == pytest.approx(4)
    assert losses.perplexity(torch.tensor([7, 0, 0])) == pytest.approx(1)
    assert 1 < losses.perplexity(torch.tensor([9, 1])) < 2
