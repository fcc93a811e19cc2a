"""Fine detail for a finished fill, tile by tile: each sees what is there and draws it sharper.

A tile encodes the picture with the coarser fill in it, sharpened a little, so that codes with edges
are nearest. Some cells of the hole stay as they were encoded, which keeps what the hole shows; the
others are drawn anew among them. Of the answer only the detail is taken that the level before could
not show, so neither colours nor shapes drift from level to level. Tiles of a level are blended by
weights that fall towards their sides, and what one has drawn is known to the next.

The loop, for any number of pictures at once:

    refining = Refining(engine, place, filled, state, plan)
    for tile in plan.tiles:
        state = refining.begin(tile)
        while not state.finished:
            state = engine.step(state)
        refining.end(tile, state)
    pictures = refining.pictures

Read in this order:
    Refining    tiles in, pictures out
    Patch       the part of one picture that is worked on

What callers may rely on (tests/engine/test_refining.py holds each promise):
    * Pixels outside the region come back bit-identical.
    * A picture comes out the same alone and among others: a tile's noise is a matter of its
      picture's seed and its own number.

Elsewhere: which tiles (tiles), reading and projecting a window (window), blending (compositing).
"""

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from maskgit.compositing import composite, harmonise
from maskgit.constraints import Constraints
from maskgit.engine import HARMONISE_CELLS, Engine
from maskgit.images import stacked
from maskgit.jobs import Place
from maskgit.masks import Box
from maskgit.reveal import halton_order
from maskgit.state import DecodeOptions, DecodeState
from maskgit.tiles import OVERLAP, Plan, Tile
from maskgit.types import Picture, Pictures, Region
from maskgit.window import Hole, Square, Window, open_cells, project, view

# docs/results.md says what else was tried, and how these compare.
OPTIONS = DecodeOptions(steps=4, temperature=0.8, choice_temperature=4.5, top_p=0.9)
SHARE = 0.5  # of the cells of the hole that are drawn anew
SHARPEN = 1.0  # amount of the unsharp mask before encoding
SHARPEN_RADIUS = 1.5  # its radius, in pixels of the level before
KEPT_RADIUS = 2.0  # what is coarser than that, in the same pixels, is kept


class Refining:
    """The finished pictures of one run on their way from coarse to fine; changes tile by tile."""

    def __init__(
        self, engine: Engine, place: Place, filled: Pictures, state: DecodeState, plan: Plan
    ) -> None:
        """Take what the coarse decode has made.

        Args:
            engine: The model that made it.
            place: Where the hole is.
            filled: The picture with the hole filled, once for each row of `state`.
            state: The finished decode; its classes, its seeds and what it bans everywhere hold for
                the tiles, too.
            plan: From `plan_tiles` for that region and window.
        """
        self._engine, self._state, self._window = engine, state, place.window
        self._filled = filled
        about = place.hole, plan, place.feather_px(engine.grid_size)
        self._patches = [Patch(place.picture, each, *about) for each in filled]

    def begin(self, tile: Tile) -> DecodeState:
        """Make a tile ready to be decoded: one row for each picture."""
        size, grid = self._engine.image_size, self._engine.grid_size
        for patch in self._patches:
            patch.begin(tile)
        sharp = np.stack([patch.sharpened(tile, size) for patch in self._patches])
        cells = torch.from_numpy(self._patches[0].open_cells(tile, size, grid))
        tokens = self._engine.encode(sharp)
        was = self._state.constraints
        is_open = cells.to(tokens.device).expand_as(tokens)
        constraints = Constraints.from_grid(tokens, is_open, was.labels)
        if was.classes is not None:
            under = cells_under(tile.window, self._window, grid)
            under = torch.from_numpy(under).to(tokens.device)
            classes = replace(was.classes, which=was.classes.which[:, under])
            constraints = replace(constraints, classes=classes)
        if was.banned is not None:
            constraints = replace(constraints, banned=was.banned.all(dim=1, keepdim=True))
        options = [
            replace(OPTIONS, seed=_seed(each.seed, tile.number)) for each in self._state.options
        ]
        return self._engine.start(constraints, options)

    def end(self, tile: Tile, state: DecodeState) -> None:
        """Blend in what was decoded."""
        for patch, drawn in zip(self._patches, self._engine.preview(state), strict=True):
            patch.write(tile, drawn, self._engine.grid_size)

    @property
    def pictures(self) -> Pictures:
        """The whole pictures as they are now."""
        pairs = zip(self._patches, self._filled, strict=True)
        return stacked([patch.written_to(filled) for patch, filled in pairs])


class Patch:
    """The part of a picture that its tiles show; changes as they are written to it."""

    def __init__(
        self, picture: Picture, filled: Picture, region: Region, plan: Plan, feather_px: int = 0
    ) -> None:
        """Begin with a coarse fill.

        Args:
            picture: As it was before.
            filled: With the hole filled.
            region: The hole.
            plan: Its tiles are all that is looked at.
            feather_px: How far the new content fades in, from the hole's border inwards.
        """
        self._feather_px = feather_px
        self._box = _around([tile.window.inside(*region.shape) for tile in plan.tiles])
        cut = self._box.slices
        self._before, self._now, self._region = picture[cut], filled[cut].copy(), region[cut]
        self._weight: Float[np.ndarray, "H W"] = np.zeros(self._region.shape, np.float32)

    def begin(self, tile: Tile) -> None:
        """Forget what was drawn on the level before, where a new one begins."""
        if tile.is_first:
            self._weight = np.zeros(self._region.shape, np.float32)

    def sharpened(self, tile: Tile, size: int) -> Square:
        """Give what the model sees: the picture so far, sharpened where it is coarse."""
        seen = view(self._now, self._moved(tile), size)
        soft = _low_pass(seen, SHARPEN_RADIUS * tile.before / tile.window.side)
        sharp = np.clip(np.rint(seen + SHARPEN * (seen - soft)), 0, 255).astype(np.uint8)
        hole = open_cells(self._coarse, self._moved(tile), size, size)
        return np.where(hole[..., None], sharp, seen)

    def open_cells(self, tile: Tile, size: int, grid: int) -> Bool[np.ndarray, "h w"]:
        """Give the cells that are drawn anew: a share of what is coarse, spread evenly."""
        cells = open_cells(self._coarse, self._moved(tile), size, grid).reshape(-1)
        cells[halton_order(grid, grid)[round(SHARE * grid**2) :]] = False
        return cells.reshape(grid, grid)

    def write(self, tile: Tile, drawn: Square, grid: int) -> None:
        """Blend in what the model drew for a tile, and finish the level after the last one."""
        window, size, shape = self._moved(tile), len(drawn), self._region.shape
        seen = view(self._now, window, size)
        radius = KEPT_RADIUS * tile.before / tile.window.side
        square = drawn - _low_pass(drawn, radius) + _low_pass(seen, radius)
        square = np.clip(np.rint(square), 0, 255).astype(np.uint8)
        hole: Hole = open_cells(self._region, window, size, size)
        square = harmonise(square, seen, hole, round(HARMONISE_CELLS * size / grid))
        self._blend(window, project(square, window, *shape))
        if tile.is_last:
            self._now = composite(self._before, self._now, self._region, self._feather_px)

    def written_to(self, filled: Picture) -> Picture:
        """Give the whole picture as it is now."""
        result = filled.copy()
        result[self._box.slices] = self._now
        return result

    @property
    def _coarse(self) -> Region:
        """What no tile of this level has drawn surely yet."""
        return self._region & (self._weight < 0.5)

    def _blend(self, window: Window, patch: Picture) -> None:
        """Take the mean of all tiles of the level so far, weighted."""
        shown = window.inside(*self._region.shape).slices
        weight = _weight(window, *self._region.shape)
        self._weight[shown] += weight
        share, old = weight / self._weight[shown], self._now[shown]
        mixed = np.rint(old + share[..., None] * (patch.astype(np.float32) - old))
        np.copyto(old, mixed.astype(np.uint8), where=self._region[shown][..., None])

    def _moved(self, tile: Tile) -> Window:
        window = tile.window
        return Window(window.left - self._box.left, window.top - self._box.top, window.side)


def cells_under(window: Window, coarse: Window, grid: int) -> Int[np.ndarray, " N"]:
    """Give for each cell of a window the cell of a larger one that its middle lies in."""
    middles = (np.arange(grid) + 0.5) * window.side / grid
    down, across = (
        np.clip((start + middles) * grid / coarse.side, 0, grid - 1).astype(np.int64)
        for start in (window.top - coarse.top, window.left - coarse.left)
    )
    return (down[:, None] * grid + across).reshape(-1)


def _weight(window: Window, height: int, width: int) -> Float[np.ndarray, "h w"]:
    """Give how much a tile's word counts: 1 in its middle, less towards sides that end inside."""
    shown = window.inside(height, width)
    down = _ramp(shown.top, shown.height, window.top, window.side, height)
    across = _ramp(shown.left, shown.width, window.left, window.side, width)
    return np.minimum.outer(down, across)


def _ramp(first: int, count: int, start: int, side: int, size: int) -> Float[np.ndarray, " n"]:
    at = np.arange(first, first + count) + 0.5 - start
    from_start = at if start > 0 else np.inf
    from_end = side - at if start + side < size else np.inf
    near = np.minimum(from_start, from_end) * np.ones(count)
    return np.clip(near / (OVERLAP * side), 1e-3, 1).astype(np.float32)


def _low_pass(square: Square, radius: float) -> Float[np.ndarray, "S S 3"]:
    return cv2.GaussianBlur(
        square.astype(np.float32), (0, 0), radius, borderType=cv2.BORDER_REFLECT
    )


def _around(boxes: list[Box]) -> Box:
    """Give the smallest rectangle that holds all."""
    top, left = min(b.top for b in boxes), min(b.left for b in boxes)
    bottom = max(b.top + b.height for b in boxes)
    return Box(top, left, bottom - top, max(b.left + b.width for b in boxes) - left)


def _seed(seed: int, number: int) -> int:
    """Give a tile noise of its own, whatever the neighbouring seeds are."""
    digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
