"""Both stages end to end on a CPU: they learn, they survive being killed, their model loads."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

import maskgit
from maskgit import cli
from maskgit.evaluation.classifier import ClassifierRecipe
from maskgit.images import open_picture
from maskgit.models import VQGAN, AnyTransformer
from maskgit.sizes import HourglassConfig
from maskgit.training import commands, recipes
from maskgit.training.commands import write_model
from maskgit.training.data import ImageSet, load_images
from maskgit.training.run import Run
from maskgit.training.tokenizer import train_tokenizer
from maskgit.training.transformer import train_transformer
from tests.datasets import COLOURS, write_class_folders

STEPS = 10
STAGE_1 = replace(  # everything that may begin in the middle does so
    recipes.tiny().tokenizer,
    schedule=replace(recipes.tiny().tokenizer.schedule, steps=STEPS),
    quantize_start=2,
    adversarial_start=4,
    revive_every=4,
    decoder_only_from=8,
)
STAGE_2 = replace(  # the other network and optimiser that a recipe may choose
    recipes.tiny().transformer(3),
    model=HourglassConfig(2, 32, 2, 1, 32, 16, 64, 3),
    use_muon=hasattr(torch.optim, "Muon"),
)


class KilledRun(Run):
    """Dies in its seventh step, after the checkpoint of the fifth."""

    def record(self, bar: Any, pictures: int, **figures: Any) -> None:
        if self.step == 6:
            raise KeyboardInterrupt
        super().record(bar, pictures, **figures)


class Data(NamedTuple):
    """Training and validation pictures."""

    train: ImageSet
    val: ImageSet


class Trained(NamedTuple):
    """A small model that was trained, and the runs that did it."""

    tokenizer: VQGAN
    transformer: AnyTransformer
    runs: Path


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu() -> Iterator[None]:
    """Weights are compared bit for bit, which a GPU does not promise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_CPU", "true")
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def data(folders: Path) -> Data:
    return Data(*(load_images(folders, split, (), 32) for split in ("train", "val")))


@pytest.fixture(scope="module")
def trained(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    runs, recipe = tmp_path_factory.mktemp("runs"), recipes.tiny()
    tokenizer = train_tokenizer(recipe.tokenizer, *data, quick_run(runs / "1", 40))
    transformer = train_transformer(
        recipe.transformer(3), tokenizer, *data, quick_run(runs / "2", 40)
    )
    return Trained(tokenizer, transformer, runs)


def quick_run(folder: Path, steps: int, save_every: int = 20) -> Run:
    return Run(folder, steps, log_every=5, save_every=save_every, compile=False)


def log(folder: Path, figure: str) -> list[float]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [line[figure] for line in map(json.loads, lines) if figure in line]


def assert_same_weights(ours: nn.Module, theirs: nn.Module) -> None:
    expected = theirs.state_dict()
    for name, value in ours.state_dict().items():
        assert torch.equal(value, expected[name]), name


def train(stage: int, data: Data, tokenizer: VQGAN, run: Run) -> nn.Module:
    if stage == 1:
        return train_tokenizer(STAGE_1, *data, run)
    return train_transformer(STAGE_2, tokenizer, *data, run)


def test_both_stages_learn(trained: Trained) -> None:
    for folder, figure in (("1", "pixel"), ("2", "loss")):
        values = log(trained.runs / folder, figure)
        assert len(values) == 8
        assert np.mean(values[-2:]) < np.mean(values[:2])
    assert len(log(trained.runs / "1", "val_psnr")) == 2
    nll = log(trained.runs / "2", "val_nll_100")
    assert nll[-1] < nll[0] < math.log(64) + 0.1


def test_what_is_trained_comes_back_ready_to_use(trained: Trained) -> None:
    for network in (trained.tokenizer, trained.transformer):
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())
        assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_samples_are_written_at_every_checkpoint(trained: Trained, data: Data) -> None:
    sheets = sorted((trained.runs / "1" / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["00000020.png", "00000040.png"]
    sheet = open_picture(sheets[-1].read_bytes())
    assert sheet.shape == (64, 32 * len(data.val), 3)
    np.testing.assert_array_equal(sheet[:32, :32], data.val.pictures[0])


def test_stage_2_draws_what_it_can_generate_at_every_checkpoint(trained: Trained) -> None:
    sheets = sorted((trained.runs / "2" / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["00000020.png", "00000040.png"]
    assert open_picture(sheets[-1].read_bytes()).shape == (64, 32 * 8, 3)


def test_the_model_folder_loads_and_generates(trained: Trained, data: Data, tmp_path: Path) -> None:
    folder = tmp_path / "colours"
    write_model(folder, *trained[:2], data.train, recipes.tiny())
    engine = maskgit.load(folder, "cpu", "float32")
    assert engine.config.name == "colours"
    assert [entry.name for entry in engine.classes] == sorted(COLOURS)
    assert engine.generate("red", count=2).pictures.shape == (2, 32, 32, 3)
    assert engine.generate(guidance_scale=2.0).traces[0][-1].finished
    (folder / "CARD.md").write_text("written by hand")
    write_model(folder, *trained[:2], data.train, recipes.tiny())
    assert (folder / "CARD.md").read_text() == "written by hand"


@pytest.mark.parametrize("stage", [1, 2])
def test_a_run_that_was_killed_ends_like_one_that_was_not(
    trained: Trained, data: Data, tmp_path: Path, stage: int
) -> None:
    whole = train(stage, data, trained.tokenizer, quick_run(tmp_path / "whole", STEPS, 5))

    folder = tmp_path / "killed"
    killed = KilledRun(folder, STEPS, log_every=5, save_every=5, compile=False)
    with pytest.raises(KeyboardInterrupt):
        train(stage, data, trained.tokenizer, killed)
    assert [path.name for path in killed.checkpoints()] == ["step-00000005"]
    half_written = folder / "checkpoints" / "unfinished-step-00000007"
    half_written.mkdir()
    (half_written / "model.safetensors").write_bytes(b"cut sho")

    again = quick_run(folder, STEPS, 5)
    assert_same_weights(train(stage, data, trained.tokenizer, again), whole)
    assert again.step == STEPS


def test_a_run_that_was_ended_early_goes_on(trained: Trained, data: Data, tmp_path: Path) -> None:
    whole = train(1, data, trained.tokenizer, quick_run(tmp_path / "whole", STEPS, 5))
    train(1, data, trained.tokenizer, quick_run(tmp_path / "parts", 5, 5))
    parts = train(1, data, trained.tokenizer, quick_run(tmp_path / "parts", STEPS, 5))
    assert_same_weights(parts, whole)


def test_a_finished_run_gives_its_weights_without_a_step(
    trained: Trained, data: Data, tmp_path: Path
) -> None:
    shutil.copytree(trained.runs, tmp_path / "runs")
    before = log(tmp_path / "runs" / "1", "step")
    again = train_tokenizer(recipes.tiny().tokenizer, *data, quick_run(tmp_path / "runs/1", 0))
    assert_same_weights(again, trained.tokenizer)
    assert log(tmp_path / "runs" / "1", "step") == before


def test_a_checkpoint_of_other_sizes_is_refused(
    trained: Trained, data: Data, tmp_path: Path
) -> None:
    shutil.copytree(trained.runs / "2", tmp_path / "run")
    wider = replace(STAGE_2, model=replace(STAGE_2.model, hidden_size=64))
    with pytest.raises(ValueError, match="step-00000040 does not fit this recipe"):
        train_transformer(wider, trained.tokenizer, *data, quick_run(tmp_path / "run", 50))


def test_a_damaged_checkpoint_is_left_out_for_the_one_before(
    trained: Trained, data: Data, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(1, data, trained.tokenizer, quick_run(tmp_path / "whole", STEPS, 5))
    train(1, data, trained.tokenizer, quick_run(tmp_path / "run", 10, 5))
    older, newest = quick_run(tmp_path / "run", 10).checkpoints()
    for file in newest.iterdir():  # whichever is read first
        file.write_bytes(file.read_bytes()[:20])
    again = quick_run(tmp_path / "run", STEPS, 5)
    assert_same_weights(train(1, data, trained.tokenizer, again), whole)
    assert f"{newest} is damaged and left out" in caplog.text
    assert older.name == "step-00000005"


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(
    trained: Trained, data: Data, tmp_path: Path
) -> None:
    shutil.copytree(trained.runs / "1", tmp_path / "run")
    for file in (tmp_path / "run" / "checkpoints").rglob("*.safetensors"):
        file.write_bytes(b"cut sho")
    with pytest.raises(ValueError, match=r"no checkpoint in .*run can be read"):
        train(1, data, trained.tokenizer, quick_run(tmp_path / "run", STEPS))


def test_what_stands_in_the_way_of_the_result_shows_before_training(
    trained: Trained, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").write_text("a file")
    line = ["train", "transformer", "--recipe", "tiny", "--data", str(folders), "--steps", "3"]
    places = ["--run", str(tmp_path / "two"), "--tokenizer-run", str(trained.runs / "1")]
    assert cli.main([*line, *places, "--out", str(tmp_path / "model")]) == 1
    assert "File exists" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()


def test_both_stages_run_from_the_shell(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["--recipe", "tiny", "--data", str(folders), "--no-compile", "--steps", "3"]
    assert cli.main(["train", "tokenizer", *common, "--run", "one"]) == 0
    second = ["--run", "two", "--tokenizer-run", "one", "--out", "model"]
    assert cli.main(["train", "transformer", *common, *second]) == 0
    assert maskgit.load("model", "cpu", "float32").generate("red").traces[0][-1].finished


def test_the_perceptual_network_is_trained_where_there_is_none(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = recipes.tiny()
    recipe = replace(plain, tokenizer=replace(plain.tokenizer, perceptual_weight=0.1))
    monkeypatch.setattr(recipes, "find", lambda _: recipe)
    quick = replace(plain.tokenizer.schedule, steps=1)
    monkeypatch.setattr(commands, "ClassifierRecipe", partial(ClassifierRecipe, quick))
    monkeypatch.setattr(commands, "has_lpips", lambda: False)
    run = tmp_path / "one"
    arguments = ["--data", str(folders), "--run", str(run), "--steps", "1"]
    assert cli.main(["train", "tokenizer", *arguments]) == 0
    first = json.loads((run / "log.jsonl").read_text().splitlines()[0])
    assert str(run / "classifier") in json.dumps(first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--data", "twins"], "two classes have the name 'red fox'"),
        (["--tokenizer-run", "empty"], "empty holds no checkpoint of stage 1"),
        (["--recipe", "huge"], "no recipe 'huge'; choose one of embedded, holes"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    trained: Trained,
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("red fox", "red_fox"):
        shutil.copytree(folders / "red", tmp_path / "twins" / name)
    good = ["--data", str(folders), "--recipe", "tiny", "--run", "run", "--no-compile"]
    good += ["--tokenizer-run", str(trained.runs / "1")]
    assert cli.main(["train", "transformer", *good, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["twins"]


def test_stage_2_says_that_it_needs_stage_1(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "transformer", "--data", str(folders), "--run", "run"]) == 1
    assert "say --tokenizer-run FOLDER" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.slow
def test_both_stages_run_on_a_gpu(folders: Path, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    here = {**os.environ, "PYTHONPATH": root, "ACCELERATE_USE_CPU": "false"}
    common = ["--recipe", "tiny", "--data", str(folders), "--no-compile", "--steps", "25"]
    second = ["--run", "two", "--tokenizer-run", "one", "--out", "model"]
    for stage in (["tokenizer", "--run", "one"], ["transformer", *second]):
        command = [sys.executable, "-m", "maskgit", "train", *stage, *common]
        subprocess.run(command, cwd=tmp_path, env=here, check=True, timeout=600)
    assert maskgit.load(tmp_path / "model", "cuda").generate("red").traces[0][-1].finished
