"""Models come and go, and whoever uses one of them notices nothing of the others."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import maskgit
from app.errors import UserError
from app.models import ModelEntry
from app.runs import Generate, Result
from app.studio import ModelStore, Studio
from app.words import Sentence
from maskgit import hub
from maskgit.hub import HubError, Progress
from maskgit.published import MODELS
from tests.hub_server import published
from tests.models import GOLDEN_RETRIEVER, write_small_model


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache with two models, `small` and `plain`; `tiny` is published."""
    monkeypatch.setenv("MASKGIT_CACHE", str(tmp_path))
    for model in list(MODELS):
        monkeypatch.delitem(MODELS, model)
    monkeypatch.setitem(MODELS, "tiny", published("http://127.0.0.1:1"))
    write_small_model(hub.folder("small"))
    write_small_model(hub.folder("plain"), has_null_label=False)
    yield tmp_path
    finished()


@pytest.fixture
def models(cache: Path) -> ModelStore:  # noqa: ARG001 # no test may touch the real one
    return ModelStore.load("small", "cpu", "float32")


def finished() -> None:
    """Wait until no download goes on."""
    for thread in threading.enumerate():
        if thread.name.startswith("download "):
            thread.join(30)


def entry(models: ModelStore, model: str) -> ModelEntry:
    return next(entry for entry in models.entries() if entry.id == model)


def picture(models: ModelStore, model: str) -> Result:
    info = models.info(model)
    *_, result = Studio(models).run(Generate(model, GOLDEN_RETRIEVER, 1, info.defaults))
    assert isinstance(result, Result)
    return result


def test_models_that_come_along_are_published_or_in_the_cache_are_listed(
    models: ModelStore,
) -> None:
    entries = {entry.id: entry for entry in models.entries()}
    assert list(entries) == ["embedded", "tiny", "plain", "small"]
    assert entries["embedded"].good_for.endswith(".")
    assert (entries["small"].is_here, entries["small"].image_size) == (True, 32)
    assert (entries["tiny"].is_here, entries["tiny"].can_download) == (False, True)


def test_each_request_gets_the_model_it_names(models: ModelStore) -> None:
    assert models.default == "small"
    assert models.info("small").has_no_class
    assert not models.info("plain").has_no_class
    first, second = picture(models, "small"), picture(models, "plain")
    assert (first.pictures[0] != second.pictures[0]).any()
    assert (picture(models, "small").pictures[0] == first.pictures[0]).all()


def test_a_folder_given_by_path_is_one_more_model(cache: Path) -> None:
    folder = write_small_model(cache / "elsewhere" / "mine")
    models = ModelStore.load(str(folder), "cpu", "float32")
    assert models.default == "mine"
    assert models.entries()[0].id == "mine"
    twin = ModelStore.load(str(write_small_model(cache / "elsewhere" / "plain")), "cpu", "float32")
    assert twin.default == "plain (other)"
    picture(twin, "plain")  # the one of the cache is loaded beside it


@pytest.mark.parametrize("model", ["none", "", "../small", "/etc", "tiny"])
def test_only_what_is_listed_and_here_is_loaded(models: ModelStore, model: str) -> None:
    with pytest.raises(UserError):
        models.info(model)
    picture(models, "small")


def test_a_damaged_model_is_a_sentence_and_works_once_it_is_mended(models: ModelStore) -> None:
    weights = hub.folder("plain") / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(UserError, match="cannot be used"):
        models.info("plain")
    assert "cannot be used" in entry(models, "plain").problem
    picture(models, "small")
    weights.write_bytes(whole)
    picture(models, "plain")
    assert entry(models, "plain").problem == ""


def test_a_damaged_configuration_is_told_without_loading(models: ModelStore) -> None:
    (hub.folder("plain") / "config.json").write_text("{")
    assert "cannot be used" in entry(models, "plain").problem
    picture(models, "small")


def test_a_model_that_went_away_can_be_used_by_whoever_uses_it(models: ModelStore) -> None:
    first = picture(models, "small")
    for file in hub.folder("small").iterdir():
        file.unlink()
    assert "small" not in [entry.id for entry in models.entries()]
    assert (picture(models, "small").pictures[0] == first.pictures[0]).all()


def test_a_download_is_seen_and_then_used(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, release = threading.Event(), threading.Event()

    def download(model: str, tell, stop) -> None:
        tell(Progress("downloading", 1, 4))
        told.set()
        release.wait(30)
        assert not stop()
        write_small_model(hub.folder(model))

    monkeypatch.setattr(hub, "download", download)
    models.download("tiny")
    told.wait(30)
    coming = entry(models, "tiny")
    assert (coming.stage, coming.done, coming.total, coming.is_here) == ("downloading", 1, 4, False)
    release.set()
    finished()
    here = entry(models, "tiny")
    assert (here.is_here, here.can_download, here.stage) == (True, False, "")
    picture(models, "tiny")


def test_a_download_that_fails_says_why(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_) -> None:
        raise HubError("No connection.")

    monkeypatch.setattr(hub, "download", download)
    models.download("tiny")
    finished()
    failed = entry(models, "tiny")
    assert (failed.problem, failed.stage, failed.can_download) == ("No connection.", "", True)
    picture(models, "small")


def test_a_damaged_published_model_is_downloaded_anew(
    models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_model(hub.folder("tiny"))
    (hub.folder("tiny") / "model.safetensors").unlink()
    with pytest.raises(UserError):
        models.info("tiny")
    assert entry(models, "tiny").can_download
    monkeypatch.setattr(hub, "download", lambda model, *_: write_small_model(hub.folder(model)))
    models.download("tiny")
    finished()
    assert entry(models, "tiny").problem == ""
    picture(models, "tiny")


@pytest.mark.parametrize("model", ["small", "plain"])
@pytest.mark.parametrize("is_broken", [False, True])
def test_the_model_to_begin_with_is_tried_before_anybody_comes(
    cache: Path,  # noqa: ARG001 # where the models are
    model: str,
    is_broken: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    borrowed: list[maskgit.Result] = []
    borrow = maskgit.MaskGIT.borrow

    def noted(self: maskgit.MaskGIT, *about: Any) -> maskgit.Result:
        borrowed.append(borrow(self, *about))
        if is_broken:
            raise RuntimeError("no texture today")
        return borrowed[-1]

    monkeypatch.setattr(maskgit.MaskGIT, "borrow", noted)
    models = ModelStore.load(model, "cpu", "float32")
    assert len(borrowed) == 1
    picture(models, model)


@pytest.mark.parametrize("model", ["none", "small"])
def test_only_what_is_published_can_be_downloaded(models: ModelStore, model: str) -> None:
    with pytest.raises(UserError, match="no model"):
        models.download(model)


def test_where_downloads_are_refused_none_begins(cache: Path) -> None:
    models = ModelStore.load("small", "cpu", "float32", Sentence("said.offline"))
    with pytest.raises(UserError, match="offline"):
        models.download("tiny")
    assert not (cache / "downloads").exists()
    assert entry(models, "tiny").stage == ""


def test_what_cannot_begin_is_a_sentence() -> None:
    with pytest.raises(UserError, match="no model 'none'"):
        ModelStore.load("none")
