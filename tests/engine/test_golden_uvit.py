"""The U-ViT gives the numbers of MUSE-Pytorch's code, with its recorded weights."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit import schedules
from maskgit.checkpoints import CheckpointError
from maskgit.constraints import Constraints
from maskgit.conversion.muse import recognises, transformer_from_state
from maskgit.decoding import DecodeOptions, start, step
from maskgit.models import UViT
from maskgit.published import DEFAULTS
from maskgit.sizes import UViTConfig
from maskgit.types import Labels, Logits, Tokens
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


@dataclass
class Recording:
    """The recorded sampling run. It stands in for the noise; a row's seed is its number."""

    arrays: dict[str, Tensor]

    def gumbel_codes(
        self,
        seeds: Int[Tensor, " B"],
        steps: Int[Tensor, " B"],
        cells: Int[Tensor, "B M"],
        num_codes: int,
    ) -> Float[Tensor, "B M K"]:
        assert num_codes == K
        return self.arrays["gumbel_token"][steps[:, None], seeds[:, None], cells].float()

    def gumbel_cells(
        self, seeds: Int[Tensor, " B"], steps: Int[Tensor, " B"], cells: Int[Tensor, "B M"]
    ) -> Float[Tensor, "B M"]:
        return self.arrays["gumbel_position"][steps[:, None], seeds[:, None], cells].float()


@dataclass
class CheckedLogits:
    """The network, whose logits in one pass are compared with the recorded ones."""

    network: UViT
    conditional: Logits
    unconditional: Logits
    mask_id: int = K
    num_classes: int = CLASSES
    null_label: int | None = CLASSES

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        found = self.network.logits(tokens, labels)
        recorded = torch.cat([self.conditional, self.unconditional])[: len(tokens)]
        torch.testing.assert_close(found, recorded, atol=1e-4, rtol=0)
        return found


def in_double_precision(_: str, index: int, steps: int, num_open: int) -> int:
    """Count as MUSE-Pytorch does; ours follows the official code's float32."""
    return math.floor(num_open * math.cos(math.pi / 2 * (index + 1) / steps))


def test_counts_differ_from_theirs_only_where_float32_decides() -> None:
    for steps, num_open, number in ((6, 36, 17), (12, 256, 127)):
        ours = [schedules.num_masked("cosine", i, steps, num_open) for i in range(steps - 1)]
        theirs = [in_double_precision("cosine", i, steps, num_open) for i in range(steps - 1)]
        differing = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
        assert differing == [(number, number + 1)]  # cos(pi / 3), which is a half


def test_the_recorded_sampling_run_is_replayed_id_for_id(
    network: UViT, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "num_masked", in_double_precision)
    with np.load(GOLDEN / "tiny_sampling.npz") as recorded:
        arrays = {name: torch.from_numpy(recorded[name]) for name in recorded.files}
    labels, recorded_ids = arrays["labels"].long(), arrays["input_ids"].long()
    options = [
        DecodeOptions(**{**asdict(DEFAULTS["uvit"]), "steps": 6}, seed=row) for row in range(2)
    ]
    is_open = recorded_ids[0] == K
    state = start(Constraints(recorded_ids[0], is_open, labels, (6, 6)), options, K)
    logits = zip(arrays["logits_cond"], arrays["logits_uncond"], strict=True)
    for index, halves in enumerate(logits):
        assert torch.equal(state.tokens, recorded_ids[index])
        ours = options[0].guidance(index, 36), options[0].draw_temperature(index, 36)
        scale, temperature = arrays["cfg_scale"][index], arrays["noise_temperature"][index]
        assert ours == pytest.approx((1 + scale.item(), temperature.item()))
        state = step(CheckedLogits(network, *halves), state, Recording(arrays))
    assert state.finished
    assert torch.equal(state.tokens, arrays["final_ids"].long().flatten(1))
