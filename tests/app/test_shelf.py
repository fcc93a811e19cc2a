"""What is used stays loaded, within bounds, and is loaded once however many ask."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.studio.shelf import Shelf

SIZES = {"a": 3, "b": 4, "c": 5, "huge": 100}


def shelf(kept: int = 8, loads: list[str] | None = None) -> Shelf[str]:
    def load(name: str) -> str:
        if loads is not None:
            loads.append(name)
        return name.upper()

    return Shelf(load, SIZES.__getitem__, kept_bytes=kept)


def test_a_thing_is_loaded_once() -> None:
    loads: list[str] = []
    things = shelf(loads=loads)
    assert [things.get("a"), things.get("a")] == ["A", "A"]
    assert loads == ["a"]


def test_the_least_recently_used_is_forgotten_first() -> None:
    things = shelf(kept=8)
    for name in ("a", "b", "a", "c"):  # a and b fit beside c
        things.get(name)
    assert things.names() == ["b", "a", "c"]
    things.get("huge")
    assert things.names() == ["a", "c", "huge"]


def test_the_one_used_last_stays_however_large_it_is() -> None:
    things = shelf(kept=0)
    things.get("a")
    things.get("huge")
    assert things.names() == ["huge"]


def test_what_cannot_be_loaded_leaves_the_others_alone() -> None:
    def load(name: str) -> str:
        raise ValueError(name)

    things = Shelf(load, SIZES.__getitem__)
    things.put("a", "A")
    with pytest.raises(ValueError, match="b"):
        things.get("b")
    assert things.get("a") == "A"


def test_what_is_loaded_can_be_had_while_another_is_loaded() -> None:
    begun, release = threading.Event(), threading.Event()

    def load(name: str) -> str:
        begun.set()
        release.wait(30)
        return name

    things = Shelf(load, SIZES.__getitem__)
    things.put("a", "A")
    with ThreadPoolExecutor(3) as pool:
        both = [pool.submit(things.get, "b") for _ in range(2)]
        begun.wait(30)
        assert things.get("a") == "A"
        release.set()
        first, second = (asked.result(30) for asked in both)
    assert first is second
