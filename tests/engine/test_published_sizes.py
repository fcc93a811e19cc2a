"""Files with exactly the published tensors, at full size, become models that run.

Their numbers are random, so what is tested is what the networks cannot be asked about without the
real weights: names, shapes, sizes, memory, and that a pass runs, in bfloat16 where the processor is
fast at it. Elsewhere it takes fifty times as long and nobody would wait for it; that each family
runs in bfloat16 on any processor is tested with small networks (test_models.py, test_golden_*.py).
"""

import json
from dataclasses import asdict, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgit import decoding
from maskgit.checkpoints import load_model
from maskgit.constraints import Constraints
from maskgit.conversion import convert, halton, llamagen, write_model
from maskgit.decoding import DecodeOptions
from maskgit.models import AdaLNTransformer, LlamaGenVQ, TokenPredictor
from maskgit.models.empty import without_weights
from maskgit.runtime import bf16_is_fast
from maskgit.sizes import (
    AdaLNConfig,
    AnyTokenizerConfig,
    AnyTransformerConfig,
    LlamaGenConfig,
    TokenizerConfig,
    TransformerConfig,
    UViTConfig,
)
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

GOLDEN = SHARED / "golden"
MUSE, PORT = (f"{name}/published_state_dicts.json" for name in ("muse_uvit", "maskgit_torch_port"))
PATTERN = torch.from_numpy(np.random.default_rng(0).normal(0, 0.02, 2**16)).bfloat16()
OPEN_MUSE = "maskgit_vqgan_pt/published_state_dict.json"
HALTON, LLAMAGEN = (f"{name}/published_state_dicts.json" for name in ("halton", "llamagen_vq"))
VQ16 = (LLAMAGEN, "vq_ds16_c2i.pt")
HALTON_SIZES = {
    "256_tiny": AdaLNConfig(6, 384, 6, 1024),
    "256_small": AdaLNConfig(12, 512, 6, 1536),
    "256_base": AdaLNConfig(12, 768, 12, 2048),
    "384_small": AdaLNConfig(12, 512, 6, 1536, num_tokens=576),
    "384_base": AdaLNConfig(12, 768, 12, 2048, num_tokens=576),
    "384_large": AdaLNConfig(24, 1024, 16, 2816, num_tokens=576),
}


@pytest.fixture(scope="module")
def dtype() -> torch.dtype:
    """The precision in which this machine would run them."""
    return torch.bfloat16 if bf16_is_fast(torch.device("cpu")) else torch.float32


def write(file: Path, source: tuple[str, str]) -> Path:
    """Write a published file: its tensors in their wrapping, random, in half the bytes."""
    json_file, name = source
    entry = json.loads((GOLDEN / json_file).read_text())[name]
    tensors = {key: numbers(key, shape) for key, shape in shapes(entry).items()}
    if json_file == HALTON:
        tensors["head.weight"] = tensors["tok_emb.weight"]
        torch.save({"iter": 1, "global_epoch": 1, "model_state_dict": tensors}, file)
    elif wrapper := entry["wrapper_key"]:
        key = wrapper.split()[0]
        torch.save({key: tensors}, file)
    else:
        torch.save(tensors, file)
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
    ("transformer", "tokenizer", "sizes", "tokenizer_sizes"),
    [
        (
            (MUSE, "imagenet256-450000.ckpt/nnet_ema.pth"),
            (MUSE, "vqgan_jax_strongaug.ckpt"),
            UViTConfig(),
            TokenizerConfig(),
        ),
        (
            (PORT, "maskgit_imagenet256.ckpt"),
            (OPEN_MUSE, "maskgit-vqgan-imagenet-f16-256.bin"),
            TransformerConfig(),
            TokenizerConfig(),
        ),
        (
            (PORT, "maskgit_imagenet512.ckpt"),
            (PORT, "tokenizer_imagenet{256,512}.ckpt"),
            TransformerConfig(num_tokens=1024),
            TokenizerConfig(),
        ),
        *(
            ((HALTON, f"ImageNet_{name}.pth"), VQ16, sizes, LlamaGenConfig())
            for name, sizes in HALTON_SIZES.items()
            if name.startswith("256")
        ),
    ],
    ids=["muse", "official-256", "official-512", "tiny", "small", "base"],
)
def test_published_files_become_a_model_that_runs(
    transformer: tuple[str, str],
    tokenizer: tuple[str, str],
    sizes: AnyTransformerConfig,
    tokenizer_sizes: AnyTokenizerConfig,
    dtype: torch.dtype,
    tmp_path: Path,
) -> None:
    files = write(tmp_path / "a", transformer), write(tmp_path / "b", tokenizer)
    converted = convert(*files)
    found = converted.config.transformer, converted.config.tokenizer
    assert found == (sizes, tokenizer_sizes)
    folder = write_model(tmp_path / "model", converted, "# Random\n", dtype=torch.bfloat16)
    del converted
    for file in files:
        file.unlink()

    model = load_model(folder, dtype=dtype)
    side = model.config.grid_size
    drawn = run_a_pass(model.transformer, side, DecodeOptions(**asdict(model.config.decode)))
    picture = model.tokenizer.decode(drawn.view(1, side, side)[:, :2, :2])
    assert picture.shape == (1, 3, 32, 32)
    assert model.tokenizer.encode(picture).shape == (1, 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HALTON_SIZES if name.startswith("384")])
def test_the_largest_run_too(name: str, dtype: torch.dtype) -> None:
    state = shared_state(HALTON, f"ImageNet_{name}.pth")
    sizes, network = halton.transformer_from_state(state, codebook_size=16384)
    assert sizes == HALTON_SIZES[name]
    options = DecodeOptions(steps=12, schedule="arccos", guidance_scale=1.5, reveal="halton")
    run_a_pass(network.to(dtype), 24, options)


@pytest.mark.slow
def test_the_tokenizer_of_stride_8_runs_too(dtype: torch.dtype) -> None:
    sizes, network = llamagen.tokenizer_from_state(shared_state(LLAMAGEN, "vq_ds8_c2i.pt"))
    assert (sizes, sizes.stride) == (LlamaGenConfig(channel_multipliers=(1, 2, 2, 4)), 8)
    picture = network.to(dtype).decode(torch.arange(4).view(1, 2, 2))
    assert picture.shape == (1, 3, 16, 16)
    assert network.encode(picture).shape == (1, 2, 2)


def shared_state(json_file: str, name: str) -> dict[str, Tensor]:
    """Tensors as published, without a file: they all lie in one small piece of memory."""
    listed = shapes(json.loads((GOLDEN / json_file).read_text())[name])
    pattern = PATTERN.float().repeat(max(map(prod, listed.values())) // len(PATTERN) + 1)
    return {key: pattern[: prod(shape)].view(shape) for key, shape in listed.items()}


def run_a_pass(network: TokenPredictor, side: int, options: DecodeOptions) -> Tensor:
    """Fill all but the first row of a grid; give the proposal of a pass."""
    is_open = torch.arange(side**2)[None] >= side
    known = torch.zeros(is_open.shape, dtype=torch.long)
    constraints = Constraints(known, is_open, torch.tensor([7]), (side, side))
    state = decoding.start(constraints, replace(options, start_step=6), network.mask_id)
    after = decoding.step(network, state)
    assert after.num_masked[0] < state.num_masked[0]
    assert (after.drawn < network.mask_id).all()
    return after.drawn


def test_networks_have_as_many_parameters_as_the_published_ones() -> None:
    vq = {"vq_ds16_c2i": LlamaGenConfig(), "vq_ds8_c2i": LlamaGenConfig(128, (1, 2, 2, 4))}
    with without_weights():
        networks = {f"ImageNet_{name}.pth": AdaLNTransformer(s) for name, s in HALTON_SIZES.items()}
        tokenizers = {f"{name}.pt": LlamaGenVQ(sizes) for name, sizes in vq.items()}
    for json_file, built in ((HALTON, networks), (LLAMAGEN, tokenizers)):
        published = json.loads((GOLDEN / json_file).read_text())
        counts = {name: sum(p.numel() for p in net.parameters()) for name, net in built.items()}
        assert counts == {name: entry["parameters"] for name, entry in published.items()}
