"""The official box editing helper and its composite, recorded while the official code ran."""

import json
from typing import Any

import numpy as np
import pytest

from maskgit.compositing import blend, official_alpha
from maskgit.masks import official_box_mask
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

OFFICIAL = SHARED / "golden" / "official"
CODEBOOK_SIZE, LABEL = 1024, 90


def cases() -> list[Any]:
    path = OFFICIAL / "editing.json"
    found = json.loads(path.read_text())["cases"] if path.exists() else []
    return [pytest.param(case, id=key(case)) for case in found]


def key(case: dict[str, Any]) -> str:
    return f"{case['image_size']}/{'_'.join(map(str, case['bbox_top_left_height_width']))}"


def cells_of(case: dict[str, Any]) -> np.ndarray:
    return official_box_mask(tuple(case["bbox_top_left_height_width"]), case["image_size"])


@pytest.mark.parametrize("case", cases())
def test_a_box_masks_the_recorded_cells(case: dict[str, Any]) -> None:
    with np.load(OFFICIAL / "editing.npz") as recorded:
        assert (cells_of(case) == recorded[f"{key(case)}/latent_mask"]).all()


@pytest.mark.parametrize("case", cases())
def test_a_box_gives_the_recorded_input_tokens(case: dict[str, Any]) -> None:
    cells = cells_of(case).ravel()
    tokens = np.where(cells, -1, np.arange(cells.size) % CODEBOOK_SIZE)
    with np.load(OFFICIAL / "editing.npz") as recorded:
        expected = recorded[f"{key(case)}/input_tokens"]
    assert [CODEBOOK_SIZE + LABEL, *tokens] == expected.tolist()


@pytest.mark.parametrize("case", [c for c in cases() if c.values[0]["has_alpha"]])
def test_the_weights_of_the_composite_are_the_recorded_ones(case: dict[str, Any]) -> None:
    alpha = official_alpha(cells_of(case), case["image_size"])
    with np.load(OFFICIAL / "editing.npz") as recorded:
        assert (np.rint(alpha * 255) == recorded[f"{key(case)}/alpha_uint8"]).all()


def test_a_whole_edit_composites_to_the_recorded_picture() -> None:
    with np.load(OFFICIAL / "edit_e2e_tiny.npz") as recorded:
        edit = {name: recorded[name] for name in recorded.files if "/" not in name}
    size = len(edit["image"])
    cells = official_box_mask(tuple(edit["bbox_top_left_height_width"].tolist()), size)
    assert (edit["latent_mask"] == cells).all()

    alpha = official_alpha(cells, size)
    assert (np.rint(alpha * 255) == edit["alpha_uint8"]).all()
    result = blend(np.stack([edit["image"]] * 2), edit["generated"], alpha)
    np.testing.assert_allclose(result, edit["composite"], rtol=0, atol=1e-4)
