"""Load Gradio inside a running event loop.

Outside of one it makes event loops of its own, at import and for every page, and never closes
them; Python warns about each, and here warnings are errors.
"""

import asyncio
import importlib
from pathlib import Path

import pytest

import maskgit
from tests.models import write_small_model


async def _load_gradio() -> None:
    importlib.import_module("gradio")


asyncio.run(_load_gradio())


@pytest.fixture(scope="session")
def small_engine(tmp_path_factory: pytest.TempPathFactory) -> maskgit.MaskGIT:
    folder: Path = write_small_model(tmp_path_factory.mktemp("models") / "small")
    return maskgit.load(folder, device="cpu", dtype="float32")
