"""What a decode is made of: pictures in, one pass after the other, pictures out.

An `Engine` holds a model, and what it has seen lately, which changes no answer. Every method is a
function of its arguments, so one engine serves any number of threads. What a person sees step by
step is a `Job` and a `DecodeState`:

    job = engine.prepare_edit(picture, mask, label="daisy")
    state = job.state
    while not state.finished:
        state = engine.step(state)
        show(engine.preview(state))
    result = engine.finish(job, state)

Whole calls are `maskgit.pipeline`'s.

What callers may rely on (tests/engine/test_pipeline.py holds each promise):
    * Pixels outside the mask come back bit-identical; known tokens never change.
    * A row of several is the picture that is made alone with its seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from typing_extensions import Unpack

from maskgit import checks, decoding, graphs, runtime
from maskgit.asking import null_label
from maskgit.checkpoints import Model
from maskgit.class_map import ClassMap, arrange
from maskgit.classes import Classes
from maskgit.compositing import FEATHER_CELLS, fill, harmonise, paste, require_feather
from maskgit.config import DecodeDefaults, ModelConfig
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions, DecodeState
from maskgit.glimpses import Glimpse, glimpse
from maskgit.graphs import Graphed, Painter
from maskgit.images import on_host, stacked, to_images, to_pictures
from maskgit.jobs import Choices, Job, Label, Place, Regions, Result
from maskgit.masks import Box
from maskgit.models import RememberingPredictor, TokenPredictor
from maskgit.models.fused import is_wanted
from maskgit.remembering import Remembering
from maskgit.sights import Sights
from maskgit.state_text import from_text
from maskgit.types import Picture, Pictures, Region, TokenGrid
from maskgit.window import Square, Window, choose, class_cells, mirror_fill, open_cells, view

HARMONISE_CELLS = 2.0  # how far into the mask colours are evened out, in cells


class Engine:
    """A model that decodes step by step."""

    def __init__(
        self, model: Model, device: torch.device, dtype: torch.dtype | None = None
    ) -> None:
        """Take networks that are on `device` already; most callers want `maskgit.load`.

        Args:
            model: The networks and what belongs to them.
            device: Where they are.
            dtype: Precision of the predictor's products, if not that of the weights.
        """
        self.config: ModelConfig = model.config
        self.classes: Classes = model.classes
        self.device = device
        self.dtype = dtype or model.tokenizer.codebook.dtype
        self.tokenizer = model.tokenizer
        self.predictor: TokenPredictor = model.transformer
        if device.type == "cpu":
            self.predictor = Remembering(model.transformer)
        self._sights = Sights()
        self.painter: Painter | None = None
        if device.type == "cuda" and is_wanted():
            self.predictor = Graphed(self.predictor, device)
            self.painter = Painter(model.tokenizer, device)

    @property
    def image_size(self) -> int:
        """Side of the model's square in pixels."""
        return self.config.image_size

    @property
    def grid_size(self) -> int:
        """Tokens along one side of the model's square."""
        return self.config.grid_size

    @property
    def looks_once(self) -> bool:
        """Whether known cells can be looked at once (`DecodeOptions.known_cells`)."""
        return isinstance(self.predictor, RememberingPredictor)

    @property
    def status(self) -> str:
        """Say in words how passes run here."""
        how = self.predictor.status if isinstance(self.predictor, Graphed) else "step by step"
        return f"{self.device}, {str(self.dtype).removeprefix('torch.')}, {how}"

    def see(self, picture: Picture, window: Window) -> Square:
        """Give what a window shows of a picture, at the model's size; read-only.

        It is remembered of read-only pictures that own their pixels, as are its tokens; who makes
        such a picture writable again, and writes to it, must make a new one of it
        (`maskgit.sights`).
        """

        def seen() -> Square:
            square = np.array(view(picture, window, self.image_size))  # holds no large picture
            square.flags.writeable = False
            return square

        return self._sights.of(picture, ("square", window), seen)

    def encode(self, pictures: Picture | Pictures) -> TokenGrid:
        """Give the tokens of pictures whose sides are multiples of the tokenizer's stride.

        Raises:
            ValueError: If a side is not, or the pictures are not RGB.
            TypeError: If the pictures are not a uint8 array.
        """
        checks.require_pictures(pictures)
        with torch.inference_mode():
            tokens = runtime.encode_each(self.tokenizer, to_images(pictures).to(self.device))
        return tokens.clone()  # made outside of inference mode, so the caller may write to it

    def decode(self, tokens: TokenGrid | Int[Tensor, "h w"] | np.ndarray) -> Pictures:
        """Draw the pictures of complete token grids.

        Raises:
            ValueError: If an id is no code, or the shape is neither (h, w) nor (n, h, w).
            TypeError: If the ids are not whole numbers.
        """
        if isinstance(tokens, np.ndarray):
            tokens = np.require(tokens, requirements=["C", "W"])  # torch warns of read-only ones
        try:
            grid = torch.as_tensor(tokens)
        except (TypeError, ValueError, RuntimeError):
            what = checks.describe(tokens)
            raise TypeError(f"tokens must be whole numbers, got {what}") from None
        if grid.is_floating_point() or grid.is_complex() or grid.dtype == torch.bool:
            raise TypeError(f"tokens must be whole numbers, got {checks.describe(grid)}")
        if grid.ndim not in (2, 3) or not grid.numel():
            raise ValueError(f"tokens are (h, w) or (n, h, w), got {checks.describe(grid)}")
        grid = grid.to(self.device, torch.long).view(-1, *grid.shape[-2:])
        if not bool(((grid >= 0) & (grid < self.config.tokenizer.codebook_size)).all()):
            raise ValueError(f"tokens must be in [0, {self.config.tokenizer.codebook_size})")
        return self._drawn(grid)

    def reconstruct(self, pictures: Picture | Pictures) -> Pictures:
        """Encode and decode: what the tokenizer alone makes of pictures; errors as `encode`."""
        return self.decode(self.encode(pictures))

    def start(
        self, constraints: Constraints, options: DecodeOptions | Sequence[DecodeOptions]
    ) -> DecodeState:
        """Begin to decode; `step` goes on from there.

        Raises:
            ValueError: If the constraints do not fit the model.
        """
        if constraints.grid != (self.grid_size, self.grid_size):
            raise ValueError(f"the model's grid is {self.grid_size}x{self.grid_size} tokens")
        self._require_labels(constraints)
        state = decoding.start(constraints.to(self.device), options, self.predictor.mask_id)
        return self._as_possible(state)

    def step(self, state: DecodeState) -> DecodeState:
        """Run one pass of all rows; pure."""
        return graphs.step(self.predictor, state)

    def restore(self, text: str) -> DecodeState:
        """Read a packed state (`maskgit.state_text`); `step` goes on from there.

        Raises:
            ValueError: If it is no packed state, or none that this model can go on from.
        """
        grid = (self.grid_size, self.grid_size)
        state = from_text(text, grid, self.predictor.mask_id)
        self.require_possible(state)
        return self._as_possible(state.to(self.device))

    def require_possible(self, state: DecodeState) -> None:
        """Refuse labels the model does not have, and guidance it cannot give.

        Raises:
            ValueError: With what is possible.
        """
        self._require_labels(state.constraints)
        if any(options.guidance_scale != 1 for options in state.options):
            null_label(self.predictor)

    def prepare_generate(
        self,
        label: Label = None,
        *,
        regions: Regions | None = None,
        seed: int = 0,
        count: int = 1,
        **choices: Unpack[Choices],
    ) -> Job:
        """Make `generate` ready to be decoded; arguments and errors as there."""
        options = self._options(checks.seeds(seed, count), self.config.decode, choices)
        grid = (self.grid_size, self.grid_size)
        everything = np.ones((self.image_size, self.image_size), bool)
        square = Window(0, 0, self.image_size)
        conditions = self._conditions(everything, np.ones(grid, bool), square, label, regions)
        constraints = Constraints.everything_open(count, grid, conditions[0])
        return Job(self.start(_with_classes(constraints, conditions[1]), options))

    def prepare_edit(
        self,
        picture: Picture,
        mask: Region,
        label: Label = None,
        *,
        regions: Regions | None = None,
        seed: int = 0,
        count: int = 1,
        window: Window | None = None,
        cells: Bool[np.ndarray, "h w"] | None = None,
        feather: float = FEATHER_CELLS,
        **choices: Unpack[Choices],
    ) -> Job:
        """Make `edit` ready to be decoded; errors as there.

        Args:
            picture: As for `edit`.
            mask: As for `edit`; what lies outside the window stays as it is.
            label: As for `edit`.
            regions: As for `edit`.
            seed: As for `edit`.
            count: As for `edit`.
            window: As for `edit`.
            cells: The window's token cells that may change; by default all that the mask touches.
            feather: As for `edit`.
            choices: As for `edit`.
        """
        checks.require_picture(picture)
        checks.require_mask(mask, picture)
        require_feather(feather)
        if not isinstance(window, Window | None):
            raise TypeError(f"a window is a maskgit.Window, got {checks.describe(window)}")
        window = window or choose(mask, self.grid_size)
        if not mask[window.inside(*mask.shape).slices].any():
            raise ValueError("nothing is masked inside the window")
        if cells is None:
            cells = open_cells(mask, window, self.image_size, self.grid_size)
        elif cells.shape != (self.grid_size, self.grid_size) or not cells.any():
            raise ValueError(
                f"cells must be {self.grid_size}x{self.grid_size} with at least one True"
            )
        seen = self.see(picture, window)
        place = Place(picture, mask, window, seen, feather)

        def tokens() -> TokenGrid:
            known = self._sights.of(picture, ("tokens", window), lambda: self.encode(seen))
            return known.clone()  # the caller may write to it

        conditions = self._conditions(mask, cells, window, label, regions)
        return self._prepare(place, tokens, cells, conditions, checks.seeds(seed, count), choices)

    def prepare_extend(
        self,
        canvas: Picture,
        unknown: Region,
        window: Window,
        label: Label = None,
        *,
        seed: int = 0,
        **choices: Unpack[Choices],
    ) -> Job:
        """Make one window of `outpaint` ready to be decoded; errors as there.

        Args:
            canvas: The picture so far; see `outpainting.OutpaintPlan`.
            unknown: True where it shows nothing yet.
            window: What the model sees now.
            label: As for `outpaint`.
            seed: As for `outpaint`.
            choices: As for `outpaint`.
        """
        hole = open_cells(unknown, window, self.image_size, self.image_size)
        seen = mirror_fill(view(canvas, window, self.image_size), hole)
        cells = open_cells(unknown, window, self.image_size, self.grid_size)
        place = Place(canvas, unknown, window, seen)
        conditions, seeds = (self.classes.resolve(label), None), checks.seeds(seed, 1)
        return self._prepare(place, lambda: self.encode(seen), cells, conditions, seeds, choices)

    def extend(
        self,
        canvas: Picture,
        unknown: Region,
        job: Job,
        state: DecodeState,
        part: Box,
        drawn: Square | None = None,
    ) -> None:
        """Write a part of a window of `outpaint`; changes `canvas` and `unknown`.

        Args:
            canvas: As for `prepare_extend`.
            unknown: As for `prepare_extend`.
            job: What was prepared.
            state: Its last state.
            part: Of the canvas.
            drawn: What `preview` gave of its one row, where it was drawn already.
        """
        if job.place is None:
            raise ValueError("this job has no picture; see prepare_extend")
        square = self._harmonised(job.place, self.preview(state)[0] if drawn is None else drawn)
        fill(canvas, unknown, square, job.place.window, part)

    def preview(self, state: DecodeState) -> Pictures:
        """Draw the model's current idea of every row: the last complete proposal.

        Before the first pass there is none; masked cells then show an arbitrary code.
        """
        return self._drawn(_shown(state))

    def glimpse(self, state: DecodeState, before: Glimpse | None = None) -> Glimpse:
        """Draw a state of one row as `preview` does, for people who watch its decode.

        Args:
            state: One row, after a pass.
            before: What an earlier state showed. On a CPU only what may differ is drawn then,
                which is faster and nearly the same (`maskgit.glimpses`).

        Raises:
            ValueError: If there are several rows.
        """
        if state.batch != 1:
            raise ValueError(f"a glimpse shows one row, got {state.batch}")
        grid = _shown(state)
        if self.device.type != "cpu":
            return Glimpse(self._drawn(grid)[0], grid)
        return glimpse(self.tokenizer, state, grid, before)

    def finish(self, job: Job, state: DecodeState, drawn: Pictures | None = None) -> Result:
        """Draw the finished pictures and write them back at the picture's size.

        Args:
            job: What was prepared.
            state: The job's state after its last pass, or an earlier one to see that idea.
            drawn: What `preview` gave of it, where it was drawn already.

        Raises:
            ValueError: If `drawn` has not one square for each row.
        """
        size = self.image_size
        if drawn is not None and drawn.shape != (state.batch, size, size, 3):
            has = f"the state has {state.batch} rows of {size} px"
            raise ValueError(f"drawn is {checks.describe(drawn)}, and {has}")
        squares = self.preview(state) if drawn is None else drawn
        place = job.place
        if place is not None:
            radius = place.feather_px(self.grid_size)
            fitting = [self._harmonised(place, square) for square in squares]
            where = place.window, place.region, radius
            squares = stacked([paste(place.picture, square, *where) for square in fitting])
        seeds = tuple(options.seed for options in state.options)
        return Result(squares, seeds, tuple((row,) for row in state.rows))

    def _as_possible(self, state: DecodeState) -> DecodeState:
        """Let options say what is done: known cells are looked at once only where that can be."""
        if self.looks_once:
            return state
        options = (replace(row, known_cells="recomputed") for row in state.options)
        return replace(state, options=tuple(options))

    def _require_labels(self, constraints: Constraints) -> None:
        highest = self.predictor.num_classes - (self.predictor.null_label is None)
        labels = constraints.labels
        if constraints.classes is not None:
            labels = torch.cat([labels, constraints.classes.asked(labels)[1]])
        if not bool(((labels >= 0) & (labels <= highest)).all()):
            raise ValueError(f"labels must be in [0, {highest}]")

    def _conditions(
        self,
        mask: Region,
        cells: Bool[np.ndarray, "h w"],
        window: Window,
        label: Label,
        regions: Regions | None,
    ) -> tuple[int, ClassMap | None]:
        """Find out which classes condition the cells of a window that may change."""
        if not regions:
            return self.classes.resolve(label), None
        checks.require_regions(regions, mask.shape)
        labels = [self.classes.resolve(each) for each in (label, *regions)]
        masks = list(regions.values())
        which = class_cells(mask, masks, labels, window, self.image_size, self.grid_size)
        return arrange(which, labels, cells)

    def _prepare(
        self,
        place: Place,
        encoded: Callable[[], TokenGrid],
        cells: Bool[np.ndarray, "h w"],
        conditions: tuple[int, ClassMap | None],
        seeds: Sequence[int],
        choices: Choices,
    ) -> Job:
        options = self._options(seeds, self.config.decode_edits, choices)
        label, classes = conditions
        labels = torch.full((len(seeds),), label, device=self.device)
        is_open = torch.from_numpy(cells).to(self.device).expand(len(seeds), -1, -1)
        tokens = encoded().expand(len(seeds), -1, -1)  # last: what is refused has cost nothing
        constraints = Constraints.from_grid(tokens, is_open, labels)
        return Job(self.start(_with_classes(constraints, classes), options), place)

    def _harmonised(self, place: Place, square: Picture) -> Picture:
        hole = open_cells(place.region, place.window, self.image_size, self.image_size)
        radius = round(HARMONISE_CELLS * self.config.tokenizer.stride)
        return harmonise(square, place.seen, hole, radius)

    @torch.inference_mode()
    def _drawn(self, grid: TokenGrid) -> Pictures:
        """Draw complete grids."""
        if self.painter is not None:
            return on_host(self.painter.levels(grid))
        return to_pictures(runtime.decode_each(self.tokenizer, grid))

    def _options(
        self, seeds: Sequence[int], defaults: DecodeDefaults, choices: Choices
    ) -> list[DecodeOptions]:
        checks.require_known(choices.keys(), Choices.__optional_keys__)
        values = {**asdict(defaults), **choices}
        return [DecodeOptions(seed=seed, **values) for seed in seeds]


def _shown(state: DecodeState) -> TokenGrid:
    """Give complete grids: cells without a code get an arbitrary one."""
    drawn = state.drawn.masked_fill(state.drawn == state.mask_id, 0)
    return drawn.unflatten(1, state.constraints.grid)


def _with_classes(constraints: Constraints, classes: ClassMap | None) -> Constraints:
    """Give every row the classes of a map of one row."""
    if classes is None:
        return constraints
    return replace(
        constraints, classes=classes.to(constraints.tokens.device).repeated(constraints.batch)
    )
