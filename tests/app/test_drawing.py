"""What the canvas sends is checked, whoever sends it."""

import json
from typing import Any

import pytest

from app.canvas.drawing import MAX_COVERAGE, MAX_GRID, read_drawing

# 60 x 40 px on a lattice of 4 cells a side: 6 x 4 cells, 24 bits.
MESSAGE = {"picture": None, "width": 60, "height": 40, "grid": 4, "cells": "800000", "count": 1}


def message(**changes: Any) -> str:
    return json.dumps({**MESSAGE, **changes})


def test_nothing_was_drawn_before_the_first_picture() -> None:
    assert read_drawing(None).is_blank
    assert read_drawing("").width == 0


def test_without_a_window_it_is_as_large_as_the_picture_allows_and_follows() -> None:
    drawing = read_drawing(message())
    assert (drawing.span, drawing.at, drawing.coverage) == (4, None, 0)
    assert read_drawing(message(span=4, at=None, coverage=0)) == drawing


def test_a_window_may_be_smaller_and_lie_anywhere_on_the_lattice() -> None:
    drawing = read_drawing(message(span=2, at=[2, 4], coverage=0.5))
    assert (drawing.span, drawing.at, drawing.coverage) == (2, (2, 4), 0.5)


def test_as_many_cells_as_the_finest_lattice_has_are_read() -> None:
    cells = "0" * (MAX_GRID * MAX_GRID // 4)
    sizes = {"width": MAX_GRID, "height": MAX_GRID, "grid": MAX_GRID}
    assert read_drawing(message(**sizes, cells=cells, count=0)).rows == MAX_GRID


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"grid": MAX_GRID + 1}, "grid"),
        ({"grid": MAX_GRID, "width": 3000}, "too many cells"),
        ({"cells": "80000"}, "cells"),
        ({"cells": "8000zz"}, "cells"),
        ({"count": 2}, "counts"),
        ({"picture": "x"}, "picture"),
        ({"span": 5}, "span"),
        ({"span": 0}, "span"),
        ({"span": True}, "span"),
        ({"span": None}, "span"),
        ({"at": [0, 3], "span": 4}, "at must"),
        ({"at": [1, 0]}, "at must"),
        ({"at": [-1, 0], "span": 2}, "at must"),
        ({"at": [0.5, 0], "span": 2}, "at must"),
        ({"at": [0]}, "at must"),
        ({"at": "00"}, "at must"),
        ({"coverage": MAX_COVERAGE + 0.01}, "coverage"),
        ({"coverage": -0.1}, "coverage"),
        ({"coverage": "0"}, "coverage"),
        ({"coverage": None}, "coverage"),
        ({"coverage": float("nan")}, "coverage"),
    ],
)
def test_what_no_canvas_sends_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_drawing(message(**wrong))


@pytest.mark.parametrize("text", ["{", "[]", "1"])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        read_drawing(text)
