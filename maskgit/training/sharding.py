"""Weights, gradients, optimiser state and averages that lie spread over the processes (FSDP).

Every process holds a slice of every tensor. A block's weights are whole only while the block is
computed; everything that goes through elements (optimisers, averages) works on the slices. A state
dictionary is whole again: checkpoints do not tell how many processes wrote them.

Source: Zhao et al. 2023 (arXiv:2304.11277); PyTorch's `fully_shard`. It is used directly, because
accelerate's own way to it needs a GPU.
"""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

Key = TypeVar("Key")


def is_asked_for() -> bool:
    """Whether several processes were launched by `accelerate launch --use_fsdp`, or as it does."""
    uses_fsdp = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    return uses_fsdp and int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_sharded(part: object) -> bool:
    """Whether this is a network that `shard` split."""
    return isinstance(part, FSDPModule)


def shard(network: nn.Module, device: torch.device, is_bf16: bool, is_compiled: bool) -> None:
    """Split the weights of a network that is the same in every process.

    Args:
        network: Changed in place; every block of its module lists is a unit of its own.
        device: Of this process.
        is_bf16: Whether weights are gathered in bfloat16; the slices stay in float32.
        is_compiled: Whether each block is compiled.
    """
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    # Autocast chooses the precision of what flows between the blocks, as it does in whole networks.
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if is_bf16 else None,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )
    _make_scalars_vectors(network)
    lists = [module for module in network.modules() if isinstance(module, nn.ModuleList)]
    for block in (block for blocks in lists for block in blocks):
        if is_compiled:
            block.compile()
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(network, mesh=mesh, mp_policy=policy)
    network.register_state_dict_post_hook(_make_state_whole)
    network.register_load_state_dict_pre_hook(_shard_loaded_state)


def store_whole(optimizer: torch.optim.Optimizer) -> None:
    """Let an optimiser of sharded weights give and take whole state dictionaries."""
    optimizer.register_state_dict_post_hook(_make_optimizer_state_whole)
    optimizer.register_load_state_dict_pre_hook(_shard_loaded_optimizer_state)


def whole(value: Tensor) -> Tensor:
    """Give the whole tensor that this is a slice of; all processes have to ask.

    A scalar, which is split as a vector of one number, is a scalar again.
    """
    if not isinstance(value, DTensor):
        return value
    gathered = value.full_tensor()
    return gathered.reshape(()) if gathered.numel() == 1 else gathered


def slice_like(value: Tensor, model: Tensor) -> Tensor:
    """Take the slice of a whole tensor that this process holds of another of the same shape."""
    if not isinstance(model, DTensor) or isinstance(value, DTensor):
        return value
    vector = value.reshape(1) if value.ndim == 0 else value
    return distribute_tensor(vector, model.device_mesh, model.placements, src_data_rank=None)


def stored(state: Mapping[Key, Any]) -> dict[Key, Any]:
    """Give a state with whole tensors to the main process, which writes; nothing to the others."""
    is_main = not distributed.is_initialized() or distributed.get_rank() == 0
    result = {}
    for key, value in state.items():
        is_slice = isinstance(value, DTensor)
        complete = whole(value) if is_slice else value
        if is_main:  # a copy: what was gathered may lie in padded memory
            result[key] = complete.to("cpu", copy=True) if is_slice else complete
    return result


def _make_scalars_vectors(network: nn.Module) -> None:
    """Replace scalar weights by vectors of one number, the least that can be split."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.ndim == 0:
                setattr(module, name, nn.Parameter(parameter.detach().reshape(1)))


def _make_state_whole(_: nn.Module, state: dict[str, Any], *__: Any) -> None:
    complete = stored(state)
    state.clear()
    state.update(complete)


def _shard_loaded_state(network: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, parameter in network.named_parameters(prefix=prefix.removesuffix(".")):
        if name in state:
            state[name] = slice_like(state[name], parameter)


def _make_optimizer_state_whole(_: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """Leave the groups in all processes: accelerate reads them there."""
    return state | {"state": {i: stored(values) for i, values in state["state"].items()}}


def _shard_loaded_optimizer_state(
    optimizer: torch.optim.Optimizer, state: dict[str, Any]
) -> dict[str, Any]:
    """Slice what has a number for every weight; the count of steps is one number for all."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    sliced = {
        index: {
            name: slice_like(value, parameters[index]) if name != "step" else value
            for name, value in values.items()
        }
        for index, values in state["state"].items()
    }
    return state | {"state": sliced}
