"""The parts of training: rate, averages, critic, tokens, and what is hidden in a step."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from maskgit.config import ModelConfig
from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.training import recipes, transformer
from maskgit.training.codebook import squared_distances
from maskgit.training.data import BalancedDraw, ImageSet
from maskgit.training.discriminator import PatchDiscriminator
from maskgit.training.run import Ema, Schedule
from maskgit.training.tokenizer import as_images, psnr, reconstruct_set
from maskgit.training.tokens import TokenSet, Views, cached_tokens, tokenize
from maskgit.training.transformer import evaluate
from tests.models import some_picture

RECIPE = recipes.tiny().transformer(3)
PICTURES = np.stack([some_picture(32, 32, seed) for seed in range(5)])
IMAGES = ImageSet(PICTURES, np.array([0, 2, -1, 1, 0]), ())


@pytest.fixture(scope="module")
def tokenizer() -> VQGAN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = VQGAN(recipes.tiny().tokenizer.model).eval().requires_grad_(False)
        network.codebook.normal_()
    return network


def test_the_rate_warms_up_and_falls_by_a_half_cosine() -> None:
    schedule = Schedule(steps=110, learning_rate=2.0, warmup_steps=10, final_ratio=0.1)
    assert schedule.rate(0) == pytest.approx(0.2)
    assert schedule.rate(9) == schedule.rate(10) == 2.0
    assert schedule.rate(60) == pytest.approx(2 * 0.55)
    assert schedule.rate(110) == schedule.rate(500) == pytest.approx(0.2)
    assert replace(schedule, final_ratio=1.0).rate(77) == 2.0


def test_an_average_follows_quickly_at_first_and_slowly_later() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema, expected = Ema(network, 0.9), 0.0
    nn.init.ones_(network.weight)
    for update in range(1, 200):
        ema.update(network)
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay)
        assert float(ema.average["weight"]) == pytest.approx(expected, rel=1e-5)


def test_an_average_is_continued_from_its_state() -> None:
    network, other = nn.Linear(3, 2), nn.Linear(3, 2)
    ema, copy = Ema(network, 0.9), Ema(other, 0.9)
    ema.update(other)
    copy.load_state_dict(ema.state_dict())
    for average in (ema, copy):
        average.update(network)
    ema.copy_to(network)
    copy.copy_to(other)
    assert torch.equal(network.weight, other.weight)
    assert torch.equal(network.bias, other.bias)


def test_the_critic_scores_overlapping_patches_of_each_picture_alone() -> None:
    critic, images = PatchDiscriminator(16), torch.rand(3, 3, 64, 64)
    scores = critic(images)
    assert scores.shape == (3, 1, 7, 7)
    torch.testing.assert_close(scores[1:2], critic(images[1:2]))
    images[0, :, 40:] = 0
    changed = (critic(images)[0, 0] - scores[0, 0]).abs().sum(1)
    assert (changed[-1] > 0).all()


def test_squared_distances_are_those_between_vectors() -> None:
    vectors, codebook = torch.randn(6, 4), torch.randn(5, 4)
    expected = (vectors[:, None] - codebook[None]).square().sum(-1)
    torch.testing.assert_close(squared_distances(vectors, codebook), expected)


def test_psnr_is_in_decibels_and_averages_over_pictures() -> None:
    black = np.zeros((2, 4, 4, 3), np.uint8)
    assert psnr(black, black + 1) == pytest.approx(48.13, abs=0.01)
    one_off = black.copy()
    one_off[1] = 10
    assert psnr(black + 10, one_off) == pytest.approx(
        (28.13 + 10 * math.log10(255**2 / 1e-10)) / 2, abs=0.01
    )


def test_pictures_are_reconstructed_in_batches_as_alone(tokenizer: VQGAN) -> None:
    decoded, tokens = reconstruct_set(tokenizer, PICTURES, batch_size=2)
    assert decoded.shape == PICTURES.shape
    assert tokens.shape == (5, 4, 4)
    assert torch.equal(tokens[4:], tokenizer.encode(as_images(PICTURES[4:])))


def test_every_view_of_a_picture_becomes_tokens(tokenizer: VQGAN) -> None:
    data = tokenize(tokenizer, IMAGES.labelled(), Views(3, 0.8, 0))
    assert data.tokens.shape == (12, 16)
    assert data.labels.tolist() == [0, 0, 0, 2, 2, 2, 1, 1, 1, 0, 0, 0]
    labelled = PICTURES[[0, 1, 3, 4]]
    for view, pictures in enumerate((labelled, labelled[:, :, ::-1])):
        expected = tokenizer.encode(as_images(pictures)).flatten(1).numpy()
        np.testing.assert_array_equal(data.tokens[view::3], expected)
    again = tokenize(tokenizer, IMAGES.labelled(), Views(3, 0.8, 0))
    np.testing.assert_array_equal(again.tokens, data.tokens)


def test_tokens_are_computed_once_per_run(tokenizer: VQGAN, tmp_path: Path) -> None:
    first = cached_tokens(tmp_path / "tokens.npz", tokenizer, IMAGES, Views(2, 0.8, 0))
    nobody = VQGAN.__new__(VQGAN)  # would fail if it were asked for tokens
    nobody.__dict__["config"] = tokenizer.config
    again = cached_tokens(tmp_path / "tokens.npz", nobody, IMAGES, Views(2, 0.8, 0))
    np.testing.assert_array_equal(again.tokens, first.tokens)
    np.testing.assert_array_equal(again.labels, first.labels)
    assert [file.name for file in tmp_path.iterdir()] == ["tokens.npz"]


@pytest.mark.parametrize("damage", ["cut short", "other pictures"])
def test_tokens_that_are_not_of_these_pictures_are_refused(
    tokenizer: VQGAN, tmp_path: Path, damage: str
) -> None:
    file, images = tmp_path / "tokens.npz", IMAGES
    cached_tokens(file, tokenizer, images, Views(2, 0.8, 0))
    if damage == "cut short":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        images = replace(images, labels=images.labels + 1)
    with pytest.raises(ValueError, match=r"tokens\.npz is .*; delete it"):
        cached_tokens(file, tokenizer, images, Views(2, 0.8, 0))


def test_a_step_hides_as_many_tokens_as_the_schedule_says() -> None:
    recipe = replace(RECIPE, batch_size=2000, class_dropout=0.25)
    data = TokenSet(np.arange(64, dtype=np.uint16).reshape(4, 16), np.array([0, 1, 2, 2]))
    draw = BalancedDraw(data.labels, 0.5)
    tokens, is_masked, labels = transformer._batch(data, draw, recipe, 3)
    assert tokens.shape == is_masked.shape == (2000, 16)
    share = is_masked.float().mean(1)
    assert float(share.min()) == 1 / 16
    assert float(share.mean()) == pytest.approx(2 / math.pi - 1 / 32, abs=0.02)  # floor: -1/2 token
    assert float((labels == 3).float().mean()) == pytest.approx(0.25, abs=0.03)
    kept = labels != 3
    assert torch.equal(labels[kept], torch.tensor([0, 1, 2, 2])[tokens[kept, 0] // 16])
    again = transformer._batch(data, draw, recipe, 3)
    assert all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(again, (tokens, is_masked, labels), strict=True)
    )
    assert not torch.equal(transformer._batch(data, draw, recipe, 4)[0], tokens)


def test_a_share_of_the_pictures_has_a_hole() -> None:
    holes = transformer._holes(2000, 256, 0.5, np.random.default_rng(0)).reshape(-1, 16, 16)
    rows, columns = holes.any(2), holes.any(1)
    np.testing.assert_array_equal(holes, rows[:, :, None] & columns[:, None])
    assert rows.sum(1).min() == columns.sum(1).min() == 4
    assert float(holes.all((1, 2)).mean()) == pytest.approx(0.5, abs=0.05)
    assert holes[:, 0].any()  # at the border, too
    assert holes[:, -1].any()


@pytest.mark.parametrize(("share", "within"), [(0.0, False), (1.0, True)])
def test_hidden_tokens_lie_in_the_hole(share: float, within: bool) -> None:
    recipe = replace(RECIPE, batch_size=500, hole_share=share)
    data = TokenSet(np.zeros((4, 256), np.uint16), np.zeros(4, np.int64))
    _, is_masked, _ = transformer._batch(data, BalancedDraw(data.labels, 0.5), recipe, 3)
    many = is_masked[is_masked.sum(1) > 40].view(-1, 16, 16)
    spans_all = many.any(1).all(1) & many.any(2).all(1)
    assert (float(spans_all.float().mean()) < 0.2) == within


def test_pictures_without_a_class_are_shown_with_the_null_label() -> None:
    recipe = replace(RECIPE, batch_size=400, class_dropout=0.0)
    grids = np.repeat(np.arange(4, dtype=np.uint16)[:, None], 16, axis=1)
    data = TokenSet(grids, np.array([0, -1, 2, -1]))
    tokens, _, labels = transformer._batch(data, BalancedDraw(data.labels, 0.5), recipe, 0)
    assert torch.equal(labels, torch.tensor([0, 3, 2, 3])[tokens[:, 0]])


def test_a_network_that_knows_nothing_is_as_uncertain_as_there_are_codes() -> None:
    network = BidirectionalTransformer(RECIPE.model).eval()
    nn.init.zeros_(network.token_embedding.weight)
    val = TokenSet(np.zeros((3, 16), np.uint16), np.array([0, 1, 2]))
    figures = evaluate(network, val, RECIPE.seed)
    assert {key: figures[key] for key in figures if "nll" in key} == {
        f"val_nll_{masked}": pytest.approx(math.log(64), abs=1e-3)
        for masked in (25, 50, 75, 100, "hole")
    }
    with torch.no_grad():
        network.output_bias[0] = 100
    assert evaluate(network, val, RECIPE.seed)["val_accuracy_50"] == 1


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_the_parts_of_every_recipe_fit_each_other(name: str) -> None:
    recipe = recipes.find(name)
    transformer_sizes = recipe.transformer(7).model
    config = ModelConfig(name, recipe.image_size, recipe.tokenizer.model, transformer_sizes)
    assert config.transformer.num_classes == 7
    assert recipe.tokenizer.crop_px <= recipe.image_size
    assert recipe.tokenizer.crop_px % config.tokenizer.stride == 0


def test_an_unknown_recipe_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="no recipe 'huge'; choose one of embedded, holes"):
        recipes.find("huge")
