"""Small pictures to train on: three classes told apart by their colour."""

import json
from pathlib import Path

import cv2
import numpy as np

from maskgit.types import Picture
from tests.models import some_picture

COLOURS = ("red", "green", "blue")


def coloured(name: str, number: int, height: int = 40, width: int = 50) -> Picture:
    """A picture of one of the three classes."""
    picture = some_picture(height, width, number) // 2
    picture[..., COLOURS.index(name)] += 120
    return picture


def encoded(picture: Picture, suffix: str = ".png") -> bytes:
    """The content of a picture's file."""
    return cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def write_class_folders(folder: Path, each: int = 10) -> Path:
    """Write a folder with one sub-folder per class."""
    for name in COLOURS:
        (folder / name).mkdir(parents=True)
        for number in range(each):
            (folder / name / f"{number}.png").write_bytes(encoded(coloured(name, number)))
    return folder


def write_pack(folder: Path, name: str, split: str, labels: list[int]) -> None:
    """Write an image pack of 32 px pictures; label 0 is red, 1 green, 2 blue, -1 none of them."""
    files = [encoded(coloured(COLOURS[label], i, 32, 32)) for i, label in enumerate(labels)]
    blob = np.frombuffer(b"".join(files), np.uint8)
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(
        folder / f"{name}-{split}.npz", blob=blob, offsets=offsets, label=np.array(labels, np.int16)
    )


def write_pack_classes(folder: Path) -> None:
    """Write the packs' classes.json: red is no class of ImageNet, blue is its class 985."""
    entries = [
        {"label": 0, "name": "red", "imagenet_index": -1, "wnid": ""},
        {"label": 1, "name": "green", "imagenet_index": None, "wnid": None},
        {"label": 2, "name": "blue", "imagenet_index": 985, "wnid": "n11939491"},
    ]
    (folder / "classes.json").write_text(json.dumps({"classes": entries}))
