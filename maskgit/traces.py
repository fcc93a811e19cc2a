"""A decode as a file: every state, for people who want to compute with it or to go on from it.

`docs/traces.md` documents both layouts. Either holds every state as text, too, from which
`MaskGIT.restore` goes on.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from maskgit.state import DecodeState
from maskgit.state_text import to_text
from maskgit.steering import pinned

VERSION = 1


def to_npz(states: Sequence[DecodeState], model: str = "") -> bytes:
    """Write states of one row each as compressed NumPy arrays, nothing pickled.

    Raises:
        ValueError: If there are none, or they are not of one model.
    """
    _require_alike(states)
    first = states[0]
    fields = [_fields(state) for state in states]
    kinds = {
        "tokens": np.uint16,
        "drawn": np.uint16,
        "confidence": np.float32,
        "revealed_at": np.int16,
        "is_open": np.bool_,
        "is_pinned": np.bool_,
        "step": np.int32,
        "steps": np.int32,
        "label": np.int32,
        "cell_label": np.int32,
    }
    values: dict[str, Any] = {
        name: np.stack([np.asarray(each[name]) for each in fields]).astype(kind)
        for name, kind in kinds.items()
    }
    values |= {
        "version": VERSION,
        "model": model,
        "codes": first.mask_id,
        "options": [json.dumps(each["options"]) for each in fields],
        "state": [to_text(state) for state in states],
    }
    file = io.BytesIO()
    np.savez_compressed(file, **values)
    return file.getvalue()


def to_json(states: Sequence[DecodeState], model: str = "") -> bytes:
    """Write states of one row each as JSON; cells row by row, infinite confidence as null.

    Raises:
        ValueError: As for `to_npz`.
    """
    _require_alike(states)
    first = states[0]
    listed: list[dict[str, Any]] = []
    for state in states:
        fields = {
            name: value.ravel().tolist() if isinstance(value, np.ndarray) else value
            for name, value in _fields(state).items()
        }
        finite = [value if np.isfinite(value) else None for value in fields["confidence"]]
        listed.append({**fields, "confidence": finite, "state": to_text(state)})
    about = {"version": VERSION, "model": model, "codes": first.mask_id}
    grid = list(first.constraints.grid)
    return json.dumps({**about, "grid": grid, "states": listed}, allow_nan=False).encode()


TRACE_FILES = {"npz": to_npz, "json": to_json}  # what writes a file, by its ending


def _fields(state: DecodeState) -> dict[str, Any]:
    """Take one row apart: grids of cells, numbers, options."""

    def grid(values: Any) -> np.ndarray:
        return values[0].cpu().numpy().reshape(state.constraints.grid)

    return {
        "step": state.step[0],
        "steps": state.steps[0],
        "label": int(state.constraints.labels[0]),
        "cell_label": grid(state.constraints.label_of_cells),
        "options": asdict(state.options[0]),
        "tokens": grid(state.tokens),
        "drawn": grid(state.drawn),
        "confidence": grid(state.confidence),
        "revealed_at": grid(state.revealed_at),
        "is_open": grid(state.constraints.is_open),
        "is_pinned": grid(pinned(state)),
    }


def _require_alike(states: Sequence[DecodeState]) -> None:
    if not states:
        raise ValueError("the trace is empty")
    if len({(state.mask_id, state.constraints.grid) for state in states}) > 1:
        raise ValueError("a trace is of one model")
    if any(state.batch != 1 for state in states):
        raise ValueError("a trace is of one picture; take its row of every state")
