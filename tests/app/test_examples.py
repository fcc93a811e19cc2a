"""The examples can be opened, are small, and somebody is thanked for each."""

import numpy as np
import pytest
from PIL import Image

from app.examples import FOLDER, Example, Examples


@pytest.mark.parametrize("example", list(Examples()), ids=lambda e: e.name)
def test_every_example_is_a_small_picture_with_credits(example: Example) -> None:
    with Image.open(example.path) as file:
        assert max(file.size) <= 768
        assert np.asarray(file).shape[2] == 3
    assert f"`{example.path.name}`" in (FOLDER / "CREDITS.md").read_text(encoding="utf-8")
    assert example.thumbnail_url().startswith("data:image/webp;base64,")


def test_nothing_else_lies_in_the_folder() -> None:
    pictures = {example.path.name for example in Examples()}
    assert {path.name for path in FOLDER.iterdir()} == pictures | {"CREDITS.md", "examples.json"}


def test_together_they_are_at_most_a_megabyte_and_a_half() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1.5 * 2**20


def test_the_empty_name_is_the_picture_to_begin_with() -> None:
    first = Examples().find("")
    assert first is not None
    assert first.name == "mountains"
