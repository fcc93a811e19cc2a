"""Stand-ins for a model: cheap, deterministic, and every row on its own."""

from dataclasses import dataclass, field

import torch

from maskgit.runtime import Around
from maskgit.types import Labels, Logits, Tokens


@dataclass
class FakePredictor:
    """Logits that depend on the label, the cell and every token of the row, and on nothing else.

    Only element-wise float arithmetic, so a row's logits are bit for bit the same in any batch.

    Attributes:
        num_codes: K.
        num_classes: Labels known.
        null_label: None for a model without guidance.
        flat: Whether all codes are equally likely: everything ties.
        calls: Rows of every batch that came in.
    """

    num_codes: int = 11
    num_classes: int = 5
    null_label: int | None = 5
    flat: bool = False
    calls: list[int] = field(default_factory=list)

    @property
    def mask_id(self) -> int:
        return self.num_codes

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        self.calls.append(len(tokens))
        cells = torch.arange(tokens.shape[1], device=tokens.device)
        codes = torch.arange(self.num_codes, device=tokens.device)
        context = (tokens * (cells + 1)).sum(dim=1) % 101 + 7 * labels  # (B,)
        angle = context[:, None, None] + 3 * cells[:, None] + (codes * codes) % 17  # (B, N, K)
        return torch.zeros(angle.shape) if self.flat else 2 * torch.sin(angle.float())


class Plain(Around):
    """Answers about all cells, of all rows at once. Implements `models.TokenPredictor`."""

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        """Ask the predictor."""
        return self._predictor.logits(tokens, labels)
