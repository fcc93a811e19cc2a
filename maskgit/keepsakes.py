"""What a file says beside its pixels, kept for the file that is written: profile, EXIF, DPI.

Colours are not converted where the file's own RGB profile can be kept. A conversion would change
nearly every pixel outside of the mask, could not be taken back in 8 bits, and would clip what a
wide gamut holds beyond sRGB. The model sees the bare numbers and answers in the same numbers, so
what it imagines fits its surroundings under any profile.

Elsewhere: the pixels (images, originals).
"""

import contextlib
import io
import math
import struct
from dataclasses import dataclass

from PIL import Image, ImageCms

# Readers stop unpacking a PNG's profile here. RGB profiles are far smaller; the printers' are not.
MAX_PROFILE_BYTES = 2**20
MAX_EXIF_BYTES = 2**16  # what a JPEG can hold

_RGB_MODES = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")
_ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_PARTS = (_EXIF_IFD, 0x8825)  # exposure, lens, time; where it was taken
_SIZE_IN_EXIF = (0xA002, 0xA003)
# A TIFF has its layout among the tags; only these are about the picture.
_ABOUT = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
_CHUNKS = (b"iCCP", b"eXIf", b"pHYs")


@dataclass(frozen=True)
class Keepsake:
    """What a picture's file says beside its pixels.

    Attributes:
        profile: ICC profile of RGB colours; None: sRGB, as everybody assumes.
        exif: EXIF block of a picture that stands upright; None where there was none.
        dpi: Pixels per inch, across and down.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None

    def chunks(self) -> bytes:
        """Give the same as chunks of a PNG, to be put behind the header of any picture."""
        file = io.BytesIO()
        save_png(Image.new("RGB", (1, 1)), file, self)
        data, start, found = file.getvalue(), 8, b""
        while start < len(data):
            length, kind = struct.unpack_from(">I4s", data, start)
            end = start + 12 + length
            found += data[start:end] if kind in _CHUNKS else b""
            start = end
        return found


def save_png(image: Image.Image, file: io.BytesIO, keepsake: Keepsake, **options: object) -> None:
    """Write a PNG that carries a keepsake."""
    about = {"icc_profile": keepsake.profile, "exif": keepsake.exif, "dpi": keepsake.dpi}
    image.save(file, "PNG", **options, **{name: value for name, value in about.items() if value})


def keepsake_of(image: Image.Image) -> Keepsake:
    """Take what an opened file says; what is broken in it is left, the pixels matter more."""
    return Keepsake(_profile(image), _exif(image), _dpi(image))


def orientation_of(image: Image.Image) -> int:
    """Give the EXIF orientation, 1 to 8; 1, upright, where it is absent or cannot be read."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # any broken EXIF block: no reason to refuse the pixels
        return 1
    return orientation if isinstance(orientation, int) else 1


def _profile(image: Image.Image) -> bytes | None:
    """Give the profile if it describes RGB and the file's colours are RGB."""
    profile = image.info.get("icc_profile")
    if not profile or len(profile) > MAX_PROFILE_BYTES or image.mode not in _RGB_MODES:
        return None
    with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
        read = ImageCms.getOpenProfile(io.BytesIO(profile))
        if getattr(read.profile, "xcolor_space", "").strip() == "RGB":
            return bytes(profile)
    return None


def _exif(image: Image.Image) -> bytes | None:
    """Give the EXIF block for upright pixels of whatever size.

    It is written anew: that leaves out the small preview that cameras put there, which would
    still show what was painted over.
    """
    try:
        exif = _copied(image.getexif(), only_about=image.format == "TIFF")
        if not exif:
            return None
        exif[_ORIENTATION] = 1
        for tag in _SIZE_IN_EXIF:  # of the picture as it was before it was turned or enlarged
            exif.get_ifd(_EXIF_IFD).pop(tag, None)
        data = exif.tobytes()
    except Exception:  # as in `orientation_of`
        return None
    return data if len(data) <= MAX_EXIF_BYTES else None


def _copied(exif: Image.Exif, only_about: bool) -> Image.Exif:
    copy = Image.Exif()
    for tag, value in exif.items():
        if tag not in _PARTS and (tag in _ABOUT or not only_about):
            copy[tag] = value
    for tag in _PARTS:
        if tag in exif:
            copy.get_ifd(tag).update(exif.get_ifd(tag))
    return copy


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not all(math.isfinite(value) and 1 <= value <= 1e5 for value in (across, down)):
        return None
    is_turned = orientation_of(image) >= 5
    return (down, across) if is_turned else (across, down)
