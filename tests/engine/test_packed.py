"""Packed linear layers give what the plain ones give."""

import pytest
import torch
from torch import nn

from maskgit.models import AnyTransformer, build_transformer
from maskgit.models import packed as packing
from maskgit.models.attention import attend
from maskgit.models.packed import PackedLinear, affine, pack
from maskgit.models.transformer import TanhGELU
from maskgit.sizes import (
    AdaLNConfig,
    AnyTransformerConfig,
    HourglassConfig,
    TransformerConfig,
    UViTConfig,
)

SIZES = TransformerConfig(2, 64, 4, 128, 16, 32, 5, True)
SEVERAL = [
    SIZES,
    UViTConfig(1, 64, 4, 128, 16, 32, 5),
    AdaLNConfig(2, 64, 4, 128, 16, 32, 5),
    HourglassConfig(2, 64, 2, 2, 16, 16, 32, 5),
]


def network(dtype: torch.dtype, sizes: AnyTransformerConfig = SIZES) -> AnyTransformer:
    torch.manual_seed(0)
    built = build_transformer(sizes).eval().requires_grad_(False)
    for parameter in built.parameters():
        nn.init.normal_(parameter, std=0.2)
    return built.to(dtype)


CAN_PACK = packing._works(torch.bfloat16)  # oneDNN does it for processors from AVX-512 on
CAN_PACK_FLOAT32 = packing._works(torch.float32)


def test_whoever_gains_from_packing_can_pack() -> None:
    assert CAN_PACK or not torch.cpu._is_amx_tile_supported()


@pytest.mark.parametrize(("sizes", "blocks"), list(zip(SEVERAL[:2], (2, 3), strict=True)))
def test_a_packed_network_is_as_near_to_float32_as_the_plain_one(
    sizes: AnyTransformerConfig, blocks: int
) -> None:
    tokens, labels = torch.randint(0, 33, (3, 16)), torch.tensor([0, 4, 5])
    exact = network(torch.float32, sizes).logits(tokens, labels)
    plain, packed = network(torch.bfloat16, sizes), network(torch.bfloat16, sizes)
    pack(packed, rows=17)
    kinds = [module.kind for module in packed.modules() if isinstance(module, PackedLinear)]
    assert kinds.count("gelu") == (blocks + 1 if CAN_PACK else 0)
    is_plain = [type(module) is nn.Linear for module in packed.modules()]
    assert any(is_plain) != CAN_PACK  # all layers or none
    assert bool(kinds) == CAN_PACK
    plain_error = (plain.logits(tokens, labels) - exact).abs().mean()
    packed_error = (packed.logits(tokens, labels) - exact).abs().mean()
    assert 0 < packed_error < 1.1 * plain_error


def test_where_packing_does_not_work_a_network_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "_works", lambda _: False)
    tokens, labels = torch.randint(0, 33, (3, 16)), torch.tensor([0, 4, 5])
    plain, left = network(torch.bfloat16), network(torch.bfloat16)
    pack(left, rows=17)
    assert not any(isinstance(module, PackedLinear) for module in left.modules())
    assert torch.equal(left.logits(tokens, labels), plain.logits(tokens, labels))


@pytest.mark.parametrize("sizes", SEVERAL)
def test_packed_in_float32_only_the_order_of_sums_is_another(sizes: AnyTransformerConfig) -> None:
    tokens, labels = torch.randint(0, 33, (3, 16)), torch.tensor([0, 4, 5])
    plain, packed = network(torch.float32, sizes), network(torch.float32, sizes)
    pack(packed, rows=17)
    assert any(type(module) is nn.Linear for module in packed.modules()) != CAN_PACK_FLOAT32
    expected = plain.logits(tokens, labels)
    torch.testing.assert_close(packed.logits(tokens, labels), expected, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("works", sorted({False, CAN_PACK_FLOAT32}))
@torch.inference_mode()
def test_a_weight_that_is_used_again_and_again(
    monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    monkeypatch.setattr(packing, "_works", lambda _: works)
    weight, bias = torch.randn(70, 30), torch.randn(70)
    product = affine(weight, bias, rows=9)
    assert isinstance(product, PackedLinear) == works
    for rows in (1, 9, 40):
        x = torch.randn(rows, 30)
        torch.testing.assert_close(product(x), x @ weight.T + bias, atol=1e-4, rtol=1e-5)


def test_other_types_stay_as_they_are() -> None:
    left = network(torch.float64)
    pack(left, rows=17)
    assert not any(isinstance(module, PackedLinear) for module in left.modules())


def test_attention_and_gelu_are_the_same_when_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value = torch.randn(3, 2, 4, 9, 8).unbind()
    x = torch.linspace(-8, 8, 1001)
    plain = attend(query, key, value), TanhGELU()(x)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    written_out = attend(query, key, value), TanhGELU()(x)
    for first, second in zip(plain, written_out, strict=True):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-5)
