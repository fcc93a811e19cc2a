"""The words of a project: what a page writes is taken, anything else gets a sentence."""

import base64
import json
import zlib
from typing import Any

import pytest

from app.errors import UserError
from app.handlers import Handlers
from app.projects import MAX_ENTRIES, MAX_PICTURES, MAX_TEXT, Projects, read_document
from tests.app.fakes import FakeStudio

# A picture of 60 x 40 px on a lattice of 4 cells a side has 6 x 4 of them: 24 bits.
PICTURE = {"file": "pictures/0.png", "width": 60, "height": 40, "made_from": None}
RESULT = {
    "file": "pictures/1.png",
    "width": 60,
    "height": 40,
    "made_from": 0,
    "origin": None,
    "made": {"draft": "{}", "seed": 5},
    "alpha": "pictures/1.alpha.png",
    "chunks": "AAAAAXNSR0IArs4c6Q==",
}
PLAIN = {"picture": 0, "cells": "ff0000", "shown": True, "is_result": False, "painted": None}
LENS = {"tokens": 2, "fine": 2, "grid": 2, "at": [0, 2], "coverage": 0.25}
ENTRY = {**PLAIN, "grid": 4, "lens": LENS}
RUN = {
    "id": 1,
    "context": {
        "model": "fake",
        "window": [10, 0, 40],
        "drawing": None,
        "feather": 1.5,
        "refine": False,
        "borrow": True,
    },
    "window": [10, 0, 40],
    "grid": 4,
    "open": "ffff",
    "size": None,
    "origin": None,
    "base": 0,
    "steps": 8,
    "made": [1],
}
NODES = [
    {"id": 2, "run": 1, "parent": None, "step": 0, "edit": "", "name": "", "state": "QUJD"},
    {"id": 3, "run": 1, "parent": 2, "step": 1, "edit": "Pin", "name": "mine", "state": "QUI="},
]
WORDS: dict[str, Any] = {
    "format": "maskgit-project",
    "version": 3,
    "grid": 4,
    "position": 1,
    "pictures": [PICTURE, RESULT],
    "entries": [ENTRY, {**ENTRY, "picture": 1, "painted": {"grid": 8, "cells": "0" * 24}}],
    "runs": [RUN],
    "nodes": NODES,
    "settings": {"steps": 8, "label": 970, "randomise": False, "schedule": "cosine", "seed": None},
}


def chunk(*kinds: bytes) -> str:
    """Give empty chunks of some kinds, one after another."""
    sums = [zlib.crc32(kind).to_bytes(4, "big") for kind in kinds]
    data = b"".join(bytes(4) + kind + of_it for kind, of_it in zip(kinds, sums, strict=True))
    return base64.b64encode(data).decode()


def said(words: object) -> str:
    with pytest.raises(UserError) as caught:
        read_document(json.dumps(words))
    return str(caught.value)


def test_what_a_page_writes_comes_back_as_it_was() -> None:
    answer = Handlers(FakeStudio()).projects.project({"document": json.dumps(WORDS)})
    assert answer["ok"], answer
    back = answer["document"]
    assert all(entry.pop("classes") == [] for entry in back["entries"])
    assert {name: back[name] for name in ("entries", "runs", "nodes", "settings")} == {
        name: WORDS[name] for name in ("entries", "runs", "nodes", "settings")
    }
    assert back["pictures"][1] == RESULT


def test_many_chunks_beside_a_picture_are_read() -> None:
    many = {**RESULT, "chunks": chunk(*[b"pHYs"] * 1000)}
    assert read_document(json.dumps({**WORDS, "pictures": [PICTURE, many]})).pictures[1].chunks


def test_a_project_of_the_first_version_is_opened() -> None:
    document = read_document(json.dumps({**WORDS, "version": 1, "entries": [PLAIN, PLAIN]}))
    assert document.entries[0].lens is None
    assert document.entries[0].cells == PLAIN["cells"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"grid": 8}, "mask of entry 0"),
        ({"grid": 1024}, "mask of entry 0"),
        ({"lens": {**LENS, "at": [1, 0]}}, "window of entry 0"),
        ({"lens": {**LENS, "at": [0, 3]}}, "window of entry 0"),
        ({"lens": {**LENS, "at": [0]}}, "lens"),
        ({"lens": {**LENS, "grid": 1}}, "larger than the picture"),
        ({"lens": {**LENS, "grid": 1024}}, "too small"),
        ({"lens": {**LENS, "coverage": 1}}, "coverage"),
        ({"lens": {**LENS, "fine": 0}}, "fine"),
        ({"lens": {**LENS, "more": 0}}, "more"),
        ({"lens": "x"}, "lens"),
    ],
)
def test_a_window_that_no_page_has_is_refused(wrong: dict[str, Any], words: str) -> None:
    assert words in said({**WORDS, "entries": [{**ENTRY, **wrong}, ENTRY]})


def test_further_classes_come_back_and_older_versions_have_none() -> None:
    classes = [[978, "c00000"], [3, "000000"], [978, "300000"]]
    document = read_document(json.dumps({**WORDS, "entries": [{**ENTRY, "classes": classes}] * 2}))
    assert document.model_dump(mode="json")["entries"][1]["classes"] == classes
    old = read_document(json.dumps({**WORDS, "version": 2, "entries": [ENTRY, ENTRY]}))
    assert old.entries[0].classes == []


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ([[978, "c0"]], "mask of entry 0"),
        ([[978, "x"]], "classes"),
        ([[-2, "c00000"]], "classes"),
        ([["tulip", "c00000"]], "classes"),
        ([[978]], "classes"),
        ([[978, "c00000"]] * 8, "classes"),
        ([[978, "c00000"], [3, "400000"]], "a class of entry 0"),
        ([[978, "00ff00"]], "a class of entry 0"),
    ],
)
def test_classes_that_no_page_has_are_refused(classes: list[Any], words: str) -> None:
    assert words in said({**WORDS, "entries": [{**ENTRY, "classes": classes}, ENTRY]})


def test_branches_and_settings_may_be_absent() -> None:
    names = ("format", "version", "grid", "position", "pictures", "entries")
    assert read_document(json.dumps({name: WORDS[name] for name in names})).nodes == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 4}, "newer version"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"version": "1"}, "version"),
        ({"format": "zip"}, "no project"),
        ({"more": 1}, "more"),
        ({"grid": 0}, "grid"),
        ({"grid": 10**9}, "grid"),
        ({"grid": 5, "entries": [PLAIN, PLAIN]}, "mask of entry 0"),
        ({"position": 2}, "present entry"),
        ({"position": -1}, "position"),
        ({"pictures": []}, "pictures"),
        ({"pictures": [PICTURE] * (MAX_PICTURES + 1)}, "pictures"),
        ({"pictures": [PICTURE]}, "missing"),
        ({"pictures": [PICTURE, {**RESULT, "made_from": 7}]}, "missing"),
        ({"pictures": [PICTURE, {**RESULT, "file": "../x.png"}]}, "file"),
        ({"pictures": [PICTURE, {**RESULT, "file": "pictures/1.png\n"}]}, "file"),
        ({"pictures": [PICTURE, {**RESULT, "width": 10**9}]}, "width"),
        ({"pictures": [{**PICTURE, "width": 16_000, "height": 16_000}, RESULT]}, "megapixels"),
        ({"pictures": [PICTURE, {**RESULT, "made": {"draft": 1, "seed": 5}}]}, "draft"),
        ({"pictures": [PICTURE, {**RESULT, "alpha": "pictures/1.png"}]}, "alpha"),
        ({"pictures": [PICTURE, {**RESULT, "chunks": "?"}]}, "chunks"),
        ({"pictures": [PICTURE, {**RESULT, "chunks": "AAAAAXNSR0IArs4c6QAA"}]}, "beside its"),
        ({"pictures": [PICTURE, {**RESULT, "chunks": chunk(b"IDAT")}]}, "beside its"),
        ({"pictures": [PICTURE, {**RESULT, "chunks": chunk(b"pHYs", b"IDAT")}]}, "beside its"),
        ({"entries": []}, "entries"),
        ({"entries": [ENTRY] * (MAX_ENTRIES + 1)}, "entries"),
        ({"entries": [ENTRY, {**ENTRY, "cells": "f" * 600}]}, "mask of entry 1"),
        ({"entries": [ENTRY, {**ENTRY, "cells": "FF0000"}]}, "cells"),
        ({"entries": [ENTRY, {**ENTRY, "shown": 1}]}, "shown"),
        ({"entries": [ENTRY, {**ENTRY, "painted": {"grid": 8, "cells": ""}}]}, "mask of entry 1"),
        ({"runs": [RUN, RUN]}, "twice"),
        ({"runs": [{**RUN, "base": 2}]}, "picture of run 1"),
        ({"runs": [{**RUN, "made": [2]}]}, "picture of run 1"),
        ({"runs": [{**RUN, "open": "ff"}]}, "cells of run 1"),
        ({"runs": [{**RUN, "context": {"model": "fake"}}]}, "window"),
        ({"runs": []}, "belongs to no run"),
        ({"nodes": [NODES[1], NODES[0]]}, "not before it"),
        ({"nodes": [NODES[0], {**NODES[1], "id": 2}]}, "twice"),
        ({"nodes": [NODES[0], {**NODES[1], "id": 1}]}, "twice"),
        ({"nodes": [NODES[0], {**NODES[1], "parent": 3}]}, "not before it"),
        ({"nodes": [{**NODES[0], "state": "not base64!"}]}, "state"),
        ({"nodes": [{**NODES[0], "name": "x" * 10_000}]}, "name"),
        ({"settings": {"steps": {"deep": 1}}}, "settings"),
        ({"settings": {str(i): i for i in range(999)}}, "settings"),
    ],
)
def test_what_is_wrong_gets_a_sentence(change: dict[str, Any], sentence: str) -> None:
    words = said({**WORDS, **change})
    assert sentence in words
    assert words.endswith(".")


@pytest.mark.parametrize("text", [None, 3, "", "[", "[" * 100_000, "null", "[]", "{}"])
def test_whatever_comes_gets_an_answer(text: object) -> None:
    answer = Projects().project({"document": text})
    assert answer["error"]["message"].endswith(".")
    assert Projects().project(text)["ok"] is False


def test_too_much_is_not_even_read() -> None:
    with pytest.raises(UserError, match="too large"):
        read_document(" " * (MAX_TEXT + 1))
