"""Projects: what a project file says about a person's document, checked.

The browser packs and unpacks the file, a ZIP of `document.json` and `pictures/N.png`, so pictures
travel to the server only when they are worked on. The words come here first: whatever a file says
is checked, and the page goes on with nothing but what came back. docs/projects.md has the format.

Read in this order:
    Document   the words of a project, versions 1 to 3
    Projects   what the page asks

Elsewhere: the file itself and its limits (canvas/zip.js, project.js).
"""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections.abc import Iterator
from math import ceil
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, ValidationError

from app.answers import Answer, answer_in_turn, fields
from app.canvas.drawing import MAX_CELLS, MAX_CLASSES, MAX_LABEL, MAX_SIDE, NO_CLASS_ID
from app.errors import UserError
from app.lens import Grid, Lens, mask_digits
from app.recipes import MAX_DRAFT
from app.scene import MAX_STATE, Context, Hex, Index, Place, Side, Strict
from app.words import Sentence

FORMAT = "maskgit-project"
VERSION = 3
MAX_TEXT = 32 * 2**20  # characters of document.json
MAX_PIXELS = 64_000_000  # of one picture, as for one that is opened
MAX_PICTURES = 1000
MAX_ENTRIES = 100
MAX_RUNS = 2000
MAX_NODES = 4000
MAX_CHUNKS = 2**23  # characters
CHUNKS = (b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"eXIf", b"pHYs")
MAX_WORDS = 1000  # characters of a name
AT_ONCE = 2
PATIENCE_S = 20

Cells: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]*$", max_length=MAX_CELLS // 4)]
Length: TypeAlias = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Words: TypeAlias = Annotated[str, Field(max_length=MAX_WORDS)]
Value: TypeAlias = str | int | float | bool | None
Passes: TypeAlias = Annotated[int, Field(ge=0, lt=2**15)]
Base64: TypeAlias = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")
]
ClassId: TypeAlias = Annotated[int, Field(ge=NO_CLASS_ID, le=MAX_LABEL)]
ClassRow: TypeAlias = Annotated[tuple[ClassId, Cells], Field(strict=False)]
Corner: TypeAlias = Annotated[tuple[Place, Place], Field(strict=False)]


class Made(Strict):
    """What the recipe of a picture needs; see `app.recipes`."""

    draft: Annotated[str, Field(max_length=MAX_DRAFT)]
    seed: Index


class PictureRow(Strict):
    """One picture.

    Attributes:
        file: Its member of the archive: the colours.
        alpha: Another one, grey, where it has transparent parts.
        chunks: Profile, EXIF and DPI, as chunks of a PNG in base64.
        width: In pixels.
        height: In pixels.
        made_from: Index of the picture it was made from.
        origin: Where that one lies on it.
        made: What its recipe needs.
    """

    file: str = Field(pattern=r"^pictures/[0-9]{1,4}\.png$")
    alpha: str | None = Field(None, pattern=r"^pictures/[0-9]{1,4}\.alpha\.png$")
    chunks: Base64 = Field("", max_length=MAX_CHUNKS)
    width: Length
    height: Length
    made_from: Index | None = None
    origin: Corner | None = None
    made: Made | None = None


class Painted(Strict):
    """How a mask was painted, if that was on another lattice."""

    grid: Grid
    cells: Cells


class Entry(Strict):
    """One entry of the history: a picture, by its index, and what is painted on it.

    Version 1 had neither `grid`, of the lattice of `cells`, nor `lens`: all were as usual. Before
    version 3 all was of one class. `classes` are the ids of further ones, in the order of their
    swatches, each with its cells: of those in `painted`, or in `cells` where there is none.
    """

    picture: Index
    cells: Cells
    grid: Grid | None = None
    lens: Lens | None = None
    shown: bool
    is_result: bool = False
    painted: Painted | None = None
    classes: list[ClassRow] = Field([], max_length=MAX_CLASSES - 1)


class Run(Strict):
    """What all states of a run have in common; see canvas/grove.js."""

    id: Index
    context: Context
    window: tuple[Place, Place, Side] = Field(strict=False)
    grid: Grid
    open: Hex
    size: Annotated[tuple[Length, Length], Field(strict=False)] | None = None
    origin: Corner | None = None
    base: Index | None = None
    steps: Passes
    made: list[Index] = Field([], max_length=MAX_PICTURES)


class Node(Strict):
    """One state of a run; see canvas/tree.js. Its inside is checked when somebody goes on there."""

    id: Index
    run: Index
    parent: Index | None = None
    step: Passes
    edit: Words = ""
    name: Words = ""
    state: Annotated[Base64, Field(max_length=MAX_STATE)]


class Document(Strict):
    """A person's document.

    Attributes:
        format: Says that this is one.
        version: Of this description.
        grid: Tokens of the model's window, as a rule cells on the short side of each picture.
        position: Index of the present entry.
        pictures: Each once, whoever shows it.
        entries: The history, the oldest first.
        runs: What was decoded.
        nodes: Its states, parents first.
        settings: Values of the controls beside the picture, by the names of `Controls`.
    """

    format: Literal["maskgit-project"]
    version: Literal[1, 2, 3]
    grid: Grid
    position: Index
    pictures: Annotated[list[PictureRow], Field(min_length=1, max_length=MAX_PICTURES)]
    entries: Annotated[list[Entry], Field(min_length=1, max_length=MAX_ENTRIES)]
    runs: list[Run] = Field([], max_length=MAX_RUNS)
    nodes: list[Node] = Field([], max_length=MAX_NODES)
    settings: dict[Words, Value] = Field({}, max_length=64)


class Projects:
    """What the page asks."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def project(self, request: object) -> Answer:
        """Check the words of a project: `{"document": text}`; answers with what is to be opened."""

        def checked() -> Answer:
            document = read_document(fields(request).get("document"))
            return {"document": document.model_dump(mode="json")}

        return answer_in_turn(self._places, PATIENCE_S, checked)


def read_document(text: object) -> Document:
    """Check the words of a project.

    Raises:
        UserError: If they are damaged or of another version, with what is wrong.
    """
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise UserError(
            Sentence("said.project_damaged", what="document.json is too large or no text")
        )
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(
            Sentence("said.project_damaged", what="document.json is not JSON")
        ) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UserError(Sentence("said.no_project"))
    version = found.get("version")
    if type(version) is not int or version < 1:
        raise UserError(Sentence("said.project_damaged", what="it does not say its version"))
    if version > VERSION:
        raise UserError(Sentence("said.newer_project", version=version, known=VERSION))
    try:
        document = Document.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:MAX_WORDS]
        what = f"{where}: {first['msg']}"
        raise UserError(Sentence("said.project_damaged", what=what)) from None
    for what in _faults(document):
        raise UserError(Sentence("said.project_damaged", what=what))
    return document


def _faults(document: Document) -> Iterator[str]:
    """Give what does not fit together, one sentence's end each."""
    count = len(document.pictures)
    for i, picture in enumerate(document.pictures):
        if picture.width * picture.height > MAX_PIXELS:
            yield f"picture {i} has more than {MAX_PIXELS // 1_000_000} megapixels"
        if not _are_chunks(base64.b64decode(picture.chunks)):
            yield f"what picture {i} says beside its pixels cannot be read"
        if picture.made_from is not None and picture.made_from >= count:
            yield f"picture {i} was made from one that is missing"
    if document.position >= len(document.entries):
        yield "the present entry is missing"
    for i, entry in enumerate(document.entries):
        if entry.picture >= count:
            yield f"the picture of entry {i} is missing"
        else:
            yield from _mask_faults(i, entry, document)
    yield from _branch_faults(document)


def _are_chunks(data: bytes) -> bool:
    """Whether bytes are chunks of a PNG that no more than describe a picture."""
    view, start = memoryview(data), 0  # slices of bytes would copy all that is left, every time
    while start < len(view):
        end = start + 12 + int.from_bytes(view[start : start + 4], "big")
        kind_and_body, check = view[start + 4 : end - 4], view[end - 4 : end]
        is_whole = end <= len(view) and zlib.crc32(kind_and_body) == int.from_bytes(check, "big")
        if not is_whole or kind_and_body[:4] not in CHUNKS:
            return False
        start = end
    return True


def _mask_faults(i: int, entry: Entry, document: Document) -> Iterator[str]:
    picture = document.pictures[entry.picture]
    size = picture.width, picture.height
    masks = [(entry.grid or document.grid, entry.cells)]
    if entry.painted is not None:
        masks.append((entry.painted.grid, entry.painted.cells))
    of_classes = [cells for _, cells in entry.classes]
    masks += [(masks[-1][0], cells) for cells in of_classes]
    if any(len(cells) != mask_digits(*size, grid) for grid, cells in masks):
        yield f"the mask of entry {i} does not fit its picture"
    whole, left = masks[0 if entry.painted is None else 1][1], 0
    for cells in of_classes:
        own = int(cells or "0", 16)
        if own & left or own & ~int(whole or "0", 16):
            yield f"a class of entry {i} has cells that are not painted, or of another class"
        left |= own
    if entry.lens is not None and not entry.lens.fits(*size):
        yield f"the window of entry {i} does not lie on its picture"


def _branch_faults(document: Document) -> Iterator[str]:
    count, runs = len(document.pictures), {run.id for run in document.runs}
    for run in document.runs:
        if any(index >= count for index in (*run.made, run.base or 0)):
            yield f"a picture of run {run.id} is missing"
        if len(run.open) != 2 * ceil(run.grid**2 / 8):
            yield f"the cells of run {run.id} do not fit its grid"
    seen: dict[int, int] = {}
    for node in document.nodes:
        if node.run not in runs or node.id in runs or node.id in seen:
            yield f"branch {node.id} belongs to no run, or is there twice"
        if node.parent is not None and seen.get(node.parent) != node.run:
            yield f"branch {node.id} comes from one that is not before it"
        seen[node.id] = node.run
    if len(runs) < len(document.runs):
        yield "a run is there twice"
