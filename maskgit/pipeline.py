"""Pictures in, pictures out: the engine's front door.

`MaskGIT` holds a model, and what it has seen lately, which changes no answer. Every call is a
function of its arguments, so one engine serves any number of threads. What a person sees step by
step is a `Job` and a `DecodeState`:

    job = engine.prepare_edit(picture, mask, label="daisy")
    state = job.state
    while not state.finished:
        state = engine.step(state)
        show(engine.preview(state))
    result = engine.finish(job, state)

`generate`, `edit` and `outpaint` are that loop.

What callers may rely on (tests/engine/test_pipeline.py holds each promise):
    * Pixels outside the mask come back bit-identical; known tokens never change.
    * Picture i of `count` uses seed + i and equals the picture asked for alone with that seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from typing_extensions import Unpack

from maskgit import checks, decoding, graphs, runtime
from maskgit.borrowing import borrow, is_possible
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
from maskgit.jobs import Choices, Job, Label, OnStep, OnTile, Place, Regions, Result
from maskgit.masks import Box
from maskgit.models import TokenPredictor
from maskgit.models.fused import is_wanted
from maskgit.outpainting import TRIM, OutpaintPlan, outpaint_windows
from maskgit.refining import Refining
from maskgit.sights import Sights
from maskgit.state_text import from_text
from maskgit.tiles import MAX_LEVELS, Plan, plan_growth, plan_tiles
from maskgit.types import Picture, Pictures, Region, TokenGrid
from maskgit.vary import vary
from maskgit.window import Square, Window, choose, class_cells, mirror_fill, open_cells, view

HARMONISE_CELLS = 2.0  # how far into the mask colours are evened out, in cells


class MaskGIT:
    """A model that generates, edits and extends pictures."""

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
    def status(self) -> str:
        """Say in words how passes run here."""
        how = self.predictor.status if isinstance(self.predictor, Graphed) else "step by step"
        return f"{self.device}, {str(self.dtype).removeprefix('torch.')}, {how}"

    def generate(
        self,
        label: Label = None,
        *,
        regions: Regions | None = None,
        seed: int = 0,
        count: int = 1,
        on_step: OnStep | None = None,
        **choices: Unpack[Choices],
    ) -> Result:
        """Imagine pictures from nothing.

        Args:
            label: ImageNet index, class name, synonym or WordNet id; None: no class, where the
                model allows it.
            regions: Where other classes are to be, up to 7: a mask of the model's square for each
                class. The label is for the rest. A later one lies over those before; where two
                meet, a cell is mixed of both (`maskgit.class_map`).
            seed: Of the first picture, 0 or more.
            count: Pictures, 1 to 64.
            on_step: Sees the state after every pass.
            choices: See `DecodeOptions`; what is not said follows the model's defaults.

        Raises:
            ValueError: If an argument is not allowed; the message says what is.
            TypeError: If an argument is of the wrong kind.
        """
        job = self.prepare_generate(label, regions=regions, seed=seed, count=count, **choices)
        return self._run(job, on_step)

    def edit(
        self,
        picture: Picture,
        mask: Region,
        label: Label = None,
        *,
        regions: Regions | None = None,
        seed: int = 0,
        count: int = 1,
        window: Window | None = None,
        feather: float = FEATHER_CELLS,
        refine: int = 0,
        borrow: bool = False,
        on_step: OnStep | None = None,
        on_tile: OnTile | None = None,
        **choices: Unpack[Choices],
    ) -> Result:
        """Imagine the masked part of a picture anew.

        Args:
            picture: RGB of any size.
            mask: True where the picture may change, of the same height and width. All other
                pixels come back bit-identical.
            label: As for `generate`; says what the whole window shows once it is done.
            regions: As for `generate`, of the picture's size; what lies outside of the mask does
                not count. A cell is of the class that has most of it.
            seed: As for `generate`.
            count: As for `generate`.
            window: What the model sees; by default chosen around the mask.
            feather: Cells over which the new content fades in, from the mask's border inwards: 0
                (a hard edge) to 2.
            refine: Levels of refinement at most, 0 to MAX_LEVELS (`maskgit.tiles`): 0 leaves the
                fill as the window shows it, MAX_LEVELS goes on until it is sharp.
            borrow: Whether the fill is written with pieces of the picture around it instead, where
                there are enough (`maskgit.borrowing`): sharp, but only what the picture has.
            on_step: As for `generate`.
            on_tile: Sees each tile of the refinement when it is done, and the plan.
            choices: As for `generate`.

        Raises:
            ValueError: As for `generate`; also if nothing is masked or the sizes differ.
            TypeError: As for `generate`.
        """
        job = self.prepare_edit(
            picture, mask, label, regions=regions,
            seed=seed, count=count, window=window, feather=feather, **choices,
        )  # fmt: skip
        # Before the passes, so that a wrong number costs nothing.
        plan = self.plan(job, refine, borrow)
        result = self._run(job, on_step)
        states = DecodeState.stack([trace[-1] for trace in result.traces])
        return self.refine(job, states, result, plan, on_tile)

    def outpaint(
        self,
        picture: Picture,
        left: int = 0,
        top: int = 0,
        right: int = 0,
        bottom: int = 0,
        label: Label = None,
        *,
        seed: int = 0,
        count: int = 1,
        trim: int = TRIM,
        refine: int = 0,
        borrow: bool = False,
        on_step: OnStep | None = None,
        on_tile: OnTile | None = None,
        **choices: Unpack[Choices],
    ) -> Result:
        """Imagine what lies beyond the edges of a picture.

        Args:
            picture: RGB of any size; comes back bit-identical in its place.
            left: Pixels to add on the left; likewise `top`, `right` and `bottom`. Any amount: the
                window slides.
            top: See `left`.
            right: See `left`.
            bottom: See `left`.
            label: As for `generate`.
            seed: As for `generate`.
            count: As for `generate`.
            trim: Cells at its sides that a window draws and leaves to the next, 0 to 4; see
                `maskgit.outpainting`.
            refine: As for `edit`.
            borrow: As for `edit`.
            on_step: As for `generate`, for one window after the other.
            on_tile: As for `edit`, for one picture after the other.
            choices: As for `generate`.

        Raises:
            ValueError: As for `generate`; also if no pixels are to be added.
            TypeError: As for `generate`.
        """
        checks.require_picture(picture)
        checks.require_pixels_to_add({"left": left, "top": top, "right": right, "bottom": bottom})
        seeds = checks.seeds(seed, count)
        height, width = picture.shape[:2]
        sides = left, top, right, bottom
        plan = outpaint_windows(height, width, *sides, grid_size=self.grid_size, trim=trim)
        touches = self.plan_growth(plan, refine, borrow)
        results, traces = [], []
        for each in seeds:
            canvas, unknown = plan.lay_out(picture)
            trace: list[DecodeState] = []
            for window in plan.windows:
                job = self.prepare_extend(canvas, unknown, window, label, seed=each, **choices)
                states = self._states(job, on_step)
                self.extend(canvas, unknown, job, states[-1], plan.part(window))
                trace += states
            made = Result(canvas[None], (each,), (tuple(trace),))
            grown = self.grown(plan, canvas, trace[-1])
            made = self.refine(grown, trace[-1], made, touches, on_tile)
            results.append(made.pictures[0])
            traces += made.traces
        return Result(stacked(results), seeds, tuple(traces))

    def vary(
        self,
        job: Job,
        state: DecodeState,
        share: float = 0.25,
        *,
        seed: int = 0,
        count: int = 1,
        on_step: OnStep | None = None,
    ) -> Result:
        """Imagine pictures close to a finished one: its least certain cells are drawn again.

        Args:
            job: What was prepared for it.
            state: Its last state, one row.
            share: Of its open cells, above 0 and at most 1; no more than these change.
            seed: As for `generate`.
            count: As for `generate`.
            on_step: As for `generate`.

        Raises:
            ValueError: As `maskgit.vary.vary`.
        """
        varied = vary(state, share, checks.seeds(seed, count))
        return self._run(replace(job, state=varied), on_step)

    def plan(self, job: Job, refine: int = MAX_LEVELS, borrow: bool = False) -> Plan:
        """Plan the refinement of a job; no tiles where its fill is sharp as it is.

        Raises:
            ValueError: If `refine` is out of range.
            TypeError: If it is no whole number, or `borrow` neither true nor false.
        """
        checks.require_whole("refine", refine)
        checks.require_truth("borrow", borrow)
        if job.place is None:
            return Plan()
        planned = plan_tiles(job.place.region, job.place.window, self.image_size, refine)
        return Plan(borrows=True) if borrow and is_possible(job.place.hole) else planned

    def plan_growth(
        self, plan: OutpaintPlan, refine: int = MAX_LEVELS, borrow: bool = False
    ) -> Plan:
        """Plan the refinement of what a plan of `outpaint` added; errors as `plan`."""
        checks.require_whole("refine", refine)
        checks.require_truth("borrow", borrow)
        planned = plan_growth(plan.added, plan.windows[0].side, self.image_size, refine)
        return Plan(borrows=True) if borrow and is_possible(plan.added) else planned

    def grown(self, plan: OutpaintPlan, canvas: Picture, state: DecodeState) -> Job:
        """Give all that `outpaint` added to a picture as one job, so that it can be refined.

        Args:
            plan: Of the windows.
            canvas: The picture that they have filled.
            state: The last one's last state.
        """
        whole = Window(0, 0, max(plan.height, plan.width))
        seen = view(canvas, whole, self.image_size)
        return Job(state, Place(canvas, plan.added, whole, seen, feather=0.0))

    def refining(self, job: Job, state: DecodeState, result: Result, plan: Plan) -> Refining:
        """Begin to refine what `finish` gave; `maskgit.refining` shows the loop.

        Args:
            job: What was prepared; an edit, or `grown`.
            state: Its last state.
            result: From `finish`.
            plan: From `plan`, with at least one tile.
        """
        if job.place is None or not plan.tiles:
            raise ValueError("there is nothing to refine: the plan has no tiles")
        return Refining(self, job.place, result.pictures, state, plan)

    def refine(
        self,
        job: Job,
        state: DecodeState,
        result: Result,
        plan: Plan,
        on_tile: OnTile | None = None,
    ) -> Result:
        """Refine what `finish` gave, tile by tile; arguments as for `refining`.

        Returns:
            The same with sharper pictures; `result` itself where nothing is planned.
        """
        if plan.borrows:
            return self.borrow(job, result)
        if not plan.tiles:
            return result
        refining = self.refining(job, state, result, plan)
        for tile in plan.tiles:
            *_, done = graphs.trace(self.predictor, refining.begin(tile))
            refining.end(tile, done)
            if on_tile is not None:
                on_tile(tile, plan)
        return replace(result, pictures=refining.pictures)

    def borrow(self, job: Job, result: Result) -> Result:
        """Write what `finish` gave with pieces of the picture around it (`maskgit.borrowing`).

        Args:
            job: What was prepared; an edit, or `grown`.
            result: From `finish`.

        Returns:
            The same with sharper pictures, where there is enough to borrow from.
        """
        if job.place is None:
            raise ValueError("there is nothing to borrow from: the job has no picture")
        place, hole = job.place, job.place.hole
        feather_px = place.feather_px(self.grid_size)
        written = [borrow(place.picture, each, hole, feather_px) for each in result.pictures]
        return replace(result, pictures=stacked(written))

    def see(self, picture: Picture, window: Window) -> Square:
        """Give what a window shows of a picture, at the model's size; read-only.

        It is remembered of read-only pictures, as are its tokens; who makes such a picture writable
        again, and writes to it, must make a new one of it (`maskgit.sights`).
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
        grid = torch.as_tensor(tokens)
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
        known = constraints.tokens.masked_fill(constraints.is_open, 0)
        if not bool(((known >= 0) & (known < self.predictor.mask_id)).all()):
            raise ValueError(f"known tokens must be in [0, {self.predictor.mask_id})")
        return decoding.start(constraints.to(self.device), options, self.predictor.mask_id)

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
        return state.to(self.device)

    def require_possible(self, state: DecodeState) -> None:
        """Refuse labels the model does not have, and guidance it cannot give.

        Raises:
            ValueError: With what is possible.
        """
        self._require_labels(state.constraints)
        if self.predictor.null_label is None and any(
            options.guidance_scale != 1 for options in state.options
        ):
            raise ValueError("this model knows no null label; guidance_scale must be 1")

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
        which = class_cells(mask, masks, window, self.image_size, self.grid_size)
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

    def _states(self, job: Job, on_step: OnStep | None) -> list[DecodeState]:
        """The state before the first pass and after each."""
        states = [job.state]
        for state in graphs.trace(self.predictor, job.state):
            states.append(state)
            if on_step is not None:
                on_step(state)
        return states

    def _run(self, job: Job, on_step: OnStep | None) -> Result:
        states = self._states(job, on_step)
        rows = range(job.state.batch)
        traces = tuple(tuple(state.row(i) for state in states) for i in rows)
        return replace(self.finish(job, states[-1]), traces=traces)

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
