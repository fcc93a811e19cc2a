"""Where and how a model runs: device, precision, and pictures that do not influence each other.

bfloat16 halves memory and, on machines with units for it (AMX, recent GPUs), more than doubles the
speed. "auto" takes it only where a short measurement says that it is faster and a comparison with
float32 says that the model still finds the same codes likely. The verdict is remembered in the
user's cache folder, so only the first start pays for it.
"""

import hashlib
import json
import logging
import os
import platform
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskgit.checkpoints import load_model
from maskgit.models import Tokenizer, TokenPredictor, int8
from maskgit.models.predictor import Predictor
from maskgit.types import Images, Logits, TokenGrid

logger = logging.getLogger(__name__)

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}  # of weights
PRECISIONS = {**DTYPES, "int8": torch.int8}  # of products; see `maskgit.models.int8`
WORTHWHILE = 1.3  # bfloat16 must be so many times as fast
HOPELESS = 4.0  # so many times as slow at first sight, it is not measured further
MAX_REGRET = 0.02  # see `regret`; float32 itself scores 0, an unrelated model about 3


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Name the device to run on; `auto` takes a GPU where there is one.

    Raises:
        ValueError: If there is no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).item()  # "meta" can be made, but holds no numbers
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]  # torch appends tables of backends
        raise ValueError(f"no device {device!r} here; use auto, cpu or cuda ({reason})") from error
    return torch.device("cpu") if chosen.type == "cpu" else chosen  # there is no cpu:1


def choose_dtype(dtype: str | torch.dtype, device: torch.device, folder: Path) -> torch.dtype:
    """Name the precision to run a model folder in; `auto` as the module says.

    Raises:
        ValueError: If `dtype` is none of `auto`, `float32`, `bfloat16`, `int8`, or the last where
            it does not run.
        CheckpointError: If the folder cannot be loaded.
    """
    if dtype != "auto":
        chosen = dtype if isinstance(dtype, torch.dtype) else PRECISIONS.get(str(dtype))
        if chosen is None or chosen not in PRECISIONS.values():
            *most, last = ("auto", *PRECISIONS)
            raise ValueError(f"dtype must be {', '.join(most)} or {last}, got {dtype!r}")
        if chosen == torch.int8 and not (device.type == "cpu" and int8.works()):
            raise ValueError("int8 runs on a CPU, with a PyTorch that has oneDNN; use auto")
        return chosen
    verdicts = _read_verdicts()
    key = _fingerprint(device, folder)
    if key not in verdicts:
        verdicts[key] = bf16_is_fast(device) and bf16_is_faithful(device, folder)
        _remember(verdicts)
    return torch.bfloat16 if verdicts[key] else torch.float32


@cache
def bf16_is_fast(device: torch.device) -> bool:
    """Whether matrix products of a transformer's size gain from bfloat16 on this device.

    Processors without units for it may take fifty times as long as in float32: a glance shows that.
    """
    if device.type == "cuda":  # products this small take a GPU as long as starting them does
        return torch.cuda.is_bf16_supported(including_emulation=False)

    def seconds(dtype: torch.dtype, rounds: int = 7, products: int = 8) -> float:
        a = torch.ones(256, 768, dtype=dtype, device=device)
        b = torch.ones(768, 1024, dtype=dtype, device=device)
        product = a @ b
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            for _ in range(products):
                torch.mm(a, b, out=product)
            product[0, 0].item()  # waits for a GPU
            times.append(time.perf_counter() - start)
        return min(times)

    glance = [seconds(dtype, rounds=3, products=1) for dtype in (torch.float32, torch.bfloat16)]
    if glance[1] > HOPELESS * glance[0]:
        return False
    # Other work on the machine may come between, so no is said only twice: it is remembered.
    return any(seconds(torch.float32) > WORTHWHILE * seconds(torch.bfloat16) for _ in range(2))


def bf16_is_faithful(device: torch.device, folder: Path) -> bool:
    """Whether the model finds the same codes likely in bfloat16 as in float32."""
    scores = []
    for dtype in (torch.float32, torch.bfloat16):
        model = load_model(folder, device, dtype)
        scores.append(_sample_logits(model.transformer))
        del model  # never two copies at once
    found = regret(*scores)
    if found > MAX_REGRET:
        logger.warning("%s runs in float32: bfloat16 misses its top codes (%.3f)", folder, found)
    return found <= MAX_REGRET


def regret(reference: Logits, candidate: Logits) -> float:
    """How much worse the candidate's top codes are by the reference's logits.

    Mean over cells, in units of the reference's standard deviation over codes: 0 where the top
    codes agree, little where near-ties fall the other way.
    """
    theirs = reference.gather(-1, candidate.argmax(-1, keepdim=True))[..., 0]
    spread = reference.std(-1).clamp_min(1e-12)  # 0 where all codes are equally likely
    return float(((reference.amax(-1) - theirs) / spread).mean())


@torch.inference_mode()
def _sample_logits(predictor: Predictor[Any]) -> Logits:
    """Logits of two half-masked grids of arbitrary tokens."""
    tokens, device = predictor.config.num_tokens, next(predictor.parameters()).device
    grid = torch.arange(2 * tokens, device=device).view(2, tokens)
    grid = torch.where(grid % 2 == 0, grid * 7919 % predictor.mask_id, predictor.mask_id)
    return predictor.logits(grid, torch.zeros(2, dtype=torch.long, device=device)).cpu()


class Around:
    """What a predictor says of itself, said by one that stands around it."""

    def __init__(self, predictor: TokenPredictor) -> None:
        self._predictor = predictor

    @property
    def mask_id(self) -> int:
        """Id of the mask token."""
        return self._predictor.mask_id

    @property
    def num_classes(self) -> int:
        """Class labels known."""
        return self._predictor.num_classes

    @property
    def null_label(self) -> int | None:
        """The label that means "no class", or None."""
        return self._predictor.null_label


def encode_each(tokenizer: Tokenizer, images: Images) -> TokenGrid:
    """Encode picture by picture on a CPU, all at once on a GPU."""
    return torch.cat([tokenizer.encode(part) for part in _parts(images)])


def decode_each(tokenizer: Tokenizer, tokens: TokenGrid) -> Images:
    """Decode grid by grid on a CPU, all at once on a GPU."""
    return torch.cat([tokenizer.decode(part) for part in _parts(tokens)])


def _parts(batch: Tensor) -> tuple[Tensor, ...]:
    return batch.split(1) if batch.device.type == "cpu" else (batch,)


def cache_folder() -> Path:
    """The user's cache folder for this project; `MASKGIT_CACHE` moves it. Not made by asking."""
    if moved := os.environ.get("MASKGIT_CACHE"):
        return Path(moved).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(base).expanduser() / "maskgit"
    except RuntimeError:  # a container's user may have no home
        return Path(tempfile.gettempdir()) / "maskgit"


def _fingerprint(device: torch.device, folder: Path) -> str:
    """Anything that may change the verdict: the weights, the chip, the version of torch."""
    files = sorted(folder.glob("*.safetensors"))
    parts = [f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files]
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    chip = (platform.machine(), gpu, torch.backends.cpu.get_cpu_capability())
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    text = "\n".join([torch.__version__, *chip, isa, str(folder.resolve()), *parts])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _verdict_file() -> Path:
    return cache_folder() / "bfloat16.json"


def _read_verdicts() -> dict[str, bool]:
    try:
        stored = json.loads(_verdict_file().read_text(encoding="utf-8"))
        return {key: verdict for key, verdict in stored.items() if isinstance(verdict, bool)}
    except (OSError, ValueError, AttributeError):
        return {}  # nothing remembered, or nothing that can be read: measure again


def _remember(verdicts: dict[str, bool]) -> None:
    file = _verdict_file()
    partial = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(dict(list(verdicts.items())[-100:])), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        logger.info("the choice of precision is not remembered: %s", error)
