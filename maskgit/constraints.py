"""What may change, and to what: everything a person does to a picture, as a value on its tokens.

A cell of the token grid is either known (it keeps its id) or open (the model imagines it). A class
label conditions each row, or several do, each some of its cells, and codes may be forbidden.
Painting, pinning and banning give a new `Constraints`; nothing is changed in place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from maskgit.class_map import ClassMap
from maskgit.types import Labels, TokenGrid, TokenMask, Tokens


@dataclass(frozen=True, eq=False)
class Constraints:
    """Constraints on a batch of token grids.

    Attributes:
        tokens: Ids in [0, K) of known cells; what stands at open cells does not matter.
        is_open: True where the model may choose.
        labels: The model's class label per row; its null label where there is none.
        grid: Height and width of the token grid; N = h * w, row-major.
        banned: True where a code must not be drawn; middle axis 1 = the same in every cell.
            None bans nothing. A cell needs at least one code that is not banned.
        classes: Which class conditions which cell; None: the row's label all of them.

    Raises:
        ValueError: If shapes or devices do not fit each other.
    """

    tokens: Tokens
    is_open: TokenMask
    labels: Labels
    grid: tuple[int, int]
    banned: Bool[Tensor, "B _ K"] | None = None
    classes: ClassMap | None = None

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other."""
        rows, cells = self.tokens.shape
        if self.grid[0] * self.grid[1] != cells:
            raise ValueError(f"{cells} tokens do not fill a {self.grid[0]}x{self.grid[1]} grid")
        if self.is_open.shape != self.tokens.shape or self.is_open.dtype != torch.bool:
            raise ValueError(
                f"is_open must be bool {tuple(self.tokens.shape)}, "
                f"got {self.is_open.dtype} {tuple(self.is_open.shape)}"
            )
        if self.labels.shape != (rows,):
            raise ValueError(f"expected {rows} labels, got {tuple(self.labels.shape)}")
        if self.banned is not None and self.banned.shape[:2] not in {(rows, 1), (rows, cells)}:
            raise ValueError(
                f"banned must be ({rows}, 1 or {cells}, K), got {tuple(self.banned.shape)}"
            )
        if self.classes is not None and self.classes.which.shape != self.tokens.shape:
            raise ValueError(
                f"classes must be {tuple(self.tokens.shape)}, got {tuple(self.classes.which.shape)}"
            )
        if len({tensor.device for tensor in self._tensors()}) > 1:
            raise ValueError("the tensors of Constraints must be on one device")

    @classmethod
    def everything_open(
        cls, batch: int, grid: tuple[int, int], labels: int | Labels
    ) -> "Constraints":
        """Leave every cell to the model; one label for all rows, or one each."""
        if isinstance(labels, int):
            labels = torch.full((batch,), labels)
        tokens = torch.zeros(batch, grid[0] * grid[1], dtype=torch.long, device=labels.device)
        return cls(tokens, torch.ones_like(tokens, dtype=torch.bool), labels, grid)

    @classmethod
    def from_grid(
        cls, tokens: TokenGrid, is_open: Bool[Tensor, "B h w"], labels: Labels
    ) -> "Constraints":
        """Keep the tokens of encoded pictures except where the mask is True."""
        height, width = tokens.shape[1:]
        return cls(tokens.flatten(1), is_open.flatten(1), labels, (height, width))

    @property
    def batch(self) -> int:
        """Number of rows, B."""
        return self.tokens.shape[0]

    @property
    def num_asked(self) -> int:
        """Count the rows that a model is asked for: one for each class of each row."""
        return self.batch if self.classes is None else self.classes.num_asked

    @property
    def label_of_cells(self) -> Int[Tensor, "B N"]:
        """The class that conditions each cell."""
        if self.classes is None:
            return self.labels[:, None].expand_as(self.tokens)
        return self.classes.of_cells(self.labels)

    def pin(
        self, cells: Bool[Tensor, "#B N"], ids: int | Int[Tensor, ""] | Int[Tensor, "#B N"]
    ) -> "Constraints":
        """Close cells with the given ids."""
        tokens = torch.where(cells, ids, self.tokens)
        return replace(self, tokens=tokens, is_open=self.is_open & ~cells)

    def reopen(self, cells: Bool[Tensor, "#B N"]) -> "Constraints":
        """Leave cells to the model."""
        return replace(self, is_open=self.is_open | cells)

    def ban(
        self, codes: Bool[Tensor, " K"], cells: Bool[Tensor, "#B N"] | None = None
    ) -> "Constraints":
        """Forbid codes, in some cells or (None) in all, on top of what is forbidden already.

        Raises:
            ValueError: If some cell would have no code left.
        """
        where = codes.new_ones(self.batch, 1) if cells is None else cells.expand_as(self.tokens)
        banned = where[..., None] & codes  # (B, 1 or N, K)
        if self.banned is not None:
            banned = banned | self.banned
        if banned.all(dim=-1).any():
            raise ValueError("every code is banned in some cell; leave it at least one")
        return replace(self, banned=banned)

    def with_labels(self, labels: Labels) -> "Constraints":
        """Condition on other classes; cells that have classes of their own keep them."""
        return replace(self, labels=labels)

    def row(self, index: int) -> "Constraints":
        """Take one row, as a batch of one."""
        return self.take([index])

    def take(self, rows: Sequence[int]) -> "Constraints":
        """Take some rows, in the order given; what others among them needed is left behind."""
        classes = None if self.classes is None else self.classes.take(rows)
        if classes is not None and classes.is_plain:
            classes = None
        return self._map(lambda tensor: take_rows(tensor, rows), classes)

    def to(self, device: torch.device | str) -> "Constraints":
        """Move to a device."""
        classes = None if self.classes is None else self.classes.to(device)
        return self._map(lambda tensor: tensor.to(device), classes)

    @staticmethod
    def stack(parts: Sequence["Constraints"]) -> "Constraints":
        """Put the rows of several under each other.

        Raises:
            ValueError: If the grids differ, or the codebooks of the bans.
        """
        if len({part.grid for part in parts}) != 1:
            raise ValueError(f"cannot stack grids {[part.grid for part in parts]}")
        return Constraints(
            torch.cat([part.tokens for part in parts]),
            torch.cat([part.is_open for part in parts]),
            torch.cat([part.labels for part in parts]),
            parts[0].grid,
            _stack_bans(parts),
            _stack_classes(parts),
        )

    def _tensors(self) -> list[Tensor]:
        values = (getattr(self, field.name) for field in fields(self))
        tensors = [value for value in values if isinstance(value, Tensor)]
        return tensors if self.classes is None else [*tensors, self.classes.which]

    def _map(self, change: Callable[[Tensor], Tensor], classes: ClassMap | None) -> "Constraints":
        return Constraints(
            change(self.tokens),
            change(self.is_open),
            change(self.labels),
            self.grid,
            None if self.banned is None else change(self.banned),
            classes,
        )


def take_rows(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """Take rows of a tensor by host numbers; a run of rows is a view and costs nothing."""
    first, last = rows[0], rows[-1]
    if list(rows) == list(range(first, last + 1)):
        return tensor[first : last + 1]
    return tensor[torch.tensor(rows).to(tensor.device, non_blocking=True)]


def _stack_bans(parts: Sequence[Constraints]) -> Bool[Tensor, "B _ K"] | None:
    """Give rows without bans an empty one, and all of them the same middle axis."""
    bans = [part.banned for part in parts if part.banned is not None]
    if not bans:
        return None
    if len({ban.shape[-1] for ban in bans}) != 1:
        raise ValueError(f"cannot stack bans on {[ban.shape[-1] for ban in bans]} codes")
    cells, num_codes = max(ban.shape[1] for ban in bans), bans[0].shape[-1]
    return torch.cat(
        [
            bans[0].new_zeros(part.batch, cells, num_codes)
            if part.banned is None
            else part.banned.expand(-1, cells, -1)
            for part in parts
        ]
    )


def _stack_classes(parts: Sequence[Constraints]) -> ClassMap | None:
    """Give rows that have only their own label a map that says so, if others have one."""
    if all(part.classes is None for part in parts):
        return None
    return ClassMap.stack([part.classes or ClassMap.plain(part.tokens) for part in parts])
