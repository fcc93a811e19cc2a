"""Several classes on one grid: whose logits a cell gets, and that one class is as before."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskgit import steering
from maskgit.asking import predict
from maskgit.class_map import MAX_CLASSES, MAX_ROWS, ClassMap, arrange, weights
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions, DecodeState, decode, start, step
from maskgit.state_text import from_text, to_text
from maskgit.vary import vary
from tests.predictors import FakePredictor

K = FakePredictor.num_codes
GRID = (4, 6)
ALL = torch.ones(24, dtype=torch.bool)


def cells(rows: Sequence[str]) -> Tensor:
    """Read a drawing of digits, a row of cells each."""
    return torch.tensor([int(digit) for row in rows for digit in row], dtype=torch.uint8)


HALVES = cells(["000111"] * 4)


def state(
    classes: ClassMap | None, label: int = 2, is_open: Tensor = ALL, **options: float
) -> DecodeState:
    constraints = Constraints(
        (torch.arange(24) % K)[None], is_open[None], torch.tensor([label]), GRID, classes=classes
    )
    return start(constraints, DecodeOptions(steps=5, **options), K)  # pyright: ignore


def halves(*labels: int | None) -> ClassMap:
    return ClassMap(HALVES[None], (labels,))


# --- how much a class counts ---


def test_a_class_fades_evenly_into_the_next_over_one_cell_each_way() -> None:
    row = weights(HALVES, ALL, 2, GRID)[1].view(GRID)[1]
    assert row.tolist() == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1])


def test_away_from_a_border_a_class_counts_exactly() -> None:
    found = weights(HALVES, ALL, 2, GRID).view(2, *GRID)
    assert found[:, :, [0, 1]].tolist() == [[[1, 1]] * 4, [[0, 0]] * 4]
    assert found[:, :, [4, 5]].tolist() == [[[0, 0]] * 4, [[1, 1]] * 4]


def test_known_cells_are_no_neighbours() -> None:
    is_open = ALL.clone().view(GRID)
    is_open[:, 2:4] = False  # known cells part the two regions
    found = weights(HALVES, is_open.flatten(), 2, GRID).view(2, *GRID)
    assert found[0, :, :3].eq(1).all()
    assert found[1, :, 3:].eq(1).all()


def test_without_a_border_nothing_is_mixed() -> None:
    assert weights(HALVES, ALL, 2, GRID, border=0)[1].tolist() == HALVES.tolist()


@settings(deadline=None)
@given(
    which=st.lists(st.integers(0, 3), min_size=24, max_size=24),
    is_open=st.lists(st.booleans(), min_size=24, max_size=24),
    border=st.integers(0, 3),
)
def test_weights_are_the_shares_of_the_neighbours(
    which: list[int], is_open: list[bool], border: int
) -> None:
    found = weights(torch.tensor(which).byte(), torch.tensor(is_open), 4, GRID, border)
    places, opened = np.array(which).reshape(GRID), np.array(is_open).reshape(GRID)
    for cell in range(24):
        row, column = divmod(cell, GRID[1])
        rows = slice(max(row - border, 0), row + border + 1)
        columns = slice(max(column - border, 0), column + border + 1)
        near = places[rows, columns][opened[rows, columns]]
        if not is_open[cell]:
            near = places[row, column][None]
        expected = [(near == number).mean() for number in range(4)]
        assert found[:, cell].tolist() == pytest.approx(expected, abs=1e-6)


# --- what comes of it ---


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_cell_gets_the_logits_of_its_class(scale: float) -> None:
    predictor = FakePredictor()
    everywhere = torch.arange(24)[None]
    alone = [
        predict(predictor, state(None, label, guidance_scale=scale)).at(everywhere)[0]
        for label in (2, 4)
    ]
    found = predict(predictor, state(halves(None, 4), guidance_scale=scale)).at(everywhere)[0]
    left, right = (torch.arange(24) % 6 < 2, torch.arange(24) % 6 > 3)
    assert torch.equal(found[left], alone[0][left])
    assert torch.equal(found[right], alone[1][right])
    share = weights(HALVES, ALL, 2, GRID)[..., None]
    mixed = share[0] * alone[0] + share[1] * alone[1]
    torch.testing.assert_close(found, mixed, atol=1e-5, rtol=1e-5)


def test_the_network_is_asked_once_for_each_class_and_once_for_none() -> None:
    predictor = FakePredictor()
    three = ClassMap(cells(["001122"] * 4)[None], ((None, 4, 0),))
    both = DecodeState.stack([state(three, guidance_scale=2.0), state(None)])
    predict(predictor, both)
    assert predictor.calls == [3 + 1 + 1]
    assert both.constraints.num_asked == 4
    assert both.constraints.label_of_cells.tolist() == [[2, 2, 4, 4, 0, 0] * 4, [2] * 24]


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_map_of_one_class_changes_nothing(scale: float) -> None:
    """Also beside rows that have several."""
    plain = ClassMap(HALVES[None] * 0, ((None,),))
    before = decode(FakePredictor(), state(None, guidance_scale=scale))
    pair = [state(plain, guidance_scale=scale), state(halves(1, 3), guidance_scale=scale)]
    after = decode(FakePredictor(), DecodeState.stack(pair))
    assert torch.equal(after.tokens[:1], before.tokens)
    assert torch.equal(after.confidence[:1], before.confidence)


def test_each_class_matters_in_its_own_half() -> None:
    one, other = (decode(FakePredictor(), state(halves(2, label))) for label in (4, 0))
    assert not torch.equal(one.drawn, other.drawn)


# --- from what was painted ---


def arranged(
    which: Tensor, labels: list[int], is_open: Tensor = ALL
) -> tuple[int, ClassMap | None]:
    return arrange(which.view(GRID).numpy(), labels, is_open.view(GRID).numpy())


def test_one_class_needs_no_map() -> None:
    assert arranged(HALVES * 0, [3, 1]) == (3, None)
    assert arranged(HALVES * 0 + 1, [3, 1]) == (1, None)  # the rest has no cell
    assert arranged(HALVES, [3, 3]) == (3, None)  # the same class by another name
    assert arranged(HALVES, [3, 1], HALVES == 0) == (3, None)
    assert arranged(HALVES, [3, 1], HALVES > 5) == (3, None)  # nothing is open


def test_what_has_no_open_cell_is_not_asked_for() -> None:
    label, found = arranged(cells(["221133"] * 4), [0, 1, 4, 1])
    assert label == 0
    assert found is not None
    assert found.labels == ((1, 4),)
    assert found.which[0].tolist() == [1, 1, 0, 0, 0, 0] * 4


def test_the_picture_s_own_label_stays_its_own() -> None:
    _, found = arranged(HALVES, [3, 1])
    assert found is not None
    assert found.labels == ((None, 1),)


# --- at the borders ---


@pytest.mark.parametrize("labels", [(), tuple(range(MAX_CLASSES + 1)), (1, 1), (None, None)])
def test_a_row_has_one_to_eight_different_classes(labels: tuple[int | None, ...]) -> None:
    with pytest.raises(ValueError, match="1 to 8 different classes"):
        ClassMap(HALVES[None], (labels,))


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 of classes"):
        ClassMap(HALVES[None], ((None,), (None,)))
    with pytest.raises(ValueError, match="classes must be"):
        state(ClassMap(HALVES[None, :20], ((None, 1),)))


def test_more_rows_than_there_is_room_for_are_refused() -> None:
    most = MAX_ROWS // 2
    assert halves(0, 1).repeated(most).num_asked == MAX_ROWS
    with pytest.raises(ValueError, match=f"up to {most} pictures"):
        halves(0, 1).repeated(most + 1)
    done = decode(FakePredictor(), state(halves(0, 1)))
    with pytest.raises(ValueError, match=f"up to {most} pictures"):
        vary(done, 0.5, range(most + 1))
    assert vary(done, 0.5, [1, 2]).constraints.num_asked == 4


# --- as text, and in a hand ---


@pytest.mark.parametrize("passes", [0, 2])
def test_a_state_with_classes_goes_on_from_its_text(passes: int) -> None:
    now = state(ClassMap(cells(["012210"] * 4)[None], ((4, None, 0),)), guidance_scale=2.0)
    for _ in range(passes):
        now = step(FakePredictor(), now)
    again = from_text(to_text(now), GRID, K)
    assert to_text(again) == to_text(now)
    assert torch.equal(decode(FakePredictor(), again).tokens, decode(FakePredictor(), now).tokens)


def test_another_class_is_for_the_rest_alone() -> None:
    now = steering.relabel(state(halves(None, 4)), 1)
    assert now.constraints.label_of_cells.tolist() == [[1, 1, 1, 4, 4, 4] * 4]
    with pytest.raises(ValueError, match="every cell has a class of its own"):
        steering.relabel(state(halves(0, 4)), 1)


def test_a_pin_does_not_move_the_border() -> None:
    now = state(halves(None, 4))
    for _ in range(4):
        now = step(FakePredictor(), now)
    beside = (torch.arange(24) % 6 == 2)[None] & ~now.mask
    assert beside.any()
    held = steering.pin(now, beside)
    everywhere = torch.arange(24)[None]
    before, after = (predict(FakePredictor(), each).at(everywhere) for each in (now, held))
    assert torch.equal(before, after)
