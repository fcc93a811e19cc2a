"""Training pictures: read completely, labelled alike in every split, drawn by step alone."""

import logging
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from maskgit.training.data import (
    AHEAD_THREADS,
    BalancedDraw,
    ahead,
    load_folder,
    load_images,
    load_packs,
    random_crops,
    step_generator,
)
from tests.datasets import coloured, encoded, write_class_folders, write_pack, write_pack_classes
from tests.models import some_picture


def test_a_folder_of_class_folders_becomes_labelled_squares(tmp_path: Path) -> None:
    data = load_folder(write_class_folders(tmp_path, each=2), 32)
    assert data.pictures.shape == (6, 32, 32, 3)
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert [entry["name"] for entry in data.classes] == ["blue", "green", "red"]
    assert [entry["id"] for entry in data.classes] == [1000, 1001, 1002]
    brightest = data.pictures.reshape(6, -1, 3).mean(1).argmax(1)
    assert brightest.tolist() == [2, 2, 1, 1, 0, 0]


def test_pictures_are_cut_from_their_middle_and_of_the_right_size_are_left_alone(
    tmp_path: Path,
) -> None:
    picture = coloured("red", 0, 32, 44)
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "a.png").write_bytes(encoded(picture))
    np.testing.assert_array_equal(load_folder(tmp_path, 32).pictures[0], picture[:, 6:38])


def test_broken_files_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_class_folders(tmp_path, each=2)
    (tmp_path / "red" / "broken.jpg").write_bytes(b"nothing")
    (tmp_path / "red" / "cut.png").write_bytes(encoded(coloured("red", 0))[:20])
    (tmp_path / "red" / "notes.txt").write_text("no picture, and not meant to be one")
    huge = bytearray(encoded(coloured("red", 0)))
    huge[16:24] = (100_000).to_bytes(4, "big") * 2  # width and height, as a PNG claims them
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    (tmp_path / "red" / "huge.png").write_bytes(huge)
    (tmp_path / "red" / "folder.jpg").mkdir()
    with caplog.at_level(logging.WARNING):
        assert len(load_folder(tmp_path, 32)) == 6
    assert f"3 files in {tmp_path} could not be read" in caplog.text


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    write_class_folders(tmp_path, each=1)
    (tmp_path / ".thumbnails").mkdir()
    assert len(load_folder(tmp_path, 32).classes) == 3


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no pictures; expected one sub-folder per class"):
        load_folder(tmp_path, 32)


def test_without_a_val_folder_every_20th_picture_is_kept_for_validation(tmp_path: Path) -> None:
    write_class_folders(tmp_path, each=14)
    train, val = (load_images(tmp_path, split, (), 32) for split in ("train", "val"))
    whole = load_folder(tmp_path, 32)
    assert (len(train), len(val)) == (40, 2)
    np.testing.assert_array_equal(val.pictures, whole.pictures[[19, 39]])
    assert train.classes == val.classes == whole.classes


def test_however_few_pictures_there_are_one_is_kept_for_validation(tmp_path: Path) -> None:
    write_class_folders(tmp_path, each=1)
    assert [len(load_images(tmp_path, split, (), 32)) for split in ("train", "val")] == [2, 1]
    for name in ("red", "green"):
        (tmp_path / name / "0.png").unlink()
    with pytest.raises(ValueError, match="at least one more is needed"):
        load_images(tmp_path, "train", (), 32)


def test_a_train_folder_alone_is_split_and_is_no_class(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", each=2)
    train, val = (load_images(tmp_path, split, (), 32) for split in ("train", "val"))
    assert (len(train), len(val)) == (5, 1)
    assert [entry["name"] for entry in val.classes] == ["blue", "green", "red"]


def test_a_class_has_one_label_in_both_folders_even_if_one_lacks_others(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", each=1)
    (tmp_path / "val" / "green").mkdir(parents=True)
    (tmp_path / "val" / "green" / "0.png").write_bytes(encoded(coloured("green", 9)))
    val = load_images(tmp_path, "val", (), 32)
    assert val.labels.tolist() == [1]
    assert val.classes == load_images(tmp_path, "train", (), 32).classes
    (tmp_path / "val" / "pink").mkdir()
    with pytest.raises(ValueError, match=r"training pictures lack: \['pink'\]"):
        load_images(tmp_path, "val", (), 32)


def test_packs_are_read_as_they_were_written_with_only_the_classes_they_hold(
    tmp_path: Path,
) -> None:
    write_pack_classes(tmp_path)
    write_pack(tmp_path, "one", "train", [2, 0, 2])
    write_pack(tmp_path, "two", "train", [-1, 2])
    data = load_packs(tmp_path, ("one", "two"), "train", 32)
    assert data.labels.tolist() == [1, 0, 1, -1, 1]
    assert [(entry["name"], entry["id"]) for entry in data.classes] == [
        ("red", 1000),
        ("blue", 985),
    ]
    np.testing.assert_array_equal(data.pictures[1], coloured("red", 1, 32, 32))
    assert load_packs(tmp_path, ("two",), "train", 32).labels.tolist() == [-1, 0]
    behind = load_packs(tmp_path, ("two",), "train", 32, background=("one",))
    assert behind.labels.tolist() == [-1, 0] + [-1] * (len(behind) - 2)
    assert behind.labelled().labels.tolist() == [0]
    assert behind.classes == load_packs(tmp_path, ("two",), "train", 32).classes
    assert load_images(tmp_path, "train", ("one",), 16).pictures.shape == (3, 16, 16, 3)


def test_a_class_has_one_label_in_every_split_of_a_pack(tmp_path: Path) -> None:
    write_pack_classes(tmp_path)
    write_pack(tmp_path, "one", "train", [2, 0])
    write_pack(tmp_path, "one", "val", [2, 1])
    val = load_packs(tmp_path, ("one",), "val", 32)
    assert val.labels.tolist() == [1, -1]
    assert val.classes == load_packs(tmp_path, ("one",), "train", 32).classes


def test_randomness_is_a_function_of_seed_step_and_purpose() -> None:
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)]
    numbers = [step_generator(*key).random() for key in keys]
    assert numbers == [step_generator(*key).random() for key in keys]
    assert len(set(numbers)) == len(keys)


@pytest.mark.parametrize(("power", "expected"), [(1.0, 0.9), (0.5, 0.75), (0.0, 0.5)])
def test_classes_are_balanced_by_the_power_of_their_size(power: float, expected: float) -> None:
    labels = np.array([0] * 90 + [-1] * 10)
    drawn = BalancedDraw(labels, power)(20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000,)
    assert (labels[drawn] == 0).mean() == pytest.approx(expected, abs=0.01)
    assert len(np.unique(drawn)) == 100


def test_what_is_made_ahead_comes_in_order_and_only_a_little_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    for expected, made in enumerate(ahead(lambda item: 2 * item, items())):
        assert made == 2 * expected
        assert len(taken) <= expected + 2 * AHEAD_THREADS + 1
    assert taken == list(range(100))


def test_what_fails_ahead_fails_where_it_is_asked_for() -> None:
    made = ahead(lambda item: 1 // item, [1, 0, 1])
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_crops_lie_in_their_picture_and_every_second_one_is_mirrored() -> None:
    pictures = np.stack([some_picture(12, 12, seed) for seed in range(300)])
    crops = random_crops(pictures, 8, np.random.default_rng(0))
    mirrored = 0
    for picture, crop in zip(pictures, crops, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(picture, (8, 8, 3))[:, :, 0]
        is_plain = (windows == crop).all((2, 3, 4)).any()
        is_mirrored = (windows == crop[:, ::-1]).all((2, 3, 4)).any()
        assert is_plain or is_mirrored
        mirrored += is_mirrored
    assert 110 < mirrored < 190


def test_a_crop_of_the_whole_picture_is_the_picture_or_its_mirror_image() -> None:
    pictures = some_picture(8, 8)[None].repeat(20, axis=0)
    crops = random_crops(pictures, 8, np.random.default_rng(0))
    plain = (crops == pictures).all((1, 2, 3))
    assert (plain | (crops == pictures[:, :, ::-1]).all((1, 2, 3))).all()
    assert plain.any()
    assert not plain.all()
