"""Fine-tuning begins at the model: its loss, its pictures, the classes that the data share."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import maskgit
from maskgit import cli
from maskgit.checkpoints import load_model
from maskgit.classes import Classes, ImageClass
from maskgit.models import LlamaGenVQ, build_transformer
from maskgit.sizes import (
    AdaLNConfig,
    AnyTransformerConfig,
    HourglassConfig,
    LlamaGenConfig,
    TransformerConfig,
    UViTConfig,
)
from maskgit.training import fine_tuning, recipes
from maskgit.training.commands import write_model
from maskgit.training.data import load_images
from maskgit.training.run import Run
from maskgit.training.tokenizer import psnr, reconstruct_set, train_tokenizer
from maskgit.training.tokens import Views, tokenize
from maskgit.training.transformer import evaluate, train_transformer
from tests.datasets import write_class_folders

KNOWN = Classes([ImageClass(i, 1000 + i, name, ()) for i, name in enumerate(("a", "b", "c"))])
WANTED = Classes([ImageClass(i, 1000 + i, name, ()) for i, name in enumerate(("c", "new"))])
SIZES: list[AnyTransformerConfig] = [
    TransformerConfig(1, 32, 2, 64, 16, 64, 3, True, 0.0),
    UViTConfig(1, 32, 2, 64, 16, 64, 3),
    AdaLNConfig(1, 32, 2, 64, 16, 64, 3),
    HourglassConfig(1, 32, 2, 1, 32, 16, 64, 3),
]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights that a person might bring along."""
    recipe, folder = recipes.tiny(), tmp_path_factory.mktemp("models") / "brought"
    torch.manual_seed(3)
    tokenizer = maskgit.models.VQGAN(recipe.tokenizer.model)
    tokenizer.codebook.data.normal_()
    transformer = build_transformer(recipe.transformer(3).model)
    write_model(folder, tokenizer, transformer, load_images(data, "train", (), 32), recipe)
    return folder


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: sizes.architecture)
def test_a_class_the_model_knows_keeps_its_meaning_and_a_new_one_is_their_mean(
    sizes: AnyTransformerConfig,
) -> None:
    network = build_transformer(sizes).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    adapted = fine_tuning.with_classes(network, KNOWN, WANTED).eval()
    assert adapted.num_classes == 2
    tokens = torch.randint(65, (1, 16))
    for before, after in ((2, 0), (sizes.null_label, adapted.null_label)):
        expected = network.logits(tokens, torch.tensor([before]))
        torch.testing.assert_close(adapted.logits(tokens, torch.tensor([after])), expected)
    names, first = fine_tuning._class_rows(sizes)
    mean = network.state_dict()[names[0]][first : first + 3].mean(0)
    torch.testing.assert_close(adapted.state_dict()[names[0]][first + 1], mean)


def test_the_transformer_begins_at_the_models_loss(data: Path, model: Path, tmp_path: Path) -> None:
    train, val = (load_images(data, split, (), 32) for split in ("train", "val"))
    brought = load_model(model)
    tokens = tokenize(brought.tokenizer, val, Views(1, 1.0, 0))
    expected = evaluate(brought.transformer, tokens, 0)
    stage = fine_tuning.transformer_recipe(recipes.tiny().transformer(3), brought, 3)
    stage = replace(stage, schedule=replace(stage.schedule, learning_rate=0.0))
    run = Run(tmp_path, 1, compile=False)
    network = train_transformer(stage, brought.tokenizer, train, val, run, brought.transformer)
    for name, weight in brought.transformer.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], weight)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert expected.items() <= lines[-1].items()


def test_the_tokenizer_begins_at_the_models_pictures(
    data: Path, model: Path, tmp_path: Path
) -> None:
    train, val = (load_images(data, split, (), 32) for split in ("train", "val"))
    brought = load_model(model)
    assert isinstance(brought.tokenizer, maskgit.models.VQGAN)
    stage = fine_tuning.tokenizer_recipe(recipes.tiny().tokenizer, brought)
    stage = replace(stage, schedule=replace(stage.schedule, learning_rate=0.0))
    run = Run(tmp_path, 1, compile=False)
    train_tokenizer(stage, train, val, run, start=brought.tokenizer)
    expected = psnr(val.pictures, reconstruct_set(brought.tokenizer, val.pictures)[0])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["val_psnr"] == pytest.approx(expected, abs=2e-3)


def test_a_decoder_that_learned_comes_into_the_model_and_all_else_stays_bit_for_bit(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = recipes.tiny()
    stage = replace(tiny.tokenizer, decoder_only_from=0, adversarial_start=-1)
    monkeypatch.setitem(recipes.RECIPES, "decoder", lambda: replace(tiny, tokenizer=stage))
    common = ["--from", str(model), "--data", str(data), "--steps", "2"]
    out = tmp_path / "better"
    line = ["train", "tokenizer", *common, "--run", str(tmp_path / "run"), "--out", str(out)]
    assert cli.main([*line, "--recipe", "decoder"]) == 0
    before, after = load_model(model), load_model(out)
    for network in ("tokenizer", "transformer"):
        old, new = (getattr(each, network).state_dict() for each in (before, after))
        changed = {name for name in old if not torch.equal(old[name], new[name])}
        assert all(name.startswith("decoder.") for name in changed)
        assert bool(changed) == (network == "tokenizer")
    assert after.config == replace(before.config, name="better")


@pytest.mark.parametrize("begun", [True, False], ids=["codes move", "no predictor"])
def test_a_model_folder_that_stage_1_cannot_write_is_refused_before_it_learns(
    data: Path, model: Path, tmp_path: Path, begun: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", "tokenizer", "--data", str(data), "--run", str(tmp_path / "run")]
    line += ["--out", str(tmp_path / "out"), *(["--from", str(model)] if begun else [])]
    line += ["--recipe", "tiny" if begun else "sharper"]
    assert cli.main(line) == 1
    assert "--out of stage 1 writes the model of --from" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_of_another_architecture_is_refused(model: Path) -> None:
    other = LlamaGenVQ(LlamaGenConfig(32, (1,), 1, 8, 8, 4))
    with pytest.raises(ValueError, match="stage 1 trains the official VQGAN"):
        fine_tuning.tokenizer_recipe(
            recipes.tiny().tokenizer, load_model(model)._replace(tokenizer=other)
        )


def test_both_stages_go_on_from_a_model_in_the_shell(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["--from", str(model), "--recipe", "tiny", "--data", str(data), "--steps", "1"]
    assert cli.main(["train", "tokenizer", *common, "--run", "one"]) == 0
    second = ["--run", "two", "--no-compile", "--out", "model"]
    assert cli.main(["train", "transformer", *common, *second, "--tokenizer-run", "one"]) == 0
    found = maskgit.load("model", "cpu", "float32").generate("red").pictures
    assert found.dtype == np.uint8
