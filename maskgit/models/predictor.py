"""What all predictors share: ids that follow from their sizes, and the grids they take."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from torch import nn

from maskgit.sizes import PredictorSizes
from maskgit.types import Labels, Logits, Tokens

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
        if tokens.shape[1] != self.config.num_tokens:
            raise ValueError(
                f"grid has {tokens.shape[1]} tokens, the model expects {self.config.num_tokens}"
            )
        return self.predict(tokens, labels)

    @abstractmethod
    def predict(self, tokens: Tokens, labels: Labels) -> Logits:
        """Do what `logits` says, for a grid of the right size."""
