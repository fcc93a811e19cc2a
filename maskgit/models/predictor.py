"""What all predictors share: ids that follow from their sizes, and what they are asked about."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from maskgit.models.context import NOTHING, Context, Places, Recalled, Recording, Rest
from maskgit.sizes import PredictorSizes
from maskgit.types import Cells, Labels, Logits, TokenMask, Tokens

Sizes = TypeVar("Sizes", bound=PredictorSizes)


class Predictor(nn.Module, ABC, Generic[Sizes]):
    """Predicts all masked tokens at once. Implements `models.TokenPredictor`."""

    def __init__(self, config: Sizes) -> None:
        super().__init__()
        self.config = config

    @property
    def mask_id(self) -> int:
        """Id of the mask token in a token grid: K."""
        return self.config.mask_id

    @property
    def num_classes(self) -> int:
        """Class labels the weights know."""
        return self.config.num_classes

    @property
    def null_label(self) -> int | None:
        """The label that means "no class", or None where the weights know none."""
        return self.config.null_label

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        """Predict every cell; only codes, no class or mask ids.

        Args:
            tokens: Ids in [0, K], K being the mask.
            labels: In [0, num_classes), or the null label where there is one.

        Returns:
            float32 whatever the precision of the weights.

        Raises:
            ValueError: If the grid has another size than the weights were trained for.
        """
        self._require_grid(tokens)
        return self.predict(tokens, labels)

    def logits_at(self, tokens: Tokens, labels: Labels, cells: Cells) -> Float[Tensor, "B M K"]:
        """Predict some cells: what `logits` says of them, but for rounding.

        Every cell is looked at; what the last layer does after that, it does for these alone.

        Raises:
            ValueError: As `logits`.
        """
        self._require_grid(tokens)
        return self.predict(tokens, labels, cells)

    def context(self, tokens: Tokens, labels: Labels, cells: Cells) -> Context:
        """Look at all cells, and note what `logits_within` needs of the others than these.

        Args:
            tokens: As for `logits`.
            labels: As for `logits`.
            cells: The same in every row.

        Raises:
            ValueError: As `logits`.
        """
        self._require_grid(tokens)
        recording = Recording(*self.positions(cells[0]))
        return recording.context(self.predict(tokens, labels, cells, recording))

    def logits_within(
        self, tokens: Tokens, labels: Labels, cells: Cells, context: Context
    ) -> Float[Tensor, "B M K"]:
        """Predict cells of a context, or some of them; all others are what they were in it.

        Args:
            tokens: As for `logits`; of the other cells those of the context.
            labels: Those of the context.
            cells: The same in every row.
            context: From `context`.

        Raises:
            ValueError: As `logits`.
        """
        self._require_grid(tokens)
        return self.predict(tokens, labels, cells, Recalled(context))

    @abstractmethod
    def positions(self, cells: Int[Tensor, " M"]) -> tuple[Places, int]:
        """Say where cells stand in the sequence that layers look at, and how long that is."""

    @abstractmethod
    def predict(
        self,
        tokens: Tokens,
        labels: Labels,
        cells: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Float[Tensor, "B M K"]:
        """Do what the other methods say, for a grid of the right size."""

    def _require_grid(self, tokens: Tokens) -> None:
        if tokens.shape[1] != self.config.num_tokens:
            raise ValueError(
                f"grid has {tokens.shape[1]} tokens, the model expects {self.config.num_tokens}"
            )


def listed(where: TokenMask, most: int) -> Cells:
    """List the marked cells of each row in order; rows with fewer are filled up with others."""
    return (~where).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]


def take_cells(
    values: Shaped[Tensor, "B N *rest"], cells: Cells | None
) -> Shaped[Tensor, "B M *rest"]:
    """Take cells of each row, or all: whole lines of memory, which `gather` takes one by one."""
    if cells is None:
        return values
    batch, num_cells = values.shape[:2]
    offset = torch.arange(0, batch * num_cells, num_cells, device=cells.device)[:, None]
    lines = values.flatten(0, 1).index_select(0, (cells + offset).flatten())
    return lines.unflatten(0, cells.shape)
