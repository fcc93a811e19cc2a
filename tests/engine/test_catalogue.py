"""What there is to choose from, told from configurations and cards alone."""

from pathlib import Path

import pytest

from maskgit import hub
from maskgit.catalogue import Entry, catalogue
from maskgit.published import MODELS
from tests.hub_server import published
from tests.models import write_small_model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MASKGIT_CACHE", str(tmp_path))
    return tmp_path


def entries(also: Path | None = None) -> dict[str, Entry]:
    models = {"tiny": published("http://127.0.0.1:1")}
    return {entry.id: entry for entry in catalogue(also, models)}


def test_without_a_cache_there_are_the_embedded_model_and_the_published_ones() -> None:
    found = catalogue()
    assert [entry.id for entry in found] == ["embedded", *MODELS]
    assert found[0].folder is not None
    assert found[0].good_for.endswith(".")
    for entry in found[1:]:
        model = MODELS[entry.id]
        assert (entry.folder, entry.num_bytes) == (None, model.num_bytes)
        assert (entry.title, entry.licence) == (model.title, model.licence)


def test_a_model_of_ones_own_is_described_by_its_card() -> None:
    folder = write_small_model(hub.folder("mine"))
    (folder / "CARD.md").write_text(
        "# My model\n\nPaints `roses`.\nAnd more.\n\n* Source: here\n* Licence: CC0\n"
    )
    mine = entries()["mine"]
    assert (mine.title, mine.good_for, mine.licence) == ("My model", "Paints roses.", "CC0")
    assert (mine.image_size, mine.classes, mine.is_published) == (32, "5 classes", False)
    assert mine.num_bytes == (folder / "model.safetensors").stat().st_size


def test_a_published_model_that_is_here_is_described_as_published() -> None:
    write_small_model(hub.folder("tiny"))
    tiny = entries()["tiny"]
    assert (tiny.title, tiny.folder, tiny.is_published) == ("Tiny", hub.folder("tiny"), True)
    assert tiny.num_bytes < published("").num_bytes


@pytest.mark.parametrize("spoil", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": 3}'])
def test_a_damaged_configuration_is_a_fault_of_that_model_alone(spoil: bytes) -> None:
    (write_small_model(hub.folder("mine")) / "config.json").write_bytes(spoil)
    write_small_model(hub.folder("other"))
    found = entries()
    assert "config.json" in (found["mine"].fault or "")
    assert found["other"].fault is None


@pytest.mark.parametrize("card", [None, b"", b"\xff\xfe", b"* Licence:\n\n| a | b |\n"])
def test_a_model_needs_no_card(card: bytes | None) -> None:
    file = write_small_model(hub.folder("mine")) / "CARD.md"
    file.unlink() if card is None else file.write_bytes(card)
    mine = entries()["mine"]
    assert (mine.title, mine.good_for, mine.licence) == ("mine", "", "")


def test_half_written_folders_and_files_are_no_models(cache: Path) -> None:
    write_small_model(cache / "models" / ".tiny-abc")
    (cache / "models" / "empty").mkdir()
    (cache / "models" / "file").touch()
    assert list(entries()) == ["embedded", "tiny"]


def test_a_folder_elsewhere_comes_first_and_never_under_the_name_of_another(cache: Path) -> None:
    mine = write_small_model(cache / "elsewhere" / "tiny")
    found = entries(mine)
    assert next(iter(found)) == "tiny (other)"
    assert found["tiny (other)"].folder == mine
    assert list(entries(write_small_model(hub.folder("cached")))) == ["embedded", "tiny", "cached"]
