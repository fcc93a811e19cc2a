"""The U-ViT gives the numbers of MUSE-Pytorch's code, with its recorded weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit.checkpoints import CheckpointError
from maskgit.config import UViTConfig
from maskgit.conversion.muse import recognises, transformer_from_state
from maskgit.models import UViT
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

GOLDEN = SHARED / "golden" / "muse_uvit"
K, CLASSES, HEADS = 40, 8, 4


def recorded_state() -> dict[str, Tensor]:
    return torch.load(GOLDEN / "tiny.pth", weights_only=True)


@pytest.fixture(scope="module")
def network() -> UViT:
    return transformer_from_state(recorded_state(), K, HEADS)[1]


def test_sizes_are_read_off_the_weights(network: UViT) -> None:
    assert network.config == UViTConfig(2, 48, HEADS, 192, 36, K, CLASSES)
    assert (network.mask_id, network.null_label) == (K, CLASSES)


def test_logits_of_the_codes(network: UViT) -> None:
    with np.load(GOLDEN / "tiny_forward.npz") as recorded:
        tokens, labels, logits = (
            torch.from_numpy(recorded[name]) for name in ("tokens", "labels", "logits")
        )
    assert labels[-1] == network.null_label
    assert (tokens == network.mask_id).any()
    torch.testing.assert_close(network.logits(tokens, labels), logits, atol=1e-4, rtol=0)


def test_bfloat16_weights_give_float32_logits_nearby(network: UViT) -> None:
    other = transformer_from_state(recorded_state(), K, HEADS)[1].bfloat16()
    tokens, labels = torch.randint(0, K + 1, (2, 36)), torch.tensor([3, CLASSES])
    logits = other.logits(tokens, labels)
    assert logits.dtype == torch.float32
    expected = network.logits(tokens, labels)
    assert (logits - expected).abs().mean() < 0.05 * expected.std()


def test_a_grid_of_another_size_is_refused(network: UViT) -> None:
    with pytest.raises(ValueError, match="grid has 35 tokens, the model expects 36"):
        network.logits(torch.zeros(1, 35, dtype=torch.long), torch.tensor([0]))


def test_the_counter_may_be_missing() -> None:
    state = recorded_state()
    del state["token_emb.position_ids"]
    assert transformer_from_state(state, K, HEADS)[0].num_tokens == 36


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("out_blocks.1.skip_linear.bias"), r"missing out_blocks\.1\.skip_linear"),
        (lambda s: s.pop("in_blocks.1.norm1.weight"), r"missing in_blocks\.1\.norm1"),
        (lambda s: s.update(extra=torch.ones(2)), r"left over extra \(2,\)"),
        (lambda s: s.update({"norm.bias": torch.ones(7)}), r"norm\.bias expected \(48,\), found"),
        (
            lambda s: s.update({"mlm_layer.bias": torch.ones(50)}),
            r"mlm_layer\.bias expected \(1, 1, 50\), found \(50,\)",
        ),
        (lambda s: s["norm.weight"].fill_(torch.nan), r"norm\.weight: expected finite numbers"),
        (lambda s: s.update({"norm.weight": torch.ones(48).int()}), "expected floats"),
        (lambda s: s.pop("mid_block.mlp.fc1.weight"), r"missing mid_block\.mlp\.fc1\.weight"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(
    damage: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = recorded_state()
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        transformer_from_state(state, K, HEADS)


def test_other_codes_and_heads_than_the_file_can_have_are_refused() -> None:
    with pytest.raises(CheckpointError, match="not a U-ViT over 1024 codes: num_classes"):
        transformer_from_state(recorded_state())
    with pytest.raises(CheckpointError, match="not a multiple of num_heads 5"):
        transformer_from_state(recorded_state(), K, num_heads=5)


def test_it_is_recognised_by_its_keys() -> None:
    assert recognises(recorded_state())
    assert not recognises({"tok_emb.weight": torch.ones(1)})
