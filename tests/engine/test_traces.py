"""Traces as files: what is documented is in them, and going on from them works."""

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgit import DecodeOptions, MaskGIT, steering
from maskgit.decoding import DecodeState, decode
from maskgit.traces import to_json, to_npz
from tests.engine.test_steering import begun

DOCS = Path(__file__).resolve().parents[2] / "docs" / "traces.md"


@pytest.fixture(scope="module")
def states(engine: MaskGIT) -> Sequence[DecodeState]:
    trace = engine.generate("rose", seed=2).traces[0]
    half = steering.choose(steering.ban(trace[2], 7), 3, 5)
    return [*trace[:3], half, engine.step(half)]


def test_the_arrays_are_those_that_are_documented(states: Sequence[DecodeState]) -> None:
    documented = re.findall(r"^\| `(\w+)` \| (\w+) ?(\(T.*?\))? \|", DOCS.read_text(), re.MULTILINE)
    with np.load(io.BytesIO(to_npz(states, "small")), allow_pickle=False) as trace:
        assert sorted(trace.files) == sorted(name for name, _, _ in documented)
        shapes = {"": (), "(T,)": (5,), "(T, h, w)": (5, 4, 4)}
        for name, kind, shape in documented:
            assert trace[name].shape == shapes[shape]
            wanted = {"text": "U", "int": "i"}.get(kind) or np.dtype(kind).kind
            assert trace[name].dtype.kind == wanted
        assert trace["model"] == "small"
        assert trace["step"].tolist() == [0, 1, 2, 2, 3]
        assert trace["is_pinned"].sum() == 2
        for i, state in enumerate(states):
            for name in ("tokens", "drawn", "revealed_at", "confidence"):
                np.testing.assert_array_equal(trace[name][i].ravel(), getattr(state, name)[0])
            assert DecodeOptions(**json.loads(str(trace["options"][i]))) == state.options[0]


def test_going_on_from_a_file_ends_as_the_original(
    engine: MaskGIT, states: Sequence[DecodeState]
) -> None:
    with np.load(io.BytesIO(to_npz(states))) as trace:
        for text, state in zip(trace["state"], states, strict=True):
            end = decode(engine.predictor, engine.restore(str(text)))
            assert torch.equal(end.tokens, decode(engine.predictor, state).tokens)


def test_json_says_the_same(engine: MaskGIT, states: Sequence[DecodeState]) -> None:
    trace = json.loads(to_json(states, "small"))
    assert (trace["version"], trace["model"], trace["codes"]) == (1, "small", 32)
    assert trace["grid"] == [4, 4]
    for told, state in zip(trace["states"], states, strict=True):
        assert told["tokens"] == state.tokens[0].tolist()
        assert told["revealed_at"] == state.revealed_at[0].tolist()
        assert torch.equal(engine.restore(told["state"]).tokens, state.tokens)
    assert trace["states"][0]["confidence"] == [None] * 16
    names = re.search(r'"states": \[\{(.*?)\}', DOCS.read_text(), re.DOTALL)
    assert names
    assert sorted(re.findall(r'"(\w+)"', names[1])) == sorted(trace["states"][0])


def test_a_trace_is_of_one_picture_of_one_model(states: Sequence[DecodeState]) -> None:
    with pytest.raises(ValueError, match="empty"):
        to_npz([])
    with pytest.raises(ValueError, match="one model"):
        to_json([states[0], begun()])
    with pytest.raises(ValueError, match="one picture"):
        to_npz([DecodeState.stack([states[0], states[1]])])
