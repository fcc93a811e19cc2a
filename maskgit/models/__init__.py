"""The networks, and the two protocols through which everything else sees them.

A family of models joins with its sizes in `maskgit.config`, a file of networks here and an entry in
each table below.
"""

from typing import TypeAlias

from maskgit.config import (
    AnyTokenizerConfig,
    AnyTransformerConfig,
    TokenizerConfig,
    TransformerConfig,
)
from maskgit.models.protocols import Tokenizer, TokenPredictor
from maskgit.models.transformer import BidirectionalTransformer
from maskgit.models.vqgan import VQGAN

__all__ = [
    "VQGAN",
    "AnyTokenizer",
    "AnyTransformer",
    "BidirectionalTransformer",
    "TokenPredictor",
    "Tokenizer",
    "build_tokenizer",
    "build_transformer",
]

AnyTokenizer: TypeAlias = VQGAN
AnyTransformer: TypeAlias = BidirectionalTransformer

_TOKENIZERS: dict[type[AnyTokenizerConfig], type[AnyTokenizer]] = {TokenizerConfig: VQGAN}
_TRANSFORMERS: dict[type[AnyTransformerConfig], type[AnyTransformer]] = {
    TransformerConfig: BidirectionalTransformer
}


def build_tokenizer(config: AnyTokenizerConfig) -> AnyTokenizer:
    """Build the tokenizer of a configuration, with new weights."""
    return _TOKENIZERS[type(config)](config)


def build_transformer(config: AnyTransformerConfig) -> AnyTransformer:
    """Build the predictor of a configuration, with new weights."""
    return _TRANSFORMERS[type(config)](config)
