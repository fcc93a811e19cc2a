"""A picture as its file holds it, so that an edit can be given back in the same terms.

The model knows opaque pictures only. What it sees is the picture over white; what is saved are the
file's own values wherever nothing was painted: colours, also those under transparent parts, and
transparency, to the bit. Painted parts become opaque.

Read in this order:
    Original        the file's pixels and what else it says
    open_original   bytes to an `Original`, or a `PictureError` with a sentence for people

Elsewhere: what cannot be opened and why (images); profile, EXIF and DPI (keepsakes).
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from maskgit.images import decode, over_white, pixels_of, planes, to_png, turned
from maskgit.keepsakes import Keepsake, keepsake_of, orientation_of
from maskgit.types import Picture, Region

# What every browser draws from the file itself in the very same way.
_WEB_MODES = {"JPEG": ("L", "RGB"), "PNG": ("L", "P", "RGB"), "WEBP": ("RGB",)}
_PNG_DEPTH = 24  # where a PNG says how many bits a channel has


@dataclass(frozen=True, eq=False)
class Original:
    """What a file holds.

    Attributes:
        colours: RGB, upright, also where it is transparent.
        alpha: 0 where it is transparent, 255 where it is not; None where it is opaque everywhere.
        keepsake: What the file says beside its pixels.
        is_one_of_many: Whether it is the first frame of an animation, or the first page.
        is_for_web: Whether a browser that opens the file draws these pixels.
    """

    colours: Picture
    alpha: UInt8[np.ndarray, "H W"] | None = None
    keepsake: Keepsake = field(default_factory=Keepsake)
    is_one_of_many: bool = False
    is_for_web: bool = False

    @cached_property
    def flat(self) -> Picture:
        """What the model sees: the picture over white."""
        if self.alpha is None:
            return self.colours
        return np.asarray(over_white(Image.fromarray(self.colours), Image.fromarray(self.alpha)))

    def given_back(
        self, result: Picture, region: Region | None = None, at: tuple[int, int] = (0, 0)
    ) -> UInt8[np.ndarray, "H2 W2 C"]:
        """Put the file's own pixels back around what was imagined.

        Args:
            result: The edited or enlarged picture.
            region: True where this picture could change; None: nowhere.
            at: Left and top of this picture on the enlarged one.

        Returns:
            RGB, or RGBA where the file has transparent parts.
        """
        if self.alpha is None:
            return result
        left, top = at
        height, width = self.alpha.shape
        whole = np.dstack([result, np.full(result.shape[:2], 255, np.uint8)])
        own = np.dstack([self.colours, self.alpha])
        place = whole[top : top + height, left : left + width]
        np.copyto(place, own, where=True if region is None else ~region[..., None])
        return whole

    def to_png(
        self,
        result: Picture,
        region: Region | None = None,
        at: tuple[int, int] = (0, 0),
        text: dict[str, str] | None = None,
    ) -> bytes:
        """Write an edit of this picture as PNG, with what the file said beside its pixels."""
        return to_png(self.given_back(result, region, at), text, self.keepsake)


def open_original(data: bytes) -> Original:
    """Read a file with everything that is to be given back.

    Raises:
        PictureError: If it is too large, of another kind, empty or damaged.
        TypeError: If `data` is not bytes.
    """
    original = decode(data, _original)
    is_deep = data[:4] == b"\x89PNG" and data[_PNG_DEPTH] > 8  # browsers round these otherwise
    for plane in (original.colours, original.alpha):
        if plane is not None:
            plane.flags.writeable = False  # large: whoever keeps it need not copy it
    return replace(original, is_for_web=original.is_for_web and not is_deep)


def _original(image: Image.Image) -> Original:
    keepsake, orientation = keepsake_of(image), orientation_of(image)
    is_jpeg = image.format in ("JPEG", "MPO")  # MPO: a photo with other pictures behind it
    modes = _WEB_MODES.get("JPEG" if is_jpeg else image.format or "", ())
    is_as_stored = image.mode in modes and (keepsake.profile or not image.info.get("icc_profile"))
    # Colours that are kept with their profile stay as they are; all others become sRGB.
    profile = None if keepsake.profile is not None else image.info.get("icc_profile")
    colours, alpha = planes(image, profile)
    is_one_of_many = not is_jpeg and _is_one_of_many(image)
    return Original(
        turned(pixels_of(colours), orientation),
        None if alpha is None else turned(pixels_of(alpha), orientation),
        keepsake,
        is_one_of_many,
        bool(is_as_stored)
        and alpha is None
        and not is_one_of_many
        and (is_jpeg or orientation == 1),
    )


def _is_one_of_many(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # what comes behind the first frame may be as broken as it likes
        return False
