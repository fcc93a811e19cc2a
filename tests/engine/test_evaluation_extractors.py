"""What looks at pictures: the pack classifier or Inception, and never a mixture."""

from pathlib import Path

import numpy as np
import pytest
import torch

from maskgit.checkpoints import CheckpointError
from maskgit.classes import Classes, ImageClass
from maskgit.evaluation.extractors import (
    Description,
    InceptionExtractor,
    PackExtractor,
    find_extractor,
    same_extractor,
)
from tests.judges import write_judge
from tests.models import CLASSES, some_picture


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> PackExtractor:
    return PackExtractor(write_judge(tmp_path_factory.mktemp("judge")))


def test_a_description_holds_features_a_map_and_probabilities(judge: PackExtractor) -> None:
    pictures = np.stack([some_picture(40, 40, seed) for seed in range(3)])
    described = judge.describe(pictures)
    assert described.features.shape == (3, 16)
    assert described.spatial.shape == (3, 7 * 36)
    torch.testing.assert_close(described.probabilities.sum(1), torch.ones(3))
    torch.testing.assert_close(
        described.probabilities, judge.network.head(described.features).softmax(1)
    )


def test_a_picture_is_described_the_same_alone_and_among_others(judge: PackExtractor) -> None:
    pictures = np.stack([some_picture(32, 32, seed) for seed in range(40)])  # more than a batch
    together, alone = judge.describe(pictures), judge.describe(pictures[35:36])
    torch.testing.assert_close(together.features[35:36], alone.features)


def test_the_name_says_which_weights_and_how_good(judge: PackExtractor, tmp_path: Path) -> None:
    assert judge.name.startswith(f"pack classifier {judge.digest} (5 classes, ")
    assert judge.name != PackExtractor(write_judge(tmp_path, seed=1)).name


def test_labels_are_translated_by_the_classes_ids(judge: PackExtractor) -> None:
    turned = [ImageClass(4 - entry.label, entry.id, entry.name) for entry in CLASSES]
    assert judge.labels(Classes(turned)).tolist() == [4, 3, 2, 1, 0]


def test_a_class_that_it_does_not_know_is_refused_by_name(judge: PackExtractor) -> None:
    with pytest.raises(ValueError, match="does not know 1 of the model's classes: moon"):
        judge.labels(Classes([ImageClass(0, 1000, "rose"), ImageClass(1, 2000, "moon")]))


def test_figures_of_different_extractors_never_mix(judge: PackExtractor, tmp_path: Path) -> None:
    pictures = some_picture(32, 32)[None]
    ours, other = judge.describe(pictures), PackExtractor(write_judge(tmp_path, seed=1))
    assert same_extractor(ours, ours) == judge.name
    with pytest.raises(ValueError, match="never mix: pack classifier"):
        same_extractor(ours, other.describe(pictures))


def test_without_the_weights_of_inception_the_classifier_is_used(
    judge: PackExtractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert find_extractor(judge) is judge


@pytest.mark.parametrize("is_installed", [True, False])
def test_inception_refuses_another_file_or_a_missing_library(
    judge: PackExtractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"something else")
    found = object() if is_installed else None
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: found)
    expected = CheckpointError if is_installed else ValueError
    with pytest.raises(expected, match="its hash is another" if is_installed else "pip install"):
        find_extractor(judge, file)


def test_an_inception_description_would_not_mix_with_ours(judge: PackExtractor) -> None:
    ours = judge.describe(some_picture(32, 32)[None])
    theirs = Description(InceptionExtractor.name, *ours[1:])
    with pytest.raises(ValueError, match="Inception v3"):
        same_extractor(ours, theirs)
