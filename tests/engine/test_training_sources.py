"""Tar shards and Hugging Face datasets hold the same pictures as a folder of class folders."""

import io
import json
import logging
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from maskgit.training.data import load_images
from maskgit.training.pictures import named_classes
from tests.datasets import COLOURS, coloured, encoded, write_class_folders


def write_shard(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def samples(first: int, count: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for number in range(first, first + count):
        label = number % 3
        files[f"{number:04d}.png"] = encoded(coloured(COLOURS[label], number))
        files[f"{number:04d}.cls"] = f"{label}\n".encode()
    return files


def test_shards_are_read_in_order_with_their_labels_and_names(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-000.tar", samples(0, 4))
    write_shard(tmp_path / "train-001.tar", samples(4, 2))
    write_shard(tmp_path / "val-000.tar", samples(9, 1))
    (tmp_path / "classes.txt").write_text("red\ngreen\nblue\n")
    train, val = (load_images(tmp_path, split, (), 32) for split in ("train", "val"))
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert val.labels.tolist() == [0]
    assert [entry["name"] for entry in train.classes] == list(COLOURS)
    assert train.classes == val.classes
    assert train.pictures[1].reshape(-1, 3).mean(0).argmax() == 1


def test_shards_without_validation_or_names_are_split_and_numbered(tmp_path: Path) -> None:
    write_shard(tmp_path / "part.tar", samples(0, 21))
    train, val = (load_images(tmp_path, split, (), 32) for split in ("train", "val"))
    assert (len(train), len(val)) == (20, 1)
    assert [entry["name"] for entry in val.classes] == ["0", "1", "2"]


def test_labels_may_be_json_or_absent_and_keys_may_hold_folders(tmp_path: Path) -> None:
    picture = encoded(coloured("red", 0))
    label = json.dumps({"label": 1}).encode()
    files = {"a/0.jpg": picture, "a/0.json": label, "b/0.jpg": picture}
    write_shard(tmp_path / "train" / "0.tar", files)
    write_shard(tmp_path / "val" / "0.tar", files)
    assert load_images(tmp_path, "val", (), 32).labels.tolist() == [1, -1]


def test_broken_pictures_in_shards_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_shard(tmp_path / "a.tar", {**samples(0, 3), "9.jpg": b"", "9.cls": b"1"})
    with caplog.at_level(logging.WARNING):
        assert len(load_images(tmp_path, "train", (), 32)) == 2
    assert f"1 files in {tmp_path} could not be read" in caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("1.cls", b"zero"),
        ("1.json", b"[1]"),
        ("1.json", b"1e400"),
        ("1.json", b"1.5"),
        ("1.json", b'{"label": "x"}'),
    ],
)
def test_what_is_no_label_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    write_shard(tmp_path / "a.tar", {**samples(0, 1), "1.png": b"", name: content})
    with pytest.raises(ValueError, match=rf"a\.tar: {name} holds no label"):
        load_images(tmp_path, "train", (), 32)


def test_a_shard_that_is_cut_short_is_named(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", samples(0, 3))
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:1500])
    with pytest.raises(ValueError, match=r"a\.tar is damaged or cut short"):
        load_images(tmp_path, "train", (), 32)


def test_a_label_without_a_name_is_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", samples(0, 3))
    (tmp_path / "classes.txt").write_text("red\ngreen\n")
    with pytest.raises(ValueError, match="a picture of label 2, but 2 classes"):
        load_images(tmp_path, "train", (), 32)


def test_folders_named_by_wordnet_ids_are_the_classes_of_imagenet() -> None:
    tench, other = named_classes(["n01440764", "garden"])
    assert (tench["id"], tench["name"], tench["wnid"]) == (0, "tench", "n01440764")
    assert (other["id"], other["name"], other["wnid"]) == (1001, "garden", None)


@pytest.fixture
def hub() -> Any:
    """Give the package itself, kept from asking the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_OFFLINE", "1")
        yield pytest.importorskip("datasets")


def test_hugging_face_rows_become_labelled_pictures(
    hub: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = {"bytes": encoded(coloured("red", 0)), "path": None}
    (tmp_path / "0.png").write_bytes(picture["bytes"])
    on_disk = {"bytes": None, "path": str(tmp_path / "0.png")}
    broken = {"bytes": b"x", "path": None}
    features = hub.Features(
        {
            "id": hub.Value("int64"),
            "picture": hub.Image(decode=False),
            "class": hub.ClassLabel(names=["red", "blue"]),
        }
    )
    images = [picture, on_disk, broken]
    rows = {"id": [0, 1, 2], "picture": images, "class": [0, 1, 0]}
    one = {"id": [3], "picture": [picture], "class": [None]}
    stored = hub.DatasetDict(
        {
            "train": hub.Dataset.from_dict(rows, features=features),
            "validation": hub.Dataset.from_dict(one, features=features),
        }
    )
    stored.save_to_disk(tmp_path / "saved")
    with caplog.at_level(logging.WARNING):
        found = load_images(tmp_path / "saved", "train", (), 32)
    assert found.labels.tolist() == [0, 1]
    assert [entry["name"] for entry in found.classes] == ["red", "blue"]
    assert f"1 files in {tmp_path / 'saved'} could not be read" in caplog.text
    assert load_images(tmp_path / "saved", "val", (), 32).labels.tolist() == [-1]


def test_a_hugging_face_name_is_loaded_by_its_package(hub: Any, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "pictures", each=4)  # to the package a folder is a name, too
    path = f"hf://{tmp_path / 'pictures'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        parts = [load_images(path, split, (), 32) for split in ("train", "val")]
    assert [entry["name"] for entry in parts[0].classes] == sorted(COLOURS)
    assert sum(map(len, parts)) == 4 * len(COLOURS)


def test_hugging_face_data_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match="pip install datasets"):
        load_images("hf://someone/something", "train", (), 32)
