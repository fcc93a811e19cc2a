"""A studio without models: it answers every request at once, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from app.canvas.drawing import Drawing, lattice_shape, read_drawing
from app.errors import UserError
from app.models import ClassChoice, ModelEntry, ModelInfo, Settings
from app.runs import Fill, Generate, Opened, Outpaint, Picture, Request, Result, Step
from app.scene import Scene

GRID = 4
SIZE = 32
INFO = ModelInfo(
    name="fake",
    grid=GRID,
    image_size=SIZE,
    codebook_size=16,
    classes=(
        ClassChoice(970, "alp"),
        ClassChoice(207, "golden retriever", ("retriever",)),
        ClassChoice(1000, "tulip"),
    ),
    has_no_class=True,
    schedules=("cosine", "linear"),
    reveal_rules=("confidence", "raster"),
    defaults=Settings(),
)


OTHER = replace(
    INFO,
    name="other",
    grid=8,
    image_size=64,
    codebook_size=32,
    classes=(ClassChoice(3, "shark"), ClassChoice(207, "golden retriever")),
    has_no_class=False,
    borrows=True,
    defaults=Settings(steps=12, schedule="linear", temperature=0.5, reveal="raster"),
)


class FakeModelStore:
    """Two models that are here, one that can be downloaded, one that is broken."""

    default = "fake"
    no_downloads = ""

    def __init__(self, info: ModelInfo = INFO) -> None:
        self.infos = {"fake": info, "other": OTHER}
        self.asked: list[tuple[str, str]] = []
        self.listed = [
            ModelEntry("fake", info.name, "Tests.", num_bytes=30_000_000),
            ModelEntry(
                "other", "Other", "Other tests.", "MIT", "FID 1", "2 classes", 64, 1_200_000_000
            ),
            ModelEntry("far", "Far", num_bytes=900_000_000, is_here=False, can_download=True),
            ModelEntry("broken", "Broken", problem="Broken cannot be used."),
        ]

    def entries(self) -> list[ModelEntry]:
        return self.listed

    def info(self, model: str) -> ModelInfo:
        if model not in self.infos:
            raise UserError(f"There is no model {model}.")
        return self.infos[model]

    def download(self, model: str) -> None:
        if self.no_downloads:
            raise UserError(self.no_downloads)
        self.asked.append(("download", model))

    def cancel(self, model: str) -> None:
        self.asked.append(("cancel", model))


class NoRecipes:
    """Knows no recipe, and writes none."""

    def draft(self, request: Request, result: Result) -> str:
        del result
        return f"draft of {request.settings.seed}"

    def draft_of_state(self, scene: Scene, state: str) -> str:
        return f"draft of {scene.model}, {state}"

    def complete(self, draft: str, seed: int, picture: Picture | None) -> str:
        return f"{draft}, {seed}, {'' if picture is None else picture.shape}"

    def find(self, data: bytes, picture: Picture) -> None:
        del data, picture


class FakeStudio:
    """Paints what may change in one colour: red is the seed."""

    def __init__(self, info: ModelInfo = INFO) -> None:
        self.models = FakeModelStore(info)
        self.walker: Any = None  # tests of walking have a real one
        self.recipes = NoRecipes()  # and so have those of recipes
        self.requests: list[Request] = []
        self.closed = 0
        self.pictures: dict[str, Picture] = {}

    def open(self, data: bytes) -> tuple[str, Picture]:
        if not data:
            raise UserError("That is not a picture.")
        picture = np.full((40, 60, 3), len(data) % 256, np.uint8)
        return self.keep(picture), picture

    def open_original(self, data: bytes) -> Opened:
        picture_id, picture = self.open(data)
        return Opened(picture_id, picture, is_for_web=len(data) > 3)

    def keep(self, picture: Picture) -> str:
        picture_id = f"{len(self.pictures):032x}"
        self.pictures[picture_id] = picture
        return picture_id

    def picture(self, picture_id: str) -> Picture | None:
        return self.pictures.get(picture_id)

    def windows(self, model: str, size: tuple[int, int], sides: tuple[int, int, int, int]) -> int:
        del model, size
        return sum(side > 0 for side in sides)

    def run(self, request: Request) -> Iterator[Step | Result]:
        self.requests.append(request)
        steps = request.settings.steps
        try:
            for step in range(steps + 1):
                yield fake_step(step, steps)
            seeds = [request.settings.seed + i for i in range(request.count)]
            yield Result([finished(request, seed) for seed in seeds], seeds)
        except GeneratorExit:
            self.closed += 1
            raise


def fake_step(step: int, steps: int, grid: int = GRID) -> Step:
    """Decide the cells row by row over the steps."""
    order = np.arange(grid**2).reshape(grid, grid)
    is_masked = order >= grid**2 * step / steps
    return Step(
        step=step,
        steps=steps,
        window=(0, 0, SIZE),
        is_open=np.ones((grid, grid), bool),
        is_masked=is_masked,
        confidence=np.full((grid, grid), 0.5, np.float32),
        revealed_at=np.where(is_masked, -2, 0).astype(np.int16),
        tokens=order.astype(np.uint16),
        state=f"state {step}",
        image=np.zeros((SIZE, SIZE, 3), np.uint8) if step else None,
    )


def finished(request: Request, seed: int) -> Picture:
    """Give the picture a request ends with."""
    colour = np.array([seed % 256, 0, 0], np.uint8)
    match request:
        case Fill():
            picture = request.picture.copy()
            picture[request.region] = colour
            return picture
        case Generate():
            return np.full((SIZE, SIZE, 3), colour, np.uint8)
        case Outpaint():
            sides = ((request.top, request.bottom), (request.left, request.right), (0, 0))
            return np.pad(request.picture, sides)


def drawing(
    picture: str | None = None,
    width: int = 60,
    height: int = 40,
    painted: tuple[int, ...] = (),
    grid: int = GRID,
    **window: Any,
) -> Drawing:
    """Make what the canvas sends; `painted` are cells counted row by row."""
    rows, cols = lattice_shape(width, height, grid)
    cells = np.zeros(rows * cols, bool)
    cells[list(painted)] = True
    message = {
        "picture": picture,
        "width": width,
        "height": height,
        "grid": grid,
        "cells": np.packbits(cells).tobytes().hex(),
        "count": len(painted),
        **window,
    }
    return read_drawing(json.dumps(message))
