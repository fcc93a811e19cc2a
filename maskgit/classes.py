"""The classes a model knows, and every way a person may name one.

A model counts its classes 0, 1, 2, ...; nobody outside has to know. Outside, a class has an `id`:
its ImageNet-1k index (0 to 999), or a number from 1000 up where ImageNet-1k has no such class. It
also has a name, synonyms, and for ImageNet classes a WordNet id.

Read in this order:
    ImageClass        one class
    Classes.resolve   what a person said -> the model's label
    imagenet_class    names, synonyms and WordNet id of an ImageNet index

`classes.json` in a model folder is `Classes.to_json()`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from operator import index
from typing import Any, SupportsIndex

from maskgit.config import from_mapping

NUM_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class ImageClass:
    """One class.

    Attributes:
        label: The model's own number for it.
        id: Its number for everyone else: ImageNet index, or 1000 and up outside ImageNet-1k.
        name: What to show.
        synonyms: Other names it is found by.
        wnid: WordNet id such as `n02099601`, or None.
    """

    label: int
    id: int
    name: str
    synonyms: tuple[str, ...] = ()
    wnid: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be shown or found again."""
        if min(self.label, self.id) < 0:
            raise ValueError(f"label and id must be 0 or more, got {self.label} and {self.id}")
        for name in (self.name, *self.synonyms):
            if not _normalised(name):
                raise ValueError(f"a name of class {self.id} is empty")


class Classes:
    """All classes of one model, in the order of its labels."""

    def __init__(self, entries: Sequence[ImageClass], null_label: int | None = None) -> None:
        """Collect the classes.

        Args:
            entries: One for every label 0, 1, 2, ..., in any order.
            null_label: The model's label for "no class", or None where it has none.

        Raises:
            ValueError: If a label is missing or a label, id or name appears twice.
        """
        self.entries = tuple(sorted(entries, key=lambda entry: entry.label))
        self.null_label = null_label
        labels = [entry.label for entry in self.entries]
        if labels != list(range(len(labels))):
            raise ValueError(f"labels must be 0, 1, 2, ... each once, got {labels[:20]}")
        _require_unique([str(entry.id) for entry in self.entries], "id")
        _require_unique([_normalised(entry.name) for entry in self.entries], "name")
        self._by_id = {entry.id: entry for entry in self.entries}
        self._by_name = {_normalised(entry.name): entry for entry in self.entries}
        self._by_wnid = {entry.wnid.casefold(): entry for entry in self.entries if entry.wnid}
        self._by_synonym: dict[str, list[ImageClass]] = {}
        for entry in self.entries:
            for synonym in dict.fromkeys(map(_normalised, entry.synonyms)):
                self._by_synonym.setdefault(synonym, []).append(entry)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[ImageClass]:
        return iter(self.entries)

    def __getitem__(self, label: int) -> ImageClass:
        """Give the class with this label of the model."""
        return self.entries[label]

    def resolve(self, label: SupportsIndex | str | None) -> int:
        """Find the model's label for what a person said.

        Args:
            label: A class id (ImageNet index, or 1000 and up), a name, synonym or WordNet id,
                whatever the case; an id may also come as text. None asks for no class.

        Raises:
            ValueError: If the model has no such class (the nearest names are given), if a synonym
                belongs to several, or if None is asked of a model that always needs a class.
            TypeError: If it is neither a whole number nor text nor None.
        """
        if label is None:
            if self.null_label is None:
                raise ValueError(f"this model needs a class; it knows {self._some()}")
            return self.null_label
        if isinstance(label, str):
            return self._named(label).label
        if isinstance(label, bool) or not hasattr(label, "__index__"):
            raise TypeError(f"a class is a whole number, text or None, got {label!r}")
        return self._numbered(index(label)).label

    def to_json(self) -> str:
        """Write as the text of `classes.json`."""
        lines = (json.dumps(asdict(entry), ensure_ascii=False) for entry in self.entries)
        return "[\n " + ",\n ".join(lines) + "\n]\n"

    @classmethod
    def from_json(cls, text: str, null_label: int | None = None) -> "Classes":
        """Read the text of `classes.json`.

        Raises:
            ValueError: If it is not JSON, or does not describe classes.
        """
        rows = json.loads(text)
        if not isinstance(rows, list):
            raise ValueError(f"expected a list of classes, got {type(rows).__name__}")
        return cls([from_mapping(ImageClass, row) for row in rows], null_label)

    @classmethod
    def imagenet(cls, null_label: int | None = None) -> "Classes":
        """Give the 1000 classes of ImageNet-1k, labelled by their index."""
        entries = [imagenet_class(i, label=i) for i in range(NUM_IMAGENET_CLASSES)]
        return cls(entries, null_label)

    def _numbered(self, class_id: int) -> ImageClass:
        if class_id in self._by_id:
            return self._by_id[class_id]
        known = ""
        if 0 <= class_id < NUM_IMAGENET_CLASSES:
            known = f" ({imagenet_class(class_id, label=0).name})"
        raise ValueError(f"this model has no class {class_id}{known}; it knows {self._some()}")

    def _named(self, text: str) -> ImageClass:
        if text.strip().isdecimal():
            return self._numbered(int(text))
        wanted = _normalised(text)
        # A class's own name comes before another's synonym: "maillot" is one, and also a synonym.
        if entry := self._by_name.get(wanted) or self._by_wnid.get(wanted):
            return entry
        found = self._by_synonym.get(wanted, [])
        if len(found) > 1:
            choices = " or ".join(f"{entry.name!r} ({entry.id})" for entry in found)
            raise ValueError(f"{text!r} may mean {choices}; say which by name or number")
        if found:
            return found[0]
        raise ValueError(f"this model knows no class {text!r}; {self._suggestion(wanted)}")

    def _suggestion(self, wanted: str) -> str:
        spellings = {
            _normalised(name): name
            for entry in self.entries
            for name in (*entry.synonyms, entry.name)
        }
        near = [spellings[match] for match in get_close_matches(wanted, spellings, n=3, cutoff=0.5)]
        if near:
            return "nearest: " + ", ".join(repr(name) for name in near)
        return f"it knows {self._some()}"

    def _some(self) -> str:
        shown = ", ".join(f"{entry.name!r} ({entry.id})" for entry in self.entries[:5])
        return f"{len(self)} classes: {shown}" + (", ..." if len(self) > 5 else "")


def imagenet_class(class_id: int, label: int) -> ImageClass:
    """Give an ImageNet-1k class, for a model that calls it `label`.

    Raises:
        ValueError: If `class_id` is no ImageNet index.
    """
    if not 0 <= class_id < NUM_IMAGENET_CLASSES:
        raise ValueError(f"an ImageNet index is in [0, {NUM_IMAGENET_CLASSES}), got {class_id}")
    row = _imagenet()[class_id]
    return ImageClass(label, class_id, row["name"], tuple(row["synonyms"]), row["wnid"])


@cache
def _imagenet() -> list[dict[str, Any]]:
    text = (files("maskgit") / "imagenet_classes.json").read_text(encoding="utf-8")
    return json.loads(text)["classes"]


def _normalised(name: str) -> str:
    """Make spellings equal that a person takes for equal."""
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _require_unique(values: list[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"two classes have the {what} {value!r}")
        seen.add(value)
