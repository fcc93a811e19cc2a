"""Files that are there as a whole or not at all, whatever happens while they are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """Give a path to write to; what is there in the end gets the file's own name.

    Where the writing fails or is killed, the file stays what it was.
    """
    partial = file.with_name(f"{file.name}.partial")
    yield partial
    partial.replace(file)


def write_text(file: Path, text: str) -> None:
    """Write a text as a whole, in UTF-8."""
    with beside(file) as partial:
        partial.write_text(text, encoding="utf-8")
