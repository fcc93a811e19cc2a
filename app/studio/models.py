"""The store of models: which there are, which are loaded, which are on their way.

What callers may rely on (tests/app/test_studio_models.py):
    * A model is loaded beside the runs of others. The one used last stays loaded, and so do others
      up to `shelf.KEPT_BYTES`.
    * A model that is missing, damaged or refused leaves all others as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

import maskgit
from app.errors import UserError
from app.models import ClassChoice, ModelEntry, ModelInfo, Settings
from app.studio.cores import cores_for, on_one_core
from app.studio.downloads import Download, Downloads, Tell
from app.studio.shelf import Shelf
from app.words import Sentence
from maskgit import MaskGIT, hub
from maskgit.catalogue import Entry, catalogue
from maskgit.memory import keep_memory
from maskgit.reveal import REVEAL_RULES
from maskgit.schedules import SCHEDULES, mask_ratio

log = logging.getLogger(__name__)

CURVE_POINTS = 33  # of a schedule that is shown


class ModelStore:
    """Models by their ids; safe to share between threads."""

    def __init__(
        self,
        engine: MaskGIT,
        model: str = "",
        *,
        folder: Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        no_downloads: str = "",
    ) -> None:
        """Begin with one model.

        Args:
            engine: The model that pages begin with.
            model: Its id; by default its name.
            folder: Where it lies, if that is none of the usual places.
            device: Where other models run.
            dtype: Their precision.
            no_downloads: Why nothing may be downloaded; empty where it may.
        """
        self.default = model or engine.config.name
        self.no_downloads = no_downloads
        self._folder, self._device, self._dtype = folder, device, dtype
        self._infos: dict[str, ModelInfo] = {self.default: describe(engine)}
        self._faults: dict[str, str] = {}  # why a model could not be loaded when it was tried
        self._downloads = Downloads(self._fetch)
        self._shelf: Shelf[MaskGIT] = Shelf(self._load, self._num_bytes)
        self._shelf.put(self.default, engine)

    @classmethod
    def load(
        cls, model: str, device: str = "auto", dtype: str = "auto", no_downloads: str = ""
    ) -> ModelStore:
        """Load the model to begin with by its id or the path of its folder.

        Raises:
            UserError: If there is no such model, device or precision, with what there is.
        """
        keep_memory()
        try:
            engine = maskgit.load(model, device=device, dtype=dtype)
        except ValueError as error:  # a CheckpointError is one, too
            raise UserError(str(error), "no-model") from error
        warm_up(engine)
        folder = None if model in [entry.id for entry in catalogue()] else Path(model).resolve()
        places = [(entry.id, entry.folder) for entry in catalogue(folder)]
        own = next((key for key, place in places if place and place.resolve() == folder), model)
        return cls(
            engine, own, folder=folder, device=device, dtype=dtype, no_downloads=no_downloads
        )

    def entries(self) -> list[ModelEntry]:
        """List the models there are to choose from, in the order to show them."""
        return [self._described(entry) for entry in catalogue(self._folder)]

    def info(self, model: str) -> ModelInfo:
        """Describe a model; loads it if it was not used yet.

        Raises:
            UserError: If there is no such model here, or it is damaged.
        """
        if model not in self._infos:
            self._shelf.get(model)
        return self._infos[model]

    def download(self, model: str) -> None:
        """Begin to download a model, anew if what is here is damaged.

        Raises:
            UserError: If nothing may be downloaded, or this cannot be.
        """
        if self.no_downloads:
            raise UserError(self.no_downloads, "no-downloads")
        if not self._entry(model).is_published:
            raise UserError(Sentence("said.no_model"), "no-model")
        self._downloads.start(model)

    def cancel(self, model: str) -> None:
        """Call a download off, if there is one."""
        self._downloads.cancel(model)

    def engine(self, model: str) -> MaskGIT:
        """Give a model, loaded; errors as for `info`."""
        return self._shelf.get(model)

    def folder(self, model: str) -> Path | None:
        """Say where a model lies; None where it does not."""
        return next((e.folder for e in catalogue(self._folder) if e.id == model), None)

    def here(self) -> list[str]:
        """List the models on this computer."""
        return [entry.id for entry in catalogue(self._folder) if entry.folder is not None]

    def _entry(self, model: str) -> Entry:
        found = (entry for entry in catalogue(self._folder) if entry.id == model)
        entry = next(found, None)
        if entry is None:
            raise UserError(Sentence("said.no_model"), "no-model")
        return entry

    def _num_bytes(self, model: str) -> int:
        return next((e.num_bytes for e in catalogue(self._folder) if e.id == model), 0)

    def _load(self, model: str) -> MaskGIT:
        entry = self._entry(model)
        if entry.folder is None:
            raise UserError(Sentence("said.not_here", title=entry.title), "no-model")
        try:
            engine = maskgit.load(entry.folder, device=self._device, dtype=self._dtype)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            problem = Sentence("said.model_broken", title=entry.title, reason=str(error))
            self._faults[model] = problem
            raise UserError(problem, "no-model") from error
        self._faults.pop(model, None)
        self._infos[model] = describe(engine)
        return engine

    def _fetch(self, model: str, tell: Tell, stop: Callable[[], bool]) -> None:
        """Download a model; what is here of it is known to be damaged, or nothing is."""
        try:
            if hub.is_here(model) and self._is_damaged(self._entry(model)):
                hub.remove(model)
            hub.download(model, lambda progress: tell(*progress), stop)
        except hub.HubError as error:
            raise UserError(Sentence("said.download_failed", reason=str(error))) from error
        self._faults.pop(model, None)

    def _is_damaged(self, entry: Entry) -> bool:
        return entry.folder is not None and bool(entry.fault or entry.id in self._faults)

    def _described(self, entry: Entry) -> ModelEntry:
        is_damaged = self._is_damaged(entry)
        broken = Sentence("said.model_broken", title=entry.title, reason=entry.fault)
        problem = self._faults.get(entry.id, broken) if is_damaged else ""
        download = self._downloads.find(entry.id) or Download(stage="")
        return ModelEntry(
            id=entry.id,
            title=entry.title,
            good_for=entry.good_for,
            licence=entry.licence,
            quality=entry.quality,
            classes=entry.classes,
            image_size=entry.image_size,
            num_bytes=entry.num_bytes,
            is_here=entry.folder is not None,
            can_download=entry.is_published and (is_damaged or entry.folder is None),
            stage=download.stage if download.is_running else "",
            done=download.done,
            total=download.total,
            problem=download.problem or problem,
        )


def warm_up(engine: MaskGIT) -> None:
    """Fill a hole once, so that nobody waits for what is made when it is first used.

    On a CPU these are kernels, for as many cores as runs take, and tables of colours: a tenth of a
    second of the first fill. It takes a quarter of a second with the embedded model, and one with
    official 256. A GPU may be lent to a run alone (`gpu`), so it is left in peace here.
    """
    if engine.device.type != "cpu":
        return
    side = 3 * engine.image_size // 2
    mask = np.zeros((side, side), bool)
    mask[side // 3 : -side // 3, side // 3 : -side // 3] = True
    picture = np.full((side, side, 3), 127, np.uint8)
    try:
        job = engine.prepare_edit(picture, mask, engine.classes[0].id, steps=1)
        with cores_for(engine.predictor):
            state = engine.step(job.state)
            engine.glimpse(state)
        result = engine.finish(job, state)
        with on_one_core():
            engine.borrow(job, result)
    except Exception:  # whoever asks for what does not work is told then
        log.warning("The model could not be tried before people come", exc_info=True)


def describe(engine: maskgit.MaskGIT) -> ModelInfo:
    """Collect what the page must know about a model."""
    config = engine.config
    defaults, for_new = (Settings(**asdict(each)) for each in (config.decode_edits, config.decode))
    return ModelInfo(
        name=config.name,
        grid=config.grid_size,
        image_size=config.image_size,
        codebook_size=config.tokenizer.codebook_size,
        classes=tuple(
            ClassChoice(entry.id, entry.name, tuple(entry.synonyms)) for entry in engine.classes
        ),
        has_no_class=config.transformer.has_null_label,
        schedules=tuple(SCHEDULES),
        reveal_rules=tuple(REVEAL_RULES),
        defaults=defaults,
        borrows=config.borrow,
        looks_once=engine.looks_once,
        stand_out=config.stand_out,
        for_new=None if for_new == defaults else for_new,
        curves={name: _curve(name, config.grid_size**2) for name in SCHEDULES},
    )


def _curve(schedule: str, num_open: int) -> list[float]:
    """Sample a schedule for people to look at, from all masked to none."""
    inner = mask_ratio(schedule, np.linspace(0, 1, CURVE_POINTS)[1:-1], num_open)
    return [1.0, *(round(float(share), 4) for share in inner), 0.0]
