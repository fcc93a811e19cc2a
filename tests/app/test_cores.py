"""Small networks on one core: the answers are those of two, and nobody else loses any."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

import maskgit
from app.studio.cores import SMALL, cores_for, on_one_core
from maskgit.models import TokenPredictor

TWO = 2  # threads, also where there is one core, or tests share them


@pytest.fixture(autouse=True)
def two_cores() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(TWO)
    yield
    torch.set_num_threads(usual)


@pytest.fixture(scope="module")
def embedded() -> maskgit.MaskGIT:
    return maskgit.load("embedded", "cpu")


def predictor(width: int) -> TokenPredictor:
    return cast("TokenPredictor", SimpleNamespace(config=SimpleNamespace(hidden_size=width)))


def test_passes_and_borrowed_texture_are_the_same_on_one_core(embedded: maskgit.MaskGIT) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (200, 240, 3), np.uint8)
    mask = np.zeros((200, 240), bool)
    mask[60:140, 80:160] = True
    job = embedded.prepare_edit(picture, mask, embedded.classes[0].id, steps=4)
    drawn = embedded.finish(job, embedded.step(job.state))

    def made() -> tuple[maskgit.DecodeState, np.ndarray]:
        state = job.state
        while not state.finished:
            state = embedded.step(state)
        return state, embedded.borrow(job, drawn).pictures

    many, together = made()
    with on_one_core():
        few, alone = made()
    assert torch.equal(few.tokens, many.tokens)
    assert torch.equal(few.confidence, many.confidence)
    assert (alone == together).all()


def test_one_thread_on_one_core_leaves_all_to_the_others() -> None:
    with ThreadPoolExecutor(1) as old, on_one_core():
        assert torch.get_num_threads() == 1
        assert old.submit(torch.get_num_threads).result() == TWO  # begun in the middle of it
        with ThreadPoolExecutor(1) as new, on_one_core():
            assert new.submit(torch.get_num_threads).result() == TWO
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == TWO


@pytest.mark.parametrize(("width", "cores"), [(SMALL, 1), (SMALL + 1, TWO), (1024, TWO)])
def test_only_small_networks_take_one_core(width: int, cores: int) -> None:
    with cores_for(predictor(width)):
        assert torch.get_num_threads() == cores
    assert torch.get_num_threads() == TWO


def test_the_embedded_model_is_small(embedded: maskgit.MaskGIT) -> None:
    with cores_for(embedded.predictor):
        assert torch.get_num_threads() == 1
