"""A predictor that looks at known cells once, for people who edit one picture again and again.

What it saw of them is kept (`maskgit.models.context`): for all passes of a decode, and for the next
one with another seed.

What callers may rely on (tests/engine/test_known_cells.py):
    * Whether something is kept or made anew changes no bit of an answer, as long as nobody changes
      the network's weights.
    * What is kept is bounded; the least recently used goes first. Safe to share between threads.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.models.context import Context
from maskgit.models.predictor import Predictor
from maskgit.runtime import Around
from maskgit.types import Cells, Labels, Logits, Tokens

MOST_BYTES = 2**29  # 30 holes of official 256 in bfloat16, or 7 of 512


class Remembering(Around):
    """Looks once at what is known. Implements `models.RememberingPredictor`."""

    def __init__(self, network: Predictor[Any], most_bytes: int = MOST_BYTES) -> None:
        """Begin with nothing.

        Args:
            network: On a CPU; its weights must not change any more.
            most_bytes: What is kept may take; the newest is kept in any case.
        """
        super().__init__(network)
        self.config = network.config
        self.network, self._most_bytes = network, most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Context] = OrderedDict()

    def logits(self, tokens: Tokens, labels: Labels) -> Logits:
        """Predict every cell; nothing is kept."""
        return self.network.logits(tokens, labels)

    def logits_at(self, tokens: Tokens, labels: Labels, cells: Cells) -> Float[Tensor, "B M K"]:
        """Predict some cells; nothing is kept."""
        return self.network.logits_at(tokens, labels, cells)

    @torch.inference_mode()
    def logits_around(
        self,
        begun: Tokens,
        tokens: Tokens,
        labels: Labels,
        cells: Int[Tensor, "1 M"],
        asked: Int[Tensor, "1 A"],
    ) -> Float[Tensor, "B A K"]:
        """Predict some cells, with the others as they were when the decode began.

        Args:
            begun: The grids with all cells masked that may change; the same in every row.
            tokens: The grids as they are now; likewise.
            labels: As for `logits`.
            cells: Those that are computed: all that may change.
            asked: Which of these are asked about, by their places among them.
        """
        rows = cells.expand(len(tokens), -1)
        about = *(each[0].numpy().tobytes() for each in (begun, cells)), *labels.tolist()
        context = self._context(about, lambda: self.network.context(begun, labels, rows))
        if torch.equal(tokens, begun):
            return context.logits.index_select(1, asked[0])
        asked = cells.gather(1, asked).expand(len(tokens), -1)
        return self.network.logits_within(tokens, labels, asked, context)

    def _context(self, about: Hashable, make: Callable[[], Context]) -> Context:
        with self._lock:
            if context := self._kept.get(about):
                self._kept.move_to_end(about)
                return context
        context = make()
        with self._lock:
            self._kept[about] = context
            self._kept.move_to_end(about)
            while len(self._kept) > 1 and self._num_bytes() > self._most_bytes:
                self._kept.popitem(last=False)
        return context

    def _num_bytes(self) -> int:
        return sum(context.num_bytes for context in self._kept.values())
