"""Fills before and after refinement: the same decode, figures that see blur, shades and seams."""

import cv2
import numpy as np
import pytest

from maskgit import MaskGIT
from maskgit.evaluation import large_holes
from maskgit.evaluation.editing import centre
from maskgit.evaluation.large_holes import Filled, Hole, colour_shift, detail
from maskgit.training.data import ImageSet
from tests.models import some_picture

PHOTO = some_picture(90, 120)
REGION = centre(90, 120)


def test_blur_takes_detail_away_and_what_lies_outside_does_not_count() -> None:
    blurred = cv2.GaussianBlur(PHOTO, (0, 0), 2)
    assert detail(blurred, REGION) < 0.5 * detail(PHOTO, REGION)
    elsewhere = PHOTO.copy()
    elsewhere[~REGION] = 0
    assert detail(elsewhere, REGION) == detail(PHOTO, REGION)


def test_a_shade_is_a_shift_of_its_own_size_and_detail_is_none() -> None:
    flat = np.full((60, 60, 3), 100, np.uint8)
    region = centre(60, 60)
    assert colour_shift(flat, region) == pytest.approx(0, abs=1e-3)
    shaded = flat.copy()
    shaded[region] = 112
    assert colour_shift(shaded, region) == pytest.approx(12, abs=0.1)
    rough = flat.copy()
    rough[region] = np.where(np.indices((60, 60)).sum(0) % 2, 112, 88)[region][:, None]
    assert colour_shift(rough, region) < 1


def test_photos_get_several_holes_and_huge_ones_are_made_smaller() -> None:
    holes = large_holes.in_photos([PHOTO, np.zeros((3000, 1000, 3), np.uint8)])
    assert len(holes) == 2 * len(large_holes.HOLES)
    assert all(hole.region.any() and hole.label is None for hole in holes)
    assert holes[-1].picture.shape[0] * holes[-1].picture.shape[1] <= large_holes.MAX_PIXELS * 1.01
    rows = [float(np.nonzero(hole.region)[0].mean()) for hole in holes[3:]]
    assert rows == sorted(rows)
    assert rows[0] < rows[-1]


def test_all_fills_come_from_one_decode(engine: MaskGIT) -> None:
    images = ImageSet(np.stack([some_picture(32, 32)]), np.array([1]), ())
    (hole,) = large_holes.in_enlarged(engine, images)
    assert hole.picture.shape == (96, 96, 3)
    (filled,) = large_holes.fill(engine, [hole], seed=4, steps=2)
    plain, refined, borrowed = (
        engine.edit(hole.picture, hole.region, hole.label, seed=4, steps=2, **how).pictures[0]
        for how in ({}, {"refine": 8}, {"borrow": True})
    )
    assert np.array_equal(filled.pictures[1], plain)
    assert np.array_equal(filled.pictures[2], refined)
    assert np.array_equal(filled.pictures[3], borrowed)
    assert min(filled.seconds[1:]) > filled.seconds[0] > 0


def test_rows_compare_with_the_real_pictures() -> None:
    worse = PHOTO.copy()
    worse[REGION] = cv2.GaussianBlur(PHOTO, (0, 0), 3)[REGION]
    hole = Hole(PHOTO, REGION, None)
    fills = Filled((worse, worse, PHOTO, PHOTO), (1, 1, 3, 2))
    _, plain, refined, borrowed = large_holes.measure("photos", [hole], [fills])
    assert (plain["fill"], refined["fill"]) == ("plain", "refined")
    assert float(plain["sharpness"]) < 0.6
    assert refined["sharpness"] == 1
    assert refined["error"] == 0 < float(plain["error"])
    assert refined["shift"] == refined["shift_real"]
    assert plain["changed_outside"] == 0
    assert (plain["seconds"], refined["seconds"], borrowed["seconds"]) == (1, 3, 2)
    assert borrowed["fill"] == "borrowed"
