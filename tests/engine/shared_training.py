"""Both stages for a few steps in float32, to be run by one process or by several at once.

python -m torch.distributed.run --standalone --nproc-per-node 2 \
    -m tests.engine.shared_training DATA RUNS
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from maskgit.models import VQGAN, AnyTransformer
from maskgit.sizes import HourglassConfig
from maskgit.training import recipes
from maskgit.training.data import load_images
from maskgit.training.run import Run
from maskgit.training.tokenizer import train_tokenizer
from maskgit.training.transformer import train_transformer

STEPS = 8
STAGE_1 = replace(  # everything that may begin in the middle does so
    recipes.tiny().tokenizer,
    schedule=replace(recipes.tiny().tokenizer.schedule, steps=40),
    quantize_start=2,
    adversarial_start=3,
    revive_every=4,
    decoder_only_from=6,
    entropy_weight=0.0,  # looks at a process' own pictures only
)
STAGE_2 = replace(  # without dropout, which differs between processes
    recipes.tiny().transformer(3), model=HourglassConfig(2, 32, 2, 1, 32, 16, 64, 3)
)


def train_both(data: Path, runs: Path, accumulate: int = 1) -> tuple[VQGAN, AnyTransformer]:
    """Train both stages; the second one on a tokenizer that is the same in every run."""
    train, val = (load_images(data, split, (), 32) for split in ("train", "val"))

    def run(name: str) -> Run:
        return Run(runs / name, STEPS, 1, 4, False, "no", accumulate)

    tokenizer = train_tokenizer(STAGE_1, train, val, run("1"))
    torch.manual_seed(0)
    fixed = VQGAN(STAGE_1.model).eval().requires_grad_(False)
    fixed.codebook.normal_()
    return tokenizer, train_transformer(STAGE_2, fixed, train, val, run("2"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_both(Path(sys.argv[1]), Path(sys.argv[2]))
