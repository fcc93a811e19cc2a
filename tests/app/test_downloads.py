"""Downloads go on in the background; whoever asks is told, and nobody has to wait."""

import threading
from collections.abc import Callable, Iterator

import pytest

from app.errors import UserError
from app.studio.downloads import Download, Downloads, Tell
from app.words import Sentence


class Gate:
    """A download that says how far it is, then waits for the test."""

    def __init__(self) -> None:
        self.told, self.release = threading.Event(), threading.Event()
        self.stopped: list[bool] = []
        self.fault: Exception | None = None

    def fetch(self, name: str, tell: Tell, stop: Callable[[], bool]) -> None:
        tell("downloading", len(name), 10)
        self.told.set()
        self.release.wait(30)
        self.stopped.append(stop())
        if self.fault:
            raise self.fault


@pytest.fixture
def gate() -> Iterator[Gate]:
    one = Gate()
    yield one
    one.release.set()
    ended()


def ended() -> None:
    """Wait until no download goes on."""
    for thread in threading.enumerate():
        if thread.name.startswith("download "):
            thread.join(30)


def test_a_download_says_how_far_it_is_and_is_forgotten_when_it_is_done(gate: Gate) -> None:
    downloads = Downloads(gate.fetch)
    assert downloads.find("abc") is None
    downloads.start("abc")
    gate.told.wait(30)
    assert downloads.find("abc") == Download("downloading", 3, 10)
    gate.release.set()
    ended()
    assert downloads.find("abc") is None
    assert gate.stopped == [False]


def test_asked_for_twice_it_is_done_once(gate: Gate) -> None:
    downloads = Downloads(gate.fetch)
    downloads.start("abc")
    downloads.start("abc")
    gate.release.set()
    ended()
    assert gate.stopped == [False]


def test_a_cancelled_download_has_ended_for_everybody_at_once(gate: Gate) -> None:
    downloads = Downloads(gate.fetch)
    downloads.start("abc")
    gate.told.wait(30)
    downloads.cancel("abc")
    assert downloads.find("abc") is None
    gate.fault = UserError("Stopped.")
    gate.release.set()
    ended()
    assert gate.stopped == [True]
    assert downloads.find("abc") is None  # its end is nobody's failure


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (UserError("The disk is full."), "The disk is full."),
        (OSError(), Sentence("said.download_fault")),
    ],
)
def test_a_failure_is_a_sentence_until_it_is_tried_again(
    gate: Gate, fault: Exception, sentence: str
) -> None:
    downloads = Downloads(gate.fetch)
    gate.fault = fault
    gate.release.set()
    downloads.start("abc")
    ended()
    found = downloads.find("abc")
    assert found is not None
    assert (found.is_running, found.problem) == (False, sentence)
    gate.fault = None
    downloads.start("abc")
    ended()
    assert downloads.find("abc") is None


def test_only_a_few_go_on_at_a_time(gate: Gate) -> None:
    downloads = Downloads(gate.fetch)
    downloads.start("a")
    downloads.start("b")
    with pytest.raises(UserError, match="Two downloads"):
        downloads.start("c")
    downloads.cancel("a")
    downloads.start("c")


def test_what_is_cancelled_does_not_wait_for_an_end() -> None:
    Downloads(Gate().fetch).cancel("nothing")
