"""A state as text: what comes back goes on as the original does, and nothing foreign gets in."""

import base64
import json
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgit import MaskGIT, steering
from maskgit.decoding import DecodeOptions, DecodeState, decode, start, step
from maskgit.state_text import MAX_TEXT, from_text, to_text
from tests.engine.test_steering import MODEL, K, begun, cells, edited, edits

GRID = (4, 4)


def read(text: str) -> DecodeState:
    return from_text(text, GRID, K)


def changed(text: str, cells_of: bytes | None = None, **about: Any) -> str:
    """Change what a packed state says about itself, or its cells."""
    line, _, rest = zlib.decompress(base64.b64decode(text)).partition(b"\n")
    fields = {**json.loads(line), **about}
    data = json.dumps(fields).encode() + b"\n" + (rest if cells_of is None else cells_of)
    return base64.b64encode(zlib.compress(data)).decode()


@settings(deadline=None, max_examples=12)
@given(edits, st.integers(0, 6), st.sampled_from(["confidence", "raster"]))
def test_what_comes_back_goes_on_as_the_original_does(
    actions: list[tuple[str, list[int], int]], passes: int, reveal: str
) -> None:
    state = begun(DecodeOptions(steps=6, seed=2**62, reveal=reveal, top_p=0.9), passes=passes)
    for action in actions:
        state = edited(state, *action)
    again = read(to_text(state))
    assert to_text(again) == to_text(state)
    for name in ("options", "mask_id", "step", "lag", "num_open", "num_masked", "steps"):
        assert getattr(again, name) == getattr(state, name)
    for name in ("tokens", "drawn", "revealed_at"):
        assert torch.equal(getattr(again, name), getattr(state, name))
    assert torch.equal(again.confidence, state.confidence.half().float())
    assert torch.equal(again.constraints.is_open, state.constraints.is_open)
    assert torch.equal(again.constraints.labels, state.constraints.labels)
    there, here = decode(MODEL, again), decode(MODEL, state)
    assert torch.equal(there.tokens, here.tokens)
    assert torch.equal(there.revealed_at, here.revealed_at)
    assert not state.num_masked[0] or torch.equal(
        step(MODEL, again).drawn, step(MODEL, state).drawn
    )


def test_bans_come_back() -> None:
    state = steering.ban(steering.ban(begun(passes=2), 3), 5, 9)
    again = read(to_text(state))
    assert again.constraints.banned is not None
    assert state.constraints.banned is not None
    assert torch.equal(again.constraints.banned, state.constraints.banned)


def test_a_step_of_256_cells_is_at_most_two_kilobytes() -> None:
    generator = torch.Generator().manual_seed(0)
    constraints = replace(
        begun().constraints,
        tokens=torch.zeros(1, 256, dtype=torch.long),
        is_open=torch.ones(1, 256, dtype=torch.bool),
        grid=(16, 16),
    )
    state = start(constraints, DecodeOptions(), 1024)
    noise = torch.randint(0, 1024, (1, 256), generator=generator)
    state = replace(state, drawn=noise, confidence=-8 * torch.rand(1, 256, generator=generator))
    assert len(to_text(state)) <= 2048


HOSTILE: list[tuple[Any, str]] = [
    (None, "is text"),
    (b"AAAA", "is text"),
    ("A" * (MAX_TEXT + 4), "at most"),
    ("", "not a packed state"),
    ("%%%%", "not a packed state"),
    ("AAAA", "not a packed state"),
    (base64.b64encode(zlib.compress(bytes(2**24))).decode(), "not a packed state"),
    (base64.b64encode(zlib.compress(b"[" * 2**18 + b"\n")).decode(), "not a packed state"),
    (base64.b64encode(zlib.compress(b"[1]\n")).decode(), "not a packed state"),
]


@pytest.mark.parametrize(("text", "words"), HOSTILE, ids=lambda value: str(value)[:20])
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_state_is_refused(text: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "another version"),
        ({"grid": [2, 8]}, "another model"),
        ({"grid": None}, "another model"),
        ({"codes": 12}, "another model"),
        ({"cells_of": b""}, "bytes of cells"),
        ({"label": -1}, "label"),
        ({"label": "rose"}, "label"),
        ({"step": 1e9}, "step"),
        ({"step": True}, "step"),
        ({"step": 10**9}, "step"),
        ({"step": 0}, "did not run yet"),
        ({"lag": 99}, "lag"),
        ({"lag": -99}, "lag"),
        ({"lag": -4}, "after the last pass"),
        ({"options": []}, "options"),
        ({"options": {"speed": 1}}, "options"),
        ({"options": {"steps": "8"}}, "steps"),
        ({"options": {"temperature": float("nan")}}, "temperature"),
        ({"options": {"schedule": ["cosine"]}}, "schedule"),
        ({"options": {"reveal": {}}}, "reveal"),
        ({"pinned": 3}, "pinned"),
        ({"pinned": "xyz"}, "pinned"),
        ({"pinned": "ff"}, "pinned"),
        ({"pinned": "ffff"}, "pinned"),
        ({"pinned": "000000"}, "pinned"),
        ({"bans": {}}, "bans"),
        ({"bans": [3]}, "a ban is"),
        ({"bans": [[None, 11]]}, "a ban is"),
        ({"bans": [[16, 0]]}, "a ban is"),
        ({"bans": [[None, True]]}, "a ban is"),
        ({"bans": [[None, code] for code in range(K)]}, "every code"),
        ({"bans": [[None, 1]] * 5000}, "at most"),
        ({"classes": [[None, 1], "01" * 8]}, "another version"),
        ({"version": 2, "classes": None}, "classes are"),
        ({"version": 2, "classes": [[None, 1]]}, "classes are"),
        ({"version": 2, "classes": ["01", "01" * 8]}, "2 to 8"),
        ({"version": 2, "classes": [[None], "0" * 16]}, "2 to 8"),
        ({"version": 2, "classes": [list(range(9)), "0" * 16]}, "2 to 8"),
        ({"version": 2, "classes": [[None, "1"], "01" * 8]}, "whole number or null"),
        ({"version": 2, "classes": [[None, True], "01" * 8]}, "whole number or null"),
        ({"version": 2, "classes": [[None, -1], "01" * 8]}, "whole number or null"),
        ({"version": 2, "classes": [[1, 1], "01" * 8]}, "different classes"),
        ({"version": 2, "classes": [[None, 1], "01" * 7]}, "16 digits"),
        ({"version": 2, "classes": [[None, 1], "02" * 8]}, "digits 01"),
        ({"version": 2, "classes": [[None, 1], "0\u0661" * 8]}, "digits 01"),
        ({"version": 2, "classes": [[None, 1], [0] * 16]}, "16 digits"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked")
def test_a_state_that_was_changed_by_hand_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(changed(to_text(begun(passes=2)), **change))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_cells_that_cannot_be_are_refused(place: int) -> None:
    parts = [np.zeros(16, "<u2"), np.zeros(16, "<f2"), np.zeros(16, "<i2")]
    parts[place][:] = (11, np.nan, 7)[place]  # a mask id where nothing is masked; not yet
    data = b"".join(part.view(np.uint8).reshape(-1, 2).T.tobytes() for part in parts)
    with pytest.raises(ValueError, match="was changed"):
        read(changed(to_text(begun(passes=2)), data))


def test_an_engine_takes_only_what_it_can_go_on_from(engine: MaskGIT) -> None:
    state = engine.prepare_generate("rose").state
    text = to_text(engine.step(state))
    assert torch.equal(engine.restore(text).tokens, engine.step(state).tokens)
    with pytest.raises(ValueError, match="labels must be"):
        engine.restore(changed(text, label=6))
    with pytest.raises(ValueError, match="labels must be"):
        engine.restore(changed(text, version=2, classes=[[None, 6], "01" * 8]))
    with pytest.raises(ValueError, match="another model"):
        engine.restore(to_text(begun()))


def test_only_one_row_is_packed() -> None:
    with pytest.raises(ValueError, match="one row"):
        to_text(DecodeState.stack([begun(), begun()]))


def test_a_pin_survives() -> None:
    state = steering.pin(begun(passes=3), cells(4, 11))
    assert torch.equal(steering.pinned(read(to_text(state))), cells(4, 11))
