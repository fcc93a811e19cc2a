"""Training in several processes, or in parts, learns what one process learns at once."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from maskgit.training.run import Run
from tests.datasets import write_class_folders
from tests.engine.shared_training import STEPS, train_both, train_second

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def another_precision() -> Iterator[None]:
    """Accelerate has one precision per process; curves are compared in float32, on the CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_CPU", "true")
        AcceleratorState._reset_state(reset_partial_state=True)
        yield
        AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("alone")
    train_both(data, runs)
    return runs


def figures(runs: Path, stage: str) -> list[dict[str, float]]:
    lines = map(json.loads, (runs / stage / "log.jsonl").read_text().splitlines())
    unsteady = {"time", "pictures_per_s"}
    return [{k: v for k, v in line.items() if k not in unsteady} for line in lines]


def launch(data: Path, runs: Path, **environment: str) -> None:
    """Train in two processes."""
    here = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", **environment}
    processes = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*processes, "-m", "tests.engine.shared_training", str(data), str(runs)]
    subprocess.run([sys.executable, *command], cwd=ROOT, env=here, check=True, timeout=600)


def stopped(run: Path, elsewhere: Path) -> Path:
    """Leave what a run of stage 2 has on the disk when it is killed after its first checkpoint."""
    first = "2/checkpoints/step-00000004"
    shutil.copytree(run / first, elsewhere / first)
    return elsewhere


def final_weights(runs: Path) -> dict[str, torch.Tensor]:
    return torch.load(runs / "2/final.pt", weights_only=True)


def assert_same_curves(ours: Path, theirs: Path, stages: tuple[str, ...] = ("1", "2")) -> None:
    for stage in stages:
        found, expected = figures(ours, stage), figures(theirs, stage)
        assert len(found) == STEPS + 2
        for line, wanted in zip(found, expected, strict=True):
            assert line == pytest.approx(wanted, rel=1e-3, abs=1e-3)


@pytest.mark.slow
def test_two_processes_learn_like_one(data: Path, alone: Path, tmp_path: Path) -> None:
    launch(data, tmp_path)
    assert_same_curves(tmp_path, alone)


@pytest.fixture(scope="module")
def sharded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("sharded")
    launch(data, runs, ACCELERATE_USE_FSDP="true")
    return runs


@pytest.mark.slow
def test_two_processes_that_hold_half_of_the_weights_each_learn_like_one(
    sharded: Path, alone: Path
) -> None:
    assert_same_curves(sharded, alone, stages=("2",))
    found, expected = final_weights(sharded), final_weights(alone)
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        assert weight.shape == expected[name].shape
        torch.testing.assert_close(weight, expected[name], atol=2e-3, rtol=0)


@pytest.mark.slow
def test_a_killed_sharded_run_ends_in_the_weights_of_one_that_was_not(
    data: Path, sharded: Path, tmp_path: Path
) -> None:
    launch(data, stopped(sharded, tmp_path), ACCELERATE_USE_FSDP="true")
    found, expected = final_weights(tmp_path), final_weights(sharded)
    assert all(torch.equal(weight, expected[name]) for name, weight in found.items())
    assert figures(tmp_path, "2") == figures(sharded, "2")[-len(figures(tmp_path, "2")) :]


@pytest.mark.slow
def test_one_process_goes_on_with_what_two_sharded_ones_wrote(
    data: Path, sharded: Path, alone: Path, tmp_path: Path
) -> None:
    train_second(data, stopped(sharded, tmp_path), accumulate=2)
    for line, wanted in zip(figures(tmp_path, "2"), figures(alone, "2")[5:], strict=True):
        assert line == pytest.approx(wanted, rel=1e-3, abs=1e-3)


def test_only_stage_2_is_trained_with_sharded_weights(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, compile=False, mixed_precision="no")
    run.is_sharded = True
    with pytest.raises(ValueError, match="only stage 2 can be trained with sharded weights"):
        run.prepare(torch.nn.Linear(2, 2))


@pytest.mark.slow
def test_the_documented_launch_trains(data: Path, tmp_path: Path) -> None:
    documented = (ROOT / "docs/training.md").read_text(encoding="utf-8").splitlines()
    line = next(line for line in documented if " torchrun " in line)
    variable, torchrun, *arguments = shlex.split(line, comments=True)
    name, _, value = variable.partition("=")
    assert torchrun == "torchrun"
    assert arguments[-3:] == ["train", "transformer", "..."]
    stage = ["tokenizer", "--recipe", "tiny", "--data", str(data), "--run", str(tmp_path / "1")]
    command = ["-m", "torch.distributed.run", *arguments[:-2], *stage, "--steps", "2"]
    here = {**os.environ, name: value, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command], cwd=ROOT, env=here, check=True, timeout=300)
    assert (tmp_path / "1/checkpoints/step-00000002").is_dir()


def test_parts_of_a_batch_together_teach_what_the_whole_does(
    data: Path, alone: Path, tmp_path: Path
) -> None:
    train_both(data, tmp_path, accumulate=2)
    assert_same_curves(tmp_path, alone)


def test_parts_cover_the_batch_in_order(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, compile=False, mixed_precision="no", accumulate=4)
    rows = torch.arange(12)
    assert torch.equal(torch.cat([rows[part] for part in run.parts(12)]), rows)
    with pytest.raises(ValueError, match="a batch of 10 cannot be shared evenly by 1 processes"):
        run.parts(10)


@pytest.mark.parametrize(("is_fast", "precision"), [(True, "bf16"), (False, "no")])
def test_precision_is_halved_only_where_that_is_faster(
    is_fast: bool, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskgit.training.run.bf16_is_fast", lambda _: is_fast)
    AcceleratorState._reset_state(reset_partial_state=True)
    assert Run(tmp_path, 1, compile=False).accelerator.mixed_precision == precision
    AcceleratorState._reset_state(reset_partial_state=True)
