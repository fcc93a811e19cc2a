"""GPUs that are lent by the second, as on ZeroGPU of Hugging Face; elsewhere nothing is done."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

GPU_SECONDS = 20  # asked for per call where GPUs are lent by the second


def on_gpu(method: F) -> F:
    """Let a bound method run where there is a GPU; its arguments and answers are pickled then.

    Bound, as the object itself, with its locks and models, is not sent: it is there already.
    """
    if importlib.util.find_spec("spaces") is None:
        return method
    spaces = importlib.import_module("spaces")
    return spaces.GPU(duration=GPU_SECONDS)(method)
