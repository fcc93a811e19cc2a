"""Filled holes: what is asked for, what a seam is, and that nothing else changes."""

import numpy as np
import pytest

from maskgit.evaluation import editing
from maskgit.evaluation.editing import TASKS, centre, changed_outside, fill, right_half, seams
from maskgit.evaluation.extractors import PackExtractor
from maskgit.evaluation.generation import Judge
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from tests.judges import write_judge
from tests.models import some_picture

INPAINT, OUTPAINT = TASKS


@pytest.fixture(scope="module")
def images() -> ImageSet:
    pictures = np.stack([some_picture(32, 32, seed) for seed in range(5)])
    return ImageSet(pictures, np.arange(5), ())


def test_the_holes_are_a_quarter_and_a_half_of_the_picture() -> None:
    assert centre(8, 16).sum() == 4 * 8
    assert centre(8, 16)[2:6, 4:12].all()
    assert right_half(4, 6).sum() == 4 * 3
    assert right_half(4, 6)[:, 3:].all()


def test_a_seam_is_the_step_across_the_border_and_nothing_else() -> None:
    picture = np.zeros((1, 6, 6, 3), np.uint8)
    picture[:, :, 3:] = 60
    picture[:, 0, 5] = 255  # not at the border
    assert seams(picture, right_half(6, 6)).tolist() == [60]
    assert seams(np.zeros_like(picture), right_half(6, 6)).tolist() == [0]


def test_a_seam_counts_all_four_sides_of_a_box() -> None:
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    picture[:, centre(8, 8)] = 40
    assert seams(picture, centre(8, 8)).tolist() == [40]
    picture[:, 2:6, 0:2] = 40  # the left side disappears
    assert seams(picture, centre(8, 8)).tolist() == [30]


def test_a_region_without_a_border_has_no_seam() -> None:
    with pytest.raises(ValueError, match="no border"):
        seams(np.zeros((1, 4, 4, 3), np.uint8), np.ones((4, 4), bool))


def test_pixels_changed_outside_the_hole_are_counted() -> None:
    before = np.zeros((2, 4, 4, 3), np.uint8)
    after = before.copy()
    after[0, 0, 0, 1] = 1  # outside
    after[1, 2, 3] = 9  # inside
    assert changed_outside(before, after, right_half(4, 4)) == 1


@pytest.mark.parametrize("task", [INPAINT, OUTPAINT])
def test_filling_changes_the_hole_alone(engine: MaskGIT, images: ImageSet, task: str) -> None:
    filled = fill(engine, images, task)
    region = TASKS[task](32, 32)
    assert filled.shape == images.pictures.shape
    assert changed_outside(images.pictures, filled, region) == 0
    assert (filled != images.pictures)[:, region].any()


def test_outpainting_does_not_see_what_it_makes(engine: MaskGIT, images: ImageSet) -> None:
    blank = images.pictures.copy()
    blank[:, :, 16:] = 0
    hidden = ImageSet(blank, images.labels, ())
    assert np.array_equal(fill(engine, images, OUTPAINT), fill(engine, hidden, OUTPAINT))


def test_a_picture_is_filled_as_the_editor_does_with_its_seed(
    engine: MaskGIT, images: ImageSet
) -> None:
    filled = fill(engine, images, INPAINT, seed=7, steps=3)
    region = centre(32, 32)
    alone = engine.edit(images.pictures[3], region, engine.classes[3].id, seed=10, steps=3)
    assert np.array_equal(filled[3], alone.pictures[0])


def test_real_pictures_have_seams_like_real_ones(
    images: ImageSet, engine: MaskGIT, tmp_path_factory: pytest.TempPathFactory
) -> None:
    classifier = PackExtractor(write_judge(tmp_path_factory.mktemp("judge")))
    judge = Judge(classifier, classifier, classifier.labels(engine.classes))
    real = judge.describe(images.pictures, images.labels)
    found = editing.measure(INPAINT, images, images.pictures, real, judge)
    assert found["seam_ratio"] == 1
    assert found["changed_outside"] == 0
    assert found["fid"] == pytest.approx(0, abs=1e-4)
    assert found["hole_top1"] == found["hole_top1_real"]
