"""Controls put back as they were, by a recipe or a project that somebody opened.

What comes is from a file, and may be of another version or for a model that is not here: what can
be taken is taken, and what cannot leaves the control as it is, with a sentence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from app.canvas.drawing import NO_CLASS_ID
from app.controls import Controls
from app.desk import SETTINGS
from app.errors import UserError
from app.menu import Chosen, ModelMenu
from app.models import ModelInfo, Settings
from app.words import Sentence, in_a_row


class Settled(NamedTuple):
    """What the controls are to show.

    Attributes:
        chosen: The model, with the class and a sentence about it.
        info: What the model knows, with the settings as its defaults.
        names: Of the settings that are to follow it.
        values: Of the other controls, by the names of `Controls`.
        status: What could not be taken; empty where all could.
    """

    chosen: Chosen
    info: ModelInfo
    names: Collection[str]
    values: dict[str, Any]
    status: str


def settle(menu: ModelMenu, wanted: Mapping[str, Any], model: str, label: object) -> Settled:
    """Take the controls that a file asks for.

    Args:
        menu: Of the models.
        wanted: Values by the names of `Controls`; a class may be a name, too. What it does not
            name stays as it is, but for how known cells are looked at, which whole files of before
            there was a choice do not say.
        model: The one in use.
        label: The class that is chosen.

    Raises:
        UserError: If not even the model in use can be used.
    """
    if {*SETTINGS} - wanted.keys() == {"known_cells"}:  # older than the choice
        wanted = {"known_cells": "recomputed", **wanted}
    trouble = []
    try:
        chosen = menu.choose(wanted.get("model") or model, label)
    except UserError as error:
        trouble.append(error.sentence)
        chosen = menu.choose(model, label)
    info, names = chosen.info, {*SETTINGS, "borrow"} if chosen.model != model else ()
    if "label" in wanted:
        found = class_id(info, wanted["label"])
        if found is None:
            trouble.append(Sentence("said.no_such_class", name=str(wanted["label"])[:80]))
        else:
            chosen = chosen._replace(label=found)
    base = {name: getattr(info.defaults, name) for name in SETTINGS}
    controls, taken = Controls(label=chosen.label, **base), {}
    for name, value in _known(wanted).items():  # beside those before it: a seed needs room for all
        wished = controls._replace(**{name: value})
        if refusal := _refusal(wished, info):
            trouble.append(refusal)
        else:
            controls, taken[name] = wished, value
    settings, others = _checked(controls, info)
    values = {name: value for name, value in others.items() if name in taken}
    info = replace(info, defaults=_settings(taken, settings, info.defaults))
    return Settled(chosen, info, {*names, *taken}, values, in_a_row(trouble))


def class_id(info: ModelInfo, label: object) -> int | None:
    """Find a class by its number or one of its names; None where the model has none like it."""
    if label in (None, NO_CLASS_ID):
        return NO_CLASS_ID if info.has_no_class else None
    name = str(label).casefold()
    for choice in info.classes:
        if name in (str(choice.id), choice.name.casefold(), *map(str.casefold, choice.synonyms)):
            return choice.id
    return None


def _known(wanted: Mapping[str, Any]) -> dict[str, Any]:
    names = set(Controls._fields) - {"model", "label"}
    return {name: value for name, value in wanted.items() if name in names}


def _refusal(controls: Controls, info: ModelInfo) -> str:
    """Say what is wrong with controls; nothing if they may be so."""
    try:
        _checked(controls, info)
    except UserError as error:
        return error.sentence
    return ""


def _checked(controls: Controls, info: ModelInfo) -> tuple[Settings, dict[str, Any]]:
    """Give the model's own settings, and the other controls by their names.

    Raises:
        UserError: If one of them is not what it may be.
    """
    settings = controls.settings(info, controls._replace(randomise=False).seed_or(0))
    left, top, right, bottom = controls.sides()
    return settings, {
        "variations": controls.num_pictures(),
        "left": left,
        "top": top,
        "right": right,
        "bottom": bottom,
        "seed": settings.seed,
        "randomise": bool(controls.randomise),
        "previews": bool(controls.previews),
        "feather": controls.soft_edge(),
        "refine": bool(controls.refine),
        "borrow": bool(controls.borrow),
    }


def _settings(wanted: Mapping[str, Any], found: Settings, usual: Settings) -> Settings:
    taken = {name: value for name, value in asdict(found).items() if name in wanted}
    return replace(usual, **{name: taken[name] for name in SETTINGS if name in taken})
