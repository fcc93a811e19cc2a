"""The networks, and the protocols through which everything else sees them.

A family of models joins with its sizes in `maskgit.sizes`, a file of networks here and an entry in
each table below.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from maskgit.models.adaln_transformer import AdaLNTransformer
from maskgit.models.hourglass import Hourglass
from maskgit.models.llamagen_vq import LlamaGenVQ
from maskgit.models.protocols import (
    PartialPredictor,
    RememberingPredictor,
    Tokenizer,
    TokenPredictor,
)
from maskgit.models.transformer import BidirectionalTransformer
from maskgit.models.uvit import UViT
from maskgit.models.vqgan import VQGAN
from maskgit.sizes import (
    AdaLNConfig,
    AnyTokenizerConfig,
    AnyTransformerConfig,
    HourglassConfig,
    LlamaGenConfig,
    TokenizerConfig,
    TransformerConfig,
    UViTConfig,
)

__all__ = [
    "VQGAN",
    "AdaLNTransformer",
    "AnyTokenizer",
    "AnyTransformer",
    "BidirectionalTransformer",
    "Hourglass",
    "LlamaGenVQ",
    "PartialPredictor",
    "RememberingPredictor",
    "TokenPredictor",
    "Tokenizer",
    "UViT",
    "build_tokenizer",
    "build_transformer",
]

AnyTokenizer: TypeAlias = VQGAN | LlamaGenVQ
AnyTransformer: TypeAlias = BidirectionalTransformer | UViT | AdaLNTransformer | Hourglass

_TOKENIZERS: dict[type[AnyTokenizerConfig], Callable[[Any], AnyTokenizer]] = {
    TokenizerConfig: VQGAN,
    LlamaGenConfig: LlamaGenVQ,
}
_TRANSFORMERS: dict[type[AnyTransformerConfig], Callable[[Any], AnyTransformer]] = {
    TransformerConfig: BidirectionalTransformer,
    UViTConfig: UViT,
    AdaLNConfig: AdaLNTransformer,
    HourglassConfig: Hourglass,
}


def build_tokenizer(config: AnyTokenizerConfig) -> AnyTokenizer:
    """Build the tokenizer of a configuration, with new weights."""
    return _TOKENIZERS[type(config)](config)


def build_transformer(config: AnyTransformerConfig) -> AnyTransformer:
    """Build the predictor of a configuration, with new weights."""
    return _TRANSFORMERS[type(config)](config)
