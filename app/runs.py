"""What is asked of the studio and what comes back, as frozen values; the studio as handlers see it.

A page chooses its model and every request names it; the studio keeps no choice of anybody.

A run is one press of a button: the studio answers a request with a `Step` before the first pass
of the model, one after every pass, a `Refining` for every window that makes a fill sharper, and a
`Result` at the end. Stopping is closing the iterator;
since nothing was changed before the `Result`, nothing is lost.

Read in this order:
    Fill, Generate, Outpaint  the three requests
    Step, Refining, Result    the answers
    Opened                    a file that somebody brought
    Studio                    who answers
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.controls import FEATHER
from app.document import Cells, Region, Regions, Window
from app.lens import Lens
from app.models import ModelStore, Settings

if TYPE_CHECKING:
    from app.recipes import RecipeBook
    from app.scene import Walker

Picture: TypeAlias = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True, eq=False)
class Fill:
    """Imagine the painted part of a picture anew.

    Attributes:
        model: Id of the model that is to do it.
        picture: The whole picture.
        region: The painted pixels.
        window: The square the model sees, or None to let the engine choose.
        cells: Painted cells of that window, one per token; None where `window` is.
        label: Class id, or None for no class.
        count: Variations; they use the seeds `settings.seed`, `seed + 1`, …
        settings: How to decode.
        previews: Whether to draw every step; that takes time.
        lens: How it was painted, for its recipe; None: as usual.
        feather: Cells over which the new content fades in.
        regions: Where other classes are wished than `label`.
        refine: Whether a fill that would look soft is drawn again in smaller windows.
        borrow: Whether it is written with pieces of the picture instead, where there are enough.
        is_close_up: Whether the engine is to choose a window that frames it closely.
    """

    model: str
    picture: Picture
    region: Region
    window: Window | None
    cells: Cells | None
    label: int | None
    count: int
    settings: Settings
    previews: bool = True
    lens: Lens | None = None
    feather: float = FEATHER
    regions: Regions = ()
    refine: bool = True
    borrow: bool = False
    is_close_up: bool = False


@dataclass(frozen=True)
class Generate:
    """Make a whole picture of a class; `regions` are of the model's size."""

    model: str
    label: int | None
    count: int
    settings: Settings
    previews: bool = True
    regions: Regions = ()


@dataclass(frozen=True, eq=False)
class Outpaint:
    """Make a picture larger; the new sides are given in pixels. The rest is as for `Fill`."""

    model: str
    picture: Picture
    left: int
    top: int
    right: int
    bottom: int
    label: int | None
    count: int
    settings: Settings
    previews: bool = True
    refine: bool = True
    borrow: bool = False


Request: TypeAlias = Fill | Generate | Outpaint


@dataclass(frozen=True, eq=False)
class Step:
    """How things stand after `step` of `steps` passes; 0 is before the first.

    Attributes:
        step: Passes done.
        steps: Passes in all.
        window: Left, top and side of the square the model sees, in pixels of the picture (of the
            new one, where the run makes a new picture).
        is_open: (h, w) tokens that may change in this run.
        is_masked: (h, w) tokens not decided yet.
        confidence: (h, w) probability the model gave to what it drew, in [0, 1]; 1 where known.
        revealed_at: (h, w) pass at which a token was decided, from 0; -1 known from the start,
            -2 still masked.
        tokens: (h, w) codes of the last complete draw, which is what `image` shows; before the
            first pass the number of codes stands where nothing is drawn yet.
        state: What going on from here takes, for `app.scene.Walker`.
        image: (S, S, 3) the window as the model sees it now, at the model's resolution; None
            before the first pass, and where nobody wants to see it.
        is_pinned: (h, w) tokens somebody holds on to; None in a run that nobody steered.
    """

    step: int
    steps: int
    window: tuple[int, int, int]
    is_open: NDArray[np.bool_]
    is_masked: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    revealed_at: NDArray[np.int16]
    tokens: NDArray[np.uint16]
    state: str
    image: Picture | None
    is_pinned: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Refining:
    """The last pass is done; a window of the refinement is about to be drawn.

    Attributes:
        window: Which, from 1.
        windows: How many there are.
        borrows: Whether they are whole pictures, which are written with pieces of themselves.
    """

    window: int
    windows: int
    borrows: bool = False


@dataclass(frozen=True, eq=False)
class Result:
    """The variations of a finished run, whole pictures of one size.

    Attributes:
        pictures: One per seed.
        seeds: The seed of each.
        states: What going on from each takes, as in `Step`; none where windows were stitched.
        tokens: For each the finished token grid of every window, before any refinement.
    """

    pictures: Sequence[Picture]
    seeds: Sequence[int]
    states: Sequence[str] = ()
    tokens: Sequence[Sequence[NDArray[np.integer]]] = ()


Answered: TypeAlias = Step | Refining | Result


@dataclass(frozen=True, eq=False)
class Opened:
    """What a file holds, for a page that will save it again.

    Attributes:
        id: Of the picture that the model sees: this one over white.
        colours: (H, W, 3) the file's own, also where it is transparent.
        alpha: (H, W) 0 where it is transparent; None where it is opaque everywhere.
        chunks: Profile, EXIF and DPI as chunks of a PNG.
        is_one_of_many: Whether it is the first frame of an animation, or the first page.
        is_for_web: Whether a browser that opens the file draws these colours.
    """

    id: str
    colours: Picture
    alpha: NDArray[np.uint8] | None = None
    chunks: bytes = b""
    is_one_of_many: bool = False
    is_for_web: bool = False


class Studio(Protocol):
    """Answers requests, and keeps the pictures they are about; safe to share between threads."""

    @property
    def walker(self) -> Walker:
        """Goes on from states, one pass or one change at a time."""
        ...

    @property
    def recipes(self) -> RecipeBook:
        """Writes and reads the recipes of pictures."""
        ...

    @property
    def models(self) -> ModelStore:
        """The models that requests may name."""
        ...

    def windows(self, model: str, size: tuple[int, int], sides: tuple[int, int, int, int]) -> int:
        """Count the windows it takes to make a picture larger.

        Args:
            model: Id of the model.
            size: Height and width of the picture.
            sides: Pixels to add on the left, top, right and bottom; at least one.
        """
        ...

    def run(self, request: Request) -> Iterator[Answered]:
        """Answer a request pass by pass.

        Raises:
            UserError: If the request cannot be answered, with the reason.
        """
        ...

    def open(self, data: bytes) -> tuple[str, Picture]:
        """Read an uploaded file and keep its picture; return its id and the picture in sRGB.

        Raises:
            UserError: If it is not a picture, or too large.
        """
        ...

    def open_original(self, data: bytes) -> Opened:
        """Do the same for a page that gives back what else the file holds; errors as `open`."""
        ...

    def keep(self, picture: Picture) -> str:
        """Keep a picture for later requests and return its id."""
        ...

    def picture(self, picture_id: str) -> Picture | None:
        """Find a kept picture; None where it was never seen or has been forgotten."""
        ...
