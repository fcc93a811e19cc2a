"""The hourglass: what it promises beyond the protocol."""

from typing import Any

import pytest
import torch
from torch import nn

from maskgit.models import Hourglass, TokenPredictor
from maskgit.models.hourglass import _grouped, _ungrouped
from maskgit.sizes import HourglassConfig

SIZES = HourglassConfig(2, 32, 2, 1, 16, 16, 8, 3)


def network() -> Hourglass:
    torch.manual_seed(0)
    built = Hourglass(SIZES).eval().requires_grad_(False)
    for parameter in built.parameters():
        nn.init.normal_(parameter, std=0.3)
    return built


def test_it_fulfils_the_protocol() -> None:
    predictor: TokenPredictor = network()
    assert (predictor.mask_id, predictor.num_classes, predictor.null_label) == (8, 3, 3)
    logits = predictor.logits(torch.full((2, 16), 8), torch.tensor([0, 3]))
    assert logits.shape == (2, 16, 8)
    assert logits.dtype == torch.float32


def test_a_group_is_a_square_of_four_cells() -> None:
    cells = torch.arange(16.0).view(1, 4, 4, 1)
    groups = _grouped(cells)
    assert groups[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert torch.equal(_ungrouped(groups, 4), cells)


def test_every_cell_sees_every_other_and_the_class() -> None:
    predictor, tokens = network(), torch.zeros(1, 16, dtype=torch.long)
    before = predictor.logits(tokens, torch.tensor([0]))
    tokens[0, 15] = 5
    assert ((predictor.logits(tokens, torch.tensor([0])) - before).abs().amax(-1) > 0).all()
    tokens[0, 15] = 0
    assert ((predictor.logits(tokens, torch.tensor([1])) - before).abs().amax(-1) > 0).all()


def test_it_is_the_same_when_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, tokens = network(), torch.randint(0, 9, (2, 16))
    plain = predictor.logits(tokens, torch.tensor([0, 3]))
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(predictor.logits(tokens, torch.tensor([0, 3])), plain)


def test_a_new_one_begins_without_opinions_on_context() -> None:
    predictor = Hourglass(SIZES).eval()
    for layer in (*predictor.layers, *predictor.cell_layers):
        assert not layer.mlp_out.weight.any()  # pyright: ignore


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_tokens": 9}, "num_tokens must be the square of an even number, got 9"),
        ({"num_tokens": 20}, "num_tokens must be the square of an even number, got 20"),
        ({"num_heads": 3}, "hidden_size 256 is not a multiple of num_heads 3"),
        ({"num_layers": 0}, "num_layers must be a positive whole number"),
    ],
)
def test_sizes_it_cannot_have_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HourglassConfig(**change)


def test_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="grid has 9 tokens, the model expects 16"):
        network().logits(torch.zeros(1, 9, dtype=torch.long), torch.tensor([0]))
