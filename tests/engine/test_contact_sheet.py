"""The contact sheet shows every pass, and what is still masked in grey."""

import numpy as np
import pytest

from maskgit import MaskGIT
from maskgit.contact_sheet import COLUMNS, GAP_PX, GREY, contact_sheet
from maskgit.masks import to_region
from tests.models import some_picture

STEP_PX = 32 + GAP_PX  # from tile to tile of the small model


def test_every_state_has_a_tile_and_masked_cells_are_grey(engine: MaskGIT) -> None:
    (trace,) = engine.generate("rose", steps=8).traces
    sheet = contact_sheet(engine, trace)
    assert sheet.shape == (2 * STEP_PX - GAP_PX, COLUMNS * STEP_PX - GAP_PX, 3)
    for i, state in enumerate(trace):
        row, column = divmod(i, COLUMNS)
        tile = sheet[row * STEP_PX :, column * STEP_PX :][:32, :32]
        masked = to_region(state.mask.view(4, 4).numpy(), 32, 32)
        assert (tile[masked] == GREY).all()
        np.testing.assert_array_equal(tile[~masked], engine.preview(state)[0][~masked])
    assert (sheet[STEP_PX:, 3 * STEP_PX :] == 255).all()


def test_before_the_first_pass_the_known_cells_show(engine: MaskGIT) -> None:
    picture = some_picture(32, 32)
    mask = np.zeros((32, 32), bool)
    mask[:, :16] = True
    (trace,) = engine.edit(picture, mask).traces
    sheet = contact_sheet(engine, trace[:1])
    assert sheet.shape == (32, 32, 3)
    assert (sheet[:, :16] == GREY).all()
    assert len(np.unique(sheet[:, 16:])) > 10


def test_an_empty_trace_is_refused(engine: MaskGIT) -> None:
    with pytest.raises(ValueError, match="the trace is empty"):
        contact_sheet(engine, [])
