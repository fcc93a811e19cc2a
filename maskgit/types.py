"""Names for tensor shapes: the one legend the whole engine shares.

A shape string such as `"B N"` documents a tensor and is checked at run time in the tests only
(`make test` switches the checks on; production pays nothing).

    B    samples in the batch            N    tokens in one image, N = h * w
    H W  image height, width in pixels   h w  token grid height, width; h = H / f
    K    codebook size                   f    pixels per token side (the tokenizer's stride)
    M    cells looked at, M <= N         D    width of a network
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

Images: TypeAlias = Float[Tensor, "B 3 H W"]  # RGB in [0, 1]
Cells: TypeAlias = Int[Tensor, "B M"]  # places in the row-major grid, in [0, N)
Tokens: TypeAlias = Int[Tensor, "B N"]  # codebook ids in [0, K); K itself is the mask token
TokenGrid: TypeAlias = Int[Tensor, "B h w"]  # the same, laid out; row-major when flattened
TokenMask: TypeAlias = Bool[Tensor, "B N"]  # True = masked: to be predicted
Labels: TypeAlias = Int[
    Tensor, " B"
]  # class labels of the model, in [0, num_classes], see null_label
Logits: TypeAlias = Float[Tensor, "B N K"]  # before softmax; no column for mask or class ids
Confidence: TypeAlias = Float[Tensor, "B N"]  # higher = surer

Picture: TypeAlias = UInt8[np.ndarray, "H W 3"]  # what people see: RGB, 0 to 255
Pictures: TypeAlias = UInt8[np.ndarray, "B H W 3"]
Region: TypeAlias = Bool[np.ndarray, "H W"]  # True = painted: to be imagined anew
