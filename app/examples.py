"""The pictures a new user finds, from `assets/examples/` (its CREDITS.md says whose they are)."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "examples"
THUMBNAIL_PX = 160


@dataclass(frozen=True)
class Example:
    """One picture to begin with.

    Attributes:
        name: What the page calls it when it asks for it.
        title: What people read.
        class_name: A class that goes well with it.
        path: The file.
    """

    name: str
    title: str
    class_name: str
    path: Path

    def thumbnail_url(self) -> str:
        """Make a small square of its middle, as a data URL."""
        with Image.open(self.path) as file:
            side = min(file.size)
            left, top = (file.width - side) // 2, (file.height - side) // 2
            square = file.convert("RGB").crop((left, top, left + side, top + side))
        small = square.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        small.save(data, "WEBP", quality=80)
        return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode("ascii")


class Examples:
    """The examples of a folder, found by name only: no path ever comes from outside."""

    def __init__(self, folder: Path = FOLDER) -> None:
        entries = json.loads((folder / "examples.json").read_text(encoding="utf-8"))
        self._by_name = {
            Path(entry["file"]).stem: Example(
                name=Path(entry["file"]).stem,
                title=entry["title"],
                class_name=entry["class"],
                path=folder / entry["file"],
            )
            for entry in entries
        }

    def __iter__(self):
        """Go through the examples, the one to begin with first."""
        return iter(self._by_name.values())

    def find(self, name: object) -> Example | None:
        """Find an example; the empty name is the one to begin with."""
        if name == "":
            return next(iter(self), None)
        return self._by_name.get(name) if isinstance(name, str) else None

    @cached_property
    def thumbnails(self) -> list[dict[str, str]]:
        """What the page shows: name, title and a small picture of each."""
        return [{"name": e.name, "title": e.title, "image": e.thumbnail_url()} for e in self]
