"""Sizes read off the shapes in a file, and what is said when no network can have them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from maskgit.checkpoints import CheckpointError


@contextmanager
def reading_sizes(what: str) -> Iterator[None]:
    """Say that a file is not `what` it was taken for, where sizes read off it are refused.

    Raises:
        CheckpointError: Instead of the ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise CheckpointError(f"not {what}: {error}") from error


def multipliers(widths: Sequence[int], filters: int) -> tuple[int, ...]:
    """Give the widths of levels in units of the first layer's.

    Raises:
        CheckpointError: If they are not multiples of it.
    """
    if filters < 1 or any(width % filters for width in widths):
        raise CheckpointError(f"level widths {widths} are not multiples of {filters} filters")
    return tuple(width // filters for width in widths)
