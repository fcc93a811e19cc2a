"""Passes that are foreseen give what `decoding.step` gives; on a GPU they are recorded as well.

On a CPU nothing is recorded: the same function is called on the same static memory.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import maskgit
from maskgit import decoding, graphs
from maskgit.batching import Batcher
from maskgit.class_map import ClassMap
from maskgit.constraints import Constraints
from maskgit.fused_draw import draw_cells, draw_plainly
from maskgit.graphs import MAX_PASSES, MAX_RECORDINGS, Graphed, Painter, bucket
from maskgit.models import Hourglass, fused
from maskgit.passes import obstacle
from maskgit.pipeline import MaskGIT
from maskgit.reveal import REVEAL_RULES
from maskgit.sizes import HourglassConfig
from maskgit.state import DecodeOptions, DecodeState, start
from maskgit.types import Labels, Logits, Tokens
from tests.predictors import FakePredictor

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(fused.SWITCH, "1")
    fused.kernels.cache_clear()
    yield
    fused.kernels.cache_clear()


GRID = (4, 4)


def begin(num_open: int = 16, label: int = 1, **options: object) -> DecodeState:
    """Give one row of which some cells are known."""
    ids = torch.arange(16)[None] % 11
    is_open = torch.arange(16)[None] < num_open
    constraints = Constraints(ids, is_open, torch.tensor([label]), GRID)
    return start(constraints, DecodeOptions(**options), 11)  # pyright: ignore[reportArgumentType]


def assert_same(found: list[DecodeState], wanted: list[DecodeState]) -> None:
    """Compare everything that a state says."""
    assert len(found) == len(wanted)
    for ours, plain in zip(found, wanted, strict=True):
        assert torch.equal(ours.tokens, plain.tokens)
        assert torch.equal(ours.drawn, plain.drawn)
        assert torch.equal(ours.revealed_at, plain.revealed_at)
        torch.testing.assert_close(ours.confidence, plain.confidence, rtol=0, atol=2e-6)
        for name in ("step", "lag", "num_open", "num_masked", "options"):
            assert getattr(ours, name) == getattr(plain, name)


CHOICES = [
    {},
    {"steps": 5, "temperature": 0.0},
    {"temperature": 1.7, "choice_temperature": 0.0, "schedule": "linear"},
    {"guidance_scale": 2.5, "top_p": 0.7},
    {"guidance_scale": 3.0, "guidance_schedule": "ramp", "temperature_schedule": "fade"},
    {"start_step": 3, "temperature": 0.4, "top_p": 0.9},
    {"steps": 40, "seed": 2**63 - 1},
]


@pytest.mark.parametrize("rule", REVEAL_RULES)
@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_foreseen_passes_are_the_plain_ones(rule: str, choices: dict[str, object]) -> None:
    state = begin(**{"seed": 7, **choices, "reveal": rule})
    wanted = list(decoding.trace(FakePredictor(), state))
    assert_same(list(graphs.trace(Graphed(FakePredictor(), CPU), state)), wanted)


@pytest.mark.parametrize("rule", ["confidence", "halton", "raster"])
def test_rows_of_different_people_share_the_passes(rule: str) -> None:
    rows = [
        begin(5 * i + 1, label=i, seed=i, **{**choices, "reveal": rule})
        for i, choices in enumerate(CHOICES[:3])
    ]
    rows[1] = decoding.step(FakePredictor(), rows[1])
    state, predictor = DecodeState.stack(rows), Graphed(FakePredictor(), CPU)
    wanted = list(decoding.trace(FakePredictor(), state))
    for _ in range(2):  # whatever an earlier request left behind
        assert_same(list(graphs.trace(predictor, state)), wanted)
    mixed = DecodeState.stack([rows[0], begin(seed=4, guidance_scale=4.0, reveal=rule)])
    assert_same(list(graphs.trace(predictor, mixed)), list(decoding.trace(FakePredictor(), mixed)))


def test_one_pass_at_a_time_gives_the_same_and_what_was_given_stays() -> None:
    predictor, state = Graphed(FakePredictor(), CPU), begin(steps=6)
    wanted = list(decoding.trace(FakePredictor(), state))
    found = []
    while not state.finished:
        state = graphs.step(predictor, state)
        found.append(state)
    assert_same(found, wanted)
    assert graphs.step(predictor, state) is state


@pytest.mark.parametrize("rule", ["raster", "confidence"])
def test_a_picture_that_is_known_altogether_may_be_among_others(rule: str) -> None:
    choices = {"reveal": rule, "guidance_scale": 3.0, "guidance_schedule": "ramp"}
    state = DecodeState.stack([begin(0, **choices), begin(5, **choices)])
    found = list(graphs.trace(Graphed(FakePredictor(), CPU), state))
    assert_same(found, list(decoding.trace(FakePredictor(), state)))


def test_a_longer_decode_than_is_foreseen_at_a_time_goes_on() -> None:
    state = begin(steps=2 * MAX_PASSES + 3)
    assert_same(
        list(graphs.trace(Graphed(FakePredictor(), CPU), state)),
        list(decoding.trace(FakePredictor(), state)),
    )


def test_equally_likely_codes_are_drawn_and_ranked_alike() -> None:
    state = begin(temperature=0.0, choice_temperature=0.0)
    flat = FakePredictor(flat=True)
    assert_same(list(graphs.trace(Graphed(flat, CPU), state)), list(decoding.trace(flat, state)))


def unforeseen() -> Iterator[tuple[str, DecodeState]]:
    state = begin()
    ban = state.constraints.ban(torch.arange(11) == 3)
    yield "banned codes", replace(state, constraints=ban)
    which = (torch.arange(16)[None] < 8).to(torch.uint8)
    classes = ClassMap(which, ((None, 3),))
    yield "several classes", replace(state, constraints=replace(state.constraints, classes=classes))
    yield "top-k", begin(top_k=3)
    yield "several reveal rules", DecodeState.stack([state, begin(reveal="halton")])
    yield "more than 64 rows", DecodeState.stack([state] * 65)


@pytest.mark.parametrize(("why", "state"), list(unforeseen()), ids=lambda value: str(value)[:12])
def test_what_cannot_be_foreseen_runs_step_by_step(why: str, state: DecodeState) -> None:
    assert why in (obstacle(state, graphs.MAX_ROWS) or "")
    predictor = Graphed(FakePredictor(), CPU)
    assert predictor.passes(state, 1) is None
    assert_same(list(graphs.trace(predictor, state)), list(decoding.trace(FakePredictor(), state)))


class Broken(FakePredictor):
    """A network that runs, but not while it is recorded."""

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        if len(tokens) == 4:  # batches of three are filled up to four
            raise RuntimeError("cannot be recorded\nand here is why")
        return super().logits(tokens, labels)


def test_a_recording_that_fails_costs_nothing_but_speed() -> None:
    state, predictor = DecodeState.stack([begin(seed=i) for i in range(3)]), Graphed(Broken(), CPU)
    predictor._recorder.get = lambda _, function: function() or function  # pyright: ignore
    found = list(graphs.trace(predictor, state))
    assert_same(found, list(decoding.trace(FakePredictor(), state)))
    assert predictor.status == "step by step, since recording failed: cannot be recorded"


@pytest.mark.parametrize("model", [FakePredictor(null_label=None), FakePredictor(num_codes=9)])
def test_a_state_that_does_not_fit_is_refused_as_ever(model: FakePredictor) -> None:
    state = begin(guidance_scale=2.0)
    for predictor in (model, Graphed(model, CPU)):
        with pytest.raises(ValueError, match=r"null label|mask id"):
            graphs.step(predictor, state)


def test_batches_are_filled_up_to_powers_of_two() -> None:
    assert [bucket(batch) for batch in (1, 2, 3, 4, 5, 33, 64)] == [1, 2, 4, 4, 8, 64, 64]


def test_pictures_are_the_plain_ones(engine: MaskGIT) -> None:
    tokens = torch.randint(0, 32, (3, 4, 4), generator=torch.Generator().manual_seed(0))
    levels = Painter(engine.tokenizer, CPU).levels(tokens)
    difference = levels.numpy().astype(int) - engine.decode(tokens)
    assert levels.shape == (3, 32, 32, 3)
    assert np.abs(difference).max() <= 1  # in a batch sums may round otherwise


def test_memory_is_kept_for_what_is_recorded_alone(engine: MaskGIT) -> None:
    painter = Painter(engine.tokenizer, CPU)
    for width in [*range(1, 41), 40]:
        painter.levels(torch.zeros(1, 1, width, dtype=torch.long))
    assert list(painter._places) == list(painter._recorder)
    assert len(painter._places) == MAX_RECORDINGS
    painter._recorder.get = lambda *_: 1 / 0  # pyright: ignore[reportAttributeAccessIssue]
    assert painter.levels(torch.zeros(1, 1, 40, dtype=torch.long)).shape == (1, 8, 320, 3)
    assert not painter._places


def test_the_engine_says_how_it_runs(engine: MaskGIT) -> None:
    assert engine.status == "cpu, float32, step by step"


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def hourglass(device: str) -> Hourglass:
    """Give a network with lively logits; the same on every device."""
    torch.manual_seed(0)
    network = Hourglass(HourglassConfig(2, 64, 4, 1, 32, 16, 11, 5)).eval().requires_grad_(False)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.to(device)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("rule", ["confidence", "halton", "logit"])
@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_recorded_passes_give_the_tokens_of_plain_ones(
    rule: str, choices: dict[str, object]
) -> None:
    rows = [begin(16 - i, label=i, seed=i, **{**choices, "reveal": rule}) for i in range(4)]
    state, network = DecodeState.stack(rows).to("cuda"), hourglass("cuda")
    predictor = Graphed(network, torch.device("cuda"))
    wanted = list(decoding.trace(network, state))
    for _ in range(2):
        found = list(graphs.trace(predictor, state))
        assert [s.tokens.tolist() for s in found] == [s.tokens.tolist() for s in wanted]
    assert predictor.status.startswith("recorded")


@pytest.mark.gpu
@needs_gpu
def test_no_replayed_pass_waits_for_the_gpu() -> None:
    state = begin().to("cuda")
    predictor = Graphed(hourglass("cuda"), torch.device("cuda"))
    list(graphs.trace(predictor, state))  # recorded now
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = list(graphs.trace(predictor, state))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert found[-1].finished


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("has_floor", [False, True])
@pytest.mark.parametrize("codes", [11, 1024, 3000])
def test_the_fused_draw_takes_the_codes_of_the_plain_one(codes: int, has_floor: bool) -> None:
    torch.manual_seed(codes)
    conditional, unconditional = 3 * torch.randn(2, 5, 64, codes, device="cuda")
    guidance = torch.tensor([1.0, 2.0, 0.0, 3.5, 1.0], device="cuda")
    temperature = torch.rand(5, 64, device="cuda").round(decimals=1)
    floor = conditional.quantile(0.3, dim=-1, keepdim=True) if has_floor else None
    seeds, steps = torch.arange(5, device="cuda") * 2**60, torch.arange(5, device="cuda")
    arguments = (conditional, unconditional, guidance, floor, seeds, steps, temperature)
    found, wanted = draw_cells(*arguments), draw_plainly(*arguments)
    assert torch.equal(found.ids, wanted.ids)
    torch.testing.assert_close(found.logits, wanted.logits)
    torch.testing.assert_close(found.log_p, wanted.log_p, atol=1e-5, rtol=1e-5)


@pytest.mark.gpu
@needs_gpu
def test_pictures_on_a_gpu_are_those_of_a_cpu_and_batches_run_recorded(model_folder: Path) -> None:
    on_cpu = maskgit.load(model_folder, "cpu", "float32")
    on_gpu = maskgit.load(model_folder, "cuda", "float32")
    for choices in ({}, {"guidance_scale": 2.0, "top_p": 0.9}):
        ours, plain = (engine.generate("rose", count=4, **choices) for engine in (on_gpu, on_cpu))
        last, expected = (
            torch.cat([trace[-1].tokens.cpu() for trace in result.traces])
            for result in (ours, plain)
        )
        assert (last == expected).float().mean() >= 0.99
    state = on_gpu.prepare_generate("rose", steps=4).state
    batcher = Batcher()
    for wanted in decoding.trace(on_gpu.predictor, state):
        state = batcher.step(on_gpu.predictor, state)
        assert torch.equal(state.tokens, wanted.tokens)
    batcher.close()
    assert "CUDA graphs" in on_gpu.status
