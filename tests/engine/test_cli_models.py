"""The shell lists, downloads, converts and removes published models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from maskgit import hub
from maskgit.checkpoints import load_model
from maskgit.cli import main
from tests.hub_server import TOKENIZER, TRANSFORMER, HubServer, published
from tests.official_files import write_official_pair


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    running = HubServer(tmp_path / "served")
    monkeypatch.setenv("MASKGIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setitem(hub.MODELS, "tiny", published(running.url))
    yield running
    running.close()


def test_a_model_is_listed_downloaded_and_removed(
    server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def state() -> str:
        assert main(["models", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(any(line.startswith(model) for line in lines) for model in hub.MODELS)
        (line,) = (line for line in lines if line.startswith("tiny"))
        return line.split()[1]

    assert state() == "0.00"  # gigabytes
    assert main(["models", "download", "tiny", "--offline"]) == 1
    assert "asked to stay offline" in capsys.readouterr().err
    assert main(["models", "download", "tiny", "--dtype", "bfloat16"]) == 0
    assert capsys.readouterr().out.strip() == str(hub.folder("tiny"))
    assert state() == "here"
    assert main(["models", "where"]) == 0
    assert capsys.readouterr().out.strip() == str(hub.where())
    assert main(["models", "remove", "tiny"]) == 0
    assert state() == "0.00"
    assert main(["models", "remove", "tiny"]) == 1
    assert "nothing to remove" in capsys.readouterr().err
    assert server.ranges(TRANSFORMER) == [None]


def test_two_files_become_a_folder_or_a_published_model(
    tmp_path: Path, server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    transformer, tokenizer = write_official_pair(tmp_path)
    command = ["convert", "--transformer", str(transformer), "--tokenizer", str(tokenizer)]
    assert main([*command, str(tmp_path / "mine")]) == 0
    assert load_model(tmp_path / "mine").config.name == "mine"
    assert main([*command, "tiny"]) == 0
    assert hub.is_here("tiny")
    assert server.ranges(TOKENIZER) == []
    assert main([*command, str(tmp_path / "mine")]) == 1
    assert "exists already: name a new folder" in capsys.readouterr().err


def test_files_of_another_size_are_not_taken_for_a_published_model(
    tmp_path: Path, server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    transformer, tokenizer = write_official_pair(tmp_path)
    command = ["convert", "--transformer", str(transformer), "--tokenizer", str(tokenizer)]
    assert main([*command, "maskgit-imagenet-256"]) == 1
    assert "pictures of 6 px, maskgit-imagenet-256 of 256 px" in capsys.readouterr().err
    assert not hub.is_here("maskgit-imagenet-256")
    assert server.asked == []
