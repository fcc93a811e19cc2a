"""The networks, and the two protocols through which everything else sees them."""

from maskgit.models.protocols import Tokenizer, TokenPredictor
from maskgit.models.transformer import BidirectionalTransformer
from maskgit.models.vqgan import VQGAN

__all__ = ["VQGAN", "BidirectionalTransformer", "TokenPredictor", "Tokenizer"]
