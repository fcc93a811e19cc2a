"""The official weights, as other PyTorch code stores them, give the recorded numbers."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit.checkpoints import CheckpointError
from maskgit.conversion import maskgit_torch, vqgan_torch
from maskgit.models import VQGAN
from maskgit.sizes import TokenizerConfig, TransformerConfig
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

GOLDEN = SHARED / "golden"
PORT = GOLDEN / "maskgit_torch_port"
SIZES = TokenizerConfig(32, (1, 1, 1, 1, 2), 2, 64, 24)
K, HEADS = 40, 4


def recorded_vqgan() -> dict[str, Tensor]:
    return torch.load(GOLDEN / "maskgit_vqgan_pt" / "tiny.bin", weights_only=True)


def recorded_transformer() -> dict[str, Tensor]:
    return torch.load(PORT / "tiny_transformer.ckpt", weights_only=True)["state_dict"]


def published(file: str, name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / file).read_text())[name]["keys"]


def names_in(layout: str) -> Callable[[str], str]:
    """Give the rule from open-muse's names to those of another layout; as published, not ours."""
    if layout == "maskbit":  # levels are counted alike; only the blocks are one folder deeper
        return lambda name: name.replace(".block.", ".res_blocks.").replace(
            ".mid.", ".mid.res_blocks."
        )
    keys = {
        "mage": ("muse_uvit/published_state_dicts.json", "vqgan_jax_strongaug.ckpt"),
        "maskgit-torch": (
            "maskgit_torch_port/published_state_dicts.json",
            "tokenizer_imagenet{256,512}.ckpt",
        ),
    }
    if layout not in keys:
        return lambda name: name
    theirs = {entry["open_muse_key"]: name for name, entry in published(*keys[layout]).items()}
    return theirs.__getitem__


def in_layout(layout: str) -> dict[str, Tensor]:
    rename = names_in(layout)
    return {rename(name): tensor for name, tensor in recorded_vqgan().items()}


@pytest.fixture(scope="module", params=list(vqgan_torch.LAYOUTS))
def vqgan(request: pytest.FixtureRequest) -> VQGAN:
    state = in_layout(request.param)
    assert vqgan_torch.recognises(state)
    config, network = vqgan_torch.tokenizer_from_state(state)
    assert config == network.config == SIZES
    return network


@pytest.mark.parametrize("case", ["0", "1"])
def test_every_layout_gives_the_recorded_pictures(vqgan: VQGAN, case: str) -> None:
    names = ("image", "z", "ids", "recon", "random_ids", "random_decoded")
    with np.load(GOLDEN / "maskgit_vqgan_pt" / "tiny_io.npz") as recorded:
        image, z, ids, recon, random_ids, decoded = (
            torch.from_numpy(recorded[f"{case}_{name}"]) for name in names
        )
    torch.testing.assert_close(vqgan.encoder(image), z, atol=1e-4, rtol=0)
    assert torch.equal(vqgan.encode(image), ids.long())
    torch.testing.assert_close(vqgan.decode(ids.long()), recon, atol=1e-4, rtol=0)
    torch.testing.assert_close(vqgan.decode(random_ids.long()), decoded, atol=1e-4, rtol=0)


def test_the_weights_are_shared_not_copied() -> None:
    state = recorded_vqgan()
    _, network = vqgan_torch.tokenizer_from_state(state)
    assert network.codebook.data_ptr() == state["quantize.embedding.weight"].data_ptr()
    assert not any(p.requires_grad for p in network.parameters())


def test_sizes_of_the_ported_transformer_are_read_off_the_weights() -> None:
    config, _ = maskgit_torch.transformer_from_state(recorded_transformer(), K, HEADS)
    assert config == TransformerConfig(3, 32, HEADS, 80, 16, K, 9)


def test_the_ported_transformer_runs_with_the_official_gelu() -> None:
    _, network = maskgit_torch.transformer_from_state(recorded_transformer(), K, HEADS)
    with np.load(PORT / "tiny_transformer_forward.npz") as recorded:
        sequence = torch.from_numpy(recorded["sequence"]).long()
        official, port = (
            torch.from_numpy(recorded[f"logits_{kind}_gelu"])[:, 1:, :K] for kind in ("tanh", "erf")
        )
    mask = K + network.num_classes
    tokens = sequence[:, 1:].masked_fill(sequence[:, 1:] == mask, network.mask_id)
    logits = network.logits(tokens, sequence[:, 0] - K)
    torch.testing.assert_close(logits, official, atol=1e-4, rtol=0)
    assert (logits - port).abs().max() > 1e-3


@pytest.mark.parametrize("layout", list(vqgan_torch.LAYOUTS))
def test_the_parts_are_told_apart_by_their_keys(layout: str) -> None:
    assert not maskgit_torch.recognises(in_layout(layout))
    assert maskgit_torch.recognises(recorded_transformer())
    assert not vqgan_torch.recognises(recorded_transformer())


def test_the_look_up_free_tokenizer_of_maskbit_is_none_of_them() -> None:
    state = torch.load(GOLDEN / "maskbit" / "tiny_tokenizer.bin", weights_only=True)
    assert not vqgan_torch.recognises(state)
    with pytest.raises(CheckpointError, match="not an official VQGAN in any layout of open-muse"):
        vqgan_torch.tokenizer_from_state(state)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("encoder.conv_out.bias"), r"missing encoder\.conv_out\.bias \(24,\)"),
        (lambda s: s.pop("encoder.conv_in.weight"), r"missing encoder\.conv_in\.weight"),
        (lambda s: s.pop("decoder.up.3.upsample_conv.bias"), r"missing decoder\.up\.3\.upsample"),
        (lambda s: s.update(loss=torch.ones(1)), r"left over loss \(1,\)"),
        (lambda s: s.update({"encoder.norm_out.bias": torch.ones(3)}), r"norm_out\.bias expected"),
        (lambda s: s.update({"encoder.conv_in.weight": torch.ones(3)}), "expected 4 axes"),
        (
            lambda s: s.update({"encoder.conv_in.weight": torch.ones(48, 3, 3, 3)}),
            r"level widths \[32, 32, 32, 32, 64\] are not multiples of 48 filters",
        ),
        (lambda s: s["decoder.norm_out.weight"].fill_(torch.inf), "expected finite numbers"),
    ],
)
def test_a_tokenizer_that_does_not_fit_is_refused_by_name(
    damage: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = recorded_vqgan()
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        vqgan_torch.tokenizer_from_state(state)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("bias"), r"missing bias \(50,\)"),
        (lambda s: s.pop("pos_emb"), "missing pos_emb"),
        (lambda s: s.pop("blocks.2.MLP.0.bias"), r"missing blocks\.2\.MLP\.0\.bias \(80,\)"),
        (lambda s: s.update(epoch=torch.ones(())), r"left over epoch \(\)"),
    ],
)
def test_a_transformer_that_does_not_fit_is_refused_by_name(
    damage: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = recorded_transformer()
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        maskgit_torch.transformer_from_state(state, K, HEADS)


def test_more_codes_than_the_vocabulary_has_words_are_refused() -> None:
    with pytest.raises(CheckpointError, match="over 1024 codes: num_classes must be"):
        maskgit_torch.transformer_from_state(recorded_transformer(), num_heads=HEADS)
