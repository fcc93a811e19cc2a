"""Constraints: values, edits that leave the old value alone, rows in and out."""

from dataclasses import replace

import jaxtyping
import pytest
import torch
from torch import Tensor

from maskgit.constraints import Constraints


def painted() -> Constraints:
    """Two pictures of 2x3 tokens with one and two open cells."""
    tokens = torch.arange(12).reshape(2, 2, 3)
    is_open = torch.zeros(2, 2, 3, dtype=torch.bool)
    is_open[0, 1, 2] = is_open[1, 0, 0] = is_open[1, 1, 1] = True
    return Constraints.from_grid(tokens, is_open, torch.tensor([3, 4]))


def cells(*numbers: int) -> Tensor:
    mask = torch.zeros(1, 6, dtype=torch.bool)
    mask[0, list(numbers)] = True
    return mask


def codes(*numbers: int, of: int = 20) -> Tensor:
    return torch.isin(torch.arange(of), torch.tensor(numbers))


def test_grids_are_laid_out_row_by_row() -> None:
    constraints = painted()
    assert constraints.grid == (2, 3)
    assert constraints.tokens[1].tolist() == [6, 7, 8, 9, 10, 11]
    assert constraints.is_open.nonzero().tolist() == [[0, 5], [1, 0], [1, 4]]


def test_everything_may_be_open() -> None:
    constraints = Constraints.everything_open(3, (4, 5), 7)
    assert constraints.is_open.shape == (3, 20)
    assert constraints.is_open.all()
    assert constraints.labels.tolist() == [7, 7, 7]
    assert Constraints.everything_open(2, (1, 1), torch.tensor([1, 2])).labels.tolist() == [1, 2]


def test_pinning_closes_cells_and_reopening_opens_them() -> None:
    before = painted()
    pinned = before.pin(cells(0, 5), 19)
    assert pinned.tokens[:, [0, 5]].tolist() == [[19, 19], [19, 19]]
    assert pinned.is_open.nonzero().tolist() == [[1, 4]]
    by_row = before.pin(cells(0), torch.full((2, 6), 1) * torch.tensor([[5], [6]]))
    assert by_row.tokens[:, 0].tolist() == [5, 6]
    assert pinned.reopen(cells(0)).is_open[:, 0].tolist() == [True, True]
    assert before.is_open.sum() == 3
    assert before.tokens[1, 0] == 6


def test_bans_add_up() -> None:
    everywhere = painted().ban(codes(3, 4))
    assert everywhere.banned is not None
    assert everywhere.banned.shape == (2, 1, 20)
    more = everywhere.ban(codes(7), cells(2)).banned
    assert more is not None
    assert more.shape == (2, 6, 20)
    assert more[1, 2].nonzero().flatten().tolist() == [3, 4, 7]
    assert more[1, 1].nonzero().flatten().tolist() == [3, 4]


def test_a_cell_without_any_code_is_refused() -> None:
    half = painted().ban(codes(*range(10)))
    with pytest.raises(ValueError, match="leave it at least one"):
        half.ban(codes(*range(10, 20)), cells(4))


def test_rows_come_out_as_they_went_in() -> None:
    parts = [
        painted(),
        painted().with_labels(torch.tensor([0, 1])).ban(codes(3)),
        painted().ban(codes(5), cells(2)).row(1),
    ]
    stacked = Constraints.stack(parts)
    assert (stacked.batch, stacked.labels.tolist()) == (5, [3, 4, 0, 1, 4])
    assert stacked.banned is not None
    assert stacked.banned.sum(dim=(1, 2)).tolist() == [0, 0, 6, 6, 1]
    rows = [part.row(index) for part in parts for index in range(part.batch)]
    for index, row in enumerate(rows):
        for name in ("tokens", "is_open", "labels"):
            assert torch.equal(getattr(stacked.row(index), name), getattr(row, name))
    assert stacked.take([4, 0]).labels.tolist() == [4, 3]


def test_taking_a_run_of_rows_copies_nothing() -> None:
    constraints = Constraints.stack([painted(), painted()])
    assert constraints.take([1, 2]).tokens.data_ptr() == constraints.tokens[1].data_ptr()


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("grid", (2, 2), "6 tokens do not fill a 2x2 grid"),
        ("labels", torch.tensor([1]), "expected 2 labels"),
        ("is_open", torch.zeros(1, 6).bool(), "is_open must be bool"),
        ("is_open", torch.zeros(2, 6), "is_open must be bool"),
        ("banned", torch.zeros(2, 3, 9).bool(), "banned must be"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    part: str, value: object, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as in production
    with pytest.raises(ValueError, match=message):
        replace(painted(), **{part: value})


def test_grids_of_different_sizes_cannot_be_stacked() -> None:
    with pytest.raises(ValueError, match="cannot stack grids"):
        Constraints.stack([painted(), Constraints.everything_open(1, (3, 2), 0)])
    with pytest.raises(ValueError, match="cannot stack bans"):
        Constraints.stack([painted().ban(codes(1)), painted().ban(codes(1, of=21))])
