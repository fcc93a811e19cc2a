"""Two classes in one picture: which boxes, which pairs, and that both ways do what they say."""

import numpy as np
import pytest

from maskgit.evaluation import regions
from maskgit.evaluation.extractors import PackExtractor
from maskgit.evaluation.generation import Judge
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from tests.judges import write_judge
from tests.models import some_picture

TOGETHER, IN_TURN = regions.WAYS
WANTED = np.array([[0, 3], [4, 1], [2, 0]])


@pytest.fixture(scope="module")
def images() -> ImageSet:
    pictures = np.stack([some_picture(32, 32, seed) for seed in range(3)])
    return ImageSet(pictures, np.arange(3), ())


@pytest.fixture(scope="module")
def judge(engine: MaskGIT, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    classifier = PackExtractor(write_judge(tmp_path_factory.mktemp("judge")))
    return Judge(classifier, classifier, classifier.labels(engine.classes))


def test_the_boxes_touch_and_leave_an_eighth_around() -> None:
    left, right = regions.boxes(32, 64)
    assert left == (4, 8, 24, 24)
    assert right == (4, 32, 24, 24)


def test_the_classes_of_a_picture_differ_and_depend_on_the_seed_alone() -> None:
    found = regions.pairs(200, 5, seed=3)
    assert (found[:, 0] != found[:, 1]).all()
    assert set(found.ravel().tolist()) == set(range(5))
    assert np.array_equal(found, regions.pairs(200, 5, seed=3))
    assert not np.array_equal(found, regions.pairs(200, 5, seed=4))


def test_both_ways_are_what_a_person_would_do(engine: MaskGIT, images: ImageSet) -> None:
    left, right = np.zeros((2, 32, 32), bool)
    left[4:28, 4:16] = right[4:28, 16:28] = True
    picture, (one, other) = images.pictures[1], (engine.classes[n].id for n in WANTED[1].tolist())
    once = regions.fill(engine, images, WANTED, TOGETHER, seed=5, steps=3)
    expected = engine.edit(
        picture, left | right, regions={one: left, other: right}, seed=6, steps=3
    )
    assert np.array_equal(once.pictures[1], expected.pictures[0])
    twice = regions.fill(engine, images, WANTED, IN_TURN, seed=5, steps=3)
    first = engine.edit(picture, left, one, seed=6, steps=3).pictures[0]
    second = engine.edit(first, right, other, seed=6, steps=3).pictures[0]
    assert np.array_equal(twice.pictures[1], second)


def test_real_pictures_have_seams_like_real_ones(images: ImageSet, judge: Judge) -> None:
    untouched = regions.Filled(images.pictures, 1.5)
    found = regions.measure(TOGETHER, images, WANTED, untouched, judge)
    assert found["outer_seam_ratio"] == found["inner_seam_ratio"] == 1
    assert (found["count"], found["seconds"], found["changed_outside"]) == (6, 1.5, 0)


def test_each_box_is_asked_about_alone(images: ImageSet, judge: Judge) -> None:
    left, right = images.pictures[:, 4:28, 4:16], images.pictures[:, 4:28, 16:28]
    found = regions.consistency("real", images.pictures, WANTED, judge)
    alone = [judge.describe(left, WANTED[:, 0]), judge.describe(right, WANTED[:, 1])]
    assert [found["left_top1"], found["right_top1"]] == [s.consistency.top1 for s in alone]
    turned = regions.consistency("real", images.pictures, WANTED[:, ::-1].copy(), judge)
    assert found["swapped_top1"] == turned["class_top1"]
