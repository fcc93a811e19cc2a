"""A device that is not the CPU, on any machine: tensors that lie elsewhere, computed by the CPU.

What works on the CPU may still fail on a GPU: a tensor that was left on the host meets one on the
device, or the host waits in the middle of work that was meant to run ahead. Here the first is an
error, as it is on a GPU, and the second is counted.

Importing this registers a device for the whole process; `tests/elsewhere/checks.py` has processes
of its own.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, library
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("elsewhere")
DEVICE = torch.device("elsewhere:0")
HOST = torch.device("cpu")

aten = torch.ops.aten
MOVES = {
    aten.copy_.default, aten._to_copy.default, aten.to.device, aten.to.dtype_layout, aten.to.other,
}  # fmt: skip
TAKE_INDICES = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
_counts: Counter[str] = Counter()


@contextmanager
def traffic() -> Iterator[Counter[str]]:
    """Count what goes to the device ("up") and what the host waits for ("down") meanwhile."""
    before = _counts.copy()
    found: Counter[str] = Counter()
    yield found
    found.update(_counts - before)


class Elsewhere(Tensor):
    """A tensor that lies elsewhere; `held` has its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "Elsewhere":
        with torch.inference_mode(False):  # a wrapper of its own can be neither viewed nor changed
            self = torch.Tensor._make_wrapper_subclass(
                cls,
                held.shape,
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                device=DEVICE,
            )
        self.held = held
        return self

    def tolist(self) -> Any:
        _counts["down"] += 1
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(
        cls,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        values = kwargs or {}
        stays = _count(func, args, values)
        wrappers = {
            id(leaf.held): leaf for leaf in tree_leaves((args, values)) if isinstance(leaf, cls)
        }
        plain, options = tree_map(_on_host, (args, values))
        with torch._C._DisableTorchDispatch():
            result = func(*plain, **options)
        _counts["down"] += isinstance(result, bool | int | float)

        def wrapped(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            if not stays:
                return args[0] if leaf is args[0] else leaf.clone()
            # What worked in place gives back the tensor that it was given.
            return wrappers[id(leaf)] if id(leaf) in wrappers else cls(leaf)

        return tree_map(wrapped, result)


def _on_host(leaf: Any) -> Any:
    if isinstance(leaf, Elsewhere):
        return leaf.held
    return HOST if isinstance(leaf, torch.device) else leaf


def _count(func: OpOverload, args: tuple[Any, ...], values: dict[str, Any]) -> bool:
    """Count what is moved, and say whether the result lies elsewhere.

    Raises:
        RuntimeError: If tensors of both places meet; single numbers may, as on a GPU.
    """
    leaves = tree_leaves((args, values))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    from_host = [leaf for leaf in tensors if not isinstance(leaf, Elsewhere)]
    targets = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
    if func in MOVES:
        stays = targets[0].type == DEVICE.type if targets else isinstance(args[0], Elsewhere)
        _counts["up"] += stays and bool(from_host)
        _counts["down"] += not stays
        return stays
    if any(leaf.ndim for leaf in from_host):
        if func not in TAKE_INDICES:
            shapes = [tuple(leaf.shape) for leaf in from_host]
            raise RuntimeError(f"{func} meets tensors of the host, of shapes {shapes}")
        _counts["up"] += 1
    masks = args[1] if func in TAKE_INDICES else ()
    is_counted = any(leaf.dtype is torch.bool for leaf in tree_leaves(masks) if leaf is not None)
    _counts["down"] += is_counted or torch.Tag.dynamic_output_shape in func.tags
    return True


def _empty(size: Any, dtype: Any = None, *_: Any, **__: Any) -> Elsewhere:
    return Elsewhere(torch.empty(size, dtype=dtype))


def _empty_strided(size: Any, stride: Any, dtype: Any = None, *_: Any, **__: Any) -> Elsewhere:
    return Elsewhere(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source: Tensor, to: Tensor, *_: Any, **__: Any) -> Tensor:
    _counts["up" if isinstance(to, Elsewhere) else "down"] += 1
    _on_host(to).copy_(_on_host(source))
    return to


_kernels = library.Library("aten", "IMPL")  # while it lives, they are registered
for _name, _function in {
    "empty.memory_format": _empty,
    "empty_strided": _empty_strided,
    "_copy_from": _copy_from,
}.items():
    _kernels.impl(_name, _function, "PrivateUse1")
