"""The dependency rules of docs/architecture.md, held by a test instead of by memory."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CANVAS = ROOT / "app" / "canvas"
LAYERS = [  # inside the engine, a file imports from its own layer and those above it
    {"types", "sizes", "config"},
    {"models", "schedules", "noise", "checks", "class_map", "whole_files"},
    {"sampling", "fused_draw", "constraints", "reveal"},
    {"state", "state_text", "asking", "decoding", "passes", "steering", "vary"},
    {
        "masks",
        "window",
        "tiles",
        "outpainting",
        "compositing",
        "pieces",
        "borrowing",
        "keepsakes",
        "images",
        "originals",
    },
    {
        "classes",
        "jobs",
        "glimpses",
        "graphs",
        "batching",
        "runtime",
        "memory",
        "remembering",
        "sights",
        "checkpoints",
        "conversion",
        "published",
        "transfer",
        "hub",
        "recipes",
        "recipe_files",
        "recipe_parts",
    },
    {"engine", "refining"},
    {"pipeline"},
    {"loading"},
    {"replaying"},
    {"catalogue", "contact_sheet", "film", "inspection", "traces", "training", "evaluation"},
    {"cli", "cli_options", "commands_models", "commands_batch", "commands_recipes", "__main__"},
]
MAY_IMPORT_GRADIO = {
    "api", "launch", "leaving", "interface", "canvas", "panels", "events", "theme", "tools",
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    """Give every module a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import, which this test cannot read"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


def place(path: Path) -> str:
    """Name the file or sub-package directly under the package a file belongs to."""
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


def uses(path: Path, *roots: str) -> bool:
    return any(found.split(".")[0] in roots for found in imports(path))


def layer(part: str) -> int:
    found = [level for level, parts in enumerate(LAYERS) if part in parts]
    assert found, f"maskgit/{part} has no place in LAYERS"
    return found[0]


@pytest.mark.parametrize("path", modules("maskgit"), ids=name)
def test_the_engine_knows_nothing_of_the_app(path: Path) -> None:
    assert not uses(path, "app", "gradio", "tests")


@pytest.mark.parametrize("path", modules("app"), ids=name)
def test_only_the_studio_touches_the_engine(path: Path) -> None:
    if place(path) != "studio":
        assert not uses(path, "maskgit", "torch")


@pytest.mark.parametrize("path", modules("app"), ids=name)
def test_only_the_interface_side_touches_gradio(path: Path) -> None:
    if place(path) not in MAY_IMPORT_GRADIO:
        assert not uses(path, "gradio", "gradio_client")


@pytest.mark.parametrize("path", modules("maskgit"), ids=name)
def test_engine_files_import_only_from_their_own_layer_and_above(path: Path) -> None:
    if path == ROOT / "maskgit" / "__init__.py":
        return
    for found in imports(path):
        parts = found.split(".")
        if parts[0] == "maskgit" and len(parts) > 1:
            assert layer(parts[1]) <= layer(place(path)), f"{place(path)} imports {found}"


@pytest.mark.parametrize(
    "package", ["app/studio", "app/panels", "maskgit/training", "maskgit/evaluation"]
)
def test_a_list_of_what_to_read_leaves_nothing_out(package: str) -> None:
    folder = ROOT / package
    listed = re.findall(r"\w+", (folder / "__init__.py").read_text(encoding="utf-8"))
    files = {path.stem for path in folder.glob("[!_]*.py")}
    assert files <= set(listed)


def test_the_list_of_the_canvas_leaves_nothing_out() -> None:
    header = (CANVAS / "main.js").read_text(encoding="utf-8").partition("\nconst ")[0]
    assert {path.name for path in CANVAS.glob("*.js")} <= set(re.findall(r"\w+\.js", header))


@pytest.mark.slow
def test_importing_the_engine_loads_no_gradio_opens_no_network_and_makes_no_folder(
    tmp_path: Path,
) -> None:
    code = """
import socket, sys

def refuse(*_):
    raise AssertionError("the network was used")

socket.socket.connect = socket.getaddrinfo = refuse
import maskgit
unwanted = {"gradio", "app", "httpx", "huggingface_hub"}
sys.exit(any(name.split(".")[0] in unwanted for name in sys.modules))
"""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **home, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False, timeout=600
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
