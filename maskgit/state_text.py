"""One decode state as a short text: what a browser keeps of a step, and sends back to go on.

A packed state has everything that going on needs, so whoever holds it needs nothing else; stepping
from it gives what stepping from the original gives, bit for bit. Only the confidence of decided
cells is rounded, to half precision. What can be computed from the rest is left out.

Layout: base64 of zlib of three parts. First a line of JSON, ended by a newline:

    version   2 where there are several classes, otherwise 1
    grid      [height, width] in cells
    codes     K, the number of codes, which is also the id of the mask token
    label     the model's class label
    step, lag   see DecodeState
    options   those that differ from the defaults of DecodeOptions
    pinned    hexadecimal bits of the pinned cells, row by row; only if there are any
    bans      [[cell, code], ...]; the cell is null for a ban everywhere; only if there are any
    classes   [labels, digits]: the labels of several classes, null for `label`, and for every cell
              the place of its class among them; only if there are several

Then, of every cell: `drawn` as uint16, `confidence` as float16, `revealed_at` as int16, all low
bytes before all high bytes, which packs better.

Packed states come from anybody: `from_text` believes nothing, and refuses with a sentence.
"""

import base64
import binascii
import json
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from maskgit.class_map import MAX_CLASSES, ClassMap
from maskgit.constraints import Constraints
from maskgit.state import KNOWN, MASKED, DecodeOptions, DecodeState

VERSION = 2  # of states with several classes; all others are of version 1
MAX_TEXT = 2**17  # characters of a packed state
MAX_BYTES = 2**20  # of it, once it is unpacked
MAX_BANS = 4096  # in one state
MAX_PASSES = 2**15 - 1  # revealed_at is int16
MAX_LABEL = 2**31
_DEFAULTS = asdict(DecodeOptions())


def to_text(state: DecodeState) -> str:
    """Write one row as text.

    Raises:
        ValueError: If there is more than one row, or more is banned than a packed state may say.
    """
    if state.batch != 1:
        raise ValueError(f"one row is packed at a time, got {state.batch}; take a row")
    pinned = (~state.constraints.is_open & (state.revealed_at != KNOWN))[0].cpu().numpy()
    options = asdict(state.options[0]).items()
    classes = state.constraints.classes
    about = {
        "version": 1 if classes is None else VERSION,
        "grid": list(state.constraints.grid),
        "codes": state.mask_id,
        "label": int(state.constraints.labels[0]),
        "step": state.step[0],
        "lag": state.lag[0],
        "options": {name: value for name, value in options if value != _DEFAULTS[name]},
    }
    if pinned.any():
        about["pinned"] = np.packbits(pinned).tobytes().hex()
    if bans := _listed(state.constraints.banned):
        about["bans"] = bans
    if classes is not None:
        about["classes"] = [list(classes.labels[0]), "".join(map(str, classes.which[0].tolist()))]
    cells = (
        state.drawn[0].cpu().numpy().astype("<u2"),
        state.confidence[0].cpu().numpy().astype("<f2"),
        state.revealed_at[0].cpu().numpy().astype("<i2"),
    )
    line = json.dumps(about, separators=(",", ":")).encode()
    data = zlib.compress(line + b"\n" + b"".join(map(_shuffled, cells)), 9)
    return base64.b64encode(data).decode("ascii")


def from_text(text: str, grid: tuple[int, int], mask_id: int) -> DecodeState:
    """Read what `to_text` wrote, on the CPU; the label is not looked at.

    Args:
        text: A packed state.
        grid: Height and width of the model's token grid.
        mask_id: The model's.

    Raises:
        ValueError: If it is not a packed state, or one of another model, with the reason.
    """
    about, rest = _opened(text)
    if about.get("version") != (VERSION if "classes" in about else 1):
        raise ValueError("this state was written by another version of this program")
    if about.get("grid") != list(grid) or about.get("codes") != mask_id:
        raise ValueError("this state belongs to another model")
    num_cells = grid[0] * grid[1]
    if len(rest) != 6 * num_cells:
        raise ValueError(f"a state of this model has {6 * num_cells} bytes of cells, {_BROKEN}")
    parts = (rest[i * 2 * num_cells : (i + 1) * 2 * num_cells] for i in range(3))
    drawn, confidence, revealed_at = map(_ordered, parts, ("<u2", "<f2", "<i2"))
    step = _whole(about, "step", 0, MAX_PASSES)
    _require_cells(drawn, confidence, revealed_at, step, mask_id)
    is_masked, was_open = revealed_at == MASKED, revealed_at != KNOWN
    pinned = _pinned(about.get("pinned"), was_open & ~is_masked)
    options = _options(about.get("options"))
    num_open, num_masked = int(was_open.sum()), int(is_masked.sum())
    passes = options.passes(num_open)
    lag = _whole(about, "lag", step - passes, step)
    if num_masked and step - lag >= passes:
        raise ValueError(f"cells are masked after the last pass, {_BROKEN}")
    drawn = torch.from_numpy(drawn.astype(np.int64))[None]
    tokens = drawn.masked_fill(torch.from_numpy(is_masked), mask_id)
    constraints = Constraints(
        tokens=tokens.masked_fill(tokens == mask_id, 0),
        is_open=torch.from_numpy(was_open & ~pinned)[None],
        labels=torch.tensor([_whole(about, "label", 0, MAX_LABEL)]),
        grid=grid,
        banned=_banned(about.get("bans", []), num_cells, mask_id),
        classes=_classes(about["classes"], num_cells) if "classes" in about else None,
    )
    return DecodeState(
        constraints,
        (options,),
        mask_id,
        tokens=tokens,
        drawn=drawn,
        confidence=torch.from_numpy(confidence.astype(np.float32))[None],
        revealed_at=torch.from_numpy(revealed_at.astype(np.int16))[None],
        step=(step,),
        lag=(lag,),
        num_open=(num_open,),
        num_masked=(num_masked,),
    )


_BROKEN = "so this one is incomplete or was changed"


def _opened(text: str) -> tuple[dict[str, Any], bytes]:
    """Take a packed state apart, into what it says about itself and its cells."""
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise ValueError(f"a state is text of at most {MAX_TEXT} characters")
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
        line, newline, rest = data.partition(b"\n")
        about = json.loads(line)
    except (ValueError, binascii.Error, zlib.error, RecursionError):
        raise ValueError("this is not a packed state") from None
    if not inflate.eof or not newline or not isinstance(about, dict):
        raise ValueError("this is not a packed state")
    return about, rest


def _require_cells(
    drawn: np.ndarray, confidence: np.ndarray, revealed_at: np.ndarray, step: int, mask_id: int
) -> None:
    if not ((revealed_at >= MASKED) & (revealed_at <= max(step - 1, 0))).all():
        raise ValueError(f"a cell was revealed in a pass that did not run yet, {_BROKEN}")
    if not ((drawn < mask_id) | ((drawn == mask_id) & (revealed_at == MASKED))).all():
        raise ValueError(f"a cell has no code of this model, {_BROKEN}")
    if np.isnan(confidence).any():
        raise ValueError(f"a confidence is not a number, {_BROKEN}")


def _whole(about: dict[str, Any], name: str, low: int, high: int) -> int:
    value = about.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is not a whole number from {low} to {high}, {_BROKEN}")
    return value


def _options(values: object) -> DecodeOptions:
    if not isinstance(values, dict) or not values.keys() <= _DEFAULTS.keys():
        raise ValueError(f"there are options that are not known here, {_BROKEN}")
    try:
        return DecodeOptions(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _pinned(text: object, allowed: Bool[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
    if text is None:
        return np.zeros_like(allowed)
    try:
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(str(text)), np.uint8)).astype(bool)
    except ValueError:
        raise ValueError(f"pinned is not hexadecimal, {_BROKEN}") from None
    pinned, spare = bits[: len(allowed)], bits[len(allowed) :]
    if len(pinned) < len(allowed) or len(spare) > 7 or spare.any() or (pinned & ~allowed).any():
        raise ValueError(f"cells are pinned that cannot be, {_BROKEN}")
    return pinned


def _classes(value: object, num_cells: int) -> ClassMap:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"classes are [labels, digits], {_BROKEN}")
    labels, digits = value
    if not isinstance(labels, list) or not 2 <= len(labels) <= MAX_CLASSES:
        raise ValueError(f"several classes are 2 to {MAX_CLASSES}, {_BROKEN}")
    if not all(label is None or _is_index(label, MAX_LABEL) for label in labels):
        raise ValueError(f"a class is a whole number or null, {_BROKEN}")
    allowed = "01234567"[: len(labels)]
    if not isinstance(digits, str) or len(digits) != num_cells or set(digits) - set(allowed):
        raise ValueError(f"classes of cells are {num_cells} digits {allowed}, {_BROKEN}")
    which = torch.tensor([list(map(int, digits))], dtype=torch.uint8)
    return ClassMap(which, (tuple(labels),))


def _listed(banned: Bool[Tensor, "1 _ K"] | None) -> list[list[int | None]]:
    """List what is banned: everywhere, then cell by cell."""
    if banned is None:
        return []
    everywhere = banned[0].all(dim=0)
    bans: list[list[int | None]] = [[None, code] for code in everywhere.nonzero()[:, 0].tolist()]
    bans += (banned[0] & ~everywhere).nonzero().tolist()
    if len(bans) > MAX_BANS:
        raise ValueError(f"{len(bans)} bans; a packed state may have {MAX_BANS}")
    return bans


def _banned(bans: object, num_cells: int, num_codes: int) -> Bool[Tensor, "1 _ K"] | None:
    if not isinstance(bans, list) or len(bans) > MAX_BANS:
        raise ValueError(f"bans are a list of at most {MAX_BANS}")
    if not bans:
        return None
    for ban in bans:
        if not _is_ban(ban, num_cells, num_codes):
            raise ValueError(f"a ban is [cell or null, code], {_BROKEN}")
    everywhere = [code for cell, code in bans if cell is None]
    somewhere = [ban for ban in bans if ban[0] is not None]
    banned = torch.zeros(1, num_cells if somewhere else 1, num_codes, dtype=torch.bool)
    banned[:, :, everywhere] = True
    for cell, code in somewhere:
        banned[0, cell, code] = True
    if banned.all(dim=-1).any():
        raise ValueError("every code is banned in some cell; leave it at least one")
    return banned


def _is_ban(ban: object, num_cells: int, num_codes: int) -> bool:
    if not isinstance(ban, list) or len(ban) != 2:
        return False
    cell, code = ban
    return _is_index(code, num_codes) and (cell is None or _is_index(cell, num_cells))


def _is_index(value: object, size: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < size


def _shuffled(values: np.ndarray) -> bytes:
    """Write two-byte numbers with all low bytes first."""
    return values.view(np.uint8).reshape(-1, 2).T.tobytes()


def _ordered(data: bytes, dtype: str) -> np.ndarray:
    """Undo `_shuffled`."""
    return np.frombuffer(data, np.uint8).reshape(2, -1).T.copy().view(dtype)[:, 0]
