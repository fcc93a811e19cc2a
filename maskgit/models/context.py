"""What layers make of known cells, kept while other cells are drawn.

An edit decides some cells of a picture; the others stay what they are, pass after pass, and a
network that looks at them anew makes nearly the same of them every time. So it looks at them once,
with all open cells masked, and what its layers show of them to other positions is kept: keys and
values. Then it computes the open cells alone; they see each other and what was kept. The positions
that were kept thus never hear of what is drawn: that is the whole difference, and in the first pass
there is none.

A network hands what its layers show to a `Rest`. `Recording` notes it, `Recalled` puts it beside
what is computed; a plain one does nothing.

Source: ReCAP (arXiv:2505.19089), which keeps decided cells, too, and looks anew every few passes.
Here a pass is a function of its state, so it cannot depend on when somebody looked last.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

Places = Int[Tensor, " _"]  # of a sequence, the same in all rows of a batch
Part = Shaped[Tensor, "B L *rest"]  # of the places that are computed
Whole = Shaped[Tensor, "B S *rest"]  # of the whole sequence


@dataclass(frozen=True, eq=False)
class Context:
    """What a network said of the places that are not computed.

    Attributes:
        computed: The places that are.
        others: All others; together they are the sequence.
        kept: What the layers showed of the others, in the order in which they did.
        logits: What the network said meanwhile of the cells that it was asked about.
    """

    computed: Places
    others: Places
    kept: tuple[Tensor, ...]
    logits: Float[Tensor, "B M K"]

    @property
    def num_bytes(self) -> int:
        """The memory that it takes."""
        return sum(each.numel() * each.element_size() for each in (*self.kept, self.logits))


class Rest:
    """The rest of a sequence: nothing, as all places are computed."""

    def begin(self, x: Whole) -> Part:
        """Take the places that are computed."""
        return x

    def places(self, asked: Tensor | None) -> Tensor | None:
        """Say where among these stand the places that somebody asks about; None: everywhere."""
        return asked

    def beside(self, values: Part) -> Whole:
        """Put what is kept of the rest beside what these show, in any order."""
        return values

    def whole(self, values: Part) -> Whole:
        """Do so in the order of the sequence."""
        return values

    def part(self, values: Whole) -> Part:
        """Leave out again what `whole` has added."""
        return values


NOTHING = Rest()


class Recording(Rest):
    """Notes what is shown of the places that will not be computed."""

    def __init__(self, computed: Places, length: int) -> None:
        """Begin with nothing.

        Args:
            computed: Places that will be.
            length: Of the sequence.
        """
        is_computed = torch.zeros(length, dtype=torch.bool, device=computed.device)
        is_computed[computed] = True
        self._computed, self._others = computed, (~is_computed).nonzero()[:, 0]
        self._kept: list[Tensor] = []

    def beside(self, values: Part) -> Whole:
        """See `Rest`."""
        self._kept.append(values.index_select(1, self._others))
        return values

    def whole(self, values: Part) -> Whole:
        """See `Rest`."""
        return self.beside(values)

    def context(self, logits: Float[Tensor, "B M K"]) -> Context:
        """Give what was noted, with what the network said."""
        return Context(self._computed, self._others, tuple(self._kept), logits)


class Recalled(Rest):
    """Puts what was noted back, in the same order; for one run of the network."""

    def __init__(self, context: Context) -> None:
        self._context, self._kept = context, iter(context.kept)

    def begin(self, x: Whole) -> Part:
        """See `Rest`."""
        return self.part(x)

    def places(self, asked: Tensor | None) -> Tensor | None:
        """See `Rest`."""
        if asked is None:
            return None
        computed, others = self._context.computed, self._context.others
        at = computed.new_empty(len(computed) + len(others))
        at[computed] = torch.arange(len(computed), device=computed.device)
        return at[asked]

    def beside(self, values: Part) -> Whole:
        """See `Rest`."""
        return torch.cat([next(self._kept), values], dim=1)

    def whole(self, values: Part) -> Whole:
        """See `Rest`."""
        computed, others = self._context.computed, self._context.others
        whole = values.new_empty(len(values), len(computed) + len(others), *values.shape[2:])
        return whole.index_copy_(1, others, next(self._kept)).index_copy_(1, computed, values)

    def part(self, values: Whole) -> Part:
        """See `Rest`."""
        return values.index_select(1, self._context.computed)
