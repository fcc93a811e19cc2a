"""What must hold on a device that is not the CPU; each check is run in a process of its own.

By hand, with the folder of a model; it says nothing if all is well:

    python -m tests.elsewhere.checks pictures checkpoints/embedded
"""

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

import maskgit
from maskgit import decoding, graphs, steering
from maskgit.batching import Batcher
from maskgit.constraints import Constraints
from maskgit.graphs import Graphed, Painter, Slots
from maskgit.images import to_levels
from maskgit.inspection import entropy, inspect, patches
from maskgit.models import build_tokenizer, build_transformer
from maskgit.reveal import REVEAL_RULES
from maskgit.sizes import (
    AdaLNConfig,
    HourglassConfig,
    LlamaGenConfig,
    TokenizerConfig,
    TransformerConfig,
    UViTConfig,
)
from maskgit.state import DecodeOptions, DecodeState, start
from maskgit.state_text import to_text
from tests.elsewhere.device import DEVICE, traffic
from tests.models import some_picture

Network = TypeVar("Network", bound=nn.Module)
Config = TypeVar("Config")
NETWORKS = [
    TransformerConfig(2, 32, 2, 64, 16, 11, 5, has_null_label=True),
    UViTConfig(1, 32, 2, 64, 16, 11, 5),
    AdaLNConfig(2, 32, 2, 64, 16, 11, 5),
    HourglassConfig(2, 64, 4, 1, 32, 16, 11, 5),
]
TOKENIZERS = [
    TokenizerConfig(8, (1, 2), 1, codebook_size=11, embedding_dim=4, norm_groups=2),
    LlamaGenConfig(32, (1, 2), 1, latent_channels=32, codebook_size=11),
]
CHOICES = [{}, {"guidance_scale": 2.5, "top_p": 0.7}, {"temperature": 0.0}]


def pictures(folder: Path) -> None:
    """Whatever is asked for gives the pictures and tokens that it gives on the CPU."""
    photo, hole, left = some_picture(48, 40), np.zeros((48, 40), bool), np.zeros((48, 40), bool)
    hole[10:30, 8:28] = left[10:30, 8:18] = True

    def everything(engine: maskgit.MaskGIT) -> list[maskgit.Result]:
        job = engine.prepare_edit(photo, hole, "rose")
        last = graphs.decode(engine.predictor, job.state)
        return [
            engine.generate("rose", count=3, guidance_scale=2.0, top_p=0.9),
            engine.generate(None, reveal="halton", top_k=5),
            engine.edit(photo, hole, "rose", count=2, refine=1),
            engine.edit(photo, hole, "rose", regions={"meadow": left}, borrow=True),
            engine.outpaint(photo, left=16, bottom=8, label="wood", count=2, refine=1),
            engine.vary(job, last, 0.5, count=2),
        ]

    for ours, wanted in zip(*map(everything, both(folder)), strict=True):
        assert np.abs(ours.pictures.astype(int) - wanted.pictures).max() <= 1
        for i in range(len(wanted.pictures)):
            np.testing.assert_array_equal(ours.tokens(i), wanted.tokens(i))


def steered(folder: Path) -> None:
    """Looking into a decode, changing it and going on gives what it gives on the CPU."""

    def journey(engine: maskgit.MaskGIT) -> list[object]:
        state = engine.step(engine.prepare_generate("rose", steps=5, guidance_scale=2.0).state)
        seen = inspect(engine, state, 3)
        found = [state.tokens, entropy(engine, state), seen.logits, seen.top(3)]
        for change in (
            lambda state: steering.choose(state, 3, 7),
            lambda state: steering.pin(state, steering.one_cell(state, 4)),
            lambda state: steering.ban(state, 2),
            lambda state: steering.remask(state, steering.least_certain(state, 0.5)),
            lambda state: steering.relabel(state, 3),
            lambda state: steering.set_options(state, {"temperature": 0.3}),
            lambda state: engine.restore(to_text(state)),
        ):
            state = engine.step(change(state))
            found += [state.tokens, state.confidence]
        drawn = [patches(engine, state, 3, seen.top(2)), engine.preview(state)]
        return [*(each.cpu().numpy() for each in found), *(each / 255 for each in drawn)]

    for ours, wanted in zip(*map(journey, both(folder)), strict=True):
        np.testing.assert_allclose(ours, wanted, atol=1 / 255)


def together(folder: Path) -> None:
    """People whose passes run as one batch get what they get alone."""
    engine = both(folder)[0]
    states = [
        engine.prepare_generate(label, seed=i, steps=2 + i, guidance_scale=1.0 + i % 2).state
        for i, label in enumerate(["rose", "wood", None, "meadow"])
    ]
    batcher = Batcher()

    def run(state: DecodeState) -> DecodeState:
        while not state.finished:
            state = batcher.step(engine.predictor, state)
        return state

    with ThreadPoolExecutor(len(states)) as pool:
        for found, state in zip(pool.map(run, states), states, strict=True):
            alone = decoding.decode(engine.predictor, state)
            assert found.tokens.tolist() == alone.tokens.tolist()
    batcher.close()


def ahead(folder: Path) -> None:
    """However many passes there are, the host waits only for what is made of them."""
    engine = both(folder)[0]
    waits = []
    for steps in (3, 12):
        state = engine.prepare_generate("rose", steps=steps, guidance_scale=2.0).state
        with traffic() as seen:
            engine.preview(graphs.decode(engine.predictor, state))
        waits.append(seen["down"])
    assert waits == [1, 1], waits


def recordings(_: Path) -> None:
    """What is to be recorded moves nothing and waits for nothing, and gives the plain passes."""
    run, seen = Slots.run, Counter()

    def counted(*arguments: object) -> None:
        with traffic() as moved:
            run(*arguments)  # pyright: ignore[reportArgumentType]
        seen.update(moved)

    for config, rule, choices in product(NETWORKS, REVEAL_RULES, CHOICES):
        here, there = twins(build_transformer, config)
        state = begin(DecodeOptions(reveal=rule, steps=3, seed=4, **choices))
        wanted = [each.tokens.tolist() for each in decoding.trace(here, state)]
        predictor = Graphed(there, DEVICE)
        for is_warm in (False, True):
            with patch.object(Slots, "run", counted):
                found = list(graphs.trace(predictor, state.to(DEVICE)))
            assert [each.tokens.tolist() for each in found] == wanted, (config, rule, choices)
            assert not is_warm or not seen, (config, rule, choices, seen)
            seen.clear()
        assert predictor.status.startswith("recorded"), predictor.status


def paintings(_: Path) -> None:
    """Likewise for the pictures."""
    for config in TOKENIZERS:
        here, there = twins(build_tokenizer, config)
        grid = torch.randint(0, 11, (3, 4, 4), generator=torch.Generator().manual_seed(0))
        painter = Painter(there, DEVICE)
        with patch.object(Painter, "_draw", unmoved(Painter._draw)):
            levels = painter.levels(grid.to(DEVICE)).cpu()
        assert (levels.int() - to_levels(here.decode(grid)).int()).abs().max() <= 1


def unmoved(function: Callable[..., None]) -> Callable[..., None]:
    """Give a function that must not move anything."""

    def counted(*arguments: object) -> None:
        with traffic() as moved:
            function(*arguments)
        assert not moved, moved

    return counted


def both(folder: Path) -> tuple[maskgit.MaskGIT, maskgit.MaskGIT]:
    """Load a model there and here."""
    there, here = (maskgit.load(folder, device, "float32") for device in (DEVICE, "cpu"))
    return there, here


def twins(build: Callable[[Config], Network], config: Config) -> tuple[Network, Network]:
    """Build a lively network here, and the same there."""
    torch.manual_seed(0)
    here, there = (build(config).eval().requires_grad_(False) for _ in range(2))
    for parameter in here.parameters():
        nn.init.normal_(parameter, std=0.3)
    there.load_state_dict(
        {name: x.to(DEVICE) for name, x in here.state_dict().items()}, assign=True
    )
    return here, there.to(DEVICE)


def begin(options: DecodeOptions) -> DecodeState:
    """Give three rows with more and fewer open cells."""
    cells = torch.arange(16).expand(3, -1)
    is_open = cells < torch.tensor([[16], [9], [5]])
    return start(Constraints(cells % 11, is_open, torch.tensor([1, 2, 3]), (4, 4)), options, 11)


CHECKS = {
    check.__name__: check for check in (pictures, steered, together, ahead, recordings, paintings)
}

if __name__ == "__main__":
    CHECKS[sys.argv[1]](Path(sys.argv[2]))
