"""Both stages for a few steps in float32, to be run by one process or by several at once.

python -m torch.distributed.run --standalone --nproc-per-node 2 \
    -m tests.engine.shared_training DATA RUNS

Where the weights are sharded it is stage 2 alone; its weights in the end are in RUNS/2/final.pt.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from maskgit.cli import end_if_launched
from maskgit.models import VQGAN
from maskgit.sizes import HourglassConfig
from maskgit.training import recipes, sharding
from maskgit.training.data import ImageSet, load_images
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
    recipes.tiny().transformer(3),
    model=HourglassConfig(2, 32, 2, 1, 32, 16, 64, 3),
    use_muon=hasattr(torch.optim, "Muon"),
)


def train_both(data: Path, runs: Path, accumulate: int = 1) -> None:
    """Train both stages; the second one on a tokenizer that is the same in every run."""
    train, val = _pictures(data)
    train_tokenizer(STAGE_1, train, val, _run(runs / "1", accumulate))
    train_second(data, runs, accumulate)


def train_second(data: Path, runs: Path, accumulate: int = 1) -> None:
    """Train stage 2, and keep its averaged weights."""
    train, val = _pictures(data)
    torch.manual_seed(0)
    tokenizer = VQGAN(STAGE_1.model).eval().requires_grad_(False)
    tokenizer.codebook.normal_()
    run = _run(runs / "2", accumulate)
    network = train_transformer(STAGE_2, tokenizer, train, val, run)
    if run.is_main:
        torch.save(network.state_dict(), runs / "2/final.pt")


def _pictures(data: Path) -> tuple[ImageSet, ImageSet]:
    train, val = (load_images(data, split, (), 32) for split in ("train", "val"))
    return train, val


def _run(folder: Path, accumulate: int) -> Run:
    return Run(folder, STEPS, 1, 4, False, "no", accumulate)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train = train_second if sharding.is_asked_for() else train_both
    train(Path(sys.argv[1]), Path(sys.argv[2]))
    end_if_launched()
