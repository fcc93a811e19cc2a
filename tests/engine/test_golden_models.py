"""The networks give the official code's numbers, with its recorded weights."""

import json

import numpy as np
import pytest
import torch
from numpy.lib.npyio import NpzFile
from torch import Tensor

from maskgit.conversion import read_msgpack, tokenizer_state, transformer_state
from maskgit.conversion.official import flatten, tokenizer_config, transformer_config
from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.sizes import TransformerConfig
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

OFFICIAL = SHARED / "golden" / "official"
TOLERANCE = 1e-4


@pytest.fixture(scope="module", params=["tokenizer_tiny", "tokenizer_blocks"])
def recorded_tokenizer(request: pytest.FixtureRequest) -> tuple[VQGAN, NpzFile]:
    params = read_msgpack(OFFICIAL / f"{request.param}.msgpack")
    network = VQGAN(tokenizer_config(flatten(params)))
    network.load_state_dict(tokenizer_state(params))
    return network.eval().requires_grad_(False), np.load(OFFICIAL / f"{request.param}.npz")


@pytest.fixture(scope="module")
def recorded_transformer() -> tuple[BidirectionalTransformer, NpzFile]:
    params = read_msgpack(OFFICIAL / "transformer_tiny.msgpack")
    network = BidirectionalTransformer(transformer_config(flatten(params), codebook_size=64))
    network.load_state_dict(transformer_state(params))
    return network.eval().requires_grad_(False), np.load(OFFICIAL / "transformer_tiny.npz")


def first_axis_channels(array: np.ndarray) -> Tensor:
    """(B, H, W, C) as recorded to (B, C, H, W)."""
    return torch.from_numpy(array).movedim(-1, 1).contiguous()


def assert_near(ours: Tensor, recorded: Tensor) -> None:
    torch.testing.assert_close(ours, recorded, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", ["tokenizer_tiny", "tokenizer_blocks"])
def test_tokenizer_sizes_are_read_off_the_weights(name: str) -> None:
    recorded = json.loads((OFFICIAL / f"{name}.json").read_text())
    config = tokenizer_config(flatten(read_msgpack(OFFICIAL / f"{name}.msgpack")))
    assert list(config.channel_multipliers) == recorded["channel_multipliers"]
    for field in ("filters", "num_res_blocks", "codebook_size", "embedding_dim"):
        assert getattr(config, field) == recorded[field]
    assert config.stride == recorded["downsample_factor"]


@pytest.mark.parametrize("view", ["", "rect_"])
def test_encoder_output_and_tokens(recorded_tokenizer: tuple[VQGAN, NpzFile], view: str) -> None:
    network, recorded = recorded_tokenizer
    images = first_axis_channels(recorded[f"{view}image"])
    features = network.encoder(images)
    assert_near(features, first_axis_channels(recorded[f"{view}encoder_out"]))
    assert np.array_equal(network.nearest_codes(features), recorded[f"{view}token_ids"])
    assert np.array_equal(network.encode(images), recorded[f"{view}token_ids"])


def test_quantised_features_are_codebook_rows(recorded_tokenizer: tuple[VQGAN, NpzFile]) -> None:
    network, recorded = recorded_tokenizer
    codes = network.lookup(torch.from_numpy(recorded["token_ids"]))
    assert torch.equal(codes, first_axis_channels(recorded["quantized"]))


@pytest.mark.parametrize(
    ("ids", "images"),
    [
        ("token_ids", "decoded"),
        ("token_ids", "decoded_from_ids"),
        ("random_ids", "decoded_random_ids"),
        ("rect_token_ids", "rect_decoded"),
    ],
)
def test_decoded_images(recorded_tokenizer: tuple[VQGAN, NpzFile], ids: str, images: str) -> None:
    network, recorded = recorded_tokenizer
    decoded = network.decode(torch.from_numpy(recorded[ids]))
    assert_near(decoded, first_axis_channels(recorded[images]))


def test_channels_last_weights_give_the_same_picture(
    recorded_tokenizer: tuple[VQGAN, NpzFile],
) -> None:
    network, recorded = recorded_tokenizer
    other = VQGAN(network.config).eval().requires_grad_(False)
    other.load_state_dict(network.state_dict())
    other.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    decoded = other.decode(torch.from_numpy(recorded["token_ids"]))
    assert_near(decoded, first_axis_channels(recorded["decoded"]))
    images = first_axis_channels(recorded["image"])
    assert np.array_equal(other.encode(images), recorded["token_ids"])


def test_transformer_sizes_are_read_off_the_weights(
    recorded_transformer: tuple[BidirectionalTransformer, NpzFile],
) -> None:
    recorded = json.loads((OFFICIAL / "transformer_tiny.json").read_text())
    assert recorded_transformer[0].config == TransformerConfig(
        num_layers=recorded["num_layers"],
        hidden_size=recorded["hidden_size"],
        num_heads=recorded["num_heads"],
        mlp_size=recorded["mlp_dim"],
        num_tokens=recorded["sequence_length"] - 1,
        codebook_size=recorded["codebook_size"],
        num_classes=recorded["num_classes"],
    )


def test_logits_of_the_codes(
    recorded_transformer: tuple[BidirectionalTransformer, NpzFile],
) -> None:
    network, recorded = recorded_transformer
    ids = torch.from_numpy(recorded["input_ids"])
    tokens = ids[:, 1:].masked_fill(ids[:, 1:] == -1, network.mask_id)
    labels = ids[:, 0] - network.config.codebook_size
    logits = torch.from_numpy(recorded["logits"])[:, 1:, : network.config.codebook_size]
    assert_near(network.logits(tokens, labels), logits)


def test_ids_are_laid_out_as_the_official_code_does(
    recorded_transformer: tuple[BidirectionalTransformer, NpzFile],
) -> None:
    network, recorded = recorded_transformer
    ids = torch.from_numpy(recorded["input_ids"])
    tokens = ids[:, 1:].masked_fill(ids[:, 1:] == -1, network.mask_id)
    ours = network.vocabulary_ids(tokens, ids[:, 0] - network.config.codebook_size)
    assert np.array_equal(ours, recorded["input_ids_nonnegative"])


def test_every_layer_and_every_row_of_the_vocabulary(
    recorded_transformer: tuple[BidirectionalTransformer, NpzFile],
) -> None:
    network, recorded = recorded_transformer
    ids = torch.from_numpy(recorded["input_ids_nonnegative"])
    seen: dict[str, list[Tensor]] = {"embedding": [], "attention": [], "layer": []}
    watched = [("embedding", network.embedding_norm)]
    for layer in network.layers:
        watched += [("attention", layer.get_submodule("attention_norm")), ("layer", layer)]
    hooks = [
        module.register_forward_hook(lambda _m, _i, output, kind=kind: seen[kind].append(output))
        for kind, module in watched
    ]
    hidden = network.hidden(ids)
    for hook in hooks:
        hook.remove()
    assert_near(seen["embedding"][0], torch.from_numpy(recorded["embedding_out"]))
    assert_near(torch.stack(seen["attention"]), torch.from_numpy(recorded["attention_block_out"]))
    assert_near(torch.stack(seen["layer"]), torch.from_numpy(recorded["layer_out"]))
    assert_near(hidden, torch.from_numpy(recorded["mlm_hidden"]))
    logits = network.project(hidden, network.config.vocabulary_size)
    assert_near(logits, torch.from_numpy(recorded["logits"]))
