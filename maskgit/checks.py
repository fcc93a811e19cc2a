"""What callers may hand to the engine: each check says what came and what is allowed.

Shapes in annotations are checked in the tests only, so the front door looks for itself.

Raises, all of them: TypeError for the wrong kind of thing, ValueError for a wrong value.
"""

from collections.abc import Mapping, Set
from numbers import Integral
from typing import Any

import numpy as np
from torch import Tensor

from maskgit.class_map import MAX_CLASSES
from maskgit.types import Picture, Pictures, Region

MAX_COUNT = 64
MAX_SEED = 2**63 - 1


def seeds(seed: int, count: int) -> tuple[int, ...]:
    """Give the seed of each of `count` pictures: `seed`, `seed + 1`, ..."""
    for name, value in (("seed", seed), ("count", count)):
        require_whole(name, value)
    seed, count = int(seed), int(count)
    if not 1 <= count <= MAX_COUNT:
        raise ValueError(f"count must be 1 to {MAX_COUNT}, got {count}")
    last = MAX_SEED + 1 - count
    if not 0 <= seed <= last:
        of_several = f" for {count} pictures" if count > 1 else ""
        raise ValueError(f"seed must be 0 to {last}{of_several}, got {seed}")
    return tuple(range(seed, seed + count))


def require_pixels_to_add(amounts: Mapping[str, int]) -> None:
    """Refuse amounts that are no whole numbers; their range depends on the picture."""
    for name, value in amounts.items():
        require_whole(name, value)


def require_picture(picture: Picture) -> None:
    """Refuse what is not one RGB picture."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        raise TypeError(f"a picture is a uint8 array (H, W, 3), got {describe(picture)}")
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"a picture is RGB, (H, W, 3), got {describe(picture)}")


def require_pictures(pictures: Picture | Pictures) -> None:
    """Refuse what is neither one RGB picture nor several of one size."""
    if not isinstance(pictures, np.ndarray) or pictures.dtype != np.uint8:
        raise TypeError(f"pictures are a uint8 array (n, H, W, 3), got {describe(pictures)}")
    if pictures.ndim not in (3, 4) or pictures.shape[-1] != 3 or 0 in pictures.shape:
        raise ValueError(f"pictures are RGB, (n, H, W, 3), at least one, got {describe(pictures)}")


def require_mask(mask: Region, picture: Picture) -> None:
    """Refuse a mask that does not fit its picture or marks nothing."""
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise TypeError(f"a mask is a bool array (H, W), got {describe(mask)}")
    if mask.shape != picture.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the picture {picture.shape[:2]}")
    if not mask.any():
        raise ValueError("the mask is empty: mark at least one pixel that may change")


def require_regions(regions: Mapping[Any, Region], size: tuple[int, int]) -> None:
    """Refuse regions that do not fit a picture of that size, mark nothing, or are too many."""
    if not isinstance(regions, Mapping):
        raise TypeError(f"regions are masks by class, {{class: mask}}, got {describe(regions)}")
    if len(regions) >= MAX_CLASSES:
        raise ValueError(
            f"at most {MAX_CLASSES} classes in a picture: give up to {MAX_CLASSES - 1} regions "
            f"beside the class of the rest, got {len(regions)}"
        )
    for name, region in regions.items():
        if not isinstance(region, np.ndarray) or region.dtype != np.bool_:
            raise TypeError(f"the region of {name} is a bool array (H, W), got {describe(region)}")
        if region.shape != size:
            raise ValueError(f"the region of {name} is {region.shape}, the picture {size}")
        if not region.any():
            raise ValueError(f"the region of {name} is empty: mark at least one pixel")


def require_known(names: Set[str], allowed: Set[str]) -> None:
    """Refuse options that do not exist."""
    if unknown := sorted(names - allowed):
        raise TypeError(f"no option {', '.join(unknown)}; there are {', '.join(sorted(allowed))}")


def describe(value: object) -> str:
    """Say what kind of thing came."""
    if isinstance(value, np.ndarray | Tensor):
        return f"{value.dtype} {tuple(value.shape)}"
    return type(value).__name__


def require_truth(name: str, value: object) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, got {value!r}")


def require_whole(name: str, value: object) -> None:
    """Refuse what is no whole number; NumPy's are some."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
