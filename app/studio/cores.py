"""On how many cores a network runs.

The operators of a small model are over before another core has woken up to help, and with a browser
and other people on the machine no core is idle anyway. So its passes take one core, and so do
pictures of steps that pass by, and borrowed texture, whose operators are small, too. A fill then
takes less computing, and no more time (docs/performance.md).

What callers may rely on (tests/app/test_cores.py):
    * Passes and borrowed texture are the same bit for bit on any number of cores. The tokens of a
      picture and the pictures that are kept are not, as norms of large maps add up by cores: these
      are always made on all.
    * Other threads keep their cores.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

from maskgit.models import TokenPredictor

SMALL = 384  # width of a transformer, up to which it is small; the embedded model's is 256


def cores_for(predictor: TokenPredictor) -> AbstractContextManager[object]:
    """Compute on one core as long as a model is small."""
    width = getattr(getattr(predictor, "config", None), "hidden_size", SMALL + 1)
    return on_one_core() if width <= SMALL else nullcontext()


def on_one_core() -> AbstractContextManager[object]:
    """Compute on one core in this thread."""
    torch.get_num_threads()  # torch sets the number when it is first asked in a thread; not later
    return _cores().limit(limits=1)


@cache
def _cores() -> ThreadpoolController:
    """Find OpenMP, which torch has loaded; unlike torch, it has a number for each thread."""
    return ThreadpoolController().select(user_api="openmp")
