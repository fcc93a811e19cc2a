"""What a network is asked on a CPU: every picture alone, and masked cells only.

The plain way, all rows in one batch and all cells of them, is what a predictor gets that cannot
leave cells out. Both give the same pictures.
"""

from dataclasses import replace

import pytest
import torch
from torch import nn

from maskgit.asking import predict
from maskgit.class_map import ClassMap
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions, DecodeState, decode, start
from maskgit.models import AnyTransformer, PartialPredictor, TokenPredictor, build_transformer
from maskgit.sizes import (
    AdaLNConfig,
    AnyTransformerConfig,
    HourglassConfig,
    TransformerConfig,
    UViTConfig,
)
from maskgit.types import Cells, Labels, Logits, Tokens
from tests.predictors import Plain

N, K, NULL = 144, 32, 5
SIZES = [
    TransformerConfig(2, 32, 2, 64, N, K, NULL, True),
    UViTConfig(1, 32, 2, 64, N, K, NULL),
    AdaLNConfig(2, 32, 2, 64, N, K, NULL),
    HourglassConfig(2, 32, 2, 2, 16, N, K, NULL),
]
IDS = [sizes.architecture for sizes in SIZES]


def network(sizes: AnyTransformerConfig) -> AnyTransformer:
    torch.manual_seed(0)
    built = build_transformer(sizes).eval().requires_grad_(False)
    for parameter in built.parameters():
        nn.init.normal_(parameter, std=0.2)
    return built


class Watched(Plain):
    """Notes what it is asked. Implements `models.PartialPredictor`."""

    def __init__(self, predictor: AnyTransformer) -> None:
        super().__init__(predictor)
        self.asked: list[tuple[int, int]] = []  # rows and cells
        self._whole = predictor

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        self.asked.append((len(tokens), N))
        return super().logits(tokens, labels)

    def logits_at(self, tokens: Tokens, labels: Labels, cells: Cells) -> torch.Tensor:
        self.asked.append((len(tokens), cells.shape[1]))
        assert (tokens.gather(1, cells) == self.mask_id).sum() == (tokens == self.mask_id).sum()
        return self._whole.logits_at(tokens, labels, cells)


def begun(num_open: int, label: int = 1, **options: float) -> DecodeState:
    """Begin to fill so many cells of a grid, from the fifth on."""
    is_open = torch.zeros(1, N, dtype=torch.bool)
    is_open[:, 4 : 4 + num_open] = True
    known = torch.arange(N)[None] % K
    constraints = Constraints(known, is_open, torch.tensor([label]), (12, 12))
    return start(constraints, [DecodeOptions(**options)], K)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_some_cells_get_the_logits_they_get_among_all(sizes: AnyTransformerConfig) -> None:
    predictor = network(sizes)
    assert isinstance(predictor, PartialPredictor)
    tokens, labels = torch.randint(0, K + 1, (2, N)), torch.tensor([0, NULL])
    cells = torch.stack([torch.randperm(N)[:20], torch.randperm(N)[:20]])
    expected = predictor.logits(tokens, labels).gather(1, cells[..., None].expand(-1, -1, K))
    found = predictor.logits_at(tokens, labels, cells)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    with pytest.raises(ValueError, match=f"grid has 9 tokens, the model expects {N}"):
        predictor.logits_at(tokens[:, :9], labels, cells)


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_pictures_are_those_of_the_plain_way(sizes: AnyTransformerConfig, guidance: float) -> None:
    predictor = network(sizes)
    state = DecodeState.stack(
        [begun(n, seed=n, guidance_scale=guidance, top_p=0.9) for n in (100, 9, 40)]
    )
    assert torch.equal(decode(predictor, state).tokens, decode(Plain(predictor), state).tokens)


def test_the_network_is_asked_about_one_picture_at_a_time_and_masked_cells_only() -> None:
    watched = Watched(network(SIZES[3]))
    both = [begun(40, guidance_scale=2.0), begun(140, label=2)]
    predict(watched, DecodeState.stack(both))
    assert watched.asked == [(2, 64), (1, N)]  # cells are a multiple of 32, or all there are
    watched.asked.clear()
    halves = ClassMap((torch.arange(N) % 2).byte()[None], ((None, 4),))
    one = begun(30)
    predict(watched, replace(one, constraints=replace(one.constraints, classes=halves)))
    assert watched.asked == [(2, 32)]


@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_what_is_said_of_a_picture_does_not_depend_on_others(sizes: AnyTransformerConfig) -> None:
    predictor: TokenPredictor = network(sizes)
    states = [begun(50, guidance_scale=3.0), begun(20, label=3), begun(100, guidance_scale=0.5)]
    together = predict(predictor, DecodeState.stack(states))
    assert together.guided == [0, 2]
    assert together.scale == [3.0, 0.5]
    cells = torch.arange(4, 24)[None]  # masked in all of them
    found = together.at(cells.expand(3, -1))
    for row, state in enumerate(states):
        assert torch.equal(found[row], predict(predictor, state).at(cells)[0])
