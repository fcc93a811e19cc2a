"""Attention: in bfloat16 on a CPU it is written out, and is what PyTorch's kernel gives."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from maskgit.models import attention
from maskgit.models.attention import attend

WHOLE = (2, 4, 200, 16)  # rows, heads, positions, width of a head: more scores than are few


def heads(queries: int = WHOLE[2]) -> tuple[Tensor, Tensor, Tensor]:
    """Views into one product, as the networks have them."""
    torch.manual_seed(0)
    rows, number, length, width = WHOLE
    joined = torch.randn(rows, length, 3, number, width).bfloat16()
    query, key, value = joined.permute(2, 0, 3, 1, 4)
    return query[:, :, :queries], key, value


def exact(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query.double() @ key.double().transpose(-1, -2) / query.shape[-1] ** 0.5
    return scores.softmax(-1) @ value.double()


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What PyTorch's kernel has given."""
    given = []
    kernel = F.scaled_dot_product_attention

    def note(*heads: Tensor, dropout_p: float) -> Tensor:
        given.append(kernel(*heads, dropout_p=dropout_p))
        return given[-1]

    monkeypatch.setattr(attention.F, "scaled_dot_product_attention", note)
    return given


@pytest.mark.parametrize("together", [1, 2**16, 3 * 200**2, 2**30])
@pytest.mark.parametrize("queries", [100, 200])
@torch.inference_mode()
def test_written_out_it_is_nearly_as_exact_as_the_kernel(
    monkeypatch: pytest.MonkeyPatch, fused: list[Tensor], together: int, queries: int
) -> None:
    query, key, value = heads(queries)
    expected = exact(query, key, value)
    monkeypatch.setattr(attention, "TOGETHER", together)
    ours = attend(query, key, value)
    assert not fused
    monkeypatch.setattr(attention, "SMALL", 2**40)
    theirs = attend(query, key, value)
    assert fused[0] is theirs

    def error(answer: Tensor) -> float:
        return float((answer - expected).square().mean().sqrt())

    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert error(ours) < 2.5 * error(theirs)  # scores and weights are rounded on the way
    assert (ours - expected).abs().max() < 0.02


@torch.inference_mode()
def test_a_row_has_the_same_answer_alone_and_beside_another() -> None:
    query, key, value = heads()
    both = attend(query, key, value)
    for row in range(2):
        alone = attend(query[row : row + 1], key[row : row + 1], value[row : row + 1])
        assert torch.equal(both[row], alone[0])


def test_training_few_scores_and_float32_are_left_to_the_kernel(fused: list[Tensor]) -> None:
    query, key, value = heads()
    attend(query.requires_grad_(), key, value).sum().backward()
    assert len(fused) == 1
    assert query.grad is not None
    with torch.inference_mode():
        attend(query[:, :, :2], key, value)
        attend(query.float(), key.float(), value.float())
    assert len(fused) == 3
