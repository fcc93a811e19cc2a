"""Batching: every promise at the top of maskgit/batching.py; a held machine stands for a pass."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

import pytest
import torch

from maskgit.batching import Batcher, ClosedError, FullError
from maskgit.class_map import ClassMap
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions, DecodeState, decode, start
from maskgit.pipeline import MaskGIT
from maskgit.state_text import to_text
from maskgit.types import Labels, Logits, Tokens
from tests.predictors import FakePredictor

SETTINGS = [
    DecodeOptions(steps=3, seed=1),
    DecodeOptions(steps=8, seed=2, guidance_scale=3.0, top_k=3, reveal="halton"),
    DecodeOptions(steps=5, seed=3, temperature=0.0, schedule="linear"),
    DecodeOptions(steps=6, seed=4, top_p=0.8, temperature_schedule="fade", reveal="random"),
    DecodeOptions(steps=4, seed=5, guidance_scale=2.0, guidance_schedule="ramp"),
    DecodeOptions(steps=1, seed=6, choice_temperature=0.0),
]


def begin(options: DecodeOptions, rows: int = 1, side: int = 4) -> DecodeState:
    constraints = Constraints.everything_open(rows, (side, side), options.seed % 5)
    return start(constraints, options, FakePredictor.num_codes)


def person(number: int) -> DecodeState:
    """Begin a decode unlike those of others: options, class or several, rows, bans."""
    state = begin(SETTINGS[number % len(SETTINGS)], rows=1 + number % 2)
    if number % 3:
        return state
    banned = torch.zeros(state.batch, 1, FakePredictor.num_codes, dtype=torch.bool)
    banned[..., number % 5] = True
    known = state.constraints
    classes = None
    if number % 2:
        which = torch.arange(known.tokens.shape[1]).expand_as(known.tokens) // 6
        classes = ClassMap(which.byte(), ((None, 4, 0),) * state.batch)
    constraints = replace(known, banned=banned, classes=classes)
    return start(constraints, state.options, state.mask_id)


def machine_and_batcher(**limits: int) -> tuple[threading.Lock, Batcher]:
    machine = threading.Lock()
    return machine, Batcher(machine=machine, **limits)


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


@dataclass
class Fragile(FakePredictor):
    """Fails whenever a row of class 4 is among the others."""

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        if (labels == 4).any():
            raise RuntimeError("class 4 is too much")
        return super().logits(tokens, labels)


def test_passes_run_inside_of_what_is_asked_for_their_predictor(predictor: FakePredictor) -> None:
    entered: list[object] = []

    @contextmanager
    def around(of: object) -> Iterator[None]:
        entered.append(of)
        yield
        entered.append("over")

    batcher = Batcher(within=around)
    state = begin(DecodeOptions(steps=2))
    while not state.finished:
        state = batcher.step(predictor, state)
    batcher.close()
    assert entered == [predictor, "over"] * 2


def test_trouble_around_a_pass_reaches_who_asked_and_nobody_after(predictor: FakePredictor) -> None:
    troubles = [OSError("no cores today")]

    def around(_: object) -> AbstractContextManager[None]:
        if troubles:
            raise troubles.pop()
        return nullcontext()

    batcher = Batcher(within=around)
    state = begin(DecodeOptions(steps=1))
    with pytest.raises(OSError, match="no cores today"):
        batcher.step(predictor, state)
    assert batcher.step(predictor, state).finished
    batcher.close()


def test_who_joins_and_leaves_at_any_step_gets_what_is_made_alone(
    predictor: FakePredictor,
) -> None:
    """Person i joins in round i; a round begins only when all who are there wait for it."""
    machine, batcher = machine_and_batcher(max_rows=64)
    people = dict(enumerate(map(person, range(12))))
    states: dict[int, DecodeState] = {}
    predictor.calls.clear()
    rounds = 0
    while people or any(not state.finished for state in states.values()):
        if people:
            joining = min(people)
            states[joining] = people.pop(joining)
        with machine:
            asked = {n: batcher.submit(predictor, s) for n, s in states.items() if not s.finished}
        states |= {n: future.result() for n, future in asked.items()}
        rounds += 1
    assert len(predictor.calls) == rounds  # each round was one batch
    for number, state in states.items():
        alone = decode(FakePredictor(), person(number))
        assert [to_text(row) for row in state.rows] == [to_text(row) for row in alone.rows]
    batcher.close()


def test_on_a_cpu_a_real_network_gives_bit_for_bit_the_same(engine: MaskGIT) -> None:
    jobs = [
        engine.prepare_generate(207, seed=seed, steps=2 + seed % 3, top_k=seed) for seed in range(6)
    ]
    batcher = Batcher(max_rows=4)

    def run(state: DecodeState) -> DecodeState:
        together.wait(20)
        while not state.finished:
            state = batcher.step(engine.predictor, state)
        return state

    together = threading.Barrier(len(jobs))
    with ThreadPoolExecutor(len(jobs)) as pool:
        found = list(pool.map(run, [job.state for job in jobs]))
    for job, state in zip(jobs, found, strict=True):
        alone = decode(engine.predictor, job.state)
        assert torch.equal(state.tokens, alone.tokens)
        assert torch.equal(state.confidence, alone.confidence)
    batcher.close()


def test_who_waited_longest_goes_first_and_nobody_overtakes(predictor: FakePredictor) -> None:
    machine, batcher = machine_and_batcher(max_rows=3)
    order: list[int] = []
    with machine:
        for number, rows in enumerate([2, 2, 1, 5, 1, 2]):
            future = batcher.submit(predictor, begin(SETTINGS[0], rows))
            future.add_done_callback(lambda _, number=number: order.append(number))
    future.result()
    batcher.close()
    assert order == list(range(6))
    # A state of more rows than a batch may have runs alone, in its turn.
    assert predictor.calls == [2, 3, 5, 3]


def test_every_class_of_a_row_takes_a_place(predictor: FakePredictor) -> None:
    machine, batcher = machine_and_batcher(max_rows=4)
    plain = begin(SETTINGS[0])
    which = torch.zeros_like(plain.tokens, dtype=torch.uint8)
    classes = ClassMap(which, ((None, 1, 4),))
    wide = replace(plain, constraints=replace(plain.constraints, classes=classes))
    with machine:
        futures = [batcher.submit(predictor, each) for each in (plain, wide, plain)]
    assert [future.result().batch for future in futures] == [1, 1, 1]
    batcher.close()
    assert predictor.calls == [4, 1]


def test_another_model_or_grid_is_another_batch(predictor: FakePredictor) -> None:
    machine, batcher = machine_and_batcher()
    other = FakePredictor()
    with machine:
        futures = [
            batcher.submit(model, begin(SETTINGS[0], side=side))
            for model, side in [(predictor, 4), (other, 4), (predictor, 3), (predictor, 4)]
        ]
    assert [future.result().tokens.shape[1] for future in futures] == [16, 16, 9, 16]
    assert (predictor.calls, other.calls) == ([2, 1], [1])
    batcher.close()


def test_a_full_queue_says_so_and_has_room_again(predictor: FakePredictor) -> None:
    machine, batcher = machine_and_batcher(max_waiting=2)
    with machine:
        kept = [batcher.submit(predictor, begin(SETTINGS[0])) for _ in range(2)]
        with pytest.raises(FullError, match=r"^2 passes wait already; try again in a moment$"):
            batcher.submit(predictor, begin(SETTINGS[0]))
        assert kept[0].cancel()  # gives its place to another
        kept.append(batcher.submit(predictor, begin(SETTINGS[0])))
    for future in kept[1:]:
        future.result()
    batcher.close()


def test_a_pass_that_is_called_off_is_not_run(predictor: FakePredictor) -> None:
    machine, batcher = machine_and_batcher()
    with machine:
        first, second = (batcher.submit(predictor, begin(SETTINGS[0])) for _ in range(2))
        assert first.cancel()
    second.result()
    assert predictor.calls == [1]
    with pytest.raises(CancelledError):
        first.result()
    batcher.close()


def test_an_error_reaches_only_who_caused_it() -> None:
    fragile = Fragile()
    machine, batcher = machine_and_batcher()
    states = [begin(DecodeOptions(steps=2, seed=seed)) for seed in (1, 4, 2)]
    with machine:
        good, bad, fine = (batcher.submit(fragile, state) for state in states)
    with pytest.raises(RuntimeError, match="class 4 is too much"):
        bad.result()
    for future, state in ((good, states[0]), (fine, states[2])):
        alone = Batcher()
        assert to_text(future.result()) == to_text(alone.step(FakePredictor(), state))
        alone.close()
    batcher.step(fragile, states[0])  # and it goes on
    batcher.close()


def test_closing_refuses_who_waits_and_who_comes(predictor: FakePredictor) -> None:
    machine, batcher = machine_and_batcher()
    with machine:
        waiting = batcher.submit(predictor, begin(SETTINGS[0]))
        closing = threading.Thread(target=batcher.close)
        closing.start()
        with pytest.raises(ClosedError):
            waiting.result(20)
    closing.join(20)
    assert not closing.is_alive()
    with pytest.raises(ClosedError):
        batcher.submit(predictor, begin(SETTINGS[0]))
    batcher.close()
    assert predictor.calls == []


def test_nothing_grows_and_an_idle_batcher_has_no_thread(predictor: FakePredictor) -> None:
    others = set(threading.enumerate())  # of other tests, on their way out
    batcher = Batcher(linger_s=0.0)
    state = begin(SETTINGS[0])
    for _ in range(50):
        batcher.step(predictor, state)
        if thread := batcher._thread:
            thread.join(20)
        assert batcher._thread is None
        assert not batcher._waiting
    assert [t for t in set(threading.enumerate()) - others if t.name == "passes"] == []


def test_who_wants_to_know_hears_when_there_was_nothing_to_do_for_a_while(
    predictor: FakePredictor,
) -> None:
    rests = threading.Semaphore(0)
    batcher = Batcher(linger_s=0.0, at_rest=rests.release)
    for _ in range(2):
        batcher.step(predictor, begin(SETTINGS[0]))
        assert rests.acquire(timeout=20)


@pytest.mark.parametrize("limits", [{"max_rows": 0}, {"max_waiting": 0}])
def test_limits_that_let_nothing_through_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Batcher(**limits)
