"""The contracts that let a family of models join without touching decoding or the app."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from maskgit.models.context import Context
from maskgit.types import Cells, Images, Labels, Logits, TokenGrid, Tokens


@runtime_checkable
class Tokenizer(Protocol):
    """Turns pictures into small grids of tokens and back."""

    @property
    def stride(self) -> int:
        """Pixels per token side, f."""
        ...

    @property
    def codebook_size(self) -> int:
        """Number of codes, K."""
        ...

    def encode(self, images: Images) -> TokenGrid:
        """Give the nearest code of every cell; H and W must be multiples of the stride."""
        ...

    def decode(self, tokens: TokenGrid) -> Images:
        """Draw the picture of a complete grid; values may leave [0, 1] a little: clip to show."""
        ...


@runtime_checkable
class TokenPredictor(Protocol):
    """Says, for every cell of a partly masked grid, which codes it finds likely."""

    @property
    def mask_id(self) -> int:
        """Id of the mask token: K, the number of codes."""
        ...

    @property
    def num_classes(self) -> int:
        """Class labels known; valid labels are `0 .. num_classes - 1` and `null_label`."""
        ...

    @property
    def null_label(self) -> int | None:
        """The label that means "no class", or None where the weights know no guidance."""
        ...

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        """Predict all cells at once; float32, one column per code and none for other ids.

        What is said of cells that are not masked may be anything: nobody asks.
        """
        ...


@runtime_checkable
class PartialPredictor(TokenPredictor, Protocol):
    """A predictor that can leave out what nobody asks; on a CPU that is less work."""

    def logits_at(self, tokens: Tokens, labels: Labels, cells: Cells) -> Float[Tensor, "B M K"]:
        """Predict some cells of each row: what `logits` says of them, but for rounding."""
        ...


@runtime_checkable
class ContextPredictor(PartialPredictor, Protocol):
    """A predictor that can keep what it makes of known cells while others are drawn."""

    def context(self, tokens: Tokens, labels: Labels, cells: Cells) -> Context:
        """Look at all cells, and keep what `logits_within` needs of the others than these."""
        ...

    def logits_within(
        self, tokens: Tokens, labels: Labels, cells: Cells, context: Context
    ) -> Float[Tensor, "B M K"]:
        """Predict the cells of a context; the others are what they were when it was made."""
        ...
