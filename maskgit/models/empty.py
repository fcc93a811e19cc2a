"""Build networks that have shapes but no numbers: no memory, no time, to be filled from a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def without_weights() -> Iterator[None]:
    """Make every network built inside hold empty tensors on the meta device.

    `load_state_dict(state, assign=True)` fills it afterwards. Initialisation is skipped: on the
    meta device it would compute nothing, yet import 800 modules and 70 MB to do so.
    """
    with torch.device("meta"), _SkippedInitialisation():
        yield


class _SkippedInitialisation(TorchFunctionMode):
    """Leave out every operation that writes into a tensor, such as `uniform_`."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # the signature is torch's
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        values = kwargs or {}
        name = getattr(func, "__name__", "")
        is_in_place = name.endswith("_") and not name.endswith("__") and name != "requires_grad_"
        target = args[0] if args else values.get("tensor")  # torch.nn.init passes it by name
        if is_in_place and isinstance(target, torch.Tensor):
            return target
        return func(*args, **values)
