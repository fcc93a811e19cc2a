"""What stands around the code keeps its word: versions agree, links lead somewhere."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("", "docs/", "checkpoints/", "checkpoints/*/", "assets/*/")
DOCUMENTS = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}*.md"))
MADE_BY_COMMANDS = ("docs/images/", "checkpoints/embedded/", "benchmarks/results")  # see Makefile


def pinned(name: str) -> str:
    found = re.search(rf"^{name}==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M)
    assert found, f"{name} is not pinned"
    return found[1]


def test_a_space_gets_the_version_of_gradio_that_was_tested() -> None:
    header = (ROOT / "README.md").read_text(encoding="utf-8").split("---")[1]
    assert f"sdk_version: {pinned('gradio')}\n" in header
    assert (ROOT / re.findall(r"app_file: (\S+)", header)[0]).is_file()


@pytest.mark.parametrize("name", ["torch", "gradio", "pillow", "safetensors"])
def test_the_tested_versions_are_the_installed_ones(name: str) -> None:
    assert version(name).split("+")[0] == pinned(name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r'\]\(([^)#\s]+)|src="([^"]+)"', text):
        link = "".join(target)
        path = (document.parent / link).resolve()
        if "://" in link or path.relative_to(ROOT).as_posix().startswith(MADE_BY_COMMANDS):
            continue
        assert path.exists(), f"{document.name} leads to {link}"


def test_python_in_the_readme_compiles() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")


def test_commands_in_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    asked = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M))
    assert asked
    assert asked <= set(targets)
