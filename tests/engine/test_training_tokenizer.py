"""Stage 1's choices: other adversarial losses, a perceptual loss, and codes that stay in use."""

import importlib.machinery
import json
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from maskgit.evaluation.classifier import ClassifierConfig, PackClassifier
from maskgit.models import VQGAN
from maskgit.training import perceptual, recipes
from maskgit.training.codebook import Autoencoder
from maskgit.training.data import load_images
from maskgit.training.perceptual import ClassifierPerceptual, find_perceptual
from maskgit.training.run import Run
from maskgit.training.tokenizer import train_tokenizer
from tests.datasets import write_class_folders

CPU = torch.device("cpu")
RECIPE = replace(
    recipes.tiny().tokenizer,
    quantize_start=1,
    decoder_only_from=-1,
    adversarial_start=1,
    perceptual_weight=0.1,
    texture_weight=1.0,
    l1_weight=0.0,
    adversarial="non-saturating",
    is_adaptive=True,
    r1_weight=10.0,
)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> ClassifierPerceptual:
    torch.manual_seed(0)
    network = PackClassifier(ClassifierConfig(3, (8, 16), 32)).eval().requires_grad_(False)
    trained = types.SimpleNamespace(network=network)
    monkeypatch.setattr(perceptual, "load_classifier", lambda _: trained)
    return ClassifierPerceptual(Path("runs/judge"), CPU)


def test_every_loss_can_be_asked_for_at_once_and_the_log_names_them(
    looks: ClassifierPerceptual, tmp_path: Path
) -> None:
    folder = write_class_folders(tmp_path / "data", each=2)
    train, val = (load_images(folder, split, (), 32) for split in ("train", "val"))
    run = Run(tmp_path / "run", 3, log_every=1, compile=False)
    train_tokenizer(RECIPE, train, val, run, looks)
    lines = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert lines[0]["perceptual"] == "pack classifier runs/judge"
    parts = {"pixel", "perceptual", "texture", "codebook", "entropy", "fooled", "critic", "r1"}
    assert (parts | {"adaptive_weight"}) <= lines[3].keys()


def test_a_perceptual_loss_needs_something_to_compare_by(tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path / "data", each=2)
    train = load_images(folder, "train", (), 32)
    with pytest.raises(ValueError, match="a network to compare by is needed"):
        train_tokenizer(RECIPE, train, train, Run(tmp_path / "run", 3, compile=False))


def test_equal_pictures_are_no_distance_apart_and_the_gradient_reaches_them(
    looks: ClassifierPerceptual,
) -> None:
    pictures = torch.rand(2, 3, 32, 32)
    changed = (pictures * 0.5).requires_grad_()
    assert float(looks(pictures, pictures)) == 0
    distance = looks(changed, pictures)
    distance.backward()
    assert float(distance.detach()) > 0
    assert changed.grad is not None
    assert changed.grad.abs().sum() > 0


def test_lpips_is_chosen_where_it_and_its_weights_are_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, looks: ClassifierPerceptual
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert find_perceptual(Path("runs/judge"), CPU).name == looks.name
    with pytest.raises(ValueError, match="say --classifier FOLDER"):
        find_perceptual(None, CPU)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / perceptual.VGG_FILE).write_bytes(b"")
    package = types.ModuleType("lpips")
    package.__spec__ = importlib.machinery.ModuleSpec("lpips", None)
    package.LPIPS = lambda **_: nn.Identity()
    monkeypatch.setitem(sys.modules, "lpips", package)
    assert find_perceptual(None, CPU).name == "LPIPS, VGG-16"


def test_codes_that_no_cell_chooses_are_moved_onto_features() -> None:
    autoencoder = Autoencoder(VQGAN(RECIPE.model))
    chosen = torch.zeros(64)
    chosen[:60] = 10.0
    autoencoder.count(chosen, decay=0.0)
    before = autoencoder.tokenizer.codebook.detach().clone()
    vectors = torch.full((5, 8), 7.0)
    assert autoencoder.revive(vectors, 0, 3) == 4
    assert (autoencoder.tokenizer.codebook[60:] == 7).all()
    assert torch.equal(autoencoder.tokenizer.codebook[:60], before[:60])
    assert autoencoder.revive(vectors, 0, 4) == 0
