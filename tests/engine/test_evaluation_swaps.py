"""Other classes into the hole: which, and that both ways do what the editor does."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from maskgit.evaluation import swaps
from maskgit.evaluation.editing import centre
from maskgit.evaluation.extractors import PackExtractor
from maskgit.evaluation.generation import Judge
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.window import close_up
from tests.judges import write_judge
from tests.models import some_picture

IMAGES = ImageSet(np.stack([some_picture(32, 32, seed) for seed in range(3)]), np.arange(3), ())
BEFORE = swaps.enlarged(IMAGES.pictures)
REGION = centre(96, 96)


@pytest.fixture(scope="module")
def judge(engine: MaskGIT, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    classifier = PackExtractor(write_judge(tmp_path_factory.mktemp("judge")))
    return Judge(classifier, classifier, classifier.labels(engine.classes))


def test_every_hole_gets_another_class_by_the_seed_alone() -> None:
    images = ImageSet(np.zeros((200, 1, 1, 3), np.uint8), np.arange(200) % 5, ())
    found = swaps.others(images, 5, seed=3)
    assert (found != images.labels).all()
    assert set(found.tolist()) == set(range(5))
    assert np.array_equal(found, swaps.others(images, 5, seed=3))
    assert not np.array_equal(found, swaps.others(images, 5, seed=4))


def test_both_ways_are_what_the_editor_does(engine: MaskGIT) -> None:
    leads = copy(engine)
    leads.config = replace(engine.config, stand_out=3.5, borrow=True)
    wanted = np.array([1, 2, 0])
    close = {"window": close_up(REGION, engine.grid_size), "guidance_scale": 3.5}
    for way, wish in zip(swaps.WAYS, ({}, close), strict=True):
        filled = swaps.fill(leads, BEFORE, wanted, way, seed=5, steps=2)
        label = engine.classes[2].id
        expected = engine.edit(BEFORE[1], REGION, label, seed=6, steps=2, borrow=True, **wish)
        assert np.array_equal(filled[1], expected.pictures[0])


def test_holes_are_judged_alone_at_the_size_they_had(judge: Judge) -> None:
    found = swaps.measure("real", BEFORE, IMAGES.labels, BEFORE, judge)
    around = BEFORE.copy()
    around[:, ~REGION] = 0
    other = swaps.measure("real", around, IMAGES.labels, BEFORE, judge)
    assert found["changed_outside"] == 0
    assert other["changed_outside"] == 3 * (~REGION).sum()
    assert {**other, "changed_outside": 0} == found
    assert swaps.shown(BEFORE).shape == (3, 192, 192, 3)
