"""Gradio does things while it is imported that cost seconds; the editor does without."""

import importlib
import subprocess
import sys
from importlib.util import module_from_spec
from pathlib import Path

import gradio
import pytest

from app.stubs import WRITER, WithoutStubs, leave_out

COMPONENT = f"""
from {WRITER} import ComponentMeta

class Own(metaclass=ComponentMeta):
    EVENTS = ["change"]
"""


@pytest.mark.parametrize("is_emptied", [False, True])
def test_a_component_gets_no_stub(
    is_emptied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_emptied:
        spec = WithoutStubs().find_spec(WRITER, gradio.__path__)
        assert spec is not None
        assert spec.loader is not None
        emptied = module_from_spec(spec)
        spec.loader.exec_module(emptied)
        monkeypatch.setitem(sys.modules, WRITER, emptied)
    name = f"component_{is_emptied}"
    (tmp_path / f"{name}.py").write_text(COMPONENT)
    monkeypatch.syspath_prepend(tmp_path)
    own = importlib.import_module(name).Own
    assert "change" in vars(own)
    assert (tmp_path / f"{name}.pyi").exists() != is_emptied  # Gradio still writes them by itself


def test_only_that_module_is_found_differently() -> None:
    assert WithoutStubs().find_spec("gradio.blocks", gradio.__path__) is None
    assert WithoutStubs().find_spec("json", None) is None


def test_gradio_does_without_a_package_that_is_left_out() -> None:
    pytest.importorskip("mcp")
    code = "import sys; {} import gradio; print([n for n in sys.modules if n.startswith('mcp.')])"
    usual, left_out = (
        subprocess.run(
            [sys.executable, "-c", code.format(first)], capture_output=True, text=True, check=True
        ).stdout.strip()
        for first in ("", "from app.stubs import leave_out; leave_out('mcp');")
    )
    assert "mcp.types" in usual
    assert left_out == "[]"


def test_what_is_in_use_is_not_left_out() -> None:
    leave_out("json")
    assert importlib.import_module("json").dumps([]) == "[]"
