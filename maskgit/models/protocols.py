"""The contracts that let a family of models join without touching decoding or the app."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

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
class RememberingPredictor(PartialPredictor, Protocol):
    """A predictor that looks at known cells once, and keeps what it saw (`maskgit.remembering`)."""

    def logits_around(
        self,
        begun: Tokens,
        tokens: Tokens,
        labels: Labels,
        cells: Int[Tensor, "1 M"],
        asked: Int[Tensor, "1 A"],
    ) -> Float[Tensor, "B A K"]:
        """Predict some of the cells that may change, with the others as they were at the start."""
        ...
