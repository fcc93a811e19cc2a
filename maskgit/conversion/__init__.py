"""Published weights in foreign formats, turned into our networks. One file per format."""

from maskgit.conversion.msgpack import read_msgpack
from maskgit.conversion.official import tokenizer_state, transformer_state
from maskgit.conversion.readers import Converted, convert, default_classes, write_model

__all__ = [
    "Converted",
    "convert",
    "default_classes",
    "read_msgpack",
    "tokenizer_state",
    "transformer_state",
    "write_model",
]
