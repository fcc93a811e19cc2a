"""Where a decode is steered, how, and who does it: what comes from outside, checked, as values.

The server needs to keep nothing of a decode. A page or a script sends back what it got: the context
of the run, and the state to go on from. Anybody may send anything, so all of it is checked here,
except the inside of a state, which the engine checks.

Read in this order:
    Context, write_context    what all states of a run have in common
    Edit                      what a person may change in a state
    StartRequest ... TraceRequest   what is asked; read by `read`
    Scene, Inspection, Walker   what the studio is asked, and what it answers
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.answers import unwrapped
from app.canvas.drawing import Drawing, read_drawing
from app.controls import FEATHER, MAX_FEATHER
from app.document import Region, Regions
from app.errors import UserError
from app.lens import Lens
from app.runs import Fill, Generate, Picture, Result, Step
from app.words import Sentence

MAX_STATE = 2**17  # characters
MAX_EDITS = 64  # in one request
MAX_STATES = 512  # in a film or a trace
MAX_VARIATIONS = 16  # of one answer
MAX_SIDE = 2**16  # of a window, in pixels
R = TypeVar("R", bound="BaseModel")

Hex: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]*$", max_length=2**14)]
State: TypeAlias = Annotated[str, Field(max_length=MAX_STATE)]
States: TypeAlias = Annotated[list[State], Field(min_length=1, max_length=MAX_STATES)]
Index: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)]
Place: TypeAlias = Annotated[int, Field(ge=-MAX_SIDE, le=MAX_SIDE)]
Side: TypeAlias = Annotated[int, Field(ge=1, le=MAX_SIDE)]


class Strict(BaseModel):
    """Values of the right kind only: "3" is no number, and there are no other fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Context(Strict):
    """What all states of a run have in common.

    Attributes:
        model: Id of the model.
        window: Left, top and side of the square the model sees, in pixels of the picture.
        drawing: What the canvas showed; None where the whole picture is new.
        feather: Cells over which the new content fades in.
        refine: As in `Scene`.
        borrow: Likewise.
    """

    model: str = Field(max_length=256)
    window: tuple[Place, Place, Side] = Field(strict=False)
    drawing: str | None = None
    feather: float = Field(FEATHER, ge=0, le=MAX_FEATHER)
    refine: bool = True
    borrow: bool = False


class Pin(Strict):
    """Hold on to what is drawn in some cells; or, as `unpin`, let go."""

    kind: Literal["pin", "unpin"]
    cells: Hex


class Choose(Strict):
    """Put another code into a cell, and hold on to it."""

    kind: Literal["choose"]
    cell: Index
    code: Index


class Ban(Strict):
    """Forbid a code, in one cell or everywhere."""

    kind: Literal["ban"]
    code: Index
    cell: Index | None = None


class Remask(Strict):
    """Send cells back to the mask: these, or the least certain share of them."""

    kind: Literal["remask"]
    cells: Hex | None = None
    share: float | None = None


class Relabel(Strict):
    """Another class from here on; None: no class."""

    kind: Literal["label"]
    label: int | None


class Options(Strict):
    """Decode otherwise from here on; the engine knows what is allowed."""

    kind: Literal["options"]
    steps: int | None = None
    temperature: float | None = None
    choice_temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    guidance_scale: float | None = None
    schedule: str | None = Field(None, max_length=1024)
    reveal: str | None = None
    known_cells: str | None = None
    seed: int | None = None

    def changes(self) -> dict[str, Any]:
        """Give what is to change."""
        return self.model_dump(exclude={"kind"}, exclude_none=True)


Edit: TypeAlias = Annotated[
    Pin | Choose | Ban | Remask | Relabel | Options, Field(discriminator="kind")
]


class StartRequest(Strict):
    """Begin: a new picture, or, with a drawing, the painted part of one."""

    model: str = Field("", max_length=256)
    label: int | None = None
    settings: dict[str, Any] = Field({}, max_length=32)
    drawing: str | dict[str, Any] | None = None


class ContextRequest(Strict):
    """Something about a run as a whole."""

    context: Context


class StateRequest(ContextRequest):
    """Something about one state."""

    state: State


class StepRequest(StateRequest):
    """One pass.

    Attributes:
        previews: Whether to draw what came of it; that takes time.
    """

    previews: bool = True


class InspectRequest(StateRequest):
    """What the model thinks of a cell."""

    cell: Index


class SteerRequest(StateRequest):
    """Changes to a state, in order."""

    edits: Annotated[list[Edit], Field(max_length=MAX_EDITS)]


class VaryRequest(StateRequest):
    """Pictures close to a finished one.

    Attributes:
        share: Of its open cells, which are drawn again.
        seed: Of the first; the others follow.
        count: How many.
    """

    share: float = Field(0.25, gt=0, le=1)
    seed: Index = 0
    count: int = Field(4, ge=1, le=MAX_VARIATIONS)


class FilmRequest(ContextRequest):
    """States as a film."""

    states: States
    format: Literal["gif", "webp", "mp4"]
    overlay: Literal["none", "mask", "confidence", "order"] = "none"
    seconds_per_step: float = 0.4


class TraceRequest(ContextRequest):
    """States as a file: arrays, JSON or a contact sheet."""

    states: States
    format: Literal["npz", "json", "png"]


def write_context(
    model: str,
    window: tuple[int, int, int],
    drawing: Drawing | None,
    **edges: Any,
) -> dict[str, Any]:
    """Write what the page keeps of a run and sends back; `edges` are the rest of `Context`."""
    names = [field.name for field in fields(Drawing) if field.name not in ("rows", "cols")]
    drawn = drawing and json.dumps({name: getattr(drawing, name) for name in names})
    context = Context(model=model, window=window, drawing=drawn, **edges)
    return context.model_dump(mode="json")


def read(kind: type[R], request: object) -> R:
    """Check a request.

    Raises:
        UserError: If it is not what it should be, with what is wrong.
    """
    try:
        return kind.model_validate(unwrapped(request))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the request"
        raise UserError(Sentence("said.bad_request", where=where, what=first["msg"])) from None


def read_canvas(drawing: str | dict[str, Any] | None) -> Drawing | None:
    """Check what a canvas showed.

    Raises:
        UserError: If no canvas would send it.
    """
    if drawing is None:
        return None
    try:
        return read_drawing(drawing if isinstance(drawing, str) else json.dumps(drawing))
    except ValueError as error:
        raise UserError(Sentence("said.bad_request", where="drawing", what=str(error))) from None


@dataclass(frozen=True, eq=False)
class Scene:
    """Where a decode takes place.

    Attributes:
        model: Id of the model.
        window: Left, top and side of the square the model sees, in pixels of the picture.
        picture: The whole picture; None where it is new, or is not needed.
        region: Its pixels that may change; likewise.
        lens: How they were painted, for the recipe; None: as usual.
        feather: Cells over which the new content fades in.
        regions: Those that are of further classes, for the recipe.
        refine: Whether a finished fill that would look soft is drawn again in smaller windows.
        borrow: Whether it is written with pieces of the picture instead, where there are enough.
    """

    model: str
    window: tuple[int, int, int]
    picture: Picture | None = None
    region: Region | None = None
    lens: Lens | None = None
    feather: float = FEATHER
    regions: Regions = ()
    refine: bool = True
    borrow: bool = False


@dataclass(frozen=True, eq=False)
class Inspection:
    """What the model thinks of a cell, as if that cell were masked.

    Attributes:
        code: The code that stands there; None while it is masked.
        confidence: Probability of what was drawn there last, 0 to 1; 1 where known or chosen.
        revealed_at: As in `Step`.
        entropy: In nats.
        logits: (K,) before temperature, top-k and top-p; minus infinity for banned codes.
        codes: The likeliest codes, the likeliest first.
        patches: The cell and its neighbours, drawn with each of them.
    """

    code: int | None
    confidence: float
    revealed_at: int
    entropy: float
    logits: NDArray[np.float16]
    codes: Sequence[int]
    patches: Sequence[Picture]


class Walker(Protocol):
    """Steps, looks and steers from states alone; safe to share between threads.

    Raises, all of them: UserError if the state is not one of the scene's model, or something is
    asked that the model refuses.
    """

    def start(self, request: Fill | Generate) -> Step:
        """Begin, without a pass."""
        ...

    def sketch(self, request: Fill | Generate) -> Step:
        """Run one pass and draw it, for somebody who is painting meanwhile."""
        ...

    def step(self, scene: Scene, state: str, previews: bool = True) -> Step:
        """Run one pass; nothing happens where nothing is masked any more."""
        ...

    def look(self, scene: Scene, state: str) -> Picture:
        """Draw the window as the model sees it."""
        ...

    def entropy(self, scene: Scene, state: str) -> NDArray[np.float32]:
        """Say how undecided the model is, per cell: 0 to 1, where 1 is all codes alike."""
        ...

    def inspect(self, scene: Scene, state: str, cell: int) -> Inspection:
        """Say what the model thinks of a cell."""
        ...

    def steer(self, scene: Scene, state: str, edits: Sequence[Edit]) -> Step:
        """Change a state, without a pass."""
        ...

    def vary(
        self, scene: Scene, state: str, share: float, seed: int, count: int
    ) -> tuple[Sequence[Step], Result]:
        """Draw the least certain share of a finished picture again, once for each seed.

        The steps are those of the first, counted from 0; nothing of them is drawn.
        """
        ...

    def finish(self, scene: Scene, state: str) -> Result:
        """Give the finished picture; the state may have no masked cells."""
        ...

    def reconstruct(self, scene: Scene) -> Picture:
        """Draw what the tokenizer alone makes of the window."""
        ...

    def film(
        self, scene: Scene, states: Sequence[str], kind: str, overlay: str, seconds: float
    ) -> bytes:
        """Show states one after another; an overlay lies over each."""
        ...

    def trace(self, scene: Scene, states: Sequence[str], kind: str) -> bytes:
        """Write states as a file."""
        ...
