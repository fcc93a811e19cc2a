"""Model folders survive the way out and in; damaged ones are refused with the file's name."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from maskgit.checkpoints import CheckpointError, Model, load_model, save_model
from maskgit.classes import Classes, ImageClass
from maskgit.config import ModelConfig
from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.sizes import TokenizerConfig, TransformerConfig

CONFIG = ModelConfig(
    "tiny",
    8,
    TokenizerConfig(32, (1, 2), 1, 16, 8),
    TransformerConfig(2, 32, 4, 64, 16, 16, 2, has_null_label=True),
)
CLASSES = Classes([ImageClass(0, 985, "daisy"), ImageClass(1, 1000, "rose")], null_label=2)


def networks() -> tuple[VQGAN, BidirectionalTransformer]:
    return VQGAN(CONFIG.tokenizer), BidirectionalTransformer(CONFIG.transformer)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", *networks(), CONFIG, CLASSES, "# A tiny model\n")
    return tmp_path / "model"


def assert_same_weights(
    model: Model, tokenizer: torch.nn.Module, transformer: torch.nn.Module
) -> None:
    for ours, theirs in ((model.tokenizer, tokenizer), (model.transformer, transformer)):
        saved = theirs.state_dict()
        assert ours.state_dict().keys() == saved.keys()
        assert all(torch.equal(value, saved[name]) for name, value in ours.state_dict().items())


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    originals = networks()
    save_model(tmp_path, *originals, CONFIG, CLASSES, "# Card\n")
    model = load_model(tmp_path)
    assert model.config == CONFIG
    assert model.classes.entries == CLASSES.entries
    assert model.classes.null_label == 2
    assert_same_weights(model, *originals)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "CARD.md",
        "classes.json",
        "config.json",
        "model.safetensors",
    ]


def test_a_decoder_wider_than_its_encoder_comes_back(tmp_path: Path) -> None:
    sizes = replace(CONFIG.tokenizer, decoder_multipliers=(2, 4))
    config = replace(CONFIG, tokenizer=sizes)
    originals = VQGAN(sizes), networks()[1]
    save_model(tmp_path, *originals, config, CLASSES, "# Card\n")
    model = load_model(tmp_path)
    assert model.config == config
    assert_same_weights(model, *originals)


def test_networks_come_ready_to_run(folder: Path) -> None:
    config, tokenizer, transformer, _ = load_model(folder)
    for network in (tokenizer, transformer):
        assert not network.training
        assert not any(p.requires_grad or p.is_meta for p in network.parameters())
    for parameter in tokenizer.parameters():
        if parameter.ndim == 4:
            assert parameter.is_contiguous(memory_format=torch.channels_last)
    tokens = tokenizer.encode(torch.rand(1, 3, config.image_size, config.image_size))
    assert transformer.logits(tokens.flatten(1), torch.tensor([1])).shape == (1, 16, 16)


def test_precision_is_the_callers_choice(folder: Path) -> None:
    model = load_model(folder, dtype=torch.bfloat16, tokenizer_dtype=torch.float16)
    assert {p.dtype for p in model.transformer.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.tokenizer.parameters()} == {torch.float16}


def test_half_precision_on_disk_halves_the_file_and_loads_as_float32(tmp_path: Path) -> None:
    originals = networks()
    save_model(tmp_path / "whole", *originals, CONFIG, CLASSES, "")
    save_model(tmp_path / "half", *originals, CONFIG, CLASSES, "", dtype=torch.float16)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.6 * sizes[1]
    for network in originals:
        network.half().float()
    model = load_model(tmp_path / "half")
    assert model.tokenizer.codebook.dtype == torch.float32
    assert_same_weights(model, *originals)


def test_loaded_weights_do_not_lie_in_the_file(folder: Path) -> None:
    model = load_model(folder)
    before = model.tokenizer.codebook.clone()
    with (folder / "model.safetensors").open("r+b") as file:  # in place: a mapping would see it
        size = file.seek(0, 2)
        file.seek(size // 2)
        file.write(b"\xff" * (size - size // 2))
    assert torch.equal(model.tokenizer.codebook, before)


def test_weights_may_be_spread_over_several_files(tmp_path: Path) -> None:
    originals = networks()
    save_model(tmp_path, *originals, CONFIG, CLASSES, "", shard_bytes=100_000)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert all(file.stat().st_size < 200_000 for file in tmp_path.glob("model-*.safetensors"))
    assert_same_weights(load_model(tmp_path), *originals)


def test_saving_again_leaves_nothing_of_the_old_model(tmp_path: Path) -> None:
    save_model(tmp_path, *networks(), CONFIG, CLASSES, "", shard_bytes=100_000)
    whole = networks()
    save_model(tmp_path, *whole, CONFIG, CLASSES, "")
    assert len(list(tmp_path.iterdir())) == 4
    assert_same_weights(load_model(tmp_path), *whole)
    spread = networks()
    save_model(tmp_path, *spread, CONFIG, CLASSES, "", shard_bytes=100_000)
    assert not (tmp_path / "model.safetensors").exists()
    assert_same_weights(load_model(tmp_path), *spread)


def test_whoever_may_read_one_file_may_read_the_weights(folder: Path) -> None:
    modes = {file.stat().st_mode for file in folder.iterdir()}
    assert len(modes) == 1


def test_a_model_needs_no_card_to_run(folder: Path) -> None:
    (folder / "CARD.md").unlink()
    load_model(folder)


def test_what_does_not_belong_together_is_not_saved(tmp_path: Path) -> None:
    tokenizer, transformer = networks()
    small = Classes([ImageClass(0, 985, "daisy")])
    with pytest.raises(ValueError, match="expected 2 classes, one for each label, found 1"):
        save_model(tmp_path, tokenizer, transformer, CONFIG, small, "")
    with pytest.raises(ValueError, match=r"not of the configured sizes: .*tokenizer"):
        save_model(tmp_path, transformer, transformer, CONFIG, CLASSES, "")
    torch.nn.init.constant_(transformer.output_bias, torch.nan)
    with pytest.raises(ValueError, match=r"NaN or infinity are not saved: .*output_bias"):
        save_model(tmp_path, tokenizer, transformer, CONFIG, CLASSES, "")
    assert not list(tmp_path.iterdir())


def change_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


def write(name: str, content: str | bytes) -> Callable[[Path], object]:
    raw = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(raw)


def change_config(old: str, new: str) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        text = (folder / "config.json").read_text()
        assert old in text
        (folder / "config.json").write_text(text.replace(old, new))

    return damage


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


CODEBOOK = "tokenizer.codebook"
HEADER_BOMB = struct.pack("<Q", 2**62) + b"{}"
OVERLAPPING = json.dumps(
    {
        "a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        "b": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
    }
).encode()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").unlink(), r"config\.json: .*found No such file"),
        (lambda f: (f / "classes.json").unlink(), r"classes\.json: .*found No such file"),
        (lambda f: (f / "model.safetensors").unlink(), r"model\.safetensors: expected safetensors"),
        (write("config.json", "{"), r"config\.json: not a model configuration: Expecting"),
        (write("config.json", b"\xff\xfe"), r"config\.json: not a model configuration: 'utf-8'"),
        (write("config.json", "[" * 100_000), r"config\.json: "),
        (change_config('"image_size"', '"size"'), r"config\.json: .*no field \['size'\]"),
        (change_config('"vqgan"', '"other"'), "architecture must be one of .*, got 'other'"),
        (change_config('"num_layers": 2', '"num_layers": 1000000000'), "found only .* tensors"),
        (change_config('"mlp_size": 64', f'"mlp_size": {2**62}'), "sizes that can be built"),
        (change_config('"mlp_size": 64', f'"mlp_size": {10**30}'), "sizes that can be built"),
        (change_config('"mlp_size": 64', '"mlp_size": 65'), r"mlp_in\.weight expected \(65, 32\)"),
        (change_config('"num_layers": 2', '"num_layers": 3'), r"missing transformer\.layers\.2"),
        (write("classes.json", "[]"), r"classes\.json: .*expected 2 classes.*found 0"),
        (write("classes.json", "[3]"), r"classes\.json: .*JSON object"),
        (write("model.safetensors", ""), r"model\.safetensors: expected safetensors weights"),
        (write("model.safetensors", HEADER_BOMB), r"model\.safetensors: expected safetensors"),
        (write("model.safetensors", b"\x80\x04K\x01."), r"model\.safetensors: expected"),
        (
            write(
                "model.safetensors", struct.pack("<Q", len(OVERLAPPING)) + OVERLAPPING + b"0" * 16
            ),
            r"model\.safetensors: expected safetensors weights",
        ),
        (cut, r"model\.safetensors: expected safetensors weights"),
        (change_weights(lambda t: t.pop(CODEBOOK)), r"missing tokenizer\.codebook \(16, 8\)"),
        (change_weights(lambda t: t.update(x=torch.ones(1))), r"left over x \(1,\)"),
        (
            change_weights(lambda t: t.update({CODEBOOK: torch.ones(16, 9)})),
            r"tokenizer\.codebook expected \(16, 8\), found \(16, 9\)",
        ),
        (
            change_weights(lambda t: t.update({CODEBOOK: torch.ones(16, 8).int()})),
            r"model\.safetensors: tokenizer\.codebook: expected dtype F32, F16, BF16, found I32",
        ),
        (
            change_weights(lambda t: t[CODEBOOK][3].fill_(torch.nan)),
            r"model\.safetensors: tokenizer\.codebook: expected .* finite .* NaN or infinity",
        ),
        (
            change_weights(lambda t: t[CODEBOOK][3, 3:5].copy_(torch.tensor([1e999, -1e999]))),
            "found NaN or infinity",
        ),
    ],
)
def test_a_damaged_folder_is_refused(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        load_model(folder)


@pytest.mark.parametrize("part", ["decode", "edit"])
def test_defaults_that_cannot_be_decoded_by_are_refused(folder: Path, part: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    config[part] = {"steps": 0}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json: .*steps must be 1 to 1024"):
        load_model(folder)


def test_a_precision_that_cannot_be_loaded_is_not_written(folder: Path) -> None:
    model, before = load_model(folder), (folder / "model.safetensors").read_bytes()
    parts = model.tokenizer, model.transformer, model.config, model.classes
    with pytest.raises(ValueError, match="dtype must be float32"):
        save_model(folder, *parts, "#", dtype=torch.int8)
    assert (folder / "model.safetensors").read_bytes() == before


def test_large_but_finite_weights_are_accepted_where_they_fit(folder: Path) -> None:
    change_weights(lambda t: t[CODEBOOK].fill_(3e38))(folder)
    load_model(folder)
    with pytest.raises(CheckpointError, match=r"finite in torch\.float16"):
        load_model(folder, dtype=torch.float16)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{}", "expected a weight_map"),
        ("[]", "expected a weight_map"),
        ('{"weight_map": [1]}', "expected a weight_map"),
        ('{"weight_map": {"a": "../model.safetensors"}}', r"found '\.\./model\.safetensors'"),
        ('{"weight_map": {"a": "model.bin"}}', r"found 'model\.bin'"),
        ('{"weight_map": {"a": "part.safetensors"}}', r"does not match its files: missing a"),
        ('{"weight_map": {"a": "gone.safetensors"}}', r"gone\.safetensors: expected"),
    ],
)
def test_a_wrong_index_is_refused(folder: Path, index: str, message: str) -> None:
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match=message):
        load_model(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere: expected a model folder"):
        load_model(tmp_path / "nowhere")
