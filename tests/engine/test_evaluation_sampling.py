"""Sampling for evaluation: the same pictures however many processes share the work."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from maskgit.evaluation.sampling import device_of_process, sample, share_out
from maskgit.pipeline import MaskGIT

COUNTS = [2, 0, 3, 1, 1]
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
import numpy as np
from accelerate import PartialState
import maskgit
from maskgit.evaluation.sampling import sample

folder, out = sys.argv[1:]
state = PartialState(cpu=True)
assert state.num_processes == 2
samples = sample(maskgit.load(folder, "cpu", "float32"), [2, 0, 3, 1, 1], seed=5, batch_size=2)
np.save(f"{out}-{state.process_index}.npy", samples.pictures)
state.destroy_process_group()
"""


def test_every_class_gets_its_count_in_the_order_of_the_labels(engine: MaskGIT) -> None:
    samples = sample(engine, COUNTS)
    assert samples.labels.tolist() == [0, 0, 2, 2, 2, 3, 4]
    assert samples.pictures.shape == (7, 32, 32, 3)
    assert samples.seconds > 0


def test_a_picture_is_the_one_its_seed_gives_alone(engine: MaskGIT) -> None:
    samples = sample(engine, COUNTS, seed=10, steps=3)
    alone = engine.generate(engine.classes[2].id, seed=10 + 3, steps=3).pictures[0]
    assert np.array_equal(samples.pictures[3], alone)


def test_the_size_of_the_batches_changes_nothing(engine: MaskGIT) -> None:
    one, three = (sample(engine, COUNTS, batch_size=size).pictures for size in (1, 3))
    assert np.array_equal(one, three)


@pytest.mark.parametrize("counts", [[1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, -1]])
def test_counts_that_do_not_fit_the_model_are_refused(engine: MaskGIT, counts: list[int]) -> None:
    with pytest.raises(ValueError, match="one count for each of 5 classes"):
        sample(engine, counts)


def test_one_process_does_all_parts_in_order() -> None:
    assert share_out([3, 1, 2], lambda part: part * 10) == [30, 10, 20]


def test_a_device_that_was_chosen_is_left_alone() -> None:
    assert device_of_process("cpu") == "cpu"
    assert device_of_process("auto") == "auto"  # one process: the pipeline chooses


@pytest.mark.slow
def test_two_processes_give_what_one_gives(
    engine: MaskGIT, model_folder: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    shared = {**os.environ, **address, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(model_folder), str(tmp_path / "pictures")],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=600) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    expected = sample(engine, COUNTS, seed=5, batch_size=2).pictures
    for rank in range(2):
        assert np.array_equal(np.load(tmp_path / f"pictures-{rank}.npy"), expected)
