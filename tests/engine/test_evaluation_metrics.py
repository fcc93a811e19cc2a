"""Every formula against known answers, and against a slow twin in NumPy."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit.evaluation.metrics import (
    class_consistency,
    code_usage,
    frechet_distance,
    inception_score,
    likeness,
    nearest,
    precision_recall,
    sharpness,
    ssim,
)
from tests.models import some_picture


def normal(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, columns)))


def test_the_frechet_distance_of_a_set_from_itself_is_nothing() -> None:
    features = normal(50, 6)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)


def test_a_shift_counts_by_its_square_and_a_stretch_by_its_spread() -> None:
    features = normal(50, 3)
    shift = torch.tensor([3.0, 0.0, 4.0])
    assert frechet_distance(features, features + shift) == pytest.approx(25)
    centred = features - features.mean(0)
    spread = float(torch.cov(centred.T).trace())
    assert frechet_distance(centred, 2 * centred) == pytest.approx(spread)  # (2 - 1)^2 of it


@pytest.mark.parametrize("rows", [40, 6])  # more than features, and fewer
def test_the_frechet_distance_is_that_of_its_formula(rows: int) -> None:
    a, b = normal(rows, 8, seed=1).numpy(), normal(rows, 8, seed=2).numpy() * 1.5 + 0.3
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(covariances[0] @ covariances[1]).real, 0)).sum()
    expected = np.square(a.mean(0) - b.mean(0)).sum()
    expected += np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * roots
    found = frechet_distance(torch.from_numpy(a), torch.from_numpy(b))
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_single_feature_is_enough_for_a_frechet_distance() -> None:
    assert frechet_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [7.0]])) == 25


@pytest.mark.usefixtures("unchecked")
def test_frechet_distances_of_too_little_or_of_different_things_are_refused() -> None:
    with pytest.raises(ValueError, match="two pictures are the least"):
        frechet_distance(normal(1, 3), normal(5, 3))
    with pytest.raises(ValueError, match="3 features on one side, 4 on the other"):
        frechet_distance(normal(5, 3), normal(5, 4))


def test_inception_score_counts_the_classes_that_appear_for_sure() -> None:
    assert inception_score(torch.eye(5)) == pytest.approx(5)
    assert inception_score(torch.full((7, 5), 0.2)) == pytest.approx(1)
    assert inception_score(torch.eye(3)[[0, 0, 1, 1]]) == pytest.approx(2)


def test_inception_score_is_that_of_its_formula_also_in_parts() -> None:
    p = normal(12, 4).softmax(1)

    def score(part: np.ndarray) -> float:
        divergence = (part * np.log(part / part.mean(0))).sum(1).mean()
        return math.exp(divergence)

    expected = np.mean([score(part) for part in np.split(p.numpy(), 3)])
    assert inception_score(p, splits=3) == pytest.approx(expected)
    with pytest.raises(ValueError, match="splits must be 1 to 12"):
        inception_score(p, splits=13)


def test_precision_and_recall_on_a_line() -> None:
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])  # radii with k = 1: 1, 1, 1, 8
    generated = torch.tensor([[0.5], [-3.0], [17.0], [19.0]])  # radii: 3.5, 3.5, 2, 2
    precision, recall = precision_recall(real, generated, neighbours=1)
    assert (precision, recall) == (0.5, 0.75)  # 0.5 and 17 lie among the real; 10 among none


def test_precision_and_recall_are_those_of_a_slow_count() -> None:
    real, generated = normal(30, 4, seed=3), normal(25, 4, seed=4) * 1.3

    def share(points: np.ndarray, centres: np.ndarray) -> float:
        count = 0
        radii = [sorted(np.linalg.norm(centres - c, axis=1))[3] for c in centres]
        for point in points:
            distances = np.linalg.norm(centres - point, axis=1)
            count += any(d <= radius for d, radius in zip(distances, radii, strict=True))
        return count / len(points)

    precision, recall = precision_recall(real, generated)
    assert precision == pytest.approx(share(generated.numpy(), real.numpy()))
    assert recall == pytest.approx(share(real.numpy(), generated.numpy()))


def test_precision_needs_a_kth_neighbour() -> None:
    with pytest.raises(ValueError, match="more than 3 pictures"):
        precision_recall(normal(3, 2), normal(9, 2))


def test_the_nearest_come_first_whatever_their_length() -> None:
    among = torch.tensor([[1.0, 0.0], [0.0, 5.0], [3.0, 3.0]])
    assert nearest(torch.tensor([[0.1, 2.0]]), among, count=2).tolist() == [[1, 2]]
    assert nearest(among, among).flatten().tolist() == [0, 1, 2]


def test_structural_similarity_of_a_picture_with_itself_is_one() -> None:
    pictures = some_picture(20, 24)[None]
    assert ssim(pictures, pictures) == pytest.approx(1)


def test_structural_similarity_is_that_of_a_slow_window() -> None:
    x, y = some_picture(13, 12, seed=0), some_picture(13, 12, seed=1)
    offsets = np.arange(-5, 6)
    weight = np.exp(-(offsets[:, None] ** 2 + offsets**2) / 4.5)
    weight /= weight.sum()
    values = []
    for top in range(3):
        for left in range(2):
            for channel in range(3):
                place = (slice(top, top + 11), slice(left, left + 11), channel)
                a, b = x[place] / 255, y[place] / 255
                mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
                spread_a = (weight * (a - mean_a) ** 2).sum()
                spread_b = (weight * (b - mean_b) ** 2).sum()
                together = (weight * (a - mean_a) * (b - mean_b)).sum()
                values.append(
                    (2 * mean_a * mean_b + 1e-4)
                    * (2 * together + 9e-4)
                    / ((mean_a**2 + mean_b**2 + 1e-4) * (spread_a + spread_b + 9e-4))
                )
    assert ssim(x[None], y[None]) == pytest.approx(np.mean(values), abs=1e-6)


@pytest.mark.usefixtures("unchecked")
def test_pictures_without_room_for_the_window_have_no_structural_similarity() -> None:
    with pytest.raises(ValueError, match="at least 11 px"):
        ssim(some_picture(10, 12)[None], some_picture(10, 12)[None])
    with pytest.raises(ValueError, match="pictures are"):
        ssim(some_picture(12, 12)[None], some_picture(12, 13)[None])


def test_sharpness_is_the_mean_step_between_neighbours() -> None:
    stripes = np.zeros((1, 4, 4, 3), np.uint8)
    stripes[:, :, 1::2] = 100  # every step across is 100, every step down 0
    assert sharpness(stripes) == 50


def test_the_likeness_of_sets_is_that_of_the_nearest() -> None:
    among = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    assert likeness(torch.tensor([[3.0, 0.0], [1.0, 1.0]]), among) == pytest.approx(
        (1 + 0.5**0.5) / 2
    )


def test_codes_in_use_are_counted_and_weighed() -> None:
    usage = code_usage(torch.tensor([[0, 0, 1], [1, 3, 3]]), num_codes=6)
    assert usage.used == 0.5
    assert usage.perplexity == pytest.approx(3)


def test_consistency_asks_for_the_right_class_and_how_surely() -> None:
    p = torch.tensor([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]])
    top1, probability = class_consistency(p, torch.tensor([0, 1, 1]))
    assert top1 == pytest.approx(2 / 3)
    assert probability == pytest.approx((0.7 + 0.4 + 0.8) / 3)
