"""Files with exactly the published tensors, at full size, become models that run.

Their numbers are random, so what is tested is what the networks cannot be asked about without the
real weights: names, shapes, sizes, memory, and that a pass runs in bfloat16.
"""

import json
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit import decoding
from maskgit.checkpoints import load_model
from maskgit.config import TokenizerConfig, TransformerConfig, UViTConfig
from maskgit.constraints import Constraints
from maskgit.conversion import convert, write_model
from maskgit.decoding import DecodeOptions
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

GOLDEN = SHARED / "golden"
MUSE, PORT = (f"{name}/published_state_dicts.json" for name in ("muse_uvit", "maskgit_torch_port"))
PATTERN = torch.from_numpy(np.random.default_rng(0).normal(0, 0.02, 2**16)).bfloat16()
OPEN_MUSE = "maskgit_vqgan_pt/published_state_dict.json"


def write(file: Path, source: tuple[str, str]) -> Path:
    """Write a published file: its tensors in their wrapping, random, in half the bytes."""
    json_file, name = source
    entry = json.loads((GOLDEN / json_file).read_text())[name]
    tensors = {key: numbers(key, shape) for key, shape in shapes(entry).items()}
    is_wrapped = "state_dict" in (entry["wrapper_key"] or "")
    torch.save({"state_dict": tensors} if is_wrapped else tensors, file)
    return file


def shapes(entry: dict[str, Any]) -> dict[str, list[int]]:
    listed = entry["keys"] if "keys" in entry else entry["state_dict"]
    return {key: item["shape"] if isinstance(item, dict) else item for key, item in listed.items()}


def numbers(name: str, shape: list[int]) -> Tensor:
    if name.endswith("position_ids"):  # a counter
        return torch.arange(prod(shape)).reshape(shape)
    repeats = prod(shape) // len(PATTERN) + 1
    return PATTERN.repeat(repeats)[: prod(shape)].reshape(shape).clone()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transformer", "tokenizer", "sizes"),
    [
        (
            (MUSE, "imagenet256-450000.ckpt/nnet_ema.pth"),
            (MUSE, "vqgan_jax_strongaug.ckpt"),
            UViTConfig(),
        ),
        (
            (PORT, "maskgit_imagenet256.ckpt"),
            (OPEN_MUSE, "maskgit-vqgan-imagenet-f16-256.bin"),
            TransformerConfig(),
        ),
        (
            (PORT, "maskgit_imagenet512.ckpt"),
            (PORT, "tokenizer_imagenet{256,512}.ckpt"),
            TransformerConfig(num_tokens=1024),
        ),
    ],
    ids=["muse", "official-256", "official-512"],
)
def test_published_files_become_a_model_that_runs(
    transformer: tuple[str, str],
    tokenizer: tuple[str, str],
    sizes: TransformerConfig | UViTConfig,
    tmp_path: Path,
) -> None:
    files = write(tmp_path / "a", transformer), write(tmp_path / "b", tokenizer)
    converted = convert(*files)
    assert (converted.config.transformer, converted.config.tokenizer) == (sizes, TokenizerConfig())
    folder = write_model(tmp_path / "model", converted, "# Random\n", dtype=torch.bfloat16)
    del converted
    for file in files:
        file.unlink()

    model = load_model(folder, dtype=torch.bfloat16)
    side = model.config.grid_size
    is_open = torch.arange(side**2)[None] >= side
    known = torch.zeros(is_open.shape, dtype=torch.long)
    constraints = Constraints(known, is_open, torch.tensor([7]), (side, side))
    options = DecodeOptions(**asdict(model.config.decode), start_step=6)
    state = decoding.start(constraints, options, model.transformer.mask_id)
    after = decoding.step(model.transformer, state)
    assert after.num_masked[0] < state.num_masked[0]
    assert (after.drawn < 1024).all()
    picture = model.tokenizer.decode(after.drawn.view(1, side, side)[:, :2, :2])
    assert picture.shape == (1, 3, 32, 32)
    assert model.tokenizer.encode(picture).shape == (1, 2, 2)
