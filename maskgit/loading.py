"""A name in, an engine out: where models lie, and in what precision they run here."""

from pathlib import Path

import torch

from maskgit import checks, hub, runtime
from maskgit.checkpoints import CheckpointError, load_model
from maskgit.models.doubling import in_phases
from maskgit.models.int8 import quantize
from maskgit.models.packed import pack
from maskgit.pipeline import MaskGIT

MODELS = Path(__file__).resolve().parents[1] / "checkpoints"


def load(
    model: str | Path = "embedded",
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
) -> MaskGIT:
    """Load a model.

    Args:
        model: `embedded`, the id of a published model (`maskgit.hub`), or the path of a folder.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        dtype: `auto`, `float32`, `bfloat16` or, on a CPU, `int8`; see `maskgit.runtime`.

    Raises:
        ValueError: If there is no such device or precision.
        CheckpointError: If there is no such model, or its folder is damaged.
        TypeError: If `model` is neither text nor a path.
    """
    if not isinstance(model, str | Path):
        raise TypeError(f"a model is an id or the path of a folder, got {checks.describe(model)}")
    folder = find_folder(model)
    place = runtime.choose_device(device)
    precision = runtime.choose_dtype(dtype, place, folder)
    is_int8 = precision == torch.int8
    loaded = load_model(folder, place, torch.float32 if is_int8 else precision)
    prepare = quantize if is_int8 else pack
    prepare(loaded.transformer, rows=loaded.config.transformer.num_tokens + 1)
    in_phases(loaded.tokenizer)
    return MaskGIT(loaded, place, precision)


def find_folder(model: str | Path) -> Path:
    """Give the folder of a model: one that comes along, a published one, or any other.

    Raises:
        CheckpointError: If there is no such model.
    """
    if (MODELS / model / "config.json").is_file():
        return MODELS / model
    if isinstance(model, str) and hub.is_here(model):
        return hub.folder(model)
    if model != "" and Path(model).is_dir():
        return Path(model)
    if published := hub.MODELS.get(str(model)):
        raise CheckpointError(
            f"{model} is not on this computer yet. Download it ({published.num_bytes / 1e9:.1f} "
            f"GB) with: python -m maskgit models download {model}"
        )
    known = [*sorted(p.parent.name for p in MODELS.glob("*/config.json")), *hub.MODELS]
    raise CheckpointError(
        f"no model {str(model)!r}: give a model folder, or one of {', '.join(known)}"
    )
