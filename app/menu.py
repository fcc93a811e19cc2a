"""What a person can do about models: see which there are, download one, change to one.

Like the handlers, without Gradio and without the engine. The menu asks again and again while
something is going on; a page's choice is the page's own and travels with each request.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from app.answers import Answer, answer, fields
from app.canvas.drawing import NO_CLASS_ID
from app.errors import UserError
from app.models import ModelEntry, ModelInfo, ModelStore
from app.words import Sentence, known


class Chosen(NamedTuple):
    """What the page needs to go on with another model.

    Attributes:
        model: Its id.
        info: What it knows, and its defaults.
        label: The class to go on with: the one that was chosen, where the model knows it.
        status: A sentence.
    """

    model: str
    info: ModelInfo
    label: int
    status: str


class ModelMenu:
    """One method per action."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models

    @property
    def default(self) -> ModelEntry:
        """The model that a page begins with."""
        return self._entry(self._models.default)

    def list_models(self, _: object = None) -> Answer:
        """List the models, as the menu shows them, and say whether more may be downloaded."""

        def listed() -> Answer:
            models = [_shown(entry) for entry in self._models.entries()]
            return {"models": models, "refusal": self._models.no_downloads}

        return answer(listed)

    def download_model(self, request: object) -> Answer:
        """Begin to download a model: `{"id"}`. Answers with the list."""
        return self._listed_after(self._models.download, request)

    def cancel_download(self, request: object) -> Answer:
        """Call a download off: `{"id"}`. Answers with the list."""
        return self._listed_after(self._models.cancel, request)

    def load_model(self, request: object) -> Answer:
        """Make sure that a model can be used, which may take a while: `{"id"}`."""

        def loaded() -> Answer:
            self._models.info(_id(request))
            return {}

        return answer(loaded)

    def choose(self, model: object, label: object) -> Chosen:
        """Change to a model.

        Args:
            model: Its id.
            label: The class that is chosen now.

        Raises:
            UserError: If it cannot be used.
        """
        model = _id({"id": model})
        info = self._models.info(model)
        known = [NO_CLASS_ID] if info.has_no_class else []
        known += [choice.id for choice in info.classes]
        status = Sentence("said.model_chosen", title=self._entry(model).title, size=info.image_size)
        same = (choice for choice in known if choice == label)
        return Chosen(model, info, next(same, known[0]), status)

    def _entry(self, model: str) -> ModelEntry:
        found = (entry for entry in self._models.entries() if entry.id == model)
        return next(found, ModelEntry(model, model))  # one whose folder is gone by now

    def _listed_after(self, action: Any, request: object) -> Answer:
        done = answer(lambda: action(_id(request)) or {})
        return self.list_models() if done["ok"] else done


def _id(request: object) -> str:
    model = fields(request).get("id")
    if not isinstance(model, str):
        raise UserError(Sentence("said.no_model"))
    return model


def _shown(entry: ModelEntry) -> dict[str, Any]:
    """Describe a model in words; what it may be asked to do is told by its flags."""
    side = f"{entry.image_size} px" if entry.image_size else ""
    licence = Sentence("catalogue.licence", licence=_said(entry.licence)) if entry.licence else ""
    facts = [side, _classes(entry.classes), _said(entry.quality), licence]
    share = min(entry.done / entry.total, 1.0) if entry.total else 0.0
    amounts = {"done": size(entry.done), "total": size(entry.total), "percent": int(100 * share)}
    progress = Sentence(f"catalogue.stages.{entry.stage}", **amounts) if entry.stage else ""
    return {
        "id": entry.id,
        "title": entry.title,
        "good_for": _said(entry.good_for),
        "facts": [fact for fact in facts if fact],
        "size": size(entry.num_bytes),
        "is_here": entry.is_here,
        "can_download": entry.can_download,
        "stage": entry.stage,
        "share": share,
        "progress": progress,
        "problem": entry.problem,
    }


def _classes(text: str) -> str:
    """Take what the catalogue says about a model's classes, which may be no more than a number."""
    count = re.fullmatch(r"(\d+) classes", text)
    return Sentence("catalogue.classes", count=int(count[1])) if count else _said(text)


def _said(text: str) -> str:
    """Take what the catalogue says about a model, in a language where one has it."""
    return known(text, "catalogue.known")


def size(num_bytes: int) -> Sentence:
    """Write a size as people read it."""
    if num_bytes < 1e6:
        return Sentence("catalogue.kilobytes", size=round(num_bytes / 1e3))
    if num_bytes < 1e9:
        return Sentence("catalogue.megabytes", size=round(num_bytes / 1e6))
    return Sentence("catalogue.gigabytes", size=round(num_bytes / 1e9, 1))
