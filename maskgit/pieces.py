"""Pieces of a picture, and which of them belong where in a hole: one level of `borrowing`.

Read in this order:
    Level     the picture at one size: where pieces are looked for, and where they may come from
    search    the best of all pieces for every place of the hole
    follow    the best of a few: what is there already, and what the neighbours suggest
    vote      every pixel becomes the mean of the pieces that lie over it

Pixels are numbered row by row in a frame that is RADIUS pixels wider on each side than the picture,
so that no piece ends outside.
"""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maskgit.models.packed import affine

RADIUS = 3  # of a piece, so 7x7 pixels of a level
SIDE = 2 * RADIUS + 1
FINE_RADIUS = 2  # of what is compared of it where only a few are
SEARCHED_PX = 128  # longer side of a level up to which all pieces are compared
GUIDE = 0.6  # weight of the colour that the model drew, relative to the piece's own pixels
GUIDE_BLUR = 2.0  # how soft that is made before, in pixels of a level
MEAN = 0.4  # weight of a piece's mean colour, relative to what it shows
SHIFT = 15.0  # levels of 255 that a piece's colour may be moved by: skies grow lighter and darker
TRUST = 1.3  # how much less a piece counts for every step that it lies inside
TRUST_STEPS = 64  # so many steps are a level's longer side
GOOD = 0.2  # share of the pieces that count as good ones: they set how fast others lose weight
LEAST = 0.02  # what counts less than that beside a piece's middle is left out
CHUNK = 512  # places compared at once

Flat = Int[Tensor, " n"]  # numbers of pixels
Costs = Float[Tensor, " n"]
Map = Float[np.ndarray, "H W 3"]  # a picture without the frame
Colours = Float[Tensor, "P 3"]  # all P pixels of the frame, 0 to 255
Compared: TypeAlias = Callable[[Float[Tensor, "n d"]], Float[Tensor, "n s"]]


class Level:
    """The picture at one size, in a frame of its own mirror image RADIUS pixels wide.

    Attributes:
        height: Of the frame, in pixels; P = height * width.
        width: Likewise.
        picture: Its colours; those in the hole are not looked at.
        drawn: The same with what the model drew in the hole.
        soft: `drawn`, blurred.
        hole: Pixels that are written anew.
        places: Middles of the pieces that are looked for: all that touch the hole.
        sources: Middles of the pieces there are: wholly in the picture, and not in the hole.
        nearest: For every pixel the closest source.
        trust: For every pixel how much a piece there counts; 0 where there is no place.
    """

    def __init__(
        self, picture: Map, filled: Map, hole: Float[np.ndarray, "H W"], size: tuple[int, int]
    ) -> None:
        """Look at a picture at some size, at most its own.

        Args:
            picture: As it was before.
            filled: With the hole filled.
            hole: The share of each pixel that belongs to it, 0 to 1.
            size: Width and height of the level, each at least SIDE.
        """
        width, height = size
        before, after = (resized(each, width, height) for each in (picture, filled))
        is_hole, is_place, is_source = lay_out(resized(hole, width, height))
        depth = cv2.distanceTransform(is_hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        depth = np.minimum(depth, max(width, height))  # endless where all is hole
        trust = is_place * TRUST ** (-depth * TRUST_STEPS / max(width, height))
        after = np.where(is_hole[..., None], after, before)
        self.height, self.width = height + 2 * RADIUS, width + 2 * RADIUS
        self.picture, self.drawn = framed(before), framed(after)
        self.soft = framed(cv2.GaussianBlur(after, (0, 0), GUIDE_BLUR))
        self.hole, self.places, self.sources = (
            torch.from_numpy(np.flatnonzero(np.pad(each, RADIUS)))
            for each in (is_hole, is_place, is_source)
        )
        self.trust = torch.from_numpy(np.pad(trust.astype(np.float32), RADIUS)).view(-1)
        self.nearest = _nearest(np.pad(is_source, RADIUS))

    @property
    def steps(self) -> Flat:
        """How far from its middle, in numbers, the pixels of a piece lie."""
        along = torch.arange(-RADIUS, RADIUS + 1)
        return (along[:, None] * self.width + along).view(-1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height without the frame."""
        return self.width - 2 * RADIUS, self.height - 2 * RADIUS

    @property
    def is_small(self) -> bool:
        """Whether all pieces can be compared."""
        return max(self.size) <= SEARCHED_PX

    def everywhere(self, values: Tensor) -> Tensor:
        """Spread values of the places over the frame, with 0 elsewhere."""
        return values.new_zeros(len(self.nearest), *values.shape[1:]).index_put(
            (self.places,), values
        )

    def inside(self, colours: Colours) -> Map:
        """Give the picture without the frame."""
        whole = colours.view(self.height, self.width, 3).numpy()
        return whole[RADIUS:-RADIUS, RADIUS:-RADIUS]

    def means(self, colours: Colours) -> Colours:
        """Give for every pixel the mean colour of the piece around it."""
        whole = colours.view(self.height, self.width, 3).numpy()
        return torch.from_numpy(cv2.blur(whole, (SIDE, SIDE))).view(-1, 3)

    def source(self, numbers: Flat) -> Flat:
        """Give the sources that are closest to any pixels, of the frame or beyond."""
        return self.nearest[numbers.clamp(0, len(self.nearest) - 1)]


def prepare(level: Level) -> Compared:
    """Give what compares pieces with all sources, but for what is the same for all of them."""
    there = features(level, level.picture, level.sources, RADIUS)
    return affine(-2 * there, there.square().sum(1), CHUNK)


def search(level: Level, compared: Compared, shown: Colours) -> tuple[Flat, Costs]:
    """Find for every place the best of all sources.

    Args:
        level: Where.
        compared: As prepared.
        shown: The picture so far.

    Returns:
        The sources, and what each of them costs.
    """
    wanted = features(level, shown, level.places, RADIUS)
    best = [compared(part).min(1) for part in wanted.split(CHUNK)]
    costs = torch.cat([each.values for each in best]) + wanted.square().sum(1)
    return level.sources[torch.cat([each.indices for each in best])], costs.clamp(min=0)


def follow(level: Level, pieces: Flat, shown: Colours) -> tuple[Flat, Costs]:
    """Find for every place the best of a few: what is there, and what its neighbours suggest."""
    places, far = level.places, FINE_RADIUS
    asked = [0, far, -far, far * level.width, -far * level.width]
    onward = [1, level.width, level.width + 1]  # a pixel of a coarser level is four of this
    wanted = features(level, shown, places, FINE_RADIUS)
    moved = level.everywhere(pieces - places)
    best, costs = pieces, torch.full((len(places),), torch.inf)
    for ask, on in [*((ask, 0) for ask in asked), *((0, on) for on in onward)]:
        has_piece = level.trust[places + ask] > 0
        guess = level.source(places + moved[torch.where(has_piece, places + ask, places)] + on)
        there = features(level, level.picture, guess, FINE_RADIUS)
        cost = (wanted - there).square().sum(1)
        best, costs = torch.where(cost < costs, guess, best), torch.minimum(cost, costs)
    return best, costs


def vote(level: Level, pieces: Flat, costs: Costs, shown: Colours, middle: float) -> Colours:
    """Write the hole: each pixel is the mean of the pieces over it, good ones before others.

    Args:
        level: Where.
        pieces: For every place the source of its piece.
        costs: What each of them costs.
        shown: The picture so far: pieces are moved towards its colours.
        middle: How far from its middle a piece counts, in pixels.
    """
    found = level.everywhere(pieces)
    good = costs.quantile(GOOD) + 1e-6
    trust = level.trust[level.places]
    weight = level.everywhere(trust * torch.exp(-costs / (2 * good)) + 1e-12)
    shift = level.means(shown)[level.places] - level.means(level.picture)[pieces]
    shift = level.everywhere(shift.clamp(-SHIFT, SHIFT))
    steps, fall = level.steps, _gaussian(middle)
    counts = fall > LEAST
    total = torch.zeros(len(level.hole), 3)
    weights = torch.zeros(len(level.hole), 1)
    for step, share in zip(steps[counts].tolist(), fall[counts].tolist(), strict=True):
        place = level.hole - step
        each = (weight.index_select(0, place) * share)[:, None]
        taken = level.picture[found.index_select(0, place) + step]  # below 0 where nothing counts
        total += each * (taken + shift.index_select(0, place))
        weights += each
    return level.drawn.index_put((level.hole,), total / weights)


def features(level: Level, image: Colours, middles: Flat, radius: int) -> Float[Tensor, "n d"]:
    """Give what is compared of pieces: their squared distance is what one costs for another.

    Args:
        level: Where they are.
        image: What they show: the picture, or how far it is written.
        middles: Of the pieces.
        radius: Of what is compared of them.
    """
    side = 2 * radius + 1
    lines = image.flatten().unfold(0, 3 * side, 3)  # from every pixel on: whole lines are taken
    first = middles[:, None] + torch.arange(-radius, radius + 1) * level.width - radius
    pixels = lines[first].view(len(middles), side**2, 3)
    mean = pixels.mean(1, keepdim=True)
    colour = (MEAN * side**2) ** 0.5 * mean[:, 0]
    guide = (GUIDE * side**2) ** 0.5 * level.soft[middles]
    return torch.cat([(pixels - mean).flatten(1), colour, guide], 1)


def lay_out(
    hole: Float[np.ndarray, "H W"],
) -> tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
    """Say what pixels are.

    Args:
        hole: The share of each that is to be written, 0 to 1.

    Returns:
        True for those that are written, for middles of pieces that touch them, and for middles of
        pieces that lie wholly in the picture and do not.
    """
    is_hole = hole > 0
    is_place = cv2.dilate(is_hole.astype(np.uint8), np.ones((SIDE, SIDE), np.uint8)) > 0
    is_source = ~is_place
    is_source[:RADIUS] = is_source[-RADIUS:] = False
    is_source[:, :RADIUS] = is_source[:, -RADIUS:] = False
    return is_hole, is_place, is_source


def resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Give an image of bytes or float32 at another size, in float32."""
    is_smaller = width < image.shape[1] or height < image.shape[0]
    how = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=how).astype(np.float32)


def framed(image: Map) -> Colours:
    """Put a frame of its mirror image around a picture."""
    wide = cv2.copyMakeBorder(image, RADIUS, RADIUS, RADIUS, RADIUS, cv2.BORDER_REFLECT_101)
    return torch.from_numpy(wide).view(-1, 3)


def _nearest(is_source: Bool[np.ndarray, "H W"]) -> Flat:
    """Give for every pixel the number of the closest source; 0 where there is none at all."""
    if not is_source.any():
        return torch.zeros(is_source.size, dtype=torch.long)
    _, label = cv2.distanceTransformWithLabels(
        (~is_source).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )  # fmt: skip
    label = np.asarray(label, np.int64)
    number_of = np.zeros(label.max() + 1, np.int64)
    number_of[label[is_source]] = np.flatnonzero(is_source)
    return torch.from_numpy(number_of[label]).view(-1)


def _gaussian(deviation: float) -> Float[Tensor, " n"]:
    """Give what the pixels of a piece weigh, its middle 1; row by row."""
    along = torch.exp(-torch.arange(-RADIUS, RADIUS + 1).square() / (2 * deviation**2))
    return torch.outer(along, along).view(-1)
