"""The pack classifier: it learns, it comes back as it was, and says so when it cannot."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgit import cli
from maskgit.checkpoints import CheckpointError
from maskgit.evaluation.classifier import (
    ClassifierRecipe,
    Trained,
    load_classifier,
    scaled,
    train_classifier,
)
from maskgit.images import to_images
from maskgit.training.data import ImageSet, load_images
from maskgit.training.run import Run, Schedule
from tests.datasets import COLOURS, write_class_folders

TINY = ClassifierRecipe(
    Schedule(30, 1e-2, warmup_steps=3), widths=(8, 16), input_px=32, batch_size=12, crop_px=24
)


def coloured_sets(folder: Path) -> tuple[ImageSet, ImageSet]:
    train, val = (load_images(folder, split, (), 32) for split in ("train", "val"))
    return train, val


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a classifier that tells three colours apart."""
    base = tmp_path_factory.mktemp("classifier")
    train, val = coloured_sets(write_class_folders(base / "data"))
    train_classifier(TINY, train, val, Run(base / "run", 30, compile=False))
    return base / "run"


@pytest.fixture(scope="module")
def trained(run_folder: Path) -> Trained:
    return load_classifier(run_folder)


def test_it_learns_to_tell_colours_apart(trained: Trained) -> None:
    assert trained.accuracy == 1
    assert [entry.name for entry in trained.classes] == sorted(COLOURS)


def test_a_finished_run_is_not_trained_again_and_comes_out_the_same(
    run_folder: Path, trained: Trained, tmp_path: Path
) -> None:
    train, val = coloured_sets(write_class_folders(tmp_path / "data"))
    again = train_classifier(TINY, train, val, Run(run_folder, 30, compile=False))
    images = to_images(val.pictures)
    assert torch.equal(again.network(images), trained.network(images))


def test_features_are_what_the_last_layer_decides_by(trained: Trained) -> None:
    network = trained.network
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert [tuple(seen.shape) for seen in network.stages(images)] == [(2, 8, 16, 16), (2, 16, 8, 8)]
    features = network.features(images)
    torch.testing.assert_close(features, network.stages(images)[-1].mean((2, 3)))
    torch.testing.assert_close(network(images), network.head(features))


def test_scaling_keeps_a_plain_picture_plain() -> None:
    assert torch.allclose(scaled(torch.full((1, 3, 50, 50), 0.25), 24), torch.tensor(0.25))


def test_one_class_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    one = ImageSet(np.zeros((4, 32, 32, 3), np.uint8), np.zeros(4, np.int64), ({"name": "sea"},))
    with pytest.raises(ValueError, match="at least two classes"):
        train_classifier(TINY, one, one, Run(tmp_path, 1, compile=False))


def test_a_folder_without_a_classifier_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="maskgit train classifier"):
        load_classifier(tmp_path)


def test_a_damaged_classifier_is_refused_by_name(run_folder: Path, tmp_path: Path) -> None:
    described = json.loads((run_folder / "classifier.json").read_text())
    described["config"]["widths"] = [8, 8]
    (tmp_path / "classifier.json").write_text(json.dumps(described))
    (tmp_path / "classifier.safetensors").write_bytes(
        (run_folder / "classifier.safetensors").read_bytes()
    )
    with pytest.raises(CheckpointError, match=f"{tmp_path} holds no usable classifier"):
        load_classifier(tmp_path)


def test_the_command_line_trains_one(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", each=4)
    run = tmp_path / "run"
    arguments = ["--recipe", "tiny", "--data", str(data), "--run", str(run), "--steps", "1"]
    assert cli.main(["train", "classifier", *arguments]) == 0
    assert len(load_classifier(run).classes) == len(COLOURS)
