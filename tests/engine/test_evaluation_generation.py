"""Generated pictures beside real ones: which pictures, which rows, and what refuses to mix."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgit.evaluation import ablation, generation, reconstruction
from maskgit.evaluation.classifier import ClassifierRecipe
from maskgit.evaluation.extractors import PackExtractor
from maskgit.evaluation.generation import Judge
from maskgit.evaluation.pictures import counts_of, load_each, load_known, spread
from maskgit.evaluation.sampling import Samples
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.training.perceptual import ClassifierPerceptual
from maskgit.training.run import Schedule
from tests.datasets import coloured, write_class_folders, write_pack, write_pack_classes
from tests.judges import write_judge
from tests.models import some_picture


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_judge(tmp_path_factory.mktemp("judge"))


@pytest.fixture(scope="module")
def judge(engine: MaskGIT, judge_folder: Path) -> Judge:
    classifier = PackExtractor(judge_folder)
    return Judge(classifier, classifier, classifier.labels(engine.classes))


def some_set(count: int, seed: int = 0) -> ImageSet:
    pictures = np.stack([some_picture(32, 32, seed + i) for i in range(count)])
    return ImageSet(pictures, np.arange(count) % 5, ())


def test_pictures_of_classes_that_the_model_lacks_are_left_out(
    engine: MaskGIT, tmp_path: Path
) -> None:
    write_pack_classes(tmp_path)  # red is 1000, green 1001, blue 985, which the model lacks
    for split in ("train", "val"):
        write_pack(tmp_path, "colours", split, [2, 1, 0, 1])
        write_pack(tmp_path, "others", split, [-1, -1])
    found = load_known(tmp_path, "val", 32, engine.classes)
    assert found.labels.tolist() == [1, 0, 1]
    assert np.array_equal(found.pictures[1], coloured("red", 2, 32, 32))
    assert [name for name, _ in load_each(tmp_path, "val", 32)] == ["colours", "others"]


def test_packs_that_are_not_there_and_data_of_other_classes_are_refused(
    engine: MaskGIT, tmp_path: Path
) -> None:
    write_pack_classes(tmp_path)
    for split in ("train", "val"):
        write_pack(tmp_path, "colours", split, [2, 2])
    with pytest.raises(ValueError, match="has no pack stars; it has colours"):
        load_known(tmp_path, "val", 32, engine.classes, ["stars"])
    with pytest.raises(ValueError, match="shows a class of this model"):
        load_known(tmp_path, "val", 32, engine.classes)


def test_a_folder_of_classes_is_one_set(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "animals", each=2)
    assert [name for name, _ in load_each(tmp_path / "animals", "val", 32)] == ["animals"]


def test_classes_are_taken_as_often_as_asked_evenly_and_no_more_than_there_are() -> None:
    images = ImageSet(np.zeros((6, 2, 2, 3), np.uint8), np.array([0, 0, 0, 1, 0, 0]), ())
    images.pictures[:, 0, 0, 0] = np.arange(6)
    chosen = spread(images, [3, 4])
    assert chosen.pictures[:, 0, 0, 0].tolist() == [0, 2, 5, 3]
    assert chosen.labels.tolist() == [0, 0, 0, 1]
    assert counts_of(chosen.labels, 3) == [3, 1, 0]


def test_reconstructions_are_the_pipelines_and_real_pictures_lose_nothing(
    engine: MaskGIT, judge: Judge, judge_folder: Path
) -> None:
    images = some_set(20)
    again = reconstruction.reconstruct(engine, images.pictures)
    assert np.array_equal(again.pictures, engine.reconstruct(images.pictures))
    assert np.array_equal(again.tokens, engine.encode(images.pictures).numpy())
    same = again._replace(pictures=images.pictures)
    perceptual = ClassifierPerceptual(judge_folder, torch.device("cpu"))
    row = reconstruction.measure("real", images.pictures, same, 32, judge.extractor, perceptual)
    assert row["perceptual"] == 0
    assert row["rfid"] == pytest.approx(0, abs=1e-4)
    assert (row["ssim"], row["sharpness"]) == (pytest.approx(1), 1)


def test_the_held_out_row_has_no_distance_and_a_copy_has_none_either(judge: Judge) -> None:
    images = some_set(10)
    real, copy = (judge.describe(images.pictures, images.labels) for _ in range(2))
    assert "fid" not in generation.row("real", real, real)
    row = generation.row("copied", copy, real, real.features)
    assert row["fid"] == pytest.approx(0, abs=1e-4)
    assert row["nearest"] == pytest.approx(1)
    assert (row["precision"], row["recall"]) == (1, 1)


def test_distances_between_extractors_are_refused(judge: Judge) -> None:
    described = judge.extractor.describe(some_set(5).pictures)
    with pytest.raises(ValueError, match="never mix"):
        generation.distances(described, described._replace(extractor="Inception"))


def test_consistency_is_asked_of_the_classifier_with_its_own_labels(judge: Judge) -> None:
    images = some_set(5)
    turned = replace(judge, labels=judge.labels.flip(0))
    p = judge.classifier.describe(images.pictures).probabilities
    expected = float(p[torch.arange(5), torch.arange(4, -1, -1)].mean())
    seen = turned.describe(images.pictures, images.labels)
    assert seen.consistency.probability == pytest.approx(expected)


def test_token_rows_grow_surer_the_less_is_masked(engine: MaskGIT) -> None:
    images = some_set(6)
    tokens = engine.encode(images.pictures).numpy()
    rows = generation.token_rows(engine, images, tokens)
    assert [row["masked"] for row in rows] == [0.25, 0.5, 0.75, 1.0]
    assert all(float(row["nll_nats"]) > 0 for row in rows)


def test_a_classifier_trained_on_good_samples_knows_the_real_thing(tmp_path: Path) -> None:
    def colours(start: int) -> ImageSet:
        pictures = np.stack([coloured("red", start + i, 32, 32) for i in range(6)])
        both = np.concatenate([pictures, pictures[..., ::-1]])
        return ImageSet(both, np.repeat([0, 1], 6), ())

    made, real = colours(0), colours(50)
    recipe = ClassifierRecipe(
        Schedule(15, 1e-2, warmup_steps=2), widths=(8, 16), input_px=32, batch_size=8, crop_px=24
    )
    samples = Samples(made.pictures, made.labels, 1.0)
    assert generation.accuracy_score(samples, real, tmp_path, recipe) == 1
    with pytest.raises(ValueError, match="holds a classifier already"):
        generation.accuracy_score(samples, real, tmp_path, recipe)


def test_the_ablation_has_a_row_for_every_schedule_number_of_steps_and_rule(
    engine: MaskGIT, judge: Judge
) -> None:
    images = some_set(5)
    real = judge.describe(images.pictures, images.labels)
    counts = [1] * 5
    rows = ablation.schedules_by_steps(engine, judge, real, counts, ["cosine", "linear"], [1, 3])
    assert [(row["schedule"], row["steps"]) for row in rows] == [
        *(("cosine", 1), ("cosine", 3)),
        *(("linear", 1), ("linear", 3)),
    ]
    rules = ablation.rules_compared(engine, judge, real, counts, ["confidence", "raster"])
    assert [row["passes"] for row in rules] == [4, 16]
    slowest = max(rules, key=lambda row: float(row["seconds"]))
    assert slowest["speed"] == 1


def test_the_papers_schedules_are_seven_that_this_engine_knows(engine: MaskGIT) -> None:
    assert len(set(ablation.PAPER_SCHEDULES)) == 7
    for schedule in ablation.PAPER_SCHEDULES:
        engine.prepare_generate(engine.classes[0].id, schedule=schedule)
