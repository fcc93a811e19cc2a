"""Decoding: every promise at the top of maskgit/decoding.py and of a DecodeState."""

import itertools
import math
from dataclasses import fields, replace
from typing import Any, NamedTuple

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskgit.class_map import ClassMap
from maskgit.constraints import Constraints
from maskgit.decoding import (
    KNOWN,
    MASKED,
    DecodeOptions,
    DecodeState,
    decode,
    start,
    step,
    trace,
)
from maskgit.noise import HASHED, HashedNoise
from maskgit.reveal import REVEAL_RULES
from maskgit.schedules import SCHEDULES, num_masked, plan
from maskgit.state import GUIDANCE_SCHEDULES, TEMPERATURE_SCHEDULES
from tests import oracles
from tests.predictors import FakePredictor

K = FakePredictor.num_codes

any_options = st.fixed_dictionaries(
    {
        "steps": st.integers(1, 12),
        "schedule": st.sampled_from([*SCHEDULES, "pow1.5"]),
        "temperature": st.sampled_from([0.0, 0.7, 1.0, 2.5]),
        "choice_temperature": st.sampled_from([0.0, 1.0, 4.5]),
        "top_k": st.sampled_from([0, 1, 3, 50]),
        "top_p": st.sampled_from([1.0, 0.8, 0.1]),
        "guidance_scale": st.sampled_from([0.0, 1.0, 3.0]),
        "guidance_schedule": st.sampled_from(GUIDANCE_SCHEDULES),
        "temperature_schedule": st.sampled_from(TEMPERATURE_SCHEDULES),
        "reveal": st.sampled_from(list(REVEAL_RULES)),
        "seed": st.integers(0, 2**63 - 1),
    }
)


class Made(NamedTuple):
    """What a hypothetical state is made of, in plain values that print well."""

    grid: tuple[int, int]
    rows: list[tuple[list[bool], dict[str, Any]]]
    has_bans: bool
    classes: tuple[int | None, ...] = (None,)

    def start(self) -> DecodeState:
        is_open = torch.tensor([mask for mask, _ in self.rows])
        known = torch.arange(is_open.numel()).reshape(is_open.shape) % K
        labels = torch.arange(len(self.rows)) % 5
        constraints = Constraints(known, is_open, labels, self.grid)
        if self.has_bans:
            constraints = constraints.ban(torch.arange(K) % 4 == 1)
        if len(self.classes) > 1:  # rows with fewer and fewer classes
            kinds = [self.classes[row:] or (None,) for row in range(len(self.rows))]
            number = torch.arange(known.shape[1])
            which = torch.stack([number % len(kind) for kind in kinds]).byte()
            constraints = replace(constraints, classes=ClassMap(which, tuple(kinds)))
        options = [
            DecodeOptions(start_step=values["steps"] // 3, **values) for _, values in self.rows
        ]
        return start(constraints, options, K)


@st.composite
def anything(draw: st.DrawFn) -> Made:
    """Up to three rows: any grid, any mask, any options, some with bans or several classes."""
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    row = st.lists(st.booleans(), min_size=height * width, max_size=height * width)
    rows = draw(st.lists(st.tuples(row, any_options), min_size=1, max_size=3))
    classes = draw(st.sampled_from([(None,), (None, 3), (1, 4, None)]))
    return Made((height, width), rows, draw(st.booleans()), classes)


def one_row(is_open: list[bool] | None = None, **options: Any) -> DecodeState:
    """A 4x4 grid, everything open unless said otherwise."""
    mask = torch.ones(1, 16, dtype=torch.bool) if is_open is None else torch.tensor([is_open])
    known = torch.arange(16)[None] % K
    constraints = Constraints(known, mask, torch.tensor([2]), (4, 4))
    return start(constraints, DecodeOptions(**options), K)


class CountingNoise(HashedNoise):
    """Remembers for how many cells of a row noise for codes was asked."""

    def __init__(self) -> None:
        self.cells: list[int] = []

    def gumbel_codes(self, seeds: Tensor, steps: Tensor, cells: Tensor, num_codes: int) -> Tensor:
        self.cells.append(cells.shape[1])
        return super().gumbel_codes(seeds, steps, cells, num_codes)


def assert_same(left: DecodeState, right: DecodeState) -> None:
    for field in fields(DecodeState):
        mine, theirs = getattr(left, field.name), getattr(right, field.name)
        if isinstance(mine, Tensor):
            assert mine.dtype == theirs.dtype
            assert torch.equal(mine, theirs), field.name
        elif field.name != "constraints":
            assert mine == theirs, field.name


# --- properties ---


@settings(max_examples=30, deadline=None)
@given(anything(), st.booleans())
def test_every_pass_keeps_its_promises(made: Made, flat: bool) -> None:
    predictor = FakePredictor(flat=flat)
    state = first = made.start()
    is_open, known = state.constraints.is_open, state.constraints.tokens
    banned = state.constraints.banned
    for before, after in itertools.pairwise([first, *trace(predictor, first)]):
        masked = after.tokens == K
        assert masked.sum(dim=1).tolist() == list(after.num_masked)
        assert torch.equal(masked, after.mask)
        assert not (masked & ~before.mask).any()  # what is closed stays closed
        assert torch.equal(after.drawn[~before.mask], before.tokens[~before.mask])
        assert torch.equal(after.tokens[~is_open], known[~is_open])
        assert (after.drawn < K).all()
        assert (after.drawn >= 0).all()
        if banned is not None:
            assert not banned[0, 0, after.drawn[is_open]].any()
        assert torch.equal(after.tokens[~masked], after.drawn[~masked])
        assert (after.confidence[is_open] <= 0).all()
        assert after.confidence[~is_open].isposinf().all()
        revealed = before.mask & ~masked
        expected = torch.tensor(before.step)[:, None].expand_as(revealed)
        assert torch.equal(after.revealed_at[revealed].long(), expected[revealed])
        assert torch.equal(after.revealed_at[~revealed], before.revealed_at[~revealed])
        state = after
    assert state.finished
    assert step(predictor, state) is state


@settings(max_examples=20, deadline=None)
@given(anything())
def test_every_row_follows_its_own_schedule(made: Made) -> None:
    state = made.start()
    found = np.array([state.num_masked, *(s.num_masked for s in trace(FakePredictor(), state))])
    for row, (options, num_open) in enumerate(zip(state.options, state.num_open, strict=True)):
        if options.reveal == "raster":
            expected = list(range(num_open - 1, -1, -1))
        else:
            expected = plan(options.schedule, options.steps, num_open, options.start_step)
        if num_open == 0:
            expected = []
        padding = [0] * (len(found) - 1 - len(expected))
        assert found[1:, row].tolist() == expected + padding


@settings(max_examples=20, deadline=None)
@given(anything())
def test_a_row_does_not_depend_on_its_neighbours(made: Made) -> None:
    state, predictor = made.start(), FakePredictor()
    order = list(range(state.batch))[::-1]
    together = decode(predictor, state.take(order))
    for place, row in enumerate(order):
        assert_same(together.row(place), decode(predictor, state.row(row)))


@settings(max_examples=20, deadline=None)
@given(anything())
def test_a_step_is_pure_and_repeatable(made: Made) -> None:
    state = made.start()
    copy = state.take(list(range(state.batch)))
    copy = replace(copy, **{name: getattr(copy, name).clone() for name in ("tokens", "drawn")})
    once, twice = step(FakePredictor(), state), step(FakePredictor(), state)
    assert_same(once, twice)
    assert_same(state, copy)


# --- against the slow twin ---


OPTIONS = [
    {},
    {"choice_temperature": 0.0, "schedule": "linear"},
    {"temperature": 0.6, "top_k": 4},
    {"temperature": 1.7, "top_p": 0.7, "reveal": "halton"},
    {"guidance_scale": 2.5, "reveal": "random"},
    {"temperature": 0.0, "reveal": "raster"},
    {"guidance_scale": 0.0, "top_p": 0.5, "top_k": 3, "start_step": 3},
    {"guidance_scale": 3.0, "guidance_schedule": "ramp", "reveal": "halton_rolled"},
    {"temperature": 4.0, "temperature_schedule": "fade", "top_p": 0.9, "reveal": "logit"},
]


@pytest.mark.parametrize("bans", ["none", "everywhere", "in places"])
def test_whole_steps_agree_with_the_slow_twin(bans: str) -> None:
    is_open = torch.arange(len(OPTIONS) * 16).reshape(-1, 16) % 5 != 2
    known = torch.arange(16).expand(len(OPTIONS), 16) % K
    constraints = Constraints(known, is_open, torch.arange(len(OPTIONS)) % 5, (4, 4))
    if bans != "none":
        where = None if bans == "everywhere" else torch.arange(16)[None] < 8
        constraints = constraints.ban(torch.arange(K) < 4, where)
    options = [DecodeOptions(seed=row, **values) for row, values in enumerate(OPTIONS)]
    state = start(constraints, options, K)
    for after in trace(FakePredictor(), state):
        for row in range(state.batch):
            if state.num_masked[row]:
                assert_follows_the_twin(state.row(row), after.row(row))
        state = after


def assert_follows_the_twin(before: DecodeState, after: DecodeState) -> None:
    options, predictor = before.options[0], FakePredictor()
    labels, mask = before.constraints.labels, before.mask[0].numpy()
    logits = predictor.logits(before.tokens, labels)[0].double().numpy()
    scale = options.guidance_scale
    if options.guidance_schedule == "ramp":
        scale = 1 + (scale - 1) * before.step[0] / before.steps[0]
    if scale != 1:
        plain = predictor.logits(before.tokens, torch.full_like(labels, 5))[0].double().numpy()
        logits = plain + scale * (logits - plain)
    seeds, steps = torch.tensor([options.seed]), torch.tensor(before.step)
    cells = torch.arange(16)[None]
    gumbel = HASHED.gumbel_codes(seeds, steps, cells, K)[0].double().numpy()
    banned = np.zeros((16, K), bool)
    if before.constraints.banned is not None:
        banned[:] = before.constraints.banned[0]

    is_shown = after.mask[0].numpy() & (
        not REVEAL_RULES[options.reveal].looks_at_draw
    )  # and not drawn
    left = 1 - (before.step[0] + 1) / before.steps[0]
    temperature = options.temperature * (left if options.temperature_schedule == "fade" else 1)
    drawn, confidence = before.tokens[0].numpy().copy(), np.full(16, np.inf)
    for cell in np.flatnonzero(mask):
        allowed = oracles.allowed_codes(
            logits[cell], temperature, options.top_k, options.top_p, banned[cell]
        )
        noise_scale = 0 if is_shown[cell] else temperature
        score = logits[cell] + noise_scale * gumbel[cell]
        drawn[cell] = np.where(allowed, score, -np.inf).argmax()
        confidence[cell] = oracles.log_softmax(logits[cell])[drawn[cell]]
    np.testing.assert_array_equal(after.drawn[0], drawn)
    np.testing.assert_allclose(after.confidence[0][mask], confidence[mask], atol=2e-5)

    gumbel = HASHED.gumbel_cells(seeds, steps, cells)[0].double().numpy()
    noise = options.choice_temperature * left * gumbel
    fixed = HASHED.gumbel_cells(seeds, torch.tensor([0]), cells)[0].numpy()
    strength = logits[np.arange(16), drawn % K]
    score = oracles.keep_scores(options.reveal, confidence, strength, noise, fixed, (4, 4))
    again = oracles.mask_again(score, mask, after.num_masked[0])
    np.testing.assert_array_equal(after.mask[0], again)


# --- single promises ---


def test_no_open_cell_needs_no_pass() -> None:
    state, predictor = one_row([False] * 16), FakePredictor()
    assert state.finished
    assert decode(predictor, state) is state
    assert predictor.calls == []


def test_a_lone_cell_is_drawn_again_until_the_last_pass() -> None:
    states = list(trace(FakePredictor(), one_row([True] + [False] * 15, steps=5)))
    assert [s.num_masked for s in states] == [(1,), (1,), (1,), (1,), (0,)]
    assert len({s.drawn[0, 0].item() for s in states}) > 1
    assert states[-1].revealed_at[0, 0] == 4


def test_more_steps_than_cells_still_end_at_the_last() -> None:
    states = list(trace(FakePredictor(), one_row(steps=40)))
    assert len(states) == 40
    assert states[-2].num_masked == (1,)


def test_start_step_skips_the_first_entries_of_the_schedule() -> None:
    states = list(trace(FakePredictor(), one_row(steps=12, start_step=2)))
    assert [s.step[0] for s in states] == list(range(3, 13))
    assert states[0].num_masked[0] == num_masked("cosine", 2, 12, 16)


def test_raster_reveals_one_cell_after_another_whatever_the_schedule() -> None:
    is_open = [cell % 2 == 0 for cell in range(16)]
    state = one_row(is_open, reveal="raster", steps=3, start_step=1)
    assert (state.step, state.steps) == ((0,), (8,))
    done = decode(FakePredictor(), state)
    assert done.revealed_at[0, ::2].tolist() == list(range(8))


def test_halton_reveals_the_open_cells_in_its_order() -> None:
    is_open = [cell % 3 != 0 for cell in range(16)]
    done = decode(FakePredictor(), one_row(is_open, reveal="halton", steps=4))
    order = [cell for cell in oracles.halton_order(4, 4) if is_open[cell]]
    passes = done.revealed_at[0, order].tolist()
    assert passes == sorted(passes)


@pytest.mark.parametrize("reveal", list(REVEAL_RULES))
def test_no_more_is_drawn_than_the_rule_looks_at(reveal: str) -> None:
    noise = CountingNoise()
    first = one_row(reveal=reveal, steps=4)
    for before, after in itertools.pairwise([first, *trace(FakePredictor(), first, noise)]):
        now, later = before.num_masked[0], after.num_masked[0]
        assert noise.cells.pop(0) == (now if REVEAL_RULES[reveal].looks_at_draw else now - later)
    assert noise.cells == []


def test_cells_that_wait_show_their_likeliest_code() -> None:
    state = one_row(reveal="halton", steps=4, temperature=2.0)
    after = step(FakePredictor(), state)
    likeliest = FakePredictor().logits(state.tokens, state.constraints.labels).log_softmax(-1)
    confidence, codes = likeliest.max(dim=-1)
    assert torch.equal(after.drawn[after.mask], codes[after.mask])
    torch.testing.assert_close(after.confidence[after.mask], confidence[after.mask])


def test_rows_with_different_options_mix_and_finished_rows_are_not_run() -> None:
    predictor = FakePredictor()
    states = [one_row(steps=2), one_row(steps=5, reveal="random"), one_row([False] * 16)]
    mixed = DecodeState.stack(states)
    *_, done = trace(predictor, mixed)
    assert predictor.calls == [2, 2, 1, 1, 1]
    assert done.step == (2, 5, 0)
    for row, state in zip(done.rows, states, strict=True):
        assert_same(row, decode(FakePredictor(), state))


def test_only_rows_with_guidance_pay_for_it() -> None:
    predictor = FakePredictor()
    scales = (1.0, 3.0, 1.0, 0.0)
    states = [one_row(guidance_scale=scale) for scale in scales]
    step(predictor, DecodeState.stack(states))
    step(predictor, states[0])
    assert predictor.calls == [6, 1]


def test_guidance_without_a_null_label_is_refused() -> None:
    with pytest.raises(ValueError, match="no null label"):
        step(FakePredictor(null_label=None), one_row(guidance_scale=2.0))


def test_a_model_with_another_mask_id_is_refused() -> None:
    with pytest.raises(ValueError, match="mask id 11, the model 12"):
        step(FakePredictor(num_codes=12), one_row())


def test_ties_everywhere_still_give_exact_counts() -> None:
    """Flat logits and no noise: every confidence is equal."""
    state = one_row(choice_temperature=0.0, temperature=0.0)
    counts = [s.num_masked[0] for s in trace(FakePredictor(flat=True), state)]
    assert counts == plan("cosine", 8, 16)
    assert (decode(FakePredictor(flat=True), state).tokens == 0).all()


def test_another_mask_or_seed_changes_what_it_must() -> None:
    """The noise of a cell stays: with logits that ignore the rest, its draw does not change."""
    every = step(FakePredictor(flat=True), one_row(seed=3))
    some = step(FakePredictor(flat=True), one_row([cell > 9 for cell in range(16)], seed=3))
    assert torch.equal(some.drawn[0, 10:], every.drawn[0, 10:])
    other = step(FakePredictor(flat=True), one_row(seed=4))
    assert not torch.equal(other.drawn, every.drawn)


def test_before_the_first_pass_nothing_is_drawn() -> None:
    state = one_row([True] * 8 + [False] * 8)
    assert torch.equal(state.drawn, state.tokens)
    assert state.tokens[0, :8].tolist() == [K] * 8
    assert state.confidence[0].tolist() == [-math.inf] * 8 + [math.inf] * 8
    assert state.revealed_at[0].tolist() == [MASKED] * 8 + [KNOWN] * 8


def test_decode_shows_every_pass_and_old_states_stay_whole() -> None:
    seen: list[DecodeState] = []
    first = one_row()
    done = decode(FakePredictor(), first, on_step=seen.append)
    assert seen[-1] is done
    assert [s.step for s in seen] == [(i,) for i in range(1, 9)]
    for before, after in itertools.pairwise([first, *seen]):
        assert_same(step(FakePredictor(), before), after)


def test_rows_are_cheap_values_that_stack_back() -> None:
    state = step(FakePredictor(), DecodeState.stack([one_row(seed=1), one_row(seed=2)]))
    assert_same(DecodeState.stack(state.rows), state)
    assert state.row(1).tokens.data_ptr() == state.tokens[1].data_ptr()
    grids = (state.tokens, state.drawn, state.confidence, state.revealed_at)
    assert sum(grid.nbytes for grid in grids) == 2 * 16 * 22


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_decodes_the_same_tokens_and_no_pass_waits_for_it() -> None:
    rows = [
        one_row(guidance_scale=scale, top_k=6, top_p=0.9, reveal=rule)
        for scale, rule in zip(itertools.cycle((1.0, 2.0, 3.0)), REVEAL_RULES, strict=False)
    ]
    state = DecodeState.stack(rows)
    on_gpu = state.to("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        on_gpu = decode(FakePredictor(), on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(on_gpu.to("cpu").tokens, decode(FakePredictor(), state).tokens)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be 1 to 1024, got 0"),
        ({"steps": 1025}, "steps must be 1 to 1024"),
        ({"steps": 4, "start_step": 4}, "start_step must be 0 to 3, got 4"),
        ({"schedule": "sine"}, "no schedule 'sine'"),
        ({"temperature": -0.1}, "temperature must be 0 to 100"),
        ({"temperature": math.nan}, "temperature must be 0 to 100, got nan"),
        ({"choice_temperature": math.inf}, "choice_temperature must be 0 to 100"),
        ({"top_k": -1}, "top_k must be 0 to"),
        ({"top_p": 0.0}, "top_p must be above 0, at most 1, got 0.0"),
        ({"guidance_scale": 101.0}, "guidance_scale must be 0 to 100"),
        ({"guidance_schedule": "steep"}, "no guidance schedule 'steep'"),
        ({"temperature_schedule": "hot"}, "no temperature schedule 'hot'; choose one of"),
        ({"reveal": "best"}, "no reveal rule 'best'; choose one of"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"seed": 2**63}, "seed must be 0 to"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecodeOptions(**options)


@pytest.mark.parametrize("options", [{"steps": 8.0}, {"seed": True}, {"temperature": "1"}])
def test_options_of_the_wrong_type_are_refused(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as in production
    with pytest.raises(TypeError, match="must be a"):
        DecodeOptions(**options)


def test_a_start_that_does_not_fit_is_refused() -> None:
    constraints = Constraints.everything_open(2, (2, 2), 0)
    with pytest.raises(ValueError, match="3 options for 2 rows"):
        start(constraints, [DecodeOptions()] * 3, K)
    closed = torch.zeros(2, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"8 known tokens are outside the codebook, 0 to 10"):
        start(
            replace(constraints, tokens=torch.full((2, 4), K), is_open=closed), DecodeOptions(), K
        )
    with pytest.raises(ValueError, match="bans are for 9 codes, expected 11"):
        start(constraints.ban(torch.arange(9) == 1), DecodeOptions(), K)
    with pytest.raises(ValueError, match="cannot stack mask ids"):
        DecodeState.stack([start(constraints, DecodeOptions(), mask_id) for mask_id in (3, 4)])
