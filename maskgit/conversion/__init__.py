"""Published weights in foreign formats, turned into our networks. One file per format."""

from maskgit.conversion.msgpack import read_msgpack
from maskgit.conversion.official import convert_official, tokenizer_state, transformer_state

__all__ = ["convert_official", "read_msgpack", "tokenizer_state", "transformer_state"]
