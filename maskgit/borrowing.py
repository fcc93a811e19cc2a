"""A finished fill, written anew with pieces of the picture around it.

A small model knows what belongs into a hole and in which colours, but not how the grass or the
stone of this very picture looks, and what it draws is soft. The rest of the picture is sharp. So
the hole is put together from pieces of it, each of which has to fit its neighbours, the hole's
border and the colours that the model drew. This is what Wexler et al. 2007 (Space-Time Completion
of Video) do, coarse to fine, guided by a network's answer as in Yang et al. 2017 (Neural Patch
Synthesis, arXiv:1611.09969); pieces may shift in colour, as in Darabi et al. 2012 (Image Melding),
because skies do.

Read in this order:
    borrow       a fill in, the same fill in the picture's own texture out
    is_possible  whether there is enough to borrow from
    _written     from coarse to fine

What callers may rely on (tests/engine/test_borrowing.py holds each promise):
    * Pixels outside the region come back bit-identical.
    * The same picture and fill give the same result, whatever else is being done.
    * What has colours that the picture around lacks stays as it was drawn.
    * Where the picture has too little to borrow from, the fill comes back as it was.

Elsewhere: one level (pieces), windows that the model draws again instead (refining).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from maskgit.compositing import composite
from maskgit.masks import Box, bounding_box
from maskgit.pieces import (
    RADIUS,
    SEARCHED_PX,
    SIDE,
    Colours,
    Flat,
    Level,
    Map,
    follow,
    framed,
    lay_out,
    prepare,
    resized,
    search,
    vote,
)
from maskgit.types import Picture, Region

MARGIN = 1.0  # around the hole, in its longer side: where pieces come from
LEAST_MARGIN_PX = 32
SMALLEST_PX = 64  # longer side of the coarsest level; smaller ones have no piece beside a hole
LARGEST_PX = 448  # longer side of the finest level; larger pictures take over where pieces lie
ROUNDS = (10, 6)  # of search and vote where all pieces are compared, coarsest level first
FEWEST = 64  # pieces there have to be to choose from
MIDDLE = 2.5  # how far from its middle a piece counts, in pixels: a Gaussian's deviation
FINE_MIDDLE = 1.0  # the same at last, when sharpness counts
FADE_PX = 2  # at most, at the border: pieces fit there, and a wider fade lets through what was
STRANGE = (10.0, 18.0)  # more a*b* of CIELAB: from where on a fill shows through, and is kept
STRANGE_PX = 64  # longer side of a hole, at most, where colours are compared
STRANGE_SHARE = 8  # of a hole's longer side: over which colours are compared
PIXELS_AT_ONCE = 1 << 20  # that are written together at a large picture's size


def borrow(picture: Picture, filled: Picture, region: Region, feather_px: int = 0) -> Picture:
    """Write a fill with pieces of the picture around it.

    Args:
        picture: As it was before.
        filled: The same with the region filled.
        region: True where the picture may change.
        feather_px: How far the new content fades in, from the region's border inwards: at most
            FADE_PX, since pieces fit the border, and a wide fade would let through what was there.

    Returns:
        A new picture, as `picture` outside the region; `filled` itself where there is too little
        to borrow from.

    Raises:
        ValueError: If the sizes differ or nothing is marked.
    """
    if not picture.shape[:2] == filled.shape[:2] == region.shape:
        raise ValueError("picture, fill and region must have the same size")
    cut = _surroundings(region).slices
    before = picture[cut].copy()  # in one piece, and not read-only, which torch does not take
    with torch.inference_mode():
        written = _written(before, filled[cut], region[cut])
    if written is None:
        return filled
    written = _with_strange_colours(written, filled[cut], region[cut])
    result = picture.copy()
    result[cut] = composite(before, written, region[cut], min(feather_px, FADE_PX))
    return result


def is_possible(region: Region) -> bool:
    """Tell whether a picture with such a hole has enough around it to borrow from.

    Raises:
        ValueError: If nothing is marked.
    """
    near = region[_surroundings(region).slices].astype(np.float32)
    small = [size for size in _sizes(*near.shape) if max(size) <= SEARCHED_PX]
    return any(lay_out(resized(near, *size))[2].sum() >= FEWEST for size in small)


@dataclass(frozen=True, eq=False)
class Answer:
    """A hole written at one level.

    Attributes:
        level: The level.
        pieces: For every place the source of the piece that lies there.
        shown: The picture with the hole written.
    """

    level: Level
    pieces: Flat
    shown: Colours


def _written(picture: Picture, filled: Picture, region: Region) -> Picture | None:
    """Write a hole from coarse to fine, and at last at the picture's own size."""
    sizes, answer = _sizes(*region.shape), None
    whole = picture, filled, region.astype(np.float32)
    before, after, hole = (resized(each, *sizes[-1]) for each in whole)
    for number, size in enumerate(sizes):
        level = Level(before, after, hole, size)
        if len(level.sources) < FEWEST or (answer is None and not level.is_small):
            continue  # the hole is nearly all there is
        answer = _write(level, answer, number)
    return None if answer is None else _at_full_size(picture, region, answer)


def _write(level: Level, coarser: Answer | None, number: int) -> Answer:
    """Write the hole of one level, which has a number; the coarser one says where to begin."""
    shown, pieces = level.drawn, level.source(level.places)
    if coarser is not None:
        pieces = _taken_over(level, coarser)
        enlarged = framed(resized(coarser.level.inside(coarser.shown), *level.size))
        shown = vote(level, pieces, torch.ones(len(pieces)), enlarged, MIDDLE)
    if not level.is_small:
        pieces, costs = follow(level, pieces, shown)
        return Answer(level, pieces, vote(level, pieces, costs, shown, FINE_MIDDLE))
    compared = prepare(level)
    for _ in range(ROUNDS[min(number, len(ROUNDS) - 1)]):
        pieces, costs = search(level, compared, shown)
        shown = vote(level, pieces, costs, shown, MIDDLE)
    return Answer(level, pieces, shown)


def _taken_over(level: Level, coarser: Answer) -> Flat:
    """Give places the pieces of a coarser level: as far away, in the picture."""
    above = coarser.level
    ratio_across, ratio_down = (a / b for a, b in zip(level.size, above.size, strict=True))
    rows, columns = level.places // level.width - RADIUS, level.places % level.width - RADIUS
    place = ((rows / ratio_down).long() + RADIUS) * above.width
    place += (columns / ratio_across).long() + RADIUS
    has_piece = above.trust[place] > 0
    piece = torch.where(has_piece, above.everywhere(coarser.pieces)[place], place)
    down = (piece // above.width - place // above.width) * ratio_down
    across = (piece % above.width - place % above.width) * ratio_across
    return level.source(level.places + down.round().long() * level.width + across.round().long())


def _with_strange_colours(written: Picture, filled: Picture, region: Region) -> Picture:
    """Keep the fill as it was drawn where the picture has no such colours: a new flower, say.

    What is drawn is often paler than the picture, which is no colour of its own: so the difference
    counts along the drawn colour alone. What such colours nearly enclose is kept, too: the dark
    heart of a sunflower belongs to it. Colours are compared over so much of a hole that a small
    picture of it says enough. Changes `written`.
    """
    (height, width), box = region.shape, bounding_box(region)
    assert box is not None
    scale = min(1.0, STRANGE_PX / max(box.height, box.width))
    side = max(3, round(scale * max(box.height, box.width) / STRANGE_SHARE)) | 1  # has a middle
    size = max(1, round(scale * width)), max(1, round(scale * height))
    soft = (cv2.blur(resized(each, *size) / 255, (side, side)) for each in (written, filled))
    ours, theirs = (cv2.cvtColor(each, cv2.COLOR_RGB2LAB)[..., 1:] for each in soft)
    first, last = STRANGE
    strength = np.linalg.norm(theirs, axis=-1, keepdims=True)
    more = ((theirs - ours) * theirs).sum(-1, keepdims=True) / (strength + 1e-3)
    kept = np.clip((more[..., 0] - first) / (last - first), 0, 1)
    if not kept.any():
        return written
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3 * side, 3 * side))
    kept = np.maximum(kept, cv2.morphologyEx(kept, cv2.MORPH_CLOSE, around))
    kept = resized(kept, width, height)[box.slices][..., None]
    ours, theirs = written[box.slices], filled[box.slices]
    written[box.slices] = _levels(ours + kept * (theirs.astype(np.float32) - ours))
    return written


def _at_full_size(picture: Picture, region: Region, answer: Answer) -> Picture:
    """Write the hole with the picture's own pixels, and in the colours of the last level."""
    level, (height, width) = answer.level, region.shape
    shown = level.inside(answer.shown)
    if level.size == (width, height):
        return _levels(shown)
    written = picture.copy()
    pixels = torch.from_numpy(np.flatnonzero(region))
    colours = torch.from_numpy(written).view(-1, 3)
    for part in pixels.split(PIXELS_AT_ONCE):
        colours[part] = _carried(picture, part, answer).round().to(torch.uint8)
    shade = framed(shown - resized(written, *level.size))
    for part in pixels.split(PIXELS_AT_ONCE):
        shift = sum(weight * shade[place] for place, weight in _around(part, region.shape, level))
        colours[part] = (colours[part] + shift).round().clamp(0, 255).to(torch.uint8)
    return written


def _carried(picture: Picture, pixels: Flat, answer: Answer) -> Float[Tensor, "n 3"]:
    """Take pixels from where the pieces over them come from."""
    level, (height, width) = answer.level, picture.shape[:2]
    rows, columns = pixels // width, pixels % width
    found, colours = level.everywhere(answer.pieces), torch.from_numpy(picture).view(-1, 3)
    taken = torch.zeros(len(pixels), 3)
    for place, weight in _around(pixels, (height, width), level):
        piece = found[place]
        down = (piece // level.width - place // level.width) * height / level.size[1]
        across = (piece % level.width - place % level.width) * width / level.size[0]
        row = (rows + down.round().long()).clamp(0, height - 1)
        column = (columns + across.round().long()).clamp(0, width - 1)
        taken += weight * colours.index_select(0, row * width + column)
    return taken


def _around(
    pixels: Flat, shape: tuple[int, ...], level: Level
) -> Iterator[tuple[Flat, Float[Tensor, "n 1"]]]:
    """Give the four pixels of a level that are next to each of a picture, and what they count."""
    height, width = shape
    y = (pixels // width + 0.5) * level.size[1] / height - 0.5
    x = (pixels % width + 0.5) * level.size[0] / width - 0.5
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = y.floor() + down, x.floor() + across
        weight = (1 - (row - y).abs()) * (1 - (column - x).abs())
        row = row.long().clamp(0, level.size[1] - 1) + RADIUS
        column = column.long().clamp(0, level.size[0] - 1) + RADIUS
        yield row * level.width + column, weight[:, None]


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Give width and height of the levels, coarsest first; each has room for a piece."""
    longest = max(height, width)
    shares = [min(1.0, LARGEST_PX / longest)]
    while shares[-1] * longest > SMALLEST_PX:
        shares.append(shares[-1] / 2)
    return [(max(SIDE, round(s * width)), max(SIDE, round(s * height))) for s in shares[::-1]]


def _surroundings(region: Region) -> Box:
    """Give the part of a picture that is looked at.

    Raises:
        ValueError: If nothing is marked.
    """
    box = bounding_box(region)
    if box is None:
        raise ValueError("nothing is marked: there is no fill to write anew")
    margin = max(LEAST_MARGIN_PX, round(MARGIN * max(box.height, box.width)))
    top, left = max(0, box.top - margin), max(0, box.left - margin)
    bottom = min(region.shape[0], box.top + box.height + margin)
    right = min(region.shape[1], box.left + box.width + margin)
    return Box(top, left, bottom - top, right - left)


def _levels(image: Map) -> Picture:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
