"""What layers make of known cells, kept while the other cells are drawn.

An edit decides some cells of a picture; the others stay what they are, pass after pass, and a
network that looks at them anew makes nearly the same of them every time. So it looks at them once,
with all open cells masked, and what its layers show of them to other positions is kept: keys and
values. Then it computes the open cells alone; they see each other and what was kept. Known cells
thus never hear of what is drawn: that is the whole difference, and in the first pass there is none.

A network hands what its layers show to an `Around`. `Recording` notes it, `Recalled` puts it beside
what is computed; a plain one does nothing.

Source: ReCAP (arXiv:2505.19089), which keeps decided cells, too, and looks anew every few passes.
Here a pass is a function of its state, so it cannot depend on when somebody looked last.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

Positions = Int[Tensor, " _"]  # of a sequence, the same in all rows of a batch
Own = Shaped[Tensor, "B L *rest"]  # of the positions that are computed
Whole = Shaped[Tensor, "B S *rest"]  # of the whole sequence


@dataclass(frozen=True, eq=False)
class Context:
    """What a network said of the positions that are not computed.

    Attributes:
        own: Those that are.
        others: All others; together they are the sequence.
        kept: What the layers showed of the others, in the order in which they did.
        logits: What the network said meanwhile of the cells that it was asked about.
    """

    own: Positions
    others: Positions
    kept: tuple[Tensor, ...]
    logits: Float[Tensor, "B M K"]


class Around:
    """Nothing: all positions are computed."""

    def begin(self, x: Whole) -> Own:
        """Take the positions that are computed."""
        return x

    def asked(self, places: Tensor | None) -> Tensor | None:
        """Say where in these stand the places that somebody asks about; None: everywhere."""
        return places

    def seen(self, values: Own) -> Whole:
        """Put what is kept of the others beside what these show, in any order."""
        return values

    def whole(self, values: Own) -> Whole:
        """Do so in the order of the sequence."""
        return values

    def own(self, values: Whole) -> Own:
        """Leave out again what `whole` has added."""
        return values


NOTHING = Around()


class Recording(Around):
    """Notes what is shown of the positions that will not be computed."""

    def __init__(self, own: Positions, length: int) -> None:
        """Begin with nothing.

        Args:
            own: Positions that will be computed.
            length: Of the sequence.
        """
        is_own = torch.zeros(length, dtype=torch.bool, device=own.device)
        is_own[own] = True
        self._own, self._others = own, (~is_own).nonzero()[:, 0]
        self._kept: list[Tensor] = []

    def seen(self, values: Own) -> Whole:
        """See `Around`."""
        self._kept.append(values.index_select(1, self._others))
        return values

    def whole(self, values: Own) -> Whole:
        """See `Around`."""
        return self.seen(values)

    def context(self, logits: Float[Tensor, "B M K"]) -> Context:
        """Give what was noted, with what the network said."""
        return Context(self._own, self._others, tuple(self._kept), logits)


class Recalled(Around):
    """Puts what was noted back, in the same order; for one run of the network."""

    def __init__(self, context: Context) -> None:
        self._context, self._kept = context, iter(context.kept)

    def begin(self, x: Whole) -> Own:
        """See `Around`."""
        return self.own(x)

    def asked(self, places: Tensor | None) -> Tensor | None:
        """See `Around`."""
        if places is None:
            return None
        own, others = self._context.own, self._context.others
        at = own.new_empty(len(own) + len(others))
        at[own] = torch.arange(len(own), device=own.device)
        return at[places]

    def seen(self, values: Own) -> Whole:
        """See `Around`."""
        return torch.cat([next(self._kept), values], dim=1)

    def whole(self, values: Own) -> Whole:
        """See `Around`."""
        own, others = self._context.own, self._context.others
        whole = values.new_empty(len(values), len(own) + len(others), *values.shape[2:])
        return whole.index_copy_(1, others, next(self._kept)).index_copy_(1, own, values)

    def own(self, values: Whole) -> Own:
        """See `Around`."""
        return values.index_select(1, self._context.own)
