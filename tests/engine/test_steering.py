"""Steering: what a person holds on to stays, what they send back is drawn again, nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgit import steering
from maskgit.constraints import Constraints
from maskgit.decoding import KNOWN, DecodeOptions, DecodeState, decode, start, step
from maskgit.schedules import plan
from maskgit.types import TokenMask
from tests.predictors import FakePredictor

N, K = 16, 11
MODEL = FakePredictor(K)


def begun(options: DecodeOptions | None = None, known: int = 3, passes: int = 0) -> DecodeState:
    """A decode of a 4 x 4 grid whose first cells are known, after some passes."""
    is_open = torch.arange(N)[None] >= known
    tokens = (torch.arange(N) % K)[None]
    constraints = Constraints(tokens, is_open, torch.tensor([1]), (4, 4))
    state = start(constraints, options or DecodeOptions(steps=6, seed=3), MODEL.mask_id)
    for _ in range(passes):
        state = step(MODEL, state)
    return state


def cells(*places: int) -> TokenMask:
    mask = torch.zeros(1, N, dtype=torch.bool)
    mask[0, list(places)] = True
    return mask


def same(one: DecodeState, other: DecodeState) -> bool:
    return all(
        torch.equal(getattr(one, name), getattr(other, name))
        for name in ("tokens", "drawn", "confidence", "revealed_at")
    )


edits = st.lists(
    st.tuples(
        st.sampled_from(["pin", "unpin", "choose", "remask", "least", "ban", "steps", "step"]),
        st.lists(st.integers(0, N - 1), min_size=1, max_size=6),
        st.integers(0, K - 1),
    ),
    max_size=12,
)


def edited(state: DecodeState, kind: str, places: list[int], code: int) -> DecodeState:
    """Do one of `edits`; what cannot be done leaves the state as it is."""
    try:
        return _edited(state, kind, places, code)
    except ValueError:
        return state


def _edited(state: DecodeState, kind: str, places: list[int], code: int) -> DecodeState:
    match kind:
        case "pin":
            return steering.pin(state, cells(*places))
        case "unpin":
            return steering.unpin(state, cells(*places))
        case "choose":
            return steering.choose(state, places[0], code)
        case "remask":
            return steering.remask(state, cells(*places))
        case "least":
            return steering.remask(state, steering.least_certain(state, 0.3))
        case "ban":
            return steering.ban(state, code, places[0])
        case "steps":
            return steering.set_options(state, {"steps": code + 1})
        case _:
            return step(MODEL, state)


@settings(max_examples=25)
@given(
    edits,
    st.sampled_from(["confidence", "raster", "halton"]),
    st.sampled_from(["cosine", "linear", "square_root"]),
)
def test_whatever_is_done_known_and_pinned_cells_stay_and_the_decode_ends(
    actions: list[tuple[str, list[int], int]], reveal: str, schedule: str
) -> None:
    options = DecodeOptions(steps=5, seed=8, reveal=reveal, schedule=schedule)
    state = begun(options, passes=1)
    for kind, places, code in actions:
        before, state = state, edited(state, kind, places, code)
        held = steering.pinned(before)
        if kind == "choose":
            held &= ~cells(places[0])  # another choice for a pinned cell is a choice
        assert torch.equal(state.tokens[held], before.tokens[held])
        known = before.revealed_at == KNOWN
        assert torch.equal(state.revealed_at == KNOWN, known)
        assert torch.equal(state.tokens[known], before.tokens[known])
        assert state.num_masked == (int(state.mask.sum()),)
        assert torch.equal(state.mask, state.tokens == K)
        assert 0 <= state.position[0] <= state.options[0].passes(state.num_open[0])
    passes_left = state.steps[0] - state.step[0]
    end = decode(MODEL, state)
    held = steering.pinned(state)
    assert end.finished
    assert torch.equal(end.tokens[held], state.tokens[held])
    assert state.finished or end.step[0] - state.step[0] <= passes_left


def test_a_state_that_is_steered_stays_as_it_was() -> None:
    state = begun(passes=3)
    kept = replace(state, tokens=state.tokens.clone(), revealed_at=state.revealed_at.clone())
    steering.remask(steering.pin(state, cells(3, 4)), cells(*range(N)))
    steering.ban(steering.choose(state, 5, 1), 2)
    assert same(state, kept)


def test_exactly_the_cells_that_are_asked_for_go_back() -> None:
    state = steering.pin(begun(passes=6), cells(4))
    assert state.finished
    again = steering.remask(state, cells(0, 4, 5, 6))  # 0 is known, 4 is pinned
    assert again.mask[0].nonzero()[:, 0].tolist() == [5, 6]
    assert again.num_masked == (2,)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_least_certain_share_goes_back(share: float) -> None:
    state = begun(passes=6)
    lowest = steering.least_certain(state, share)
    count = max(round(share * 13), 1)
    ranks = state.confidence[0, 3:].half().argsort(stable=True) + 3
    assert set(lowest[0].nonzero()[:, 0].tolist()) == set(ranks[:count].tolist())


def test_a_decode_that_is_left_alone_stays_in_its_place_of_the_schedule() -> None:
    for known in (0, 3, 15):
        state = begun(DecodeOptions(steps=9, start_step=2), known=known)
        while not state.finished:
            assert steering.rejoin(state).lag == (0,)
            state = step(MODEL, state)


def test_what_goes_back_at_the_end_takes_the_passes_the_schedule_gives_to_so_many() -> None:
    end = begun(DecodeOptions(steps=8), known=0, passes=8)
    begins = [N, *plan("cosine", 8, N)]
    for count in range(1, N + 1):
        again = steering.remask(end, cells(*range(count)))
        expected = 8 - max(i for i, masked in enumerate(begins) if masked >= count)
        assert again.steps[0] - again.step[0] == expected
        assert decode(MODEL, again).step[0] == 8 + expected


def test_what_goes_back_is_drawn_with_new_noise() -> None:
    first = begun(DecodeOptions(steps=1, seed=5, temperature=50), known=0, passes=1)
    second = decode(MODEL, steering.remask(first, cells(*range(N))))
    assert second.step == (2,)
    assert not torch.equal(first.tokens, second.tokens)


def test_more_steps_are_shared_out_over_what_is_left() -> None:
    state = begun(DecodeOptions(steps=4), known=0, passes=2)
    longer = steering.set_options(state, {"steps": 16})
    begins = [N, *plan("cosine", 16, N)]
    assert begins[longer.position[0]] >= state.num_masked[0] > begins[longer.position[0] + 1]
    assert decode(MODEL, longer).step[0] == longer.steps[0]


def test_a_code_that_is_banned_where_it_stands_is_drawn_again_unless_it_is_pinned() -> None:
    state = begun(DecodeOptions(steps=1, temperature=0), known=0, passes=1)
    code = int(state.tokens[0, 7])
    state = steering.choose(state, 2, code)
    banned = steering.ban(state, code)
    expected = (state.tokens == code) & ~cells(2)
    assert torch.equal(banned.mask, expected)
    end = decode(MODEL, banned)
    assert ((end.tokens == code) == cells(2)).all()


def test_a_ban_in_one_cell_leaves_the_others_alone() -> None:
    state = begun(DecodeOptions(steps=1, temperature=0), known=0, passes=1)
    banned = steering.ban(state, int(state.tokens[0, 7]), 7)
    assert banned.mask[0].nonzero()[:, 0].tolist() == [7]


def test_a_choice_stands_in_the_grid_and_in_what_is_shown() -> None:
    state = steering.choose(begun(), 9, 4)
    assert (state.tokens[0, 9], state.drawn[0, 9]) == (4, 4)
    assert steering.pinned(state)[0].nonzero()[:, 0].tolist() == [9]
    assert decode(MODEL, state).tokens[0, 9] == 4


def test_what_is_unpinned_may_go_back() -> None:
    state = steering.pin(begun(passes=6), cells(8))
    with pytest.raises(ValueError, match="none of these cells"):
        steering.remask(state, cells(8))
    assert steering.remask(steering.unpin(state, cells(8)), cells(8)).num_masked == (1,)


def test_another_class_counts_from_here_on() -> None:
    state = begun(passes=2)
    other = steering.relabel(state, 4)
    assert torch.equal(other.tokens, state.tokens)
    assert not torch.equal(decode(MODEL, other).tokens, decode(MODEL, state).tokens)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda s: steering.pin(s, cells(0)), "known from the start"),
        (lambda _: steering.pin(begun(), cells(9)), "nothing is drawn"),
        (lambda s: steering.unpin(s, cells(9)), "none of these cells is pinned"),
        (lambda s: steering.choose(s, 0, 1), "known from the start"),
        (lambda s: steering.choose(s, 16, 1), "0 to 15"),
        (lambda s: steering.choose(s, True, 1), "0 to 15"),
        (lambda s: steering.choose(s, 9, 11), "0 to 10"),
        (lambda s: steering.remask(s, cells(1)), "none of these cells"),
        (lambda s: steering.least_certain(s, 0), "above 0"),
        (lambda s: steering.least_certain(s, float("nan")), "above 0"),
        (lambda s: steering.ban(s, -1), "0 to 10"),
        (lambda s: steering.set_options(s, {"speed": 1}), "no option speed"),
        (lambda s: steering.set_options(s, {"steps": 0}), "steps must be"),
        (lambda s: steering.relabel(DecodeState.stack([s, s]), 1), "one picture"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_a_sentence(edit: Callable[[DecodeState], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        edit(begun(passes=2))
