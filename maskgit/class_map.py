"""Several classes on one grid: which of them conditions which cell.

A person paints regions, each of a class. The model is asked once for every class of a row, all in
one forward pass, and each cell takes the logits of its own class. Where two regions meet, the
classes are mixed: a cell takes the mean over the classes of all cells within `BORDER_CELLS` of it,
so across a straight border one class fades into the other in equal steps.

Only cells that were open at the start count as neighbours. What is known needs no class, and the
class beside it is not to fade there.

Read in this order:
    ClassMap    the value; what it asks of a model, and what it makes of the answers
    weights     how much each class counts in a cell
    arrange     from a number per cell to what decoding needs: one label, or a map
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from maskgit.types import Labels, Logits, TokenMask

MAX_CLASSES = 8  # on one grid
MAX_ROWS = 64  # a network is asked for, where several pictures have several classes
BORDER_CELLS = 1


@dataclass(frozen=True, eq=False)
class ClassMap:
    """Classes by cell, for every row.

    Attributes:
        which: Place of each cell's class among those of its row.
        labels: The classes of each row, 1 to 8 and all different; None stands for the row's own
            label (`Constraints.labels`). Plain numbers, so that no pass waits for the device.

    Raises:
        ValueError: If they are not of as many rows, or a row has no classes or too many.
    """

    which: UInt8[Tensor, "B N"]
    labels: tuple[tuple[int | None, ...], ...]

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other."""
        if len(self.which) != len(self.labels):
            raise ValueError(f"{len(self.which)} rows of cells, but {len(self.labels)} of classes")
        for labels in self.labels:
            if not 1 <= len(labels) <= MAX_CLASSES or len(set(labels)) < len(labels):
                raise ValueError(f"a row has 1 to {MAX_CLASSES} different classes, got {labels}")

    @staticmethod
    def plain(like: Tensor) -> "ClassMap":
        """Give the map of rows of cells that have nothing but their own label."""
        return ClassMap(torch.zeros_like(like, dtype=torch.uint8), ((None,),) * len(like))

    @property
    def num_asked(self) -> int:
        """Count the rows that a model is asked for, those without a class for guidance aside."""
        return sum(map(len, self.labels))

    def repeated(self, count: int) -> "ClassMap":
        """Give every row so many times; errors as `require_room`."""
        self.require_room(count)
        return self.take([row for row in range(len(self.labels)) for _ in range(count)])

    def require_room(self, count: int) -> None:
        """Refuse more pictures at once than a network may be asked for.

        Raises:
            ValueError: With how many there may be.
        """
        if count * self.num_asked > MAX_ROWS:
            raise ValueError(
                f"pictures times classes may be {MAX_ROWS}: with {self.num_asked} classes ask for "
                f"up to {MAX_ROWS // self.num_asked} pictures at once, got {count}"
            )

    @property
    def is_plain(self) -> bool:
        """Whether no row has anything but its own label."""
        return set(self.labels) == {(None,)}

    def take(self, rows: Sequence[int]) -> "ClassMap":
        """Take some rows, in the order given."""
        return ClassMap(self.which[_index(rows, self.which)], tuple(self.labels[i] for i in rows))

    def to(self, device: torch.device | str) -> "ClassMap":
        """Move to a device."""
        return replace(self, which=self.which.to(device))

    @staticmethod
    def stack(maps: Sequence["ClassMap"]) -> "ClassMap":
        """Put the rows of several under each other."""
        labels = tuple(chain.from_iterable(each.labels for each in maps))
        return ClassMap(torch.cat([each.which for each in maps]), labels)

    def of_cells(self, own: Labels) -> Int[Tensor, "B N"]:
        """Give the class of every cell, where rows have these labels of their own."""
        most = max(map(len, self.labels))
        table = [[*labels, *(None,) * (most - len(labels))] for labels in self.labels]
        found = _numbers(list(chain.from_iterable(table)), own).view(-1, most)
        found = found.gather(1, self.which.long())
        return torch.where(found < 0, own[:, None], found)

    def asked(self, own: Labels) -> tuple[list[int], Int[Tensor, " A"]]:
        """Say what a model is to be asked: for which row, one question after the other, and class.

        Args:
            own: Labels of the rows.
        """
        rows = [row for row, labels in enumerate(self.labels) for _ in labels]
        wanted = _numbers(list(chain.from_iterable(self.labels)), own)
        return rows, torch.where(wanted < 0, own[_index(rows, own)], wanted)

    def mixed(
        self, answers: Float[Tensor, "A N K"], is_open: TokenMask, grid: tuple[int, int]
    ) -> Logits:
        """Give every cell the logits of its class, mixed where regions meet.

        Args:
            answers: What the model said, in the order of `asked`.
            is_open: True where a cell was open at the start.
            grid: Height and width in cells.
        """
        rows = []
        for place, said in enumerate(answers.split(list(map(len, self.labels)))):
            share = weights(self.which[place], is_open[place], len(said), grid)[..., None]
            rows.append(said if len(said) == 1 else (share * said).sum(dim=0, keepdim=True))
        return torch.cat(rows)


def weights(
    which: UInt8[Tensor, " N"],
    is_open: Bool[Tensor, " N"],
    count: int,
    grid: tuple[int, int],
    border: int = BORDER_CELLS,
) -> Float[Tensor, "{count} N"]:
    """Say how much each class counts in a cell: 0 to 1, together 1.

    Exactly 1 where all open cells within the border are of one class.

    Args:
        which: Place of each cell's class.
        is_open: True where a cell was open at the start; others count for nobody but themselves.
        count: How many classes there are.
        grid: Height and width in cells.
        border: How far other cells count, in cells each way; 0 mixes nothing.
    """
    numbers = torch.arange(count, device=which.device)[:, None]
    is_of = (which == numbers).float()  # (C, N)
    near = F.avg_pool2d((is_of * is_open).view(count, *grid), 2 * border + 1, 1, border).flatten(1)
    return torch.where(is_open, near / near.sum(dim=0).clamp_min(1e-6), is_of)


def arrange(
    which: UInt8[np.ndarray, "h w"], labels: Sequence[int], is_open: Bool[np.ndarray, "h w"]
) -> tuple[int, ClassMap | None]:
    """Give what decoding needs of one picture: its own label, and a map if one is not enough.

    Classes without an open cell are left out, and the same class twice is one. So with one class
    there is no map, and all is as if nothing else had been asked for.

    Args:
        which: Place of each cell's class.
        labels: The classes; the first is the picture's own.
        is_open: True where a cell may change.
    """
    first = np.array([labels.index(label) for label in labels], np.uint8)
    which = np.where(is_open, first[which], 0)
    places = np.unique(which[is_open])
    if len(places) < 2:
        return (labels[places[0]] if len(places) else labels[0]), None
    known = tuple(labels[place] if place else None for place in places)
    which = np.where(is_open, np.searchsorted(places, which), 0).astype(np.uint8)
    return labels[0], ClassMap(torch.from_numpy(which).flatten()[None], (known,))


def _numbers(labels: Sequence[int | None], like: Tensor) -> Int[Tensor, " _"]:
    """Bring labels to a tensor's device without waiting for it; -1 for the row's own."""
    numbers = [-1 if label is None else label for label in labels]
    return torch.tensor(numbers).to(like.device, non_blocking=True)


def _index(rows: Sequence[int], like: Tensor) -> Int[Tensor, " _"]:
    return torch.tensor(rows).to(like.device, non_blocking=True)
