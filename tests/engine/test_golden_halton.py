"""The Halton-MaskGIT transformer gives the numbers of its authors' code, with recorded weights."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit.checkpoints import CheckpointError
from maskgit.conversion.files import read_state
from maskgit.conversion.halton import recognises, transformer_from_state
from maskgit.models import AdaLNTransformer, TokenPredictor
from maskgit.sizes import AdaLNConfig
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

GOLDEN = SHARED / "golden" / "halton"
TOLERANCE = 1e-4


def read(name: str) -> AdaLNTransformer:
    return transformer_from_state(read_state(GOLDEN / name))[1]


@pytest.fixture(scope="module", params=["tiny_even", "tiny_uneven"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def network(name: str) -> AdaLNTransformer:
    return read(f"{name}.pth")


@pytest.fixture(scope="module")
def recorded(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / f"{name}_forward.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def inputs(network: AdaLNTransformer, recorded: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    labels = recorded["labels"].masked_fill(recorded["drop_label"], network.null_label)
    return recorded["tokens"].flatten(1), labels


def assert_near(ours: Tensor, recorded: Tensor) -> None:
    torch.testing.assert_close(ours, recorded, atol=TOLERANCE, rtol=0)


def test_sizes_are_read_off_the_weights(name: str, network: AdaLNTransformer) -> None:
    sizes = json.loads((GOLDEN / f"{name}.json").read_text())
    assert network.config == AdaLNConfig(
        num_layers=sizes["depth"],
        hidden_size=sizes["hidden_dim"],
        num_heads=sizes["heads"],
        mlp_size=256,
        num_tokens=sizes["input_size"] ** 2,
        codebook_size=sizes["codebook_size"],
        num_classes=sizes["nb_class"],
        num_registers=sizes["register"],
    )
    assert isinstance(network, TokenPredictor)
    assert (network.mask_id, network.null_label) == (sizes["codebook_size"], sizes["nb_class"])


def test_heads_need_not_divide_the_width() -> None:
    assert read("tiny_uneven.pth").config.attention_size == 30
    assert AdaLNConfig(12, 512, 6, 1536).attention_size == 510


def test_logits_of_the_codes(network: AdaLNTransformer, recorded: dict[str, Tensor]) -> None:
    assert recorded["drop_label"].any()
    logits = network.logits(*inputs(network, recorded))
    assert_near(logits, recorded["logits"][..., : network.mask_id])


def test_every_layer_and_the_mask_s_row(
    network: AdaLNTransformer, recorded: dict[str, Tensor]
) -> None:
    seen: dict[str, Tensor] = {}
    first = network.layers[0]
    parts = {"attn_out": first.get_submodule("attention"), "ff_out": first.get_submodule("mlp")}
    watched = {f"act_block0_{key}": module for key, module in parts.items()}
    watched |= {f"act_block{i}_out": layer for i, layer in enumerate(network.layers)}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, key=key: seen.update({key: out}))
        for key, module in watched.items()
    ]
    hooks.append(
        first.register_forward_pre_hook(lambda _m, args: seen.update(act_block0_in=args[0]))
    )
    hidden = network.hidden(*inputs(network, recorded))
    for hook in hooks:
        hook.remove()
    seen["act_last_norm_out"] = hidden
    assert seen.keys() == {key for key in recorded if key.startswith("act_")}
    for key, activation in seen.items():
        assert_near(activation[:2], recorded[key])  # of two pictures only
    assert_near(network.project(hidden, network.mask_id + 1), recorded["logits"])


def test_bfloat16_weights_give_float32_logits_nearby(
    name: str, network: AdaLNTransformer, recorded: dict[str, Tensor]
) -> None:
    exact = network.logits(*inputs(network, recorded))
    rounded = read(f"{name}.pth").bfloat16().logits(*inputs(network, recorded))
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().mean() < 0.05 * exact.std()


def test_a_row_does_not_depend_on_its_neighbours(
    network: AdaLNTransformer, recorded: dict[str, Tensor]
) -> None:
    tokens, labels = inputs(network, recorded)
    alone = network.logits(tokens[2:3], labels[2:3])
    assert_near(network.logits(tokens, labels)[2:3], alone)


def test_a_grid_of_another_size_is_refused(network: AdaLNTransformer) -> None:
    with pytest.raises(ValueError, match="grid has 35 tokens, the model expects"):
        network.logits(torch.zeros(1, 35, dtype=torch.long), torch.tensor([0]))


# --- files ---


def test_optimiser_state_prefixes_and_safetensors_change_nothing(tmp_path: Path) -> None:
    plain = read("tiny_even.pth").state_dict()
    content = torch.load(GOLDEN / "tiny_uneven.pth", weights_only=True)
    assert content["optimizer_state_dict"] is not None
    content["model_state_dict"] = {
        f"module._orig_mod.{key}": tensor
        for key, tensor in read_state(GOLDEN / "tiny_even.pth").items()
    }
    torch.save(content, tmp_path / "wrapped")
    for other in (tmp_path / "wrapped", GOLDEN / "tiny_even.safetensors"):
        state = transformer_from_state(read_state(other))[1].state_dict()
        assert all(torch.equal(state[key], tensor) for key, tensor in plain.items())


def test_tied_weights_are_stored_once_and_may_be_named_once() -> None:
    state = read_state(GOLDEN / "tiny_even.pth")
    rows = [tuple(t.shape) for t in transformer_from_state(state)[1].parameters()]
    assert rows.count((65, 48)) == 1
    del state["head.weight"]
    assert transformer_from_state(state)[0].codebook_size == 64


def test_it_is_recognised_by_its_keys() -> None:
    assert recognises(read_state(GOLDEN / "tiny_even.pth"))
    assert not recognises({"tok_emb.weight": torch.ones(1)})


def test_a_width_nobody_published_gets_a_warning_and_may_be_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = read_state(GOLDEN / "tiny_even.pth")
    assert transformer_from_state(state)[0].num_heads == 6
    assert "no published Halton-MaskGIT is 48 wide; taken to have 6 heads" in caplog.text
    caplog.clear()
    assert transformer_from_state(state, num_heads=4)[0].num_heads == 4
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda s: s.pop("transformer.layers.1.ff.w3.weight"),
            r"missing transformer\.layers\.1\.ff\.w3\.weight \(256, 48\)",
        ),
        (lambda s: s.update(extra=torch.ones(2)), r"left over extra \(2,\)"),
        (
            lambda s: s.update({"transformer.layers.0.attn.wk.weight": torch.ones(47, 48)}),
            r"attn\.wk\.weight expected \(48, 48\), found \(47, 48\)",
        ),
        (lambda s: s.pop("reg_tokens.weight"), r"missing reg_tokens\.weight"),
        (lambda s: s.update({"head.weight": torch.ones(65, 48)}), "found others"),
        (lambda s: s["cls_emb.weight"].fill_(torch.nan), r"cls_emb\.weight: expected finite"),
        (lambda s: s.update({"head.bias": torch.ones(65).int()}), "head.bias: expected floats"),
        (
            lambda s: s.update({"cls_emb.weight": torch.ones(1, 48)}),
            "num_classes must be a positive",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(
    damage: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = read_state(GOLDEN / "tiny_even.pth")
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        transformer_from_state(state)


def test_another_codebook_or_number_of_heads_than_the_file_has_is_refused() -> None:
    state = read_state(GOLDEN / "tiny_even.pth")
    with pytest.raises(
        CheckpointError, match="expected 129 rows, the codes and the mask, found 65"
    ):
        transformer_from_state(state, codebook_size=128)
    with pytest.raises(CheckpointError, match=r"wq\.weight expected \(45, 48\), found \(48, 48\)"):
        transformer_from_state(state, num_heads=5)
