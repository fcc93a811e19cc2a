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
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maskgit.models.packed import affine

RADIUS = 3  # of a piece, so 7x7 pixels of a level
SIDE = 2 * RADIUS + 1
FINEST = (6, 3, 3)  # half waves across and down together: of brightness, of opponent colours
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
AT_ONCE = 1 << 20  # costs that are compared at once: they stay in the cache
FEW = 1024  # places whose few guesses are; likewise
PIXELS = 1024  # that are written at once; likewise

Flat = Int[Tensor, " n"]  # numbers of pixels
Guesses = Int[Tensor, "n g"]  # for every place the sources it may take
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

    def means(self, colours: Colours, radius: int) -> Colours:
        """Give for every pixel the mean colour of the piece around it."""
        whole = colours.view(self.height, self.width, 3).numpy()
        return torch.from_numpy(cv2.blur(whole, (2 * radius + 1, 2 * radius + 1))).view(-1, 3)

    def cut(self, colours: Colours, middles: Flat, radius: int) -> Float[Tensor, "n d"]:
        """Give the pixels of pieces, row by row; with radius 0 those in their middles."""
        rows = colours.flatten().unfold(0, 3 * (2 * radius + 1), 3)  # from every pixel on
        first = middles[:, None] + torch.arange(-radius, radius + 1) * self.width - radius
        return rows.index_select(0, first.view(-1)).view(len(middles), -1)

    def source(self, numbers: Flat | Guesses) -> Flat | Guesses:
        """Give the sources that are closest to any pixels, of the frame or beyond."""
        return self.nearest[numbers.clamp(0, len(self.nearest) - 1)]


def prepare(level: Level) -> Compared:
    """Give what compares pieces with all sources, but for what is the same for all of them."""
    there = features(level, level.picture, level.sources)
    return affine(-2 * there, there.square().sum(1), _at_once(level))


def search(level: Level, compared: Compared, shown: Colours) -> tuple[Flat, Costs]:
    """Find for every place the best of all sources.

    Args:
        level: Where.
        compared: As prepared.
        shown: The picture so far.

    Returns:
        The sources, and what each of them costs.
    """
    wanted = features(level, shown, level.places)
    best = [compared(part).min(1) for part in wanted.split(_at_once(level))]
    costs = torch.cat([each.values for each in best]) + wanted.square().sum(1)
    return level.sources[torch.cat([each.indices for each in best])], costs.clamp(min=0)


def _at_once(level: Level) -> int:
    """Say how many places are compared with all sources at once."""
    return max(1, AT_ONCE // len(level.sources))


def follow(level: Level, pieces: Flat, shown: Colours) -> tuple[Flat, Costs]:
    """Find for every place the best of a few: what is there, and what its neighbours suggest.

    What a piece costs is as for `search`, but of smaller pieces, all of whose detail counts:
    |(a - mean a) - (b - mean b)|^2 of n pixels is |a - b|^2 - n |mean a - mean b|^2.
    """
    size = (2 * FINE_RADIUS + 1) ** 2
    means = [level.means(each, FINE_RADIUS) for each in (level.picture, shown)]
    best, costs = [], []
    guesses = _guesses(level, pieces).split(FEW)
    for places, guess in zip(level.places.split(FEW), guesses, strict=True):
        cost = _apart(level, level.picture, guess, shown, places, FINE_RADIUS)
        cost += size * (MEAN - 1) * _apart(level, means[0], guess, means[1], places)
        cost += size * GUIDE * _apart(level, level.soft, guess, level.soft, places)
        least = cost.min(1, keepdim=True)
        best.append(guess.gather(1, least.indices))
        costs.append(least.values)
    return torch.cat(best)[:, 0], torch.cat(costs)[:, 0].clamp(min=0)


def _apart(
    level: Level, there: Colours, guess: Guesses, here: Colours, places: Flat, radius: int = 0
) -> Float[Tensor, "n g"]:
    """Give the squared distance of every place's guesses in one picture from its piece of another.

    With radius 0 pieces are pixels.
    """
    cut = level.cut(there, guess.view(-1), radius).view(*guess.shape, -1)
    off = cut - level.cut(here, places, radius)[:, None]
    return torch.linalg.vector_norm(off, dim=-1).square()


def _guesses(level: Level, pieces: Flat) -> Guesses:
    """Give for every place its own piece, those that its neighbours suggest, and those beside."""
    places, far = level.places, FINE_RADIUS
    moved = level.everywhere(pieces - places)
    guesses = []
    for ask in (0, far, -far, far * level.width, -far * level.width):
        has_piece = level.trust[places + ask] > 0
        guesses.append(places + moved[torch.where(has_piece, places + ask, places)])
    onward = [1, level.width, level.width + 1]  # a pixel of a coarser level is four of this
    guesses += [guesses[0] + on for on in onward]
    return level.source(torch.stack(guesses, 1))


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
    here, there = level.means(shown, RADIUS), level.means(level.picture, RADIUS)
    shift = here.index_select(0, level.places) - there.index_select(0, pieces)
    shift = level.everywhere(shift.clamp(-SHIFT, SHIFT))
    fall = _gaussian(middle)
    steps, fall = level.steps[fall > LEAST], fall[fall > LEAST]
    written = []
    for pixels in level.hole.split(PIXELS):
        place = pixels[:, None] - steps
        source = (found[place] + steps).clamp(min=0)  # below 0 where nothing counts
        colours = level.picture.index_select(0, source.view(-1))
        colours += shift.index_select(0, place.view(-1))
        each = weight[place] * fall
        total = torch.bmm(each[:, None], colours.view(*place.shape, 3))[:, 0]
        written.append(total / each.sum(1, keepdim=True))
    return level.drawn.index_put((level.hole,), torch.cat(written))


def features(level: Level, image: Colours, middles: Flat) -> Float[Tensor, "n d"]:
    """Give what is compared of pieces: their squared distance is what one costs for another.

    Args:
        level: Where they are.
        image: What they show: the picture, or how far it is written.
        middles: Of the pieces.
    """
    pixels = level.cut(image, middles, RADIUS)
    guide = GUIDE**0.5 * SIDE * level.soft.index_select(0, middles)
    return torch.cat([pixels @ waves(), guide], 1)


@cache
def waves() -> Float[Tensor, "d k"]:
    """Give what the pixels of a piece are multiplied with: waves of an orthonormal DCT, as JPEG's.

    With all of them, and MEAN at 1, the distance would be that of the pixels. A third of them, down
    to FINEST, holds nearly all that pictures have, and takes a third of the time.
    """
    along = torch.arange(SIDE)
    cosines = (2 / SIDE) ** 0.5 * torch.cos(torch.pi / SIDE * along[:, None] * (along + 0.5))
    cosines[0] = SIDE**-0.5
    planes = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
    planes /= planes.norm(dim=1, keepdim=True)
    waves = torch.einsum("ay,bx,pc->pabyxc", cosines, cosines, planes)
    waves[:, 0, 0] *= MEAN**0.5
    order = along[:, None] + along
    kept = torch.stack([order <= limit for limit in FINEST])
    return waves[kept].flatten(1).T.contiguous()


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
