"""One training run in one folder: devices, checkpoints, log and progress.

    <folder>/checkpoints/step-00001000/   everything needed to continue (accelerate's layout)
    <folder>/log.jsonl                    one line of figures every `log_every` steps
    <folder>/samples/                     pictures to look at
    <folder>/tensorboard/                 the same figures for TensorBoard, where it is installed

A checkpoint is written beside its final place and renamed, so that a run killed while writing
continues from the one before. Randomness is a function of the step (see `data`), so a resumed run
equals one that was never stopped.

A step's batch is the same however many processes share it: each takes its slice, and gradients and
figures are means over all of them. So a run in two processes equals one in a single process, but
for dropout and the entropy loss, which looks at a process' own batch.
"""

import importlib.util
import json
import logging
import math
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import (
    DistributedDataParallelKwargs,
    ProjectConfiguration,
    patch_environment,
)
from safetensors import SafetensorError
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from tqdm import tqdm

from maskgit.runtime import bf16_is_fast, choose_device
from maskgit.training import sharding

logger = logging.getLogger(__name__)

# What reading a damaged file may raise, and what is said where whole ones are of other networks.
_DAMAGE = (
    *(SafetensorError, UnpicklingError, EOFError, FileNotFoundError),
    *(RuntimeError, ValueError, KeyError, IndexError),
)
_MISFITS = ("size mismatch", "in loading state_dict", "loaded state dict")


@dataclass(frozen=True)
class Schedule:
    """How long to train and how fast to learn.

    Attributes:
        steps: Optimiser steps in all.
        learning_rate: Peak, reached after the warm-up.
        warmup_steps: Linear warm-up.
        final_ratio: Share of the peak that a half cosine ends at; 1 keeps it constant.
    """

    steps: int
    learning_rate: float
    warmup_steps: int = 200
    final_ratio: float = 0.05

    def rate(self, step: int) -> float:
        """Learning rate of step number `step`."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.learning_rate * (self.final_ratio + (1 - self.final_ratio) * cosine)


@dataclass
class Run:
    """The folder, the devices and the log of one training run.

    Attributes:
        folder: Where everything is written; made on first use.
        steps: Steps in all.
        log_every: Steps between lines of the log.
        save_every: Steps between checkpoints and sample sheets.
        compile: Whether networks are compiled (`torch.compile`; needs a C++ compiler on the CPU).
        mixed_precision: `bf16`, `no`, or `auto`: bf16 where the device gains from it.
        accumulate: Parts that a process computes its slice of the batch in, one after another, to
            save memory. `accelerate launch --gradient_accumulation_steps` says so too.
        is_sharded: Whether stage 2 is trained with its weights spread over the processes; said by
            `accelerate launch --use_fsdp`.
    """

    folder: Path
    steps: int
    log_every: int = 50
    save_every: int = 500
    compile: bool = True
    mixed_precision: str = "auto"
    accumulate: int = 1
    step: int = 0
    _sums: dict[str, torch.Tensor | float] = field(default_factory=dict)
    _since: tuple[int, float] = (0, 0.0)

    def __post_init__(self) -> None:
        """Make the folder and choose devices.

        Accelerate is not told about sharding, which is done here: see `sharding`.

        Raises:
            ValueError: If weights are to be sharded among processes that do not know each other.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.mixed_precision == "auto":
            self.mixed_precision = "bf16" if bf16_is_fast(choose_device()) else "no"
        has_tensorboard = importlib.util.find_spec("tensorboard") is not None
        self.is_sharded = sharding.is_asked_for()
        with patch_environment(ACCELERATE_USE_FSDP="false"):
            self.accelerator = Accelerator(
                mixed_precision=self.mixed_precision,
                gradient_accumulation_steps=self.accumulate,
                dynamo_backend="inductor" if self.compile and not self.is_sharded else "no",
                log_with="tensorboard" if has_tensorboard else None,
                project_config=ProjectConfiguration(
                    project_dir=str(self.folder), logging_dir=str(self.folder)
                ),
            )
        if self.is_sharded and self.accelerator.num_processes == 1:
            raise ValueError("the processes found no GPUs; on CPUs set ACCELERATE_USE_CPU=true")
        self.accelerator.init_trackers("tensorboard")

    def shard(self, network: nn.Module) -> None:
        """Spread a network's weights over the processes, where that is asked for.

        Its optimisers are made afterwards, then `prepare` takes both.
        """
        if self.is_sharded:
            device, is_bf16 = self.accelerator.device, self.mixed_precision == "bf16"
            sharding.shard(network, device, is_bf16, self.compile)

    def prepare(self, *parts: Any, skips_weights: bool = False) -> Any:
        """Hand networks and optimisers to accelerate.

        Args:
            parts: The networks and optimisers.
            skips_weights: Whether some steps leave some weights out, which several processes have
                to look for then before they take the mean of the others' gradients.

        Raises:
            ValueError: If weights are to be sharded, and the network was not.
        """
        if skips_weights:
            self.accelerator.ddp_handler = DistributedDataParallelKwargs(  # pyright: ignore
                find_unused_parameters=True
            )
        if sharding.is_sharded(parts[0]):
            return self._prepare_sharded(*parts)
        if self.is_sharded and self.steps:
            raise ValueError(
                "only stage 2 can be trained with sharded weights (FSDP): everything else looks at "
                "the weights of single layers; launch it with --multi_gpu (DDP)"
            )
        return self.accelerator.prepare(*parts)

    def _prepare_sharded(self, network: nn.Module, *optimizers: torch.optim.Optimizer) -> Any:
        for optimizer in optimizers:
            sharding.store_whole(optimizer)
        # "Evaluation" keeps accelerate from copying the weights to every process (DDP).
        prepared = self.accelerator.prepare_model(network, False, evaluation_mode=True)
        return prepared, *(self.accelerator.prepare(optimizer) for optimizer in optimizers)

    def parts(self, batch_size: int) -> list[slice]:
        """Give this process' slices of a step's batch, one for each part it is computed in.

        Raises:
            ValueError: If the batch cannot be shared evenly.
        """
        share, rest = divmod(batch_size, self.num_parts * self.accelerator.num_processes)
        if rest or not share:
            raise ValueError(
                f"a batch of {batch_size} cannot be shared evenly by "
                f"{self.accelerator.num_processes} processes in {self.num_parts} parts"
            )
        first = self.accelerator.process_index * self.num_parts
        return [slice(i * share, (i + 1) * share) for i in range(first, first + self.num_parts)]

    @property
    def num_parts(self) -> int:
        """How many parts a process computes its slice of a batch in."""
        return self.accelerator.gradient_accumulation_steps

    @property
    def is_main(self) -> bool:
        """Whether this process writes: one of several does."""
        return self.accelerator.is_main_process

    def also_store(self, *parts: Any) -> None:
        """Store further parts (anything with a state dict) in the checkpoints."""
        self.accelerator.register_for_checkpointing(*parts)

    def resume(self) -> int:
        """Continue from the newest checkpoint that can be read; give the next step's number.

        Raises:
            ValueError: If it is of networks with other sizes, or there are some and none can be
                read.
        """
        found = self.checkpoints()
        for checkpoint in reversed(found):
            if self._load(checkpoint):
                self.step = int(checkpoint.name.removeprefix("step-"))
                self.accelerator.step = 0  # counts parts; before it may have been other ones
                break
        else:
            if found:
                raise ValueError(f"no checkpoint in {self.folder} can be read")
        self._since = (self.step, time.monotonic())
        return self.step

    def _load(self, checkpoint: Path) -> bool:
        """Read a checkpoint; false, with a warning, where it is damaged for any process."""
        is_read = True
        try:
            self.accelerator.load_state(str(checkpoint), map_location="cpu")
        except _DAMAGE as error:
            said = str(error)
            if isinstance(error, RuntimeError | ValueError) and any(s in said for s in _MISFITS):
                raise ValueError(f"{checkpoint} does not fit this recipe: {error}") from error
            logger.warning("%s is damaged and left out: %s", checkpoint, error)
            is_read = False
        if self.accelerator.num_processes > 1:  # all go on from the same one
            read = torch.tensor(int(is_read), device=self.accelerator.device)
            reduced: Any = self.accelerator.reduce(read, "sum")
            is_read = int(reduced) == self.accelerator.num_processes
        return is_read

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        return checkpoints(self.folder)

    def save(self) -> None:
        """Write a checkpoint of the current step and drop all but the newest two."""
        final = self.folder / "checkpoints" / f"step-{self.step:08d}"
        unfinished = final.with_name(f"unfinished-{final.name}")
        if self.accelerator.is_main_process:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(unfinished), safe_serialization=True)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shutil.rmtree(final, ignore_errors=True)
            unfinished.rename(final)
            for old in self.checkpoints()[:-2]:
                shutil.rmtree(old)
        self.accelerator.wait_for_everyone()

    def progress(self) -> "tqdm[int]":
        """Steps still to do, with a progress bar in the main process."""
        return tqdm(
            range(self.step, self.steps),
            initial=self.step,
            total=self.steps,
            unit="step",
            disable=not self.is_main or self.step >= self.steps,
        )

    def is_due(self, every: int) -> bool:
        """Whether something done every so many steps is due after the current one."""
        return self.step % every == 0 or self.step == self.steps

    def record(
        self, bar: "tqdm[int]", pictures: int, **figures: torch.Tensor | float | int
    ) -> None:
        """Count a finished step; write the mean of its figures when a line of the log is due.

        Args:
            bar: Shows them.
            pictures: How many a step looks at, in all processes together.
            figures: What to write; the mean over processes is.
        """
        self.step += 1
        for name, value in figures.items():
            detached = value.detach() if isinstance(value, torch.Tensor) else value
            self._sums[name] = self._sums.get(name, 0.0) + detached  # a tensor: no sync yet
        if not self.is_due(self.log_every):
            return
        steps, seconds = self.step - self._since[0], time.monotonic() - self._since[1]
        line = self._means(steps)
        line["pictures_per_s"] = round(pictures * steps / max(seconds, 1e-9), 2)
        self._sums, self._since = {}, (self.step, time.monotonic())
        bar.set_postfix(line)
        self.write(**line)

    def _means(self, steps: int) -> dict[str, float]:
        """Divide the sums by the steps, and take the mean over processes."""
        totals = torch.tensor([float(total) for total in self._sums.values()])
        means: torch.Tensor = self.accelerator.reduce(totals.to(self.accelerator.device), "mean")  # pyright: ignore
        return {n: round(m / steps, 5) for n, m in zip(self._sums, means.tolist(), strict=True)}

    def write(self, **figures: float | int) -> None:
        """Append a line to the log and tell the trackers."""
        self._append(figures)
        self.accelerator.log(figures, step=self.step)

    def note(self, **texts: str) -> None:
        """Append words to the log: what the figures after them were made with."""
        self._append(texts)

    def _append(self, entries: Mapping[str, float | int | str]) -> None:
        if self.is_main:
            line = {"step": self.step, "time": round(time.time()), **entries}
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")


def mean_figures(parts: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Take the mean of the figures that the parts of a batch gave."""
    return {name: torch.stack([part[name].detach() for part in parts]).mean() for name in parts[0]}


def set_rate(rate: float, optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """Give every group of weights this learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints of a run's folder, oldest first."""
    return sorted((folder / "checkpoints").glob("step-????????"))


class Ema(nn.Module):
    """Exponential moving average of a network's weights: what is evaluated and shipped.

    The average warms up, decay = min(decay, (1 + step) / (10 + step)), so that early averages do
    not remember the initial weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.updates = 0
        self.average = {n: p.detach().clone() for n, p in network.named_parameters()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the current weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        new = dict(network.named_parameters())
        move = get_ema_multi_avg_fn(decay)  # in one kernel, not in one for each weight
        move(list(self.average.values()), [new[name] for name in self.average], self.updates)

    @torch.no_grad()
    def copy_to(self, network: nn.Module) -> None:
        """Put the averaged weights into a network of the same shape."""
        for name, parameter in network.named_parameters():
            parameter.copy_(sharding.whole(self.average[name]))

    def state_dict(self, *_: Any, **__: Any) -> dict[str, Any]:  # pyright: ignore
        """Everything a checkpoint needs."""
        return {"updates": self.updates, "average": sharding.stored(self.average)}

    def load_state_dict(self, state: dict[str, Any], *_: Any, **__: Any) -> None:  # pyright: ignore
        """Continue from `state_dict()`."""
        self.updates = state["updates"]
        for name, value in state["average"].items():
            average = self.average[name]
            average.copy_(sharding.slice_like(value, average))
