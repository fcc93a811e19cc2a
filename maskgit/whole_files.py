"""Files that are there as a whole or not at all, whatever happens while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """Give a path to write to; what is there in the end gets the file's own name.

    Where the writing fails or is killed, the file stays what it was. Of several processes that
    write it at once one is the last.
    """
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def write_text(file: Path, text: str) -> None:
    """Write a text as a whole, in UTF-8."""
    with beside(file) as partial:
        partial.write_text(text, encoding="utf-8")
