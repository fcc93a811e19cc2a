"""The LlamaGen tokenizer gives the numbers of its authors' code, with recorded weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit.checkpoints import CheckpointError
from maskgit.conversion.files import read_state
from maskgit.conversion.llamagen import recognises, tokenizer_from_state
from maskgit.models import LlamaGenVQ, Tokenizer
from maskgit.sizes import LlamaGenConfig
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

GOLDEN = SHARED / "golden" / "llamagen_vq"
TOLERANCE = 1e-4


def recorded_state() -> dict[str, Tensor]:
    return read_state(GOLDEN / "tiny.pt")


@pytest.fixture(scope="module")
def network() -> LlamaGenVQ:
    return tokenizer_from_state(recorded_state())[1]


@pytest.fixture(params=["0", "1"], ids=["square", "wide"])
def recorded(request: pytest.FixtureRequest) -> dict[str, Tensor]:
    with np.load(GOLDEN / "tiny_io.npz") as arrays:
        prefix = f"{request.param}_"
        keys = [key for key in arrays.files if key.startswith(prefix)]
        return {key.removeprefix(prefix): torch.from_numpy(arrays[key]) for key in keys}


def assert_near(ours: Tensor, recorded: Tensor) -> None:
    torch.testing.assert_close(ours, recorded, atol=TOLERANCE, rtol=0)


def test_sizes_are_read_off_the_weights(network: LlamaGenVQ) -> None:
    assert network.config == LlamaGenConfig(32, (1, 1, 1, 1, 2), 2, 40, 128, 8)
    assert isinstance(network, Tokenizer)


def test_encoder_output_and_tokens(network: LlamaGenVQ, recorded: dict[str, Tensor]) -> None:
    features = network.encoder(recorded["image"])
    assert_near(features, recorded["z"])
    assert torch.equal(network.nearest_codes(features), recorded["ids"].long())
    images = (recorded["image"] + 1) / 2  # ours are in [0, 1]
    assert torch.equal(network.encode(images), recorded["ids"].long())


def test_codes_are_directions(network: LlamaGenVQ, recorded: dict[str, Tensor]) -> None:
    assert_near(network.lookup(recorded["ids"]), recorded["quantized"])
    longer = 3 * network.encoder(recorded["image"])
    assert torch.equal(network.nearest_codes(longer), recorded["ids"].long())


@pytest.mark.parametrize(("ids", "images"), [("ids", "recon"), ("random_ids", "random_decoded")])
def test_decoded_images(
    network: LlamaGenVQ, recorded: dict[str, Tensor], ids: str, images: str
) -> None:
    assert_near(2 * network.decode(recorded[ids]) - 1, recorded[images])


def test_channels_last_weights_give_the_same_picture(recorded: dict[str, Tensor]) -> None:
    other = tokenizer_from_state(recorded_state())[1]
    other.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    assert_near(2 * other.decode(recorded["ids"]) - 1, recorded["recon"])
    assert torch.equal(other.encode((recorded["image"] + 1) / 2), recorded["ids"].long())


def test_bfloat16_gives_a_float32_picture_nearby(
    network: LlamaGenVQ, recorded: dict[str, Tensor]
) -> None:
    other = tokenizer_from_state(recorded_state())[1].bfloat16()
    exact, rounded = network.decode(recorded["ids"]), other.decode(recorded["ids"])
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().mean() < 0.05 * exact.std()
    same = other.encode((recorded["image"] + 1) / 2) == recorded["ids"]
    assert same.float().mean() > 0.8


def test_sides_that_the_stride_does_not_divide_are_refused(network: LlamaGenVQ) -> None:
    with pytest.raises(ValueError, match="image is 32x40 px; both sides must be multiples of 16"):
        network.encode(torch.zeros(1, 3, 32, 40))


def test_it_is_recognised_by_its_keys_and_the_usage_counter_may_be_missing() -> None:
    state = recorded_state()
    assert recognises(state)
    del state["quantize.codebook_used"]
    assert recognises(state)
    assert tokenizer_from_state(state)[0].codebook_size == 128
    assert not recognises({"quantize.embedding.weight": torch.ones(4, 2)})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("encoder.mid.1.k.bias"), r"missing encoder\.mid\.1\.k\.bias \(64,\)"),
        (lambda s: s.update(extra=torch.ones(2)), r"left over extra \(2,\)"),
        (
            lambda s: s.update({"decoder.mid.1.q.weight": torch.ones(64, 64)}),
            r"decoder\.mid\.1\.q\.weight expected \(64, 64, 1, 1\), found \(64, 64\)",
        ),
        (lambda s: s.pop("quant_conv.weight"), r"missing quant_conv\.weight"),
        (lambda s: s["quant_conv.bias"].fill_(torch.inf), r"quant_conv\.bias: expected finite"),
        (lambda s: s.update({"quant_conv.bias": torch.ones(8).int()}), "expected floats"),
        (
            lambda s: s.update({"encoder.conv_in.weight": torch.ones(30, 3, 3, 3)}),
            r"level widths \[32, .*\] are not multiples of 30 filters",
        ),
        (
            lambda s: s.update({"encoder.conv_in.weight": torch.ones(16, 3, 3, 3)}),
            "not a LlamaGen tokenizer: filters must be a multiple of 32, got 16",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(
    damage: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = recorded_state()
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        tokenizer_from_state(state)
