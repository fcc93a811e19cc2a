"""The controls beside the canvas: their values as one tuple, and what they may be.

Components in the browser keep to these ranges already; but anybody may post to the server, so
every value is checked here before it reaches the engine.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from app.canvas.drawing import NO_CLASS_ID
from app.errors import UserError
from app.models import ModelInfo, Settings
from app.words import Sentence

COUNTS = (1, 2, 4, 8, 16)
MAX_STEPS = 32
MAX_SEED = 2**31 - 1
MAX_ADDED_PX = 8192
MAX_TEMPERATURE = 5.0
MAX_NOISE = 50.0
MAX_GUIDANCE = 10.0
MIN_TOP_P = 0.01
FEATHER, MAX_FEATHER = 0.4, 2.0  # cells
KNOWN_CELLS = ("recomputed", "cached")
CUSTOM_SCHEDULE = "custom:"  # and the shares still masked, with commas between


class Controls(NamedTuple):
    """The values of the controls; the names are those of the components in the layout."""

    model: str = ""  # empty: the one a page begins with
    label: int | None = None
    variations: int = 1
    left: float | None = 0
    top: float | None = 0
    right: float | None = 0
    bottom: float | None = 0
    steps: int = 8
    schedule: str = "cosine"
    temperature: float = 1.0
    choice_temperature: float = 4.5
    top_k: float = 0
    top_p: float = 1.0
    guidance_scale: float = 1.0
    reveal: str = "confidence"
    known_cells: str = "recomputed"
    seed: float | None = 0
    randomise: bool = True
    previews: bool = True
    feather: float = FEATHER
    refine: bool = True
    borrow: bool = False

    def model_or(self, first: str) -> str:
        """Take the model's id, or that of the model a page begins with."""
        if not isinstance(self.model, str):  # it is as the page sent it
            raise UserError(Sentence("said.no_model"), "no-model")
        return self.model or first

    def seed_or(self, fresh: int) -> int:
        """Take the seed in the field, or a fresh one where that is wished."""
        last = MAX_SEED + 1 - self.num_pictures()  # the others have the ones that follow
        return fresh if self.randomise else _whole("make.seed", self.seed, 0, last)

    def label_for(self, info: ModelInfo) -> int | None:
        """Take the class, None for no class; only what the model knows."""
        if self.label in (None, NO_CLASS_ID) and info.has_no_class:
            return None
        return _one_of("make.class", self.label, [choice.id for choice in info.classes])

    def num_pictures(self) -> int:
        """Take the number of variations."""
        return int(_one_of("make.variations", self.variations, COUNTS))

    def sides(self) -> tuple[int, int, int, int]:
        """Take the pixels to add on the left, top, right and bottom; an empty field is none."""
        return (
            _whole("outpaint.left", self.left or 0, 0, MAX_ADDED_PX),
            _whole("outpaint.top", self.top or 0, 0, MAX_ADDED_PX),
            _whole("outpaint.right", self.right or 0, 0, MAX_ADDED_PX),
            _whole("outpaint.bottom", self.bottom or 0, 0, MAX_ADDED_PX),
        )

    def soft_edge(self) -> float:
        """Take over how many cells the new content fades in."""
        return _number("advanced.feather", self.feather, 0, MAX_FEATHER)

    def settings(self, info: ModelInfo, seed: int) -> Settings:
        """Take how to decode."""
        guidance = _number("advanced.guidance", self.guidance_scale, 0, MAX_GUIDANCE)
        noise = _number("advanced.choice_temperature", self.choice_temperature, 0, MAX_NOISE)
        return Settings(
            steps=_whole("advanced.steps", self.steps, 1, MAX_STEPS),
            schedule=_schedule(self.schedule, info.schedules),
            temperature=_number("advanced.temperature", self.temperature, 0, MAX_TEMPERATURE),
            choice_temperature=noise,
            top_k=_whole("advanced.top_k", self.top_k, 0, info.codebook_size),
            top_p=_number("advanced.top_p", self.top_p, MIN_TOP_P, 1),
            guidance_scale=guidance if info.has_no_class else 1.0,
            guidance_schedule=info.defaults.guidance_schedule,
            temperature_schedule=info.defaults.temperature_schedule,
            reveal=_one_of("advanced.reveal", self.reveal, info.reveal_rules),
            known_cells=_one_of("advanced.known_cells", self.known_cells, KNOWN_CELLS),
            seed=seed,
        )


def _number(name: str, value: Any, low: float, high: float) -> float:
    """Take a number; `name` is the key of what the page calls it."""
    if _is_within(value, low, high):
        return float(value)
    raise _refusal(name, value, Sentence("said.range", low=f"{low:g}", high=f"{high:g}"))


def _whole(name: str, value: Any, low: int, high: int) -> int:
    """Take a whole number, also one that came as 8.0."""
    if _is_within(value, low, high) and value == int(value):
        return int(value)
    raise _refusal(name, value, Sentence("said.whole_range", low=str(low), high=str(high)))


def _is_within(value: Any, low: float, high: float) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and low <= value <= high


def _schedule(value: Any, names: Collection[str]) -> str:
    """Take a schedule by name, or one of somebody's own, which the engine checks."""
    if isinstance(value, str) and value.startswith(CUSTOM_SCHEDULE):
        return value
    return _one_of("advanced.schedule", value, names)


def _one_of(name: str, value: Any, choices: Collection[Any]) -> Any:
    if value in choices:
        return value
    listed = len(choices) < 12
    raise _refusal(
        name, value, ", ".join(map(str, choices)) if listed else Sentence("said.one_listed")
    )


def _refusal(name: str, value: Any, allowed: str) -> UserError:
    """Say what may not be, and what may."""
    said = Sentence("said.no_value") if value is None else str(value)
    return UserError(Sentence("said.bad_setting", name=Sentence(name), value=said, allowed=allowed))
