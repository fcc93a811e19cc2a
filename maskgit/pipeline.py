"""Whole pictures: the engine's front door.

`MaskGIT` generates, edits and extends pictures in one call each, and makes fills sharp. The passes
that these calls take, one by one, are `maskgit.engine`'s.

What callers may rely on (tests/engine/test_pipeline.py holds each promise):
    * Pixels outside the mask come back bit-identical; known tokens never change.
    * Picture i of `count` uses seed + i and equals the picture asked for alone with that seed.
"""

from dataclasses import replace

from typing_extensions import Unpack

from maskgit import checks, graphs
from maskgit.borrowing import borrow, is_possible
from maskgit.compositing import FEATHER_CELLS
from maskgit.decoding import DecodeState
from maskgit.engine import Engine
from maskgit.images import stacked
from maskgit.jobs import Choices, Job, Label, OnStep, OnTile, Place, Regions, Result
from maskgit.outpainting import TRIM, OutpaintPlan, outpaint_windows
from maskgit.refining import Refining
from maskgit.tiles import MAX_LEVELS, Plan, plan_tiles
from maskgit.types import Picture, Region
from maskgit.vary import vary
from maskgit.window import Window, view


class MaskGIT(Engine):
    """A model that generates, edits and extends pictures."""

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
        if job.place is None:
            return Plan()
        return self._planned(job.place.hole, job.place.window.side, refine, borrow)

    def plan_growth(
        self, plan: OutpaintPlan, refine: int = MAX_LEVELS, borrow: bool = False
    ) -> Plan:
        """Plan the refinement of what a plan of `outpaint` added; errors as `plan`."""
        return self._planned(plan.added, plan.windows[0].side, refine, borrow)

    def _planned(self, hole: Region, side: int, refine: int, borrow: bool) -> Plan:
        checks.require_whole("refine", refine)
        checks.require_truth("borrow", borrow)
        tiles = plan_tiles(hole, side, self.image_size, refine)
        return Plan(borrows=True) if borrow and is_possible(hole) else tiles

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
            refining.end(tile, graphs.decode(self.predictor, refining.begin(tile)))
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
