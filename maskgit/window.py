"""A square view on a picture of any size: what the model sees, and where its answer goes back.

The model knows one square size; pictures have any. A `Window` names a square of picture pixels
around what was painted. It is read at the model's size and the answer is written back at the
picture's, so the rest of a 24 megapixel photo is never touched. Where a window has to be larger
than the picture it reaches beyond, and what lies there is the picture's mirror image.

Read in this order:
    choose            the window for a mask
    close_up          a smaller one, for things that the picture around does not show
    standing_out      the same, and what guidance to use with it
    view, open_cells  what the model gets: pixels and the cells it may change
    class_cells       and which region these belong to, where several were painted
    project           the model's square back at the picture's size
    mirror_fill       something harmless where nothing is known yet
    place             where a window of some side goes

What callers may rely on (tests/engine/test_window.py holds each promise):
    * A chosen window contains everything painted, and a ring of known pixels one cell wide where
      the picture has them.
    * It stays inside the picture where that is possible.
    * Memory depends on what the window shows of the picture, not on how far it reaches beyond.

Elsewhere: the rule that assigns pixels to cells (masks), writing into the picture (compositing),
the windows that grow a picture (outpainting).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from maskgit.checks import require_whole
from maskgit.config import ModelConfig
from maskgit.masks import Box, bounding_box, painted_share
from maskgit.types import Picture, Region

Square: TypeAlias = UInt8[np.ndarray, "S S 3"]  # what the model sees and draws
Hole: TypeAlias = Bool[np.ndarray, "S S"]  # its pixels that are unknown or about to disappear

# Every published tokenizer has 16 px to a cell; fewer picture pixels would only be blown up.
PIXELS_PER_CELL = 16
CLOSE_CONTEXT = 0.25  # around a thing: models know things from pictures that are full of them


@dataclass(frozen=True)
class Window:
    """A square of picture pixels; may reach beyond the picture but never lies outside it.

    Attributes:
        left: Column of its first pixel; negative when it reaches beyond the left edge.
        top: Row of its first pixel.
        side: Width and height in pixels.
    """

    left: int
    top: int
    side: int

    def __post_init__(self) -> None:
        """Refuse a window without pixels.

        Raises:
            TypeError: If a number is no whole number.
            ValueError: If the side is below 1.
        """
        for name in ("left", "top", "side"):
            require_whole(name, getattr(self, name))
        if self.side < 1:
            raise ValueError(f"side must be at least 1 px, got {self.side}")

    def inside(self, height: int, width: int) -> Box:
        """Give the part of a picture of that size that the window shows.

        Raises:
            ValueError: If it shows nothing of it.
        """
        top, bottom = max(self.top, 0), min(self.top + self.side, height)
        left, right = max(self.left, 0), min(self.left + self.side, width)
        if top >= bottom or left >= right:
            raise ValueError(f"{self} shows nothing of a picture of {height}x{width} px")
        return Box(top, left, bottom - top, right - left)

    def shown(self, region: Region) -> Region:
        """Give what of a region the window shows; errors as `inside`."""
        part = self.inside(*region.shape).slices
        shown = np.zeros_like(region)
        shown[part] = region[part]
        return shown

    def spot(self, height: int, width: int, size: int) -> Box:
        """Give where `inside` lies in the model's square of `size` px: whole pixels, at least 1."""
        shown = self.inside(height, width)
        top, rows = _scaled(shown.top - self.top, shown.height, size, self.side)
        left, columns = _scaled(shown.left - self.left, shown.width, size, self.side)
        return Box(top, left, rows, columns)


def choose(
    mask: Region, grid_size: int, *, min_side: int | None = None, context: float = 0.5
) -> Window:
    """Choose the window in which a painted mask is imagined anew.

    Args:
        mask: True where it was painted.
        grid_size: Cells along one side of the model's square.
        min_side: Picture pixels the window should span at least, however little was painted
            (default: 16 per cell). Gives way where the picture is smaller.
        context: What the window should show around the painted box, on each side, in units of
            the box's longer side. Gives way where the picture is smaller, but not below one cell
            as long as the picture has more to show: the model must see what it continues.

    Returns:
        A window around the mask, as far in the middle as the picture's edges allow. Its side is a
        multiple of `grid_size` where that fits.

    Raises:
        ValueError: If nothing is painted, or an option is out of range.
    """
    if grid_size < 1 or context < 0 or (min_side is not None and min_side < 1):
        raise ValueError(
            f"grid_size and min_side must be positive and context not negative, got "
            f"{grid_size}, {min_side} and {context}"
        )
    box = bounding_box(mask)
    if box is None:
        raise ValueError("nothing is painted: the mask has no True pixel")
    height, width = mask.shape
    longest = max(box.height, box.width)
    ring = math.ceil(longest / max(grid_size - 2, 1))
    needed = max(
        _with_ring(box.top, box.height, height, ring),
        _with_ring(box.left, box.width, width, ring),
    )
    wanted = max(min_side or PIXELS_PER_CELL * grid_size, math.ceil(longest * (1 + 2 * context)))
    short = min(height, width)
    side = _whole_cells(max(needed, min(wanted, short)), grid_size, needed, short)
    return Window(
        left=place(box.left, box.width, side, width),
        top=place(box.top, box.height, side, height),
        side=side,
    )


def close_up(mask: Region, grid_size: int) -> Window:
    """Choose the window for a thing that the picture around does not show.

    With more around it a small model goes on with the picture instead of drawing the thing.
    Arguments and errors as `choose`.
    """
    return choose(mask, grid_size, min_side=grid_size, context=CLOSE_CONTEXT)


def standing_out(mask: Region, config: ModelConfig) -> dict[str, Any]:
    """Give the arguments of `MaskGIT.edit` for things that the picture around does not show.

    They are a window that frames the mask closely, and the guidance at which the model's class
    leads, if its configuration names one. Errors as `choose`.
    """
    strong = {} if config.stand_out is None else {"guidance_scale": config.stand_out}
    return {"window": close_up(mask, config.grid_size), **strong}


def resample(picture: Picture, height: int, width: int) -> UInt8[np.ndarray, "{height} {width} 3"]:
    """Give the picture at another size: area average to shrink, cubic to enlarge, each side apart.

    Cubic, not Lanczos: a model's square is often enlarged ten times and more, where Lanczos draws
    halos around edges and takes three times as long.
    """
    rows, columns = picture.shape[:2]
    if (rows, columns) == (height, width):
        return picture.copy()
    if (height < rows) != (width < columns):  # OpenCV would shrink without averaging
        picture = cv2.resize(
            picture, (min(width, columns), min(height, rows)), interpolation=cv2.INTER_AREA
        )
        rows, columns = picture.shape[:2]
    shrink = height <= rows and width <= columns
    how = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=how)


def view(picture: Picture, window: Window, size: int) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Give what the window shows at the model's size: a square of `size` px.

    Beyond the picture's edges it shows the picture mirrored.
    """
    height, width = picture.shape[:2]
    shown, spot = window.inside(height, width), window.spot(height, width, size)
    return _mirror_around(resample(picture[shown.slices], spot.height, spot.width), spot, size)


def open_cells(
    mask: Region, window: Window, size: int, grid_size: int, coverage: float = 0.0
) -> Bool[np.ndarray, "{grid_size} {grid_size}"]:
    """Give the cells of the window that the mask touches.

    Beyond the picture's edges the mask is mirrored like the picture, or the model would see there
    a mirror image of what is to disappear.

    Args:
        mask: True where it was painted; of the picture's size.
        window: The window.
        size: Side of the model's square in pixels, as for `view`; a multiple of `grid_size`.
        grid_size: Cells along one side. With `grid_size=size` the answer is a mask of pixels.
        coverage: See `masks.to_token_mask`.

    Raises:
        ValueError: If `grid_size` does not divide `size`, or `coverage` is outside [0, 1).
    """
    if not 0 <= coverage < 1:
        raise ValueError(f"coverage must be in [0, 1), got {coverage}")
    return shares(mask, window, size, grid_size) > coverage


def shares(
    mask: Region, window: Window, size: int, grid_size: int
) -> Float[np.ndarray, "{grid_size} {grid_size}"]:
    """Give how much of each cell of the window the mask covers, in [0, 1]; as `open_cells`."""
    if size % grid_size:
        raise ValueError(f"size {size} must be a multiple of grid_size {grid_size}")
    height, width = mask.shape
    shown, spot = window.inside(height, width), window.spot(height, width, size)
    if (spot.height, spot.width) == (size, size):
        return painted_share(mask[shown.slices], (grid_size, grid_size))
    share = _mirror_around(painted_share(mask[shown.slices], (spot.height, spot.width)), spot, size)
    stride = size // grid_size
    return share.reshape(grid_size, stride, grid_size, stride).mean((1, 3))


def class_cells(
    mask: Region,
    regions: Sequence[Region],
    labels: Sequence[int],
    window: Window,
    size: int,
    grid_size: int,
) -> UInt8[np.ndarray, "{grid_size} {grid_size}"]:
    """Say of which class each cell of the window is: the one that has most of it.

    Args:
        mask: True where it was painted; of the picture's size.
        regions: Parts of the mask; a later one lies over those before. What is outside of the
            mask does not count.
        labels: The class of what is of no region, and of each region; several may have the same.
        window: The window.
        size: As for `open_cells`.
        grid_size: As for `open_cells`.

    Returns:
        Where the class first stands in `labels`; among equals the smallest number.
    """
    left, covered = mask, []
    for region in reversed(regions):
        covered.append(shares(left & region, window, size, grid_size))
        left = left & ~region
    covered.append(shares(left, window, size, grid_size))
    of_class = np.zeros((len(labels), grid_size, grid_size))
    np.add.at(of_class, [labels.index(label) for label in labels], covered[::-1])
    return of_class.argmax(axis=0).astype(np.uint8)


def project(square: Square, window: Window, height: int, width: int) -> Picture:
    """Give the model's square at the picture's resolution, cut to what the window shows.

    Args:
        square: Any size; undoes `view` of the same window and size.
        window: The window it was made for.
        height: Height of the picture.
        width: Width of the picture.

    Returns:
        As large as `window.inside(height, width)`.
    """
    shown, spot = window.inside(height, width), window.spot(height, width, len(square))
    return resample(square[spot.slices], shown.height, shown.width)


def mirror_fill(square: Square, hole: Hole) -> Square:
    """Fill a hole by mirroring its surroundings across the nearest known pixel.

    The cells of the hole are masked anyway, but the encoder's receptive field reaches into it from
    the known cells beside it; a mirror image disturbs those least. Where the mirror shows nothing
    known, the nearest known pixel is repeated; without any known pixel all turns grey.
    """
    if not hole.any():
        return square
    if hole.all():
        return np.full_like(square, 128)
    labels = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )[1].astype(np.int64)
    position = np.zeros(labels.max() + 1, dtype=np.int64)  # of the known pixel with that label
    position[labels[~hole]] = np.flatnonzero(~hole)
    near_rows, near_columns = np.unravel_index(position[labels[hole]], hole.shape)
    rows, columns = np.nonzero(hole)
    rows, columns = 2 * near_rows - rows, 2 * near_columns - columns  # mirrored
    usable = (rows >= 0) & (rows < hole.shape[0]) & (columns >= 0) & (columns < hole.shape[1])
    usable[usable] = ~hole[rows[usable], columns[usable]]
    filled = square.copy()
    filled[hole] = square[
        np.where(usable, rows, near_rows), np.where(usable, columns, near_columns)
    ]
    return filled


def place(start: int, length: int, side: int, size: int) -> int:
    """Give where a window of `side` begins that is centred on a stretch and stays in [0, size)."""
    if side >= size:
        return -((side - size) // 2)
    return min(max(start + length // 2 - side // 2, 0), size - side)


def _with_ring(start: int, length: int, size: int, ring: int) -> int:
    """Give the length of a painted stretch and its ring, which ends where the picture ends."""
    return length + min(ring, start) + min(ring, size - start - length)


def _whole_cells(side: int, grid_size: int, needed: int, short: int) -> int:
    """Round a side to whole cells: up if it then stays in the picture, or left it already."""
    more = -(-side // grid_size) * grid_size
    if more <= short or side > short:
        return more
    fewer = side // grid_size * grid_size
    return fewer if fewer >= max(needed, 1) else side


def _scaled(start: int, length: int, size: int, side: int) -> tuple[int, int]:
    """Map a stretch of window pixels to whole pixels of the square: its start and length."""
    begin = min((2 * start * size + side) // (2 * side), size - 1)
    end = (2 * (start + length) * size + side) // (2 * side)
    return begin, max(end - begin, 1)


def _mirror_around(part: np.ndarray, spot: Box, size: int) -> np.ndarray:
    """Put a part at its spot in a square and mirror it outwards; (H, W) or (H, W, 3)."""
    if (spot.height, spot.width) == (size, size):
        return part
    below, beside = size - spot.top - spot.height, size - spot.left - spot.width
    return cv2.copyMakeBorder(
        part, spot.top, below, spot.left, beside, borderType=cv2.BORDER_REFLECT_101
    )
