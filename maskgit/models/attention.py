"""Scaled dot-product attention in the form that a machine takes the least time for."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Queries = Float[Tensor, "B heads Q d"]
Keys = Float[Tensor, "B heads L d"]

SMALL = 2**17  # scores, in all; below that a call of its own costs more than it wins
TOGETHER = 2**21  # scores of the heads that are looked at together, at most: 4 MB


def attend(query: Queries, key: Keys, value: Keys, dropout: float = 0.0) -> Queries:
    """Let every query look at every key: softmax(q k / sqrt(d)) v.

    PyTorch's fused kernel does it, but for two cases on a CPU, where it is written out. In training
    that is compiled, as the kernel's backward pass takes twice the time of these products, and a
    step a third of its time for it. And in bfloat16, as that kernel multiplies there at the rate
    of float32.
    """
    if query.device.type == "cpu" and torch.compiler.is_compiling():
        return _weigh(query, key, value, dropout, torch.float32)
    if _is_slow_when_fused(query, key) and not dropout:
        return _attend_in_groups(query, key, value)
    return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)


def _is_slow_when_fused(query: Queries, key: Keys) -> bool:
    scores = query.shape[:3].numel() * key.shape[2]
    is_bfloat16 = query.device.type == "cpu" and query.dtype is torch.bfloat16
    return is_bfloat16 and scores >= SMALL and not torch.is_grad_enabled()


def _attend_in_groups(query: Queries, key: Keys, value: Keys) -> Queries:
    """Attend with as many heads at once as have scores that a processor's cache holds."""
    size = max(1, TOGETHER // (query.shape[2] * key.shape[2]))
    groups = zip(*(heads.flatten(0, 1).split(size) for heads in (query, key, value)), strict=True)
    mixed = [_weigh(*group) for group in groups]
    return torch.cat(mixed).view(query.shape)


def _weigh(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout: float = 0.0,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Attend in three steps: scores, their softmax in a precision, the mean of the values.

    Scores and weights are rounded to the type of the queries between them, which the fused kernel
    does not do. Beside the rounding of all else in bfloat16 it does not show in a network's logits.
    """
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
    weights = F.dropout(scores.softmax(-1, dtype=precision).to(value.dtype), dropout)
    return torch.matmul(weights, value)
