"""What a network is asked in a pass: one run for all rows, or, on a CPU, for each picture alone.

    predict      logits of all masked cells, with and without guidance

On a CPU a picture alone is asked about its masked cells only, and, where its options say so, by a
predictor that looks at known cells once (`maskgit.remembering`).

What callers may rely on (tests/engine/test_asking.py, test_known_cells.py):
    * On a CPU the logits of a picture are bit for bit the same alone and in a batch.
    * Everything is looked at where several classes are on one grid, and where more than three
      quarters of the cells, filled up to a multiple of 32, may change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maskgit.constraints import take_rows
from maskgit.models.predictor import listed, take_cells
from maskgit.models.protocols import PartialPredictor, RememberingPredictor, TokenPredictor
from maskgit.sampling import Number, guide, whole_per_row
from maskgit.state import KNOWN, DecodeOptions, DecodeState
from maskgit.types import Cells, Labels, Logits, Tokens

CELLS_TOGETHER = 32  # cells a CPU is asked about are a multiple: it prepares for every shape
MOST_CHANGING = 0.75  # share of cells up to which it pays to leave out the others


def null_label(predictor: TokenPredictor) -> int:
    """Give the label that means "no class", which guidance needs.

    Raises:
        ValueError: If the model knows none.
    """
    if predictor.null_label is None:
        raise ValueError("this model knows no null label; guidance_scale must be 1")
    return predictor.null_label


@dataclass(frozen=True, eq=False)
class Prediction:
    """Logits of all masked cells, with those without a class for the rows that want guidance.

    Attributes:
        conditional: Logits with the class.
        unconditional: Logits with the null label, of the guided rows only.
        guided: Which rows these are.
        scale: Their guidance scales.
    """

    conditional: Logits
    unconditional: Float[Tensor, "G N K"] | None = None
    guided: Sequence[int] = ()
    scale: Sequence[Number] = ()

    def at(self, cells: Cells) -> Float[Tensor, "B M K"]:
        """Give the guided logits of some masked cells; a new tensor."""
        logits = take_cells(self.conditional, cells)
        if self.unconditional is not None:
            without = take_cells(self.unconditional, take_rows(cells, self.guided))
            guided = guide(take_rows(logits, self.guided), without, self.scale)
            logits.index_copy_(0, whole_per_row(self.guided, logits), guided)
        return logits

    @classmethod
    def of_rows(cls, rows: Sequence["Prediction"]) -> "Prediction":
        """Put predictions of one row each under each other."""
        if len(rows) == 1:
            return rows[0]  # the logits are large; they need not be copied
        unconditional = [row.unconditional for row in rows if row.unconditional is not None]
        return cls(
            torch.cat([row.conditional for row in rows]),
            torch.cat(unconditional) if unconditional else None,
            [at for at, row in enumerate(rows) if row.guided],
            [scale for row in rows for scale in row.scale],
        )


def predict(predictor: TokenPredictor, state: DecodeState) -> Prediction:
    """Run the model once; on a CPU once for each row of the state, with all that is asked about it.

    A matrix product may round differently for other row counts, and a CPU gains little from many.
    One by one, a picture is bit for bit the same alone and in a batch.
    """
    if state.tokens.device.type != "cpu" or not isinstance(predictor, PartialPredictor):
        return _ask(predictor, state, predictor.logits)
    rows = [state] if state.batch == 1 else [state.take([row]) for row in range(state.batch)]
    return Prediction.of_rows([_ask(predictor, row, _network(predictor, row)) for row in rows])


def _ask(
    predictor: TokenPredictor, state: DecodeState, network: Callable[[Tokens, Labels], Logits]
) -> Prediction:
    """Run the model's network once, each row with all its classes.

    Rows that ask for guidance are asked once more without a class, in that one run.
    """
    tokens, labels = state.tokens, state.constraints.labels
    classes = state.constraints.classes
    if classes is not None:
        rows, labels = classes.asked(labels)
        tokens = take_rows(tokens, rows)
    scale = state.of_pass(DecodeOptions.guidance)
    guided = [row for row, s in enumerate(scale) if s != 1]
    if guided:
        null = labels.new_full((len(guided),), null_label(predictor))
        tokens = torch.cat([tokens, take_rows(state.tokens, guided)])
        labels = torch.cat([labels, null])
    logits = network(tokens, labels)
    num_asked = len(labels) - len(guided)
    conditional, unconditional = logits.split([num_asked, len(guided)])
    if classes is not None:
        was_open = state.revealed_at != KNOWN
        conditional = classes.mixed(conditional, was_open, state.constraints.grid)
    if not guided:
        return Prediction(conditional)
    return Prediction(conditional, unconditional, guided, [scale[row] for row in guided])


def _network(predictor: PartialPredictor, row: DecodeState) -> Callable[[Tokens, Labels], Logits]:
    """Choose what is computed for a picture: all cells, or, where that is less, the open ones."""
    is_open, asks_once = row.constraints.is_open, row.options[0].known_cells == "cached"
    if (
        asks_once
        and row.constraints.classes is None
        and isinstance(predictor, RememberingPredictor)
    ):
        cells = _filled_up(is_open)
        # Who inspects a known cell masks it: that is another question than those of the decode.
        is_of_decode = not ((row.tokens == row.mask_id) & ~is_open).any()
        if is_of_decode and cells.shape[1] <= MOST_CHANGING * is_open.shape[1]:
            return partial(_logits_around, predictor, is_open, cells)
    return partial(_masked_logits, predictor)


def _masked_logits(predictor: PartialPredictor, tokens: Tokens, labels: Labels) -> Logits:
    """Predict the masked cells of rows that are all about one picture; others may have zeros."""
    cells = _filled_up(tokens[:1] == predictor.mask_id)
    if cells.shape[1] == tokens.shape[1]:
        return predictor.logits(tokens, labels)
    found = predictor.logits_at(tokens, labels, cells.expand(len(tokens), -1))
    return _on_grid(found, cells, tokens)


def _logits_around(
    predictor: RememberingPredictor,
    is_open: Bool[Tensor, "1 N"],
    cells: Int[Tensor, "1 M"],
    tokens: Tokens,
    labels: Labels,
) -> Logits:
    """Do so with the known cells as they were when the decode began.

    Args:
        predictor: The network.
        is_open: Cells that may change.
        cells: These, filled up.
        tokens: As for `predictor.logits`.
        labels: Likewise.
    """
    begun = tokens.masked_fill(is_open, predictor.mask_id)
    asked = _filled_up(tokens[:1].gather(1, cells) == predictor.mask_id)
    found = predictor.logits_around(begun, tokens, labels, cells, asked)
    return _on_grid(found, cells.gather(1, asked), tokens)


def _filled_up(where: Bool[Tensor, "1 N"]) -> Int[Tensor, "1 M"]:
    """List the marked cells of one row, and others up to a multiple of what goes together."""
    wanted = -(-int(where.sum()) // CELLS_TOGETHER) * CELLS_TOGETHER
    return listed(where, min(wanted, where.shape[1]))


def _on_grid(found: Float[Tensor, "B M K"], cells: Int[Tensor, "1 M"], tokens: Tokens) -> Logits:
    """Put the logits of cells, the same in every row, where these are; zeros elsewhere."""
    whole = found.new_zeros(*tokens.shape, found.shape[-1])
    return whole.index_copy_(1, cells[0], found)
