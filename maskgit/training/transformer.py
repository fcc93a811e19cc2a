"""Stage 2: masked visual token modelling (MVTM).

Pictures become tokens once, with a few crops and mirror images each. Every step hides a random
share of each grid's tokens and asks for them back. Source: MaskGIT section 3.1.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isqrt

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from maskgit import schedules
from maskgit.constraints import Constraints
from maskgit.decoding import decode
from maskgit.images import to_pictures
from maskgit.models import (
    AnyTokenizer,
    AnyTransformer,
    BidirectionalTransformer,
    TokenPredictor,
    build_transformer,
)
from maskgit.runtime import bf16_is_fast
from maskgit.sizes import AnyTransformerConfig, TransformerConfig
from maskgit.state import DecodeOptions
from maskgit.state import start as begin
from maskgit.training import losses
from maskgit.training.data import BalancedDraw, ImageSet, ahead, step_generator
from maskgit.training.run import Ema, Run, Schedule, mean_figures, set_rate
from maskgit.training.tokenizer import write_sheet
from maskgit.training.tokens import TokenSet, Views, cached_tokens, tokenize
from maskgit.types import Labels, Pictures, TokenMask, Tokens

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TransformerRecipe:
    """Everything that decides what stage 2 learns.

    Attributes:
        model: Architecture and sizes of the network.
        schedule: Steps and learning rate.
        batch_size: Pictures per step, in all processes together.
        mask_schedule: Which share of the tokens is hidden, as a function of r ~ U[0, 1).
        label_smoothing: Probability spread over all codes (official: 0.1).
        class_dropout: Share of pictures shown without their class, which guidance needs; only
            where the network has a null label.
        class_balance: A class of n pictures is drawn in proportion to n ** class_balance.
        views: Versions of each picture that are tokenised: as it is, mirrored, then random crops.
        smallest_crop: Smallest share of a picture's side in a random crop.
        hole_share: Share of pictures whose hidden tokens lie in a rectangle, as an edit's do; in
            the others they lie anywhere, as the paper's.
        weight_decay: AdamW's (official: 0.045).
        use_muon: Train the matrices of the layers by Muon (Jordan et al. 2024), which makes each
            update orthogonal; needs torch 2.9 or newer.
        ema_decay: Decay of the averaged weights.
        seed: Seed of the weights and of the data order.
    """

    schedule: Schedule
    model: AnyTransformerConfig = field(default_factory=TransformerConfig)
    batch_size: int = 32
    mask_schedule: str = "cosine"
    label_smoothing: float = 0.1
    class_dropout: float = 0.1
    class_balance: float = 0.5
    views: int = 4
    smallest_crop: float = 0.8
    hole_share: float = 0.0
    weight_decay: float = 0.045
    use_muon: bool = False
    ema_decay: float = 0.999
    seed: int = 0


class MaskedTokenObjective(nn.Module):
    """The network together with its loss, so that both compile as one graph."""

    def __init__(self, network: AnyTransformer, smoothing: float) -> None:
        super().__init__()
        self.network = network
        self.smoothing = smoothing

    def forward(
        self, tokens: Tokens, is_masked: TokenMask, labels: Labels
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Give the loss, and the share of masked tokens whose code came first."""
        shown = tokens.masked_fill(is_masked, self.network.mask_id)
        logits = self.network.logits(shown, labels)
        loss = losses.masked_token_loss(logits, tokens, is_masked, self.smoothing)
        hits = (logits.argmax(-1) == tokens) & is_masked
        return loss, hits.sum() / is_masked.sum()


def train_transformer(
    recipe: TransformerRecipe,
    tokenizer: AnyTokenizer,
    images: ImageSet,
    val: ImageSet,
    run: Run,
    start: AnyTransformer | None = None,
) -> AnyTransformer:
    """Train stage 2, continuing where the run's folder stopped.

    Args:
        recipe: What is trained, with which numbers.
        tokenizer: Of stage 1; goes to the run's device.
        images: To learn from. Those without a class teach what pictures without one look like,
            where the network has a null label.
        val: To judge by.
        run: Where everything is written.
        start: Of the recipe's sizes: what a new run begins at.

    Returns:
        The transformer with averaged weights, in float32 on the CPU.
    """
    torch.manual_seed(recipe.seed)
    network = build_transformer(recipe.model)
    if start is None:
        start_informed(network, tokenizer.codebook.detach())
    else:
        network.load_state_dict(start.state_dict())
    images = images if recipe.model.has_null_label else images.labelled()
    views = Views(recipe.views, recipe.smallest_crop, recipe.seed)
    there = tokenizer.to(run.accelerator.device)
    with run.accelerator.main_process_first():  # the others read what it wrote
        train_set = cached_tokens(run.folder / "tokens-train.npz", there, images, views)
    val_set = tokenize(there, val.labelled(), replace(views, count=1))
    objective = MaskedTokenObjective(network, recipe.label_smoothing)
    run.shard(objective)
    model, *optimizers = run.prepare(objective, *_optimizers(network, recipe))
    ema = Ema(network, recipe.ema_decay)  # on the device that the weights are on by now
    run.also_store(ema)
    _part_ways(run, recipe.seed)
    run.resume()
    bar = run.progress()
    draw = BalancedDraw(train_set.labels, recipe.class_balance)
    batches = ahead(lambda step: _batch(train_set, draw, recipe, step), range(run.step, run.steps))
    for step, batch in zip(bar, batches, strict=True):
        set_rate(recipe.schedule.rate(step), optimizers)
        figures = [
            _learn(model, optimizers, [t[part] for t in batch], run)
            for part in run.parts(recipe.batch_size)
        ]
        ema.update(network)
        run.record(bar, recipe.batch_size, **mean_figures(figures))
        if run.is_due(run.save_every):
            averaged = _averaged(ema, recipe)  # in all processes, which may hold a slice each
            if run.is_main:
                _report(averaged.to(run.accelerator.device), there, val_set, run)
            run.save()
    return _averaged(ema, recipe)


@torch.no_grad()
def start_informed(network: AnyTransformer, codebook: Float[Tensor, "K E"]) -> None:
    """Begin with what is known: which codes look alike, which cells are neighbours, no detours.

    Alike codes get alike embeddings, a random projection of the codebook. In the official
    transformer positions get the sines and cosines of their row and column, and every layer begins
    as the identity (the hourglass is built so). All of it stays free to change. From random weights
    the official transformer's loss stays at that of independent tokens for the first 450 steps
    (6.76 where these would give 6.74); so it is at 6.44 after 80.
    """
    std = network.token_embedding.weight.std()
    codes = (codebook - codebook.mean(0)) / codebook.std(0).clamp_min(1e-6)
    projection = torch.randn(codes.shape[1], network.token_embedding.embedding_dim)
    tokens = network.token_embedding.weight[: len(codes)]
    tokens.mul_(0.43)  # together as large as before
    tokens.add_(std * 0.9 * codes @ projection / codes.shape[1] ** 0.5)
    if not isinstance(network, BidirectionalTransformer):
        return
    width, side = network.config.hidden_size, round(network.config.num_tokens**0.5)
    if side**2 == network.config.num_tokens and width % 4 == 0:
        network.position_embedding.weight[1:] = std * 2**0.5 * _waves(side, width // 4)
    for layer in network.layers:
        nn.init.zeros_(layer.attention.out.weight)  # pyright: ignore
        nn.init.zeros_(layer.mlp_out.weight)  # pyright: ignore


def _waves(side: int, count: int) -> Float[Tensor, "N D"]:
    """Sines and cosines of row and column, `count` wavelengths from 4 cells to 128."""
    cells = torch.arange(side, dtype=torch.float32)
    rows, columns = torch.meshgrid(cells, cells, indexing="ij")
    wavelengths = 4 * 32 ** (torch.arange(count) / max(1, count - 1))
    angles = [2 * torch.pi * axis.flatten()[:, None] / wavelengths for axis in (rows, columns)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)


@torch.inference_mode()
def evaluate(
    network: TokenPredictor, val: TokenSet, seed: int, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Negative log-likelihood (nats) and accuracy of masked held-out tokens.

    By the share of tokens masked, anywhere, and in a hole: the centre, half as wide and high.
    """
    figures = {}
    labels = torch.from_numpy(val.labels).to(device)
    tokens = torch.from_numpy(val.tokens.astype(np.int64)).to(device)
    for name, masked in _masks(val.tokens.shape, seed).items():
        is_masked = torch.tensor(masked, device=device)
        nll, hits = 0.0, 0
        for start in range(0, len(tokens), 64):
            rows = slice(start, start + 64)
            shown = tokens[rows].masked_fill(is_masked[rows], network.mask_id)
            log_p = network.logits(shown, labels[rows]).log_softmax(-1)
            found = log_p.gather(-1, tokens[rows, :, None])[..., 0]
            nll -= float(found[is_masked[rows]].sum())
            hits += int(((log_p.argmax(-1) == tokens[rows]) & is_masked[rows]).sum())
        figures[f"val_nll_{name}"] = round(nll / int(is_masked.sum()), 4)
        figures[f"val_accuracy_{name}"] = round(hits / int(is_masked.sum()), 4)
    return figures


def _masks(shape: tuple[int, ...], seed: int) -> dict[str, Bool[np.ndarray, "n N"]]:
    """Give the masks that a network is judged by."""
    masks = {}
    for percent in (25, 50, 75, 100):
        order = step_generator(seed, percent).random(shape).argsort(1).argsort(1)
        masks[str(percent)] = order < round(shape[1] * percent / 100)
    side = isqrt(shape[1])
    hole = np.zeros((side, side), bool)
    middle = slice(side // 4, side // 4 + side // 2)
    hole[middle, middle] = True
    masks["hole"] = np.broadcast_to(hole.flatten(), shape)
    return masks


def _report(network: AnyTransformer, tokenizer: AnyTokenizer, val: TokenSet, run: Run) -> None:
    """Log how likely held-out tokens are, and draw a sheet to look at."""
    run.write(**evaluate(network, val, 0, run.accelerator.device))
    path = run.folder / "samples" / f"{run.step:08d}.png"
    write_sheet(path, [draw(network, tokenizer, 8, seed) for seed in range(2)])


@torch.inference_mode()
def draw(network: AnyTransformer, tokenizer: AnyTokenizer, count: int, seed: int) -> Pictures:
    """Generate pictures of evenly spread classes in eight passes, without guidance."""
    device, cells = tokenizer.codebook.device, network.config.num_tokens
    labels = torch.linspace(0, network.num_classes - 1, count, device=device).long()
    nothing = torch.zeros(count, cells, dtype=torch.long, device=device)
    side = isqrt(cells)
    constraints = Constraints(nothing, torch.ones_like(nothing).bool(), labels, (side, side))
    options = [DecodeOptions(seed=seed * count + row) for row in range(count)]
    tokens = decode(network, begin(constraints, options, network.mask_id)).tokens
    return to_pictures(tokenizer.decode(tokens.view(count, side, side)))


def _learn(
    model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], batch: list[Tensor], run: Run
) -> dict[str, Tensor]:
    """Learn from a part of a step's batch; weights change with the last part."""
    with run.accelerator.accumulate(model):
        loss, accuracy = model(*(t.to(run.accelerator.device) for t in batch))
        run.accelerator.backward(loss)
        if run.accelerator.sync_gradients:
            run.accelerator.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    return {"loss": loss, "accuracy": accuracy}


def _part_ways(run: Run, seed: int) -> None:
    """Let every process drop other units: their networks began alike, from one seed.

    A checkpoint then brings back the state of those processes that wrote it.
    """
    if run.accelerator.process_index:
        torch.manual_seed(seed + run.accelerator.process_index)


def _batch(
    data: TokenSet, draw: BalancedDraw, recipe: TransformerRecipe, step: int
) -> list[Tensor]:
    """Tokens, what to hide, labels: a pure function of the step."""
    generator = step_generator(recipe.seed, step)
    rows = draw(recipe.batch_size, generator)
    tokens = data.tokens[rows].astype(np.int64)
    ratio = schedules.mask_ratio(recipe.mask_schedule, generator.random(len(rows)), tokens.shape[1])
    open_cells = _holes(len(tokens), tokens.shape[1], recipe.hole_share, generator)
    count = np.maximum(1, np.floor(ratio * open_cells.sum(1))).astype(np.int64)
    rank = (generator.random(tokens.shape) + ~open_cells).argsort(1).argsort(1)
    labels = data.labels[rows].copy()
    if recipe.model.null_label is not None:
        is_dropped = generator.random(len(rows)) < recipe.class_dropout
        labels[is_dropped | (labels < 0)] = recipe.model.null_label
    return [torch.from_numpy(a) for a in (tokens, rank < count[:, None], labels)]


def _holes(
    count: int, num_tokens: int, share: float, generator: np.random.Generator
) -> Bool[np.ndarray, "B N"]:
    """Draw where tokens may be hidden: in a `share` of the pictures in a rectangle only.

    Its sides are a quarter of the grid to all of it, and it may lie at the border.
    """
    if not share:
        return np.ones((count, num_tokens), bool)
    side = isqrt(num_tokens)
    sizes = generator.integers(max(1, side // 4), side + 1, (2, count, 1))
    starts = np.floor(generator.random((2, count, 1)) * (side - sizes + 1))
    within = (starts <= np.arange(side)) & (np.arange(side) < starts + sizes)
    holes = (within[0][:, :, None] & within[1][:, None]).reshape(count, num_tokens)
    holes[generator.random(count) >= share] = True
    return holes


def _optimizers(network: nn.Module, recipe: TransformerRecipe) -> list[torch.optim.Optimizer]:
    """AdamW as in the official code; with Muon, the matrices of the layers are Muon's instead."""
    matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and "layers." in name]
    by_muon = {id(p) for p in matrices} if recipe.use_muon else set()
    others = [p for p in network.parameters() if id(p) not in by_muon]
    groups = [  # biases and norms do not decay
        {"params": [p for p in others if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in others if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.96))]
    if recipe.use_muon and not hasattr(torch.optim, "Muon"):
        raise ValueError(f"Muon needs torch 2.9 or newer, this is {torch.__version__}")
    if recipe.use_muon:
        optimizers.append(_muon(matrices))
    return optimizers


def _muon(matrices: list[nn.Parameter]) -> torch.optim.Optimizer:
    from maskgit.training.muon import Float32Muon  # an older torch has nothing to build it on

    kind = torch.optim.Muon if bf16_is_fast(matrices[0].device) else Float32Muon
    return kind(matrices, lr=0.0, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")


def _averaged(ema: Ema, recipe: TransformerRecipe) -> AnyTransformer:
    network = build_transformer(recipe.model).eval()
    ema.copy_to(network)
    return network.requires_grad_(False)
