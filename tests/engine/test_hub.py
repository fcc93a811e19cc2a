"""Published models arrive whole or not at all, whatever the network does."""

import dataclasses
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

import maskgit
from maskgit import hub, transfer
from maskgit.checkpoints import CheckpointError, load_model
from maskgit.hub import HubError, Progress, Published, RemoteFile, StoppedError
from tests.hub_server import (
    NUM_BYTES,
    TOKENIZER,
    TRANSFORMER,
    Answer,
    HubServer,
    cut,
    page,
    published,
    refuse,
    serve_instead,
    stall,
)
from tests.models import write_small_model

ROOT = Path(__file__).resolve().parents[2]
ALL_BYTES = sum(NUM_BYTES.values())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache with an old model in it, which must still be usable afterwards."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("MASKGIT_CACHE", str(folder))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0, 0.0))
    write_small_model(hub.folder("old"))
    yield folder
    load_model(hub.folder("old"))
    assert {path.name for path in hub.where().iterdir()} <= {"old", "tiny", "twin"}, (
        "a folder was left over"
    )


@pytest.fixture
def server(
    cache: Path,  # noqa: ARG001 # no test may touch the real one
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[HubServer]:
    running = HubServer(tmp_path / "served")
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    yield running
    running.close()


def models(server: HubServer) -> dict[str, Published]:
    return {"tiny": published(server.url)}


def fetch_tiny(server: HubServer) -> Path:
    return hub.download("tiny", models=models(server))


def downloads(cache: Path) -> list[str]:
    """What lies among the downloads, locks and checksums apart."""
    files = [path for path in (cache / "downloads").rglob("*") if path.is_file()]
    return sorted(f.name for f in files if f.suffix != ".lock" and f.stem != "checksums")


def test_a_model_is_downloaded_converted_and_loaded(cache: Path, server: HubServer) -> None:
    seen: list[Progress] = []
    folder = hub.download("tiny", seen.append, models=models(server))
    assert folder == hub.folder("tiny")
    assert hub.is_here("tiny")
    engine = maskgit.load("tiny", "cpu", "float32")
    assert engine.generate("class 2", seed=1, steps=2).pictures.shape == (1, 6, 6, 3)
    assert engine.config.decode == published(server.url).decode
    card = (folder / "CARD.md").read_text()
    assert server.url in card
    assert "Licence: none" in card
    assert downloads(cache) == []
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1] == Progress("converting", ALL_BYTES, ALL_BYTES)
    assert seen[0].stage == "downloading"


def test_what_is_here_is_not_asked_for_again(server: HubServer) -> None:
    fetch_tiny(server)
    server.asked.clear()
    assert fetch_tiny(server) == hub.folder("tiny")
    assert server.asked == []


@pytest.mark.parametrize("path", [TRANSFORMER, TOKENIZER])
def test_a_cut_is_resumed_where_it_was(server: HubServer, path: str) -> None:
    half = NUM_BYTES[path] // 2
    server.arrange(path, cut(after=half), cut(after=100))
    fetch_tiny(server)
    assert server.ranges(path) == [None, f"bytes={half}-", f"bytes={half + 100}-"]


def test_a_server_that_is_slow_shows_progress_and_can_be_left(server: HubServer) -> None:
    half = NUM_BYTES[TOKENIZER] // 2
    server.arrange(TOKENIZER, stall(after=half))
    seen: list[Progress] = []

    def enough() -> bool:
        return bool(seen) and seen[-1].done == NUM_BYTES[TRANSFORMER] + half

    with pytest.raises(StoppedError, match=r"kept; the next try goes on from there"):
        hub.download("tiny", seen.append, enough, models=models(server))
    fetch_tiny(server)
    assert server.ranges(TOKENIZER) == [None, f"bytes={half}-"]


def test_a_server_that_falls_silent_is_given_up(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT_S", 0.05)
    server.arrange(TRANSFORMER, *[stall(after=0)] * 3)
    with pytest.raises(HubError, match=r"could not be reached .*Check the internet connection"):
        fetch_tiny(server)


def test_a_server_that_is_busy_is_asked_again(server: HubServer) -> None:
    server.arrange(TRANSFORMER, refuse(503), refuse(429))
    fetch_tiny(server)


@pytest.mark.parametrize("path", [TRANSFORMER, TOKENIZER])
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (refuse(404), "status 404. It was moved or deleted by its publisher"),
        (refuse(403), "status 403. It may need"),
        (refuse(500), "status 500. The server has a problem: try again later"),
        (page, "web page instead of the file.*log in, and try again"),
    ],
    ids=["404", "403", "500", "page"],
)
def test_what_is_not_the_file_is_refused(
    cache: Path, server: HubServer, path: str, answer: Answer, message: str
) -> None:
    server.arrange(path, *[answer] * 3)
    with pytest.raises(HubError, match=message):
        fetch_tiny(server)
    assert not hub.is_here("tiny")
    assert set(downloads(cache)) <= {"transformer"}


def test_a_file_that_left_the_hub_is_said_so(server: HubServer) -> None:
    del server.files[TOKENIZER]
    with pytest.raises(HubError, match=r"status 404. It was moved or deleted by its publisher"):
        fetch_tiny(server)
    assert server.ranges(TOKENIZER) == []


def test_no_network_at_all_is_said_so(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.close()
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0,))
    with pytest.raises(HubError, match=r"could not be reached .*[Cc]onnection refused"):
        fetch_tiny(server)


def test_a_file_of_another_size_is_refused_at_once(cache: Path, server: HubServer) -> None:
    server.files[TRANSFORMER] *= 3
    with pytest.raises(HubError, match=r"offers 0.0 MB where 0.0 MB were published"):
        fetch_tiny(server)
    assert downloads(cache) == []


def test_a_file_of_the_wrong_length_is_refused(cache: Path, server: HubServer) -> None:
    whole = server.files[TOKENIZER]
    short = whole[:-1000]

    server.arrange(TOKENIZER, serve_instead(short))
    with pytest.raises(
        HubError, match=f"{len(short)} bytes instead of {len(whole)}. It was deleted"
    ):
        fetch_tiny(server)
    assert downloads(cache) == ["transformer"]


def test_a_wrong_checksum_is_refused_and_the_file_deleted(cache: Path, server: HubServer) -> None:
    model = published(server.url)
    file = dataclasses.replace(model.transformer[0], sha256="0" * 64)
    wrong = {"tiny": dataclasses.replace(model, transformer=(file,))}
    with pytest.raises(HubError, match=r"expected 0000.*It was deleted; try again"):
        hub.download("tiny", models=wrong)
    assert downloads(cache) == []


def test_bytes_other_than_the_hub_announced_are_refused(cache: Path, server: HubServer) -> None:
    data = server.files[TOKENIZER]

    server.arrange(TOKENIZER, serve_instead(data[:-1] + b"?"))
    with pytest.raises(HubError, match="its checksum is"):
        fetch_tiny(server)
    assert downloads(cache) == ["transformer"]


def test_a_checksum_seen_first_holds_from_then_on(cache: Path, server: HubServer) -> None:
    fetch_tiny(server)
    records = json.loads((cache / "downloads" / "checksums.json").read_text())
    digest = hashlib.sha256(server.files[TRANSFORMER]).hexdigest()
    assert records[server.url + TRANSFORMER] == digest
    hub.remove("tiny", models(server))
    server.files[TRANSFORMER] = server.files[TRANSFORMER][:-1] + b"?"
    with pytest.raises(HubError, match="its checksum is"):
        fetch_tiny(server)


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: HubServer) -> None:
    server.arrange(TRANSFORMER, cut(after=5000), *[refuse(503)] * 3)
    whole = server.files[TRANSFORMER]
    with pytest.raises(HubError, match="status 503"):
        fetch_tiny(server)
    server.files[TRANSFORMER] = whole[:-1] + bytes([whole[-1] ^ 1])
    fetch_tiny(server)  # parts of both would not fit together: no such checksum, no such model
    assert server.ranges(TRANSFORMER)[-1] == "bytes=5000-"


def test_a_crash_before_the_new_version_begins_leaves_none_of_the_old_one(
    cache: Path, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.arrange(TRANSFORMER, cut(after=5000), *[refuse(503)] * 3)
    whole = server.files[TRANSFORMER]
    with pytest.raises(HubError, match="status 503"):
        fetch_tiny(server)
    server.files[TRANSFORMER] = whole[:-1] + bytes([whole[-1] ^ 1])

    class CrashError(BaseException):
        """The machine stops while it notes which version comes now."""

    def crash(*_: object, **__: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", crash)
        with pytest.raises(CrashError):
            fetch_tiny(server)
    (partial,) = cache.rglob("transformer.partial")
    assert partial.read_bytes() == b""


def test_files_that_are_no_model_are_deleted_and_said_so(cache: Path, server: HubServer) -> None:
    server.files[TRANSFORMER] = b"\x81" + bytes(NUM_BYTES[TRANSFORMER])
    with pytest.raises(HubError, match=r"no model that can be used: .*not a readable flax msgpack"):
        fetch_tiny(server)
    assert downloads(cache) == []
    assert not hub.is_here("tiny")


def test_a_full_disk_is_noticed_before(
    cache: Path, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(HubError, match=r"Not enough space: 3.0 MB are needed .* 2.0 MB are free"):
        fetch_tiny(server)
    assert server.asked == []


def test_a_disk_that_fills_up_is_named_and_what_came_is_kept(
    cache: Path, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(HubError, match=r"The disk is full.*what came so far is kept"):
            fetch_tiny(server)
    assert "transformer.partial" in downloads(cache)
    server.asked.clear()
    fetch_tiny(server)
    assert server.ranges(TRANSFORMER) == [f"bytes={NUM_BYTES[TRANSFORMER]}-"]


def test_nothing_is_asked_of_the_network_offline(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_all(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse_all)
    monkeypatch.setattr(socket, "getaddrinfo", refuse_all)
    with pytest.raises(HubError, match=r"asked to stay offline. Missing: http.*docs/models.md"):
        hub.download("tiny", offline=True, models=models(server))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="asked to stay offline"):
        fetch_tiny(server)


def test_files_put_in_place_by_hand_are_enough_offline(cache: Path, server: HubServer) -> None:
    model = published(server.url)
    for file, path in ((model.transformer[0], TRANSFORMER), (model.tokenizer[0], TOKENIZER)):
        target = cache / "downloads" / file.place.partition("://")[2].replace(":", "_")
        target.parent.mkdir(parents=True)
        target.write_bytes(server.files[path])
    assert hub.download("tiny", offline=True, models=models(server)) == hub.folder("tiny")
    assert server.asked == []


def test_the_hubs_own_cache_is_used_and_left_alone(
    tmp_path: Path, cache: Path, server: HubServer
) -> None:
    repository = tmp_path / "hub-cache" / "models--owner--repository"
    cached = repository / "snapshots" / ("c" * 40) / "tokenizer"
    cached.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c" * 40)
    cached.write_bytes(server.files[TOKENIZER])
    fetch_tiny(server)
    assert server.ranges(TOKENIZER) == []
    assert cached.exists()
    assert downloads(cache) == []


def test_a_second_place_is_asked_when_the_first_fails(server: HubServer) -> None:
    model = published(server.url)
    gone = RemoteFile(f"{server.url}/gone", NUM_BYTES[TRANSFORMER])
    moved = dataclasses.replace(model, transformer=(gone, *model.transformer))
    hub.download("tiny", models={"tiny": moved})
    both = dataclasses.replace(model, id="twin", transformer=(gone, gone))
    with pytest.raises(HubError, match="/gone was refused with status 404"):
        hub.download("twin", models={"twin": both})


def test_a_file_of_two_models_is_fetched_once_and_goes_with_the_last(
    cache: Path, server: HubServer
) -> None:
    twin = published(server.url, "twin")
    own = dataclasses.replace(twin.transformer[0], place=f"{server.url}/plain/twin")
    server.files["/plain/twin"] = server.files[TRANSFORMER]
    both = {**models(server), "twin": dataclasses.replace(twin, transformer=(own,))}
    hub.download("tiny", models=both)
    hub.download("twin", models=both)
    assert len(server.ranges(TOKENIZER)) == 1
    hub.remove("tiny", both)
    assert downloads(cache) == ["tokenizer"]
    hub.remove("twin", both)
    assert downloads(cache) == []
    with pytest.raises(HubError, match="tiny is not on this computer, so there is nothing"):
        hub.remove("tiny", both)


def test_what_a_killed_conversion_left_is_swept(server: HubServer) -> None:
    (hub.where() / ".tiny-abc" / "model").mkdir(parents=True)
    fetch_tiny(server)
    assert not (hub.where() / ".tiny-abc").exists()


DOWNLOAD = """
import sys
from maskgit import hub
from tests.hub_server import published

def tell(progress):
    print(progress.done, flush=True)

print(hub.download("tiny", tell, models={"tiny": published(sys.argv[1])}), flush=True)
"""


def start_download(server: HubServer) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DOWNLOAD, server.url]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_download_is_continued_by_another_process(server: HubServer) -> None:
    half = NUM_BYTES[TOKENIZER] // 2
    server.arrange(TOKENIZER, stall(after=half))
    with start_download(server) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == NUM_BYTES[TRANSFORMER] + half:
                break
        process.kill()
    assert not hub.is_here("tiny")
    fetch_tiny(server)
    (span,) = server.ranges(TOKENIZER)[1:]
    assert span is not None
    assert 0 < int(span.removeprefix("bytes=").removesuffix("-")) <= half


@pytest.mark.slow
def test_two_processes_at_once_fetch_every_file_once(server: HubServer) -> None:
    with start_download(server) as first, start_download(server) as second:
        ends = [process.communicate(timeout=600)[0].splitlines()[-1] for process in (first, second)]
    assert ends == [str(hub.folder("tiny"))] * 2
    assert server.ranges(TRANSFORMER) == [None]
    assert server.ranges(TOKENIZER) == [None]


def test_a_model_that_is_not_here_says_how_to_get_it(cache: Path) -> None:
    assert not hub.is_here("maskgit-imagenet-256")
    command = "python -m maskgit models download maskgit-imagenet-256"
    with pytest.raises(CheckpointError, match=rf"not on this computer yet.*0.9 GB.*{command}"):
        maskgit.load("maskgit-imagenet-256")
    assert not (cache / "downloads").exists()
    with pytest.raises(HubError, match=r"called 'dalle'; there are .*maskgit-imagenet-256"):
        hub.download("dalle")


@pytest.mark.parametrize("model", hub.MODELS.values(), ids=lambda model: model.id)
def test_what_is_published_is_said_completely(model: Published) -> None:
    assert all((model.title, model.good_for, model.licence, model.quality, model.source))
    assert 0.4e9 < model.num_bytes < 2.5e9
    for file in model.files:
        assert file.url.startswith("https://")
        assert file.sha256 is None or len(file.sha256) == 64
    maskgit.DecodeOptions(**dataclasses.asdict(model.decode))


def test_a_place_on_the_hub_is_taken_apart() -> None:
    file = RemoteFile("hf://owner/name/folder/file.pth", 1)
    assert file.on_hub == ("owner/name", "folder/file.pth")
    assert file.url == "https://huggingface.co/owner/name/resolve/main/folder/file.pth"
    assert RemoteFile("https://elsewhere/file", 1).on_hub is None
