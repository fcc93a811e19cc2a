"""Fixtures that the engine's tests share."""

from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch

import maskgit
from tests.models import write_small_model


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: networks this small only wait for more, long on a busy machine.

    Not what comes after in this process: sums of another number of threads round otherwise, and
    tests in a browser make pictures again that a server has made.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small model of tests/models.py."""
    return write_small_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="session")
def engine(model_folder: Path) -> maskgit.MaskGIT:
    """The small model on the CPU in float32, shared by all tests: none changes another."""
    return maskgit.load(model_folder, device="cpu", dtype="float32")


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the shape checks of the tests off, to see the errors a user sees."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
