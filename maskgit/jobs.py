"""What goes into the pipeline and what comes out, as values.

Choices   what a caller may choose about decoding
Place     the part of a picture that is imagined anew
Job       an edit or a generation that is about to be decoded
Result    finished pictures
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from jaxtyping import Int
from typing_extensions import TypedDict

from maskgit.compositing import FEATHER_CELLS
from maskgit.decoding import DecodeState
from maskgit.tiles import Plan, Tile
from maskgit.types import Picture, Pictures, Region
from maskgit.window import Square, Window

Label: TypeAlias = SupportsIndex | str | None  # ImageNet index, name, synonym, WordNet id; no class
Regions: TypeAlias = Mapping[Any, Region]  # by `Label`; a later one lies over those before
OnStep: TypeAlias = Callable[[DecodeState], None]  # sees the state after every pass
OnTile: TypeAlias = Callable[[Tile, Plan], None]  # sees every tile that is done


class Choices(TypedDict, total=False):
    """What a caller may choose about decoding: see `DecodeOptions`."""

    steps: int
    start_step: int
    schedule: str
    temperature: float
    choice_temperature: float
    top_k: int
    top_p: float
    guidance_scale: float
    guidance_schedule: str
    temperature_schedule: str
    reveal: str
    known_cells: str


@dataclass(frozen=True, eq=False)
class Place:
    """The part of a picture that is imagined anew.

    Attributes:
        picture: The whole picture.
        region: True where it may change.
        window: What the model sees of it.
        seen: What it sees, at its own size.
        feather: Cells over which the new content fades in, from the region's border inwards.
    """

    picture: Picture
    region: Region
    window: Window
    seen: Square
    feather: float = FEATHER_CELLS

    @property
    def hole(self) -> Region:
        """What of the region the window shows."""
        return self.window.shown(self.region)

    def feather_px(self, grid_size: int) -> int:
        """Give over how many pixels the new content fades in, with so many cells along a side."""
        return round(self.feather * self.window.side / grid_size)


@dataclass(frozen=True, eq=False)
class Job:
    """An edit or a generation that is about to be decoded.

    Attributes:
        state: One row per picture asked for; nothing decoded yet.
        place: Where the answer goes; None when there is no picture.
    """

    state: DecodeState
    place: Place | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """Finished pictures.

    Attributes:
        pictures: One per seed.
        seeds: The seed of each.
        traces: For each picture its decode: the state before the first pass and after every one
            (for outpainting: of one window after the other).
    """

    pictures: Pictures
    seeds: tuple[int, ...]
    traces: tuple[tuple[DecodeState, ...], ...]

    def tokens(self, index: int) -> list[Int[np.ndarray, "h w"]]:
        """Give the finished token grid of every window of a picture, before any refinement."""
        done = (state for state in self.traces[index] if state.finished)
        return [state.tokens[0].view(state.constraints.grid).cpu().numpy() for state in done]
