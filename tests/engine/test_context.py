"""What a network keeps of known cells while others are drawn, for every architecture.

The plain way computes every place in every pass, and shows others the kept part of those that may
not hear of anything new.
"""

import pytest
import torch
from torch import Tensor

from maskgit.models.context import Context, Rest
from maskgit.sizes import AnyTransformerConfig
from maskgit.types import Cells, Labels, Tokens
from tests.engine.test_asking import IDS, NULL, SIZES, K, N, network

CELLS = torch.randperm(N, generator=torch.Generator().manual_seed(3))[:32]


class Overwritten(Rest):
    """Computes all, and shows of the others what was kept."""

    def __init__(self, context: Context) -> None:
        self._others, self._kept = context.others, iter(context.kept)

    def beside(self, values: Tensor) -> Tensor:
        return values.index_copy(1, self._others, next(self._kept))

    def whole(self, values: Tensor) -> Tensor:
        return self.beside(values)


def grids() -> tuple[Tokens, Tokens, Labels, Cells]:
    """Give a grid with masked cells, the same with some of them drawn, labels and the cells."""
    tokens = torch.randint(K, (1, N), generator=torch.Generator().manual_seed(1)).expand(2, -1)
    masked = tokens.index_fill(1, CELLS, K)
    drawn = masked.index_copy(1, CELLS[:20], (tokens[:, CELLS[:20]] + 1) % K)
    return masked, drawn, torch.tensor([0, NULL]), CELLS.expand(2, -1)


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_known_cells_are_what_they_were_and_the_others_are_computed(
    sizes: AnyTransformerConfig,
) -> None:
    predictor = network(sizes)
    for name, parameter in predictor.named_parameters():
        if "norm" not in name:
            parameter.mul_(4)  # so that cells hear of each other
    masked, drawn, labels, cells = grids()
    context = predictor.context(masked, labels, cells)
    found = predictor.logits_within(drawn, labels, cells, context)
    plain = predictor.predict(drawn, labels, cells, Overwritten(context))
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=1e-5)
    fresh = predictor.logits_at(drawn, labels, cells)
    assert (found - fresh).abs().max() > 2e-3  # known cells would have heard of what was drawn
    some = cells[:, [5, 30, 1]]
    few = predictor.logits_within(drawn, labels, some, context)
    torch.testing.assert_close(few, found[:, [5, 30, 1]], atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_the_first_pass_is_as_without(sizes: AnyTransformerConfig) -> None:
    predictor = network(sizes)
    masked, _, labels, cells = grids()
    context = predictor.context(masked, labels, cells)
    found = predictor.logits_within(masked, labels, cells, context)
    fresh = predictor.logits_at(masked, labels, cells)
    assert torch.equal(context.logits, fresh)
    torch.testing.assert_close(found, fresh, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_a_grid_of_another_size_is_refused(sizes: AnyTransformerConfig) -> None:
    predictor = network(sizes)
    masked, drawn, labels, cells = grids()
    context = predictor.context(masked, labels, cells)
    message = f"grid has 9 tokens, the model expects {N}"
    with pytest.raises(ValueError, match=message):
        predictor.logits_within(drawn[:, :9], labels, cells, context)
    with pytest.raises(ValueError, match=message):
        predictor.context(masked[:, :9], labels, cells)


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_the_memory_of_a_context_is_what_its_tensors_take(sizes: AnyTransformerConfig) -> None:
    masked, _, labels, cells = grids()
    whole, half = (network(sizes).context(masked, labels, cells[:, :number]) for number in (32, 16))
    tensors = [*whole.kept, whole.logits]
    assert whole.num_bytes == sum(each.untyped_storage().nbytes() for each in tensors)
    others = [context.num_bytes - context.logits.nbytes for context in (whole, half)]
    assert others[1] > others[0]  # there is more to keep
