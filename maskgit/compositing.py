"""Putting an imagined region into a picture so that the border does not show.

The new pixels fade in from the region's border inwards, never outwards: a pixel outside the region
is not read, blended or rounded, it is left alone. Differences of colour that the tokenizer brings
in are evened out before, while the square is still small.

Read in this order:
    harmonise     move an imagined region's colours towards its surroundings
    feather       how much of the new picture each pixel of the region takes
    paste         an edit: the model's square into a copy of the picture
    fill          outpainting: the model's square into what is still unknown
    official_alpha, blend  the official demo's composite, kept for comparison

What callers may rely on (tests/engine/test_compositing.py holds each promise):
    * Pixels outside the region come back bit-identical.
    * The middle of a painted line is entirely new, however thin the line.
    * Only the box around the region is worked on; `paste` copies the picture once, `fill` never.
"""

from numbers import Real

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image, ImageFilter

from maskgit.masks import Box, bounding_box
from maskgit.types import Picture, Region
from maskgit.window import Hole, Square, Window, project

FEATHER_CELLS = 0.4  # usual width of the blend inside the region, in cells
MAX_FEATHER_CELLS = 2.0  # beyond, hardly anything of a region would be wholly new
FILM_COARSEST_PX = 4  # of a soap film: a side that is solved without a smaller one
FILM_SWEEPS = 16  # at each size
NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def feather(region: Region, radius_px: int) -> Float[np.ndarray, "H W"]:
    """Give the weight of the new picture: 0 outside the region, rising to 1 inside.

    Args:
        region: True where the picture may change.
        radius_px: Pixels over which the weight rises, counted from the region's border inwards; 0
            switches between two pixels. Where the region is thinner than that, the weight rises
            over a quarter of its width, so that what was there still disappears.

    Returns:
        Float32 in [0, 1]. At the picture's own border nothing falls off: there is nothing beyond
        to blend with.

    Raises:
        ValueError: If the radius is negative.
    """
    alpha = region.astype(np.float32)
    rows, columns, weight = _rim(region, radius_px)
    alpha[rows, columns] = weight
    return alpha


def require_feather(cells: float) -> None:
    """Refuse a soft edge that is no number of cells, or a wider one than there is.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is not in [0, 2].
    """
    if isinstance(cells, bool) or not isinstance(cells, Real):
        raise TypeError(f"feather must be a number of cells, got {cells!r}")
    if not 0 <= cells <= MAX_FEATHER_CELLS:
        raise ValueError(f"feather must be 0 to {MAX_FEATHER_CELLS:g} cells, got {cells}")


def harmonise(square: Square, original: Square, hole: Hole, radius_px: int) -> Square:
    """Move an imagined region's colours towards its surroundings, most at its border.

    What the model draws beside the hole should be the original but is the tokenizer's
    reconstruction, a shade off. That shade is carried into the hole and fades there, details
    first: gradients are kept and borders meet, as in gradient-domain blending.

    Args:
        square: What the model drew, at its own size.
        original: What it was shown, of the same size.
        hole: True where the original is unknown or about to disappear.
        radius_px: Pixels over which the correction fades out.

    Returns:
        `square`, changed inside the hole only.

    Raises:
        ValueError: If the sizes differ or the radius is not positive.
    """
    _require_same_size(square, original, hole)
    if radius_px < 1:
        raise ValueError(f"radius_px must be at least 1, got {radius_px}")
    if hole.all() or not hole.any():
        return square
    shade = _membrane(original.astype(np.float32) - square, hole)
    distance = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    fade = np.clip(1 - distance / (radius_px + 1), 0, 1)
    corrected = np.clip(np.rint(square + fade[..., None] * shade), 0, 255).astype(np.uint8)
    return np.where(hole[..., None], corrected, square)


def composite(original: Picture, generated: Picture, region: Region, radius_px: int) -> Picture:
    """Put the region of one picture into another of the same size.

    Args:
        original: Everything outside the region, unchanged to the last bit.
        generated: The new content.
        region: True where the picture may change.
        radius_px: See `feather`.

    Raises:
        ValueError: If the sizes differ or the radius is negative.
    """
    _require_same_size(original, generated, region)
    result = original.copy()
    _blend_into(result, generated, region, radius_px)
    return result


def paste(
    picture: Picture, square: Square, window: Window, region: Region, radius_px: int
) -> Picture:
    """Put the model's square into a copy of the picture it was made for.

    Args:
        picture: The whole picture.
        square: The model's answer for `window`, at the model's size.
        window: The window it was made for.
        region: True where the picture may change; what lies outside the window is not changed.
        radius_px: See `feather`, in pixels of the picture.

    Raises:
        ValueError: If region and picture differ in size, or the radius is negative.
    """
    _require_same_size(picture, region)
    result = picture.copy()
    _write(result, square, window, region, radius_px)
    return result


def fill(canvas: Picture, unknown: Region, square: Square, window: Window, part: Box) -> None:
    """Write the model's square into the unknown pixels of a part of its window, known then.

    Changes `canvas` and `unknown`, which `OutpaintPlan.lay_out` made: a canvas can be large and
    need many windows. Nothing is blended, as there is nothing yet to blend with; `harmonise` the
    square first.
    """
    _require_same_size(canvas, unknown)
    region = np.zeros_like(unknown)
    region[part.slices] = unknown[part.slices]
    _write(canvas, square, window, region, 0)
    unknown[part.slices] = False


def official_alpha(
    token_mask: Bool[np.ndarray, "h w"], image_size: int
) -> Float[np.ndarray, "{image_size} {image_size}"]:
    """Give the weight of the generated picture in the official demo's composite, in [0, 1].

    It is blurred on both sides of the border, so it changes pixels outside the mask, too.

    Source:
        google-research/maskgit, `inference.py`, `composite_outputs`: Pillow's default filter
        (bicubic since Pillow 7), then a Gaussian blur of radius `image_size // 16 - 1`.
    """
    mask = Image.fromarray(token_mask.astype(np.uint8) * 255)
    mask = mask.resize((image_size, image_size), Image.Resampling.BICUBIC)
    mask = mask.filter(ImageFilter.GaussianBlur(image_size // 16 - 1))
    return np.asarray(mask, dtype=np.float32) / 255


def blend(
    original: Float[np.ndarray, "*B H W 3"],
    generated: Float[np.ndarray, "*B H W 3"],
    alpha: Float[np.ndarray, "H W"],
) -> Float[np.ndarray, "*B H W 3"]:
    """Give `alpha * generated + (1 - alpha) * original`, the official composite, unclipped."""
    return generated * alpha[..., None] + original * (1 - alpha[..., None])


def _membrane(values: Float[np.ndarray, "H W 3"], hole: Hole) -> Float[np.ndarray, "H W 3"]:
    """Span values over a hole like a soap film over a wire: what is fine fades first.

    The film is the solution of Laplace's equation with the values around the hole as its border,
    and free where the hole meets the picture's edge. Half the size is solved first, so that a few
    sweeps do at each size.
    """
    height, width = hole.shape
    known = (~hole).astype(np.float32)
    if min(height, width) < 2 * FILM_COARSEST_PX:
        film = np.broadcast_to(values[~hole].mean(0), values.shape)
    else:
        size = (width // 2, height // 2)
        share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
        sums = cv2.resize(values * known[..., None], size, interpolation=cv2.INTER_AREA)
        means = sums / np.maximum(share, 1e-6)[..., None]
        film = cv2.resize(_membrane(means, share == 0), (width, height))
    film = np.where(hole[..., None], film, values)
    for _ in range(FILM_SWEEPS):
        mean = cv2.filter2D(film, -1, NEIGHBOURS, borderType=cv2.BORDER_REPLICATE)
        np.copyto(film, mean, where=hole[..., None])
    return film


def _write(target: Picture, square: Square, window: Window, region: Region, radius_px: int) -> None:
    """Blend the model's square into `target`, inside both the window and the region."""
    height, width = target.shape[:2]
    shown = window.inside(height, width).slices
    if region[shown].any():
        patch = project(square, window, height, width)
        _blend_into(target[shown], patch, region[shown], radius_px)


def _blend_into(target: Picture, patch: Picture, region: Region, radius_px: int) -> None:
    """Blend `patch` into `target` in place; all three are of one size."""
    box = bounding_box(region)
    if box is None:
        return
    height, width = region.shape
    grown = (  # a pixel more where there is one, to see the region's border
        slice(max(box.top - 1, 0), min(box.top + box.height + 1, height)),
        slice(max(box.left - 1, 0), min(box.left + box.width + 1, width)),
    )
    target, patch, region = target[grown], patch[grown], region[grown]
    rows, columns, weight = _rim(region, radius_px)  # few pixels: floating point there alone
    old, new = target[rows, columns], patch[rows, columns]
    mixed = np.rint(old + weight[:, None] * (new.astype(np.float32) - old)).astype(np.uint8)
    cv2.copyTo(patch, region.astype(np.uint8), target)  # twenty times as fast as np.copyto
    target[rows, columns] = mixed


def _rim(
    region: Region, radius_px: int
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Give the region's pixels near its border, as rows and columns, with the weight of each."""
    if radius_px < 0:
        raise ValueError(f"radius_px must not be negative, got {radius_px}")
    distance = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    rows, columns = np.nonzero(region & (distance < radius_px + 1))
    reach = 2 * (radius_px + 1)
    stride = max(reach // 16, 1)  # thickness varies slowly: a sixteenth of the reach is fine enough
    kernel = np.ones((2 * (reach // stride) + 1,) * 2, dtype=np.uint8)
    thickest = cv2.dilate(np.ascontiguousarray(distance[::stride, ::stride]), kernel)
    half_width = thickest[rows // stride, columns // stride]
    rise = np.clip(half_width / 2, 1, radius_px + 1)
    ramp = np.minimum(distance[rows, columns] / rise, 1)
    return rows, columns, ramp * ramp * (3 - 2 * ramp)  # smoothstep: no kink at either end


def _require_same_size(*arrays: np.ndarray) -> None:
    sizes = [array.shape[:2] for array in arrays]
    if len(set(sizes)) > 1:
        raise ValueError(f"sizes differ: {', '.join(f'{h}x{w}' for h, w in sizes)} px")
