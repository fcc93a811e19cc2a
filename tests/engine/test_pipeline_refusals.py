"""What the front door refuses, and that it says what is allowed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import maskgit
from maskgit import Constraints, DecodeOptions, MaskGIT, Window, steering
from maskgit.masks import Box
from tests.models import some_picture

PICTURE = some_picture(40, 50)
MASK = np.zeros((40, 50), bool)
MASK[5:20, 10:30] = True
load: Any = maskgit.load  # so that a type checker lets wrong types pass

WRONG: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "unknown class": (
        lambda e: e.generate("rosse"),
        ValueError,
        "no class 'rosse'; nearest: 'rose'",
    ),
    "class of another model": (
        lambda e: e.generate(1),
        ValueError,
        r"no class 1 \(goldfish\); it knows 5 classes: 'rose' \(1000\)",
    ),
    "class as float": (lambda e: e.generate(1.0), TypeError, "whole number, text or None, got 1.0"),
    "seed below 0": (lambda e: e.generate(seed=-1), ValueError, "seed must be 0 to"),
    "seed too large": (lambda e: e.generate(seed=2**63 - 1, count=2), ValueError, "seed must be 0"),
    "seed of the last picture": (
        lambda e: e.generate(seed=2**63 - 2, count=3),
        ValueError,
        "0 to 9223372036854775805 for 3 pictures, got 9223372036854775806",
    ),
    "window of fractions": (
        lambda e: e.edit(PICTURE, MASK, window=Window(0.5, 0, 40)),  # pyright: ignore[reportArgumentType]
        TypeError,
        "left must be a whole number, got 0.5",
    ),
    "tokens that are none": (lambda e: e.decode(None), TypeError, "whole numbers, got NoneType"),
    "tokens as text": (lambda e: e.decode("abc"), TypeError, "whole numbers, got str"),
    "trim": (lambda e: e.outpaint(PICTURE, left=5, trim=0.5), TypeError, "trim must be a whole"),
    "rows before the first": (
        lambda e: e.prepare_generate().state.row(-1),
        IndexError,
        r"rows are 0 to 0, at least one, got \[-1\]",
    ),
    "no rows": (lambda e: e.prepare_generate().state.take([]), IndexError, "at least one, got"),
    "cells as an array": (
        lambda e: steering.pin(e.prepare_generate().state, np.ones((1, 16), bool)),  # pyright: ignore[reportArgumentType]
        ValueError,
        r"cells are a tensor of truth values, \(1, 16\), got bool \(1, 16\)",
    ),
    "cells of another shape": (
        lambda e: steering.remask(e.prepare_generate().state, torch.ones(16).bool()),
        ValueError,
        r"\(1, 16\), got torch.bool \(16,\)",
    ),
    "label as a fraction": (
        lambda e: steering.relabel(e.prepare_generate().state, 1.7),  # pyright: ignore[reportArgumentType]
        TypeError,
        "a label must be a whole number, got 1.7",
    ),
    "window as numbers": (
        lambda e: e.edit(PICTURE, MASK, window=(0, 0, 40)),
        TypeError,
        "a window is a maskgit.Window, got tuple",
    ),
    "seed as float": (lambda e: e.generate(seed=0.5), TypeError, "seed must be a whole number"),
    "no picture": (lambda e: e.generate(count=0), ValueError, "count must be 1 to 64, got 0"),
    "many pictures": (
        lambda e: e.edit(PICTURE, MASK, count=65),
        ValueError,
        "count must be 1 to 64",
    ),
    "count as bool": (lambda e: e.generate(count=True), TypeError, "count must be a whole number"),
    "steps": (lambda e: e.generate(steps=0), ValueError, "steps must be 1 to 1024, got 0"),
    "schedule": (lambda e: e.generate(schedule="sine"), ValueError, "cosine"),
    "reveal": (lambda e: e.generate(reveal="spiral"), ValueError, "confidence.*raster"),
    "known cells": (lambda e: e.generate(known_cells="kept"), ValueError, "recomputed.*cached"),
    "option": (
        lambda e: e.generate(step=3),
        TypeError,
        "no option step; there are .*start_step, st",
    ),
    "soft edge": (
        lambda e: e.edit(PICTURE, MASK, feather=2.1),
        ValueError,
        "feather must be 0 to 2 cells, got 2.1",
    ),
    "soft edge as text": (
        lambda e: e.edit(PICTURE, MASK, feather="soft"),
        TypeError,
        "feather must be a number of cells, got 'soft'",
    ),
    "borrowing as number": (
        lambda e: e.edit(PICTURE, MASK, borrow=1),
        TypeError,
        "borrow must be true or false, got 1",
    ),
    "borrowing as text": (
        lambda e: e.outpaint(PICTURE, left=8, borrow="yes"),
        TypeError,
        "borrow must be true or false, got 'yes'",
    ),
    "grey picture": (lambda e: e.edit(PICTURE[..., 0], MASK), ValueError, r"RGB.*uint8 \(40, 50\)"),
    "float picture": (lambda e: e.edit(PICTURE / 255, MASK), TypeError, "uint8 array.*got float64"),
    "picture as list": (lambda e: e.edit(PICTURE.tolist(), MASK), TypeError, "got list"),
    "alpha": (
        lambda e: e.edit(np.zeros((40, 50, 4), np.uint8), MASK),
        ValueError,
        r"RGB, \(H, W, 3\), got uint8 \(40, 50, 4\)",
    ),
    "picture without pixels": (
        lambda e: e.edit(np.zeros((0, 5, 3), np.uint8), np.zeros((0, 5), bool)),
        ValueError,
        r"got uint8 \(0, 5, 3\)",
    ),
    "mask of another size": (
        lambda e: e.edit(PICTURE, MASK.T),
        ValueError,
        r"the mask is \(50, 40\), the picture \(40, 50\)",
    ),
    "mask of numbers": (lambda e: e.edit(PICTURE, MASK * 255), TypeError, "bool array.*got int64"),
    "empty mask": (
        lambda e: e.edit(PICTURE, ~(MASK | True)),
        ValueError,
        "mark at least one pixel",
    ),
    "regions as a list": (
        lambda e: e.edit(PICTURE, MASK, regions=[MASK]),
        TypeError,
        "masks by class, {class: mask}, got list",
    ),
    "region of another size": (
        lambda e: e.edit(PICTURE, MASK, regions={"rose": MASK.T}),
        ValueError,
        r"the region of rose is \(50, 40\), the picture \(40, 50\)",
    ),
    "region of numbers": (
        lambda e: e.edit(PICTURE, MASK, regions={"rose": MASK * 255}),
        TypeError,
        "the region of rose is a bool array",
    ),
    "empty region": (
        lambda e: e.generate(regions={"rose": np.zeros((32, 32), bool)}),
        ValueError,
        "the region of rose is empty",
    ),
    "region of a new picture": (
        lambda e: e.generate(regions={"rose": MASK}),
        ValueError,
        r"the region of rose is \(40, 50\), the picture \(32, 32\)",
    ),
    "region of no class": (
        lambda e: e.edit(PICTURE, MASK, regions={"rosse": MASK}),
        ValueError,
        "no class 'rosse'",
    ),
    "nine classes": (
        lambda e: e.edit(PICTURE, MASK, regions={str(n): MASK for n in range(8)}),
        ValueError,
        "at most 8 classes in a picture: give up to 7 regions .*, got 8",
    ),
    "many pictures of two classes": (
        lambda e: e.edit(PICTURE, MASK, regions={"rose": MASK[:, ::-1]}, count=33),
        ValueError,
        "with 2 classes ask for up to 32 pictures at once, got 33",
    ),
    "window elsewhere": (
        lambda e: e.edit(PICTURE, MASK, window=Window(60, 60, 8)),
        ValueError,
        "shows nothing of a picture of 40x50 px",
    ),
    "window beside the mask": (
        lambda e: e.edit(PICTURE, MASK, window=Window(35, 25, 8)),
        ValueError,
        "nothing is masked inside the window",
    ),
    "cells of another grid": (
        lambda e: e.prepare_edit(PICTURE, MASK, cells=np.ones((5, 5), bool)),
        ValueError,
        "cells must be 4x4",
    ),
    "no cells": (
        lambda e: e.prepare_edit(PICTURE, MASK, cells=np.zeros((4, 4), bool)),
        ValueError,
        "at least one True",
    ),
    "outpaint by nothing": (
        lambda e: e.outpaint(PICTURE),
        ValueError,
        "at least one side must grow",
    ),
    "outpaint inwards": (lambda e: e.outpaint(PICTURE, left=-3), ValueError, "not be negative"),
    "outpaint by halves": (
        lambda e: e.outpaint(PICTURE, top=1.5),
        TypeError,
        "top must be a whole",
    ),
    "outpaint nonsense": (lambda e: e.outpaint(MASK, 3), TypeError, r"got bool \(40, 50\)"),
    "encode odd sizes": (lambda e: e.encode(PICTURE), ValueError, "40x50 px; .*multiples of 8"),
    "encode a list": (lambda e: e.encode([PICTURE]), TypeError, "uint8 array.*got list"),
    "encode nothing": (
        lambda e: e.encode(np.zeros((0, 32, 32, 3), np.uint8)),
        ValueError,
        "at least one",
    ),
    "decode no code": (
        lambda e: e.decode(np.full((4, 4), 32)),
        ValueError,
        r"tokens must be in \[0, 32\)",
    ),
    "decode floats": (lambda e: e.decode(torch.zeros(4, 4)), TypeError, "tokens must be whole"),
    "decode a line": (
        lambda e: e.decode(np.zeros(16, int)),
        ValueError,
        r"\(h, w\) or \(n, h, w\)",
    ),
    "another grid": (
        lambda e: e.start(Constraints.everything_open(1, (5, 5), 0), DecodeOptions()),
        ValueError,
        "the model's grid is 4x4 tokens",
    ),
    "label of another model": (
        lambda e: e.start(Constraints.everything_open(1, (4, 4), 6), DecodeOptions()),
        ValueError,
        r"labels must be in \[0, 5\]",
    ),
    "known mask id": (
        lambda e: e.start(
            Constraints.from_grid(
                torch.full((1, 4, 4), 32), torch.zeros(1, 4, 4).bool(), torch.tensor([0])
            ),
            DecodeOptions(),
        ),
        ValueError,
        "16 known tokens are outside the codebook, 0 to 31",
    ),
    "extend without a picture": (
        lambda e: e.extend(
            PICTURE, MASK, e.prepare_generate(), e.prepare_generate().state, Box(0, 0, 8, 8)
        ),
        ValueError,
        "this job has no picture",
    ),
    "model as number": (
        lambda _: load(3),
        TypeError,
        "an id or the path of a folder, got int",
    ),
    "model that is a file": (lambda _: maskgit.load(__file__), ValueError, "give a model folder"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_refused_with_what_is_allowed(engine: MaskGIT, name: str) -> None:
    call, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        call(engine)


@pytest.mark.usefixtures("unchecked")
def test_numbers_of_numpy_are_numbers(engine: MaskGIT) -> None:
    chosen = {"seed": np.int64(3), "steps": np.uint8(2), "top_p": np.float32(0.5)}
    made = engine.generate(count=np.int32(2), **chosen)  # pyright: ignore[reportArgumentType]
    plain = engine.generate(count=2, seed=3, steps=2, top_p=0.5)
    assert np.array_equal(made.pictures, plain.pictures)
    assert made.seeds == (3, 4)
    options = made.traces[0][-1].options[0]
    assert {type(options.seed), type(options.steps)} == {int}
    assert type(options.top_p) is float


def test_no_name_is_no_model() -> None:
    with pytest.raises(maskgit.CheckpointError, match="no model ''"):
        maskgit.load("")
