"""Models as the page knows them, as frozen values; their store as handlers see it.

Read in this order:
    Settings      how a model decodes
    ModelInfo     a model that is used
    ModelEntry    one to choose, whether it is here or not
    ModelStore    who knows them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Settings:
    """How the model decodes; the meaning and ranges are those of `maskgit.DecodeOptions`."""

    steps: int = 8
    schedule: str = "cosine"
    temperature: float = 1.0
    choice_temperature: float = 4.5
    top_k: int = 0
    top_p: float = 1.0
    guidance_scale: float = 1.0
    guidance_schedule: str = "constant"
    temperature_schedule: str = "constant"
    reveal: str = "confidence"
    known_cells: str = "recomputed"
    seed: int = 0


@dataclass(frozen=True)
class ClassChoice:
    """A class the model knows: its ImageNet index (or an id from 1000 up) and its names."""

    id: int
    name: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelInfo:
    """What the page must know about the model it uses.

    Attributes:
        name: Of the model.
        grid: Tokens along one side.
        image_size: Side of the model's pictures in pixels.
        codebook_size: Number of codes, the largest useful top-k.
        classes: What it was trained on.
        has_no_class: Whether it can work without a class, which guidance needs too.
        schedules: Names of mask schedules.
        reveal_rules: Names of the rules for which tokens stay.
        looks_once: Whether it can look at known cells once, as on a CPU.
        defaults: What it fills holes best with; the controls begin there.
        for_new: What it makes new pictures best with, where that differs.
        borrows: Whether its fills are written with pieces of the picture, unless one wants it not.
        stand_out: Guidance for things that the picture does not show; None: not known to help.
        curves: For each schedule the share still masked, at evenly spaced moments.
    """

    name: str
    grid: int
    image_size: int
    codebook_size: int
    classes: tuple[ClassChoice, ...]
    has_no_class: bool
    schedules: tuple[str, ...]
    reveal_rules: tuple[str, ...]
    defaults: Settings
    for_new: Settings | None = None
    borrows: bool = False
    looks_once: bool = True
    stand_out: float | None = None
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelEntry:
    """A model to choose, whether it is here or not.

    Attributes:
        id: What requests call it.
        title: What to show.
        good_for: One sentence that helps to choose, or nothing.
        licence: Of the weights, or nothing where it is not said.
        quality: The published figure, or nothing.
        classes: What it was trained on, or nothing where that is not known.
        image_size: Side of its pictures in pixels; 0 where that is not known.
        num_bytes: On this computer, or of the download.
        is_here: Whether it lies on this computer.
        can_download: Whether it is one of those that can be downloaded, anew if it is damaged.
        stage: Of its download: `waiting`, `downloading`, `converting`; empty without one.
        done: Bytes of the download that are here.
        total: Bytes of the download in all.
        problem: Why it cannot be used, or why its download failed.
    """

    id: str
    title: str
    good_for: str = ""
    licence: str = ""
    quality: str = ""
    classes: str = ""
    image_size: int = 0
    num_bytes: int = 0
    is_here: bool = True
    can_download: bool = False
    stage: str = ""
    done: int = 0
    total: int = 0
    problem: str = ""


class ModelStore(Protocol):
    """The models there are; safe to share between threads."""

    @property
    def default(self) -> str:
        """Id of the model that a page begins with."""
        ...

    @property
    def no_downloads(self) -> str:
        """Why nothing may be downloaded; empty where it may."""
        ...

    def entries(self) -> list[ModelEntry]:
        """List the models there are to choose from, in the order to show them."""
        ...

    def info(self, model: str) -> ModelInfo:
        """Describe a model; loads it if it was not used yet, which may take a while.

        Raises:
            UserError: If there is no such model here, or it is damaged.
        """
        ...

    def download(self, model: str) -> None:
        """Begin to download a model; `entries` says how it goes.

        Raises:
            UserError: If that cannot be.
        """
        ...

    def cancel(self, model: str) -> None:
        """Call a download off, if there is one."""
        ...
