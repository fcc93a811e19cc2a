"""State dictionaries of other PyTorch code: renamed, after a check of the whole table.

A format is described by one table, our names to theirs. From it follows every tensor the file must
hold and its shape, so a file that does not fit is refused with the names of everything missing,
left over or misshapen. What holds numbers is taken as it is; only names change, and what they keep
apart and we together (such as query, key and value) is joined.
"""

from collections.abc import Collection, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from maskgit.checkpoints import CheckpointError, differences, is_finite

State = Mapping[str, Tensor]  # theirs
Theirs = str | tuple[str, ...]  # several: equal parts that are joined along the first axis
Renames = Mapping[str, Theirs]  # our name of every tensor -> theirs
Shape = tuple[int, ...]
Network = TypeVar("Network", bound=nn.Module)


def fill(
    network: Network,
    state: State,
    renames: Renames,
    shapes: Mapping[str, Shape] | None = None,
    ignored: Collection[str] = (),
) -> Network:
    """Put the tensors of a foreign state dictionary into one of our networks.

    Args:
        network: Built without weights (`models.empty`).
        state: Not changed. Tensors that are float32 already are shared with the network.
        renames: Says for every tensor of the network what it is called in `state`.
        shapes: Their shapes, by their names, where they write the same numbers in other axes.
        ignored: Their names of tensors that hold no weights, such as counters; they may be there.

    Returns:
        The network, in float32, in evaluation mode and without gradients.

    Raises:
        CheckpointError: If tensors are missing, left over, of another shape, not floats, or hold
            NaN or infinity.
    """
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert ours.keys() == renames.keys(), differences(ours, renames)
    expected: dict[str, Shape] = {}
    for name, shape in ours.items():
        parts = _parts(renames[name])
        expected |= dict.fromkeys(parts, (shape[0] // len(parts), *shape[1:]))
    expected |= shapes or {}
    found = {name: tuple(tensor.shape) for name, tensor in state.items() if name not in ignored}
    if faults := differences(expected, found):
        raise CheckpointError(f"tensors do not fit: {faults}")
    filled = {
        name: _joined([_numbers(state, part) for part in _parts(renames[name])]).reshape(shape)
        for name, shape in ours.items()
    }
    network.load_state_dict(filled, assign=True)
    return network.eval().requires_grad_(False)


def rename_layers(
    network: nn.Module, layers: Mapping[str, Theirs], outside: Mapping[str, Theirs]
) -> Renames:
    """Make the table of a network whose layers alone have other names, not what is in them.

    Args:
        network: Says what there is in each layer, weight or bias or both.
        layers: Our name of every layer -> theirs.
        outside: Our names of tensors that lie in no layer -> theirs.
    """
    renames = dict(outside)
    for name in network.state_dict():
        layer, _, kind = name.rpartition(".")  # weight or bias
        if layer:
            renames[name] = tuple(f"{part}.{kind}" for part in _parts(layers[layer]))
    return renames


def shape_of(state: State, name: str, rank: int) -> Shape:
    """Give the shape of a tensor that sizes are read off.

    Raises:
        CheckpointError: If there is no such tensor, or it has another number of axes.
    """
    if name not in state:
        raise CheckpointError(f"missing {name}")
    if state[name].ndim != rank:
        raise CheckpointError(f"{name} expected {rank} axes, found {tuple(state[name].shape)}")
    return tuple(state[name].shape)


def count(state: State, prefix: str) -> int:
    """Count the different layers `prefix`0, `prefix`1, ..."""
    return len({name[len(prefix) :].split(".")[0] for name in state if name.startswith(prefix)})


def _parts(theirs: Theirs) -> tuple[str, ...]:
    return (theirs,) if isinstance(theirs, str) else theirs


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _numbers(state: State, name: str) -> Tensor:
    if not state[name].is_floating_point():
        raise CheckpointError(f"{name}: expected floats, found {state[name].dtype}")
    numbers = state[name].detach().to(device="cpu", dtype=torch.float32).contiguous()
    if not is_finite(numbers):
        raise CheckpointError(f"{name}: expected finite numbers, found NaN or infinity")
    return numbers
