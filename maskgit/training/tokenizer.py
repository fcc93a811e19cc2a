"""Stage 1: teach the VQGAN to describe pictures by a grid of codes, and to draw them again.

Read in this order:
    tokenizer_step      the recipe, and what one step does
    train_tokenizer     the loop
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from maskgit.images import to_pictures
from maskgit.models import VQGAN
from maskgit.training import losses
from maskgit.training.codebook import Autoencoder
from maskgit.training.data import (
    BalancedDraw,
    ImageSet,
    ahead,
    as_images,
    cut,
    draw_crops,
    step_generator,
)
from maskgit.training.discriminator import PatchDiscriminator
from maskgit.training.perceptual import Perceptual
from maskgit.training.run import Ema, Run, mean_figures, set_rate
from maskgit.training.tokenizer_step import Stage1, TokenizerRecipe
from maskgit.types import Images, Pictures

logger = logging.getLogger(__name__)


def train_tokenizer(
    recipe: TokenizerRecipe,
    images: ImageSet,
    val: ImageSet,
    run: Run,
    perceptual: Perceptual | None = None,
    start: VQGAN | None = None,
) -> VQGAN:
    """Train stage 1, continuing where the run's folder stopped.

    Args:
        recipe: What is trained, with which numbers.
        images: To learn from.
        val: To judge by.
        run: Where everything is written.
        perceptual: Compares pictures, where the recipe asks for a perceptual loss.
        start: Of the recipe's sizes: what a new run begins at.

    Returns:
        The tokenizer with averaged weights, in float32 on the CPU.
    """
    stage = _prepared(recipe, run, perceptual, start)
    first = run.resume()
    if perceptual and first < run.steps:
        run.note(perceptual=perceptual.name)
    bar, parts = run.progress(), run.parts(recipe.batch_size) if run.steps else []
    draw = BalancedDraw(images.labels, 1.0)
    batches = ahead(lambda step: _batch(images, draw, recipe, parts, step), range(first, run.steps))
    for step, batch in zip(bar, batches, strict=True):
        set_rate(recipe.rate(step), (stage.optimizer, stage.critic_optimizer))
        stage.begin(step, images)
        learned = [stage.learn(part.to(run.accelerator.device), step) for part in batch]
        stage.ema.update(stage.tokenizer)
        revived = recipe.revive_every * stage.keep_codes_in_use(learned, step)
        figures = mean_figures([part.figures for part in learned])
        run.record(bar, recipe.batch_size, **figures, revived=revived)
        if run.is_due(run.save_every):
            _evaluate(stage.ema, recipe, val, run)
            run.save()
    if first < run.steps:
        logger.info("tokenizer trained for %d steps", run.steps)
    return _averaged(stage.ema, recipe)


def _prepared(
    recipe: TokenizerRecipe, run: Run, perceptual: Perceptual | None, start: VQGAN | None
) -> Stage1:
    """Build the networks and hand them to accelerate.

    Raises:
        ValueError: If the recipe asks for a perceptual loss, and there is nothing to compare by.
    """
    if run.steps and recipe.perceptual_weight and perceptual is None:
        raise ValueError("the recipe has a perceptual loss: a network to compare by is needed")
    torch.manual_seed(recipe.seed)  # the weights; the data has its own generators
    tokenizer, critic = VQGAN(recipe.model), PatchDiscriminator(recipe.discriminator_width)
    if start is not None:
        tokenizer.load_state_dict(start.state_dict())
    optimizers = []
    for network, betas in ((tokenizer, recipe.betas), (critic, recipe.critic_betas)):
        network.to(memory_format=torch.channels_last)  # pyright: ignore
        optimizers.append(
            torch.optim.AdamW(network.parameters(), lr=0.0, betas=betas, weight_decay=0.0)
        )
    autoencoder, critic, *optimizers = run.prepare(
        Autoencoder(tokenizer), critic, *optimizers, skips_weights=True
    )
    ema = Ema(tokenizer, recipe.ema_decay)  # on the device that the weights are on by now
    run.also_store(ema)
    return Stage1(
        recipe, run, tokenizer, autoencoder, critic, *optimizers, ema=ema, perceptual=perceptual
    )


def reconstruct_set(
    tokenizer: VQGAN, pictures: Pictures, batch_size: int = 8
) -> tuple[Pictures, Int[Tensor, "n h w"]]:
    """Encode and decode pictures; give the pictures and their tokens."""
    results, grids, device = [], [], tokenizer.codebook.device
    with torch.inference_mode():
        for start in range(0, len(pictures), batch_size):
            images = as_images(pictures[start : start + batch_size])
            tokens = tokenizer.encode(images.to(device))
            results.append(to_pictures(tokenizer.decode(tokens)))
            grids.append(tokens.cpu())
    return np.concatenate(results), torch.cat(grids)


def psnr(original: Pictures, reconstruction: Pictures) -> float:
    """Mean peak signal-to-noise ratio over pictures, in dB."""
    error = (original.astype(np.float32) - reconstruction).reshape(len(original), -1)
    mse = np.square(error).mean(1)
    return float(np.mean(10 * np.log10(255**2 / np.maximum(mse, 1e-10))))


def _batch(
    images: ImageSet,
    draw: BalancedDraw,
    recipe: TokenizerRecipe,
    parts: Sequence[slice],
    step: int,
) -> list[Images]:
    """Give the parts of a step's batch that this process learns from: a pure function of it."""
    generator = step_generator(recipe.seed, step)
    chosen = draw(recipe.batch_size, generator)
    side = images.pictures.shape[1]
    crops = draw_crops(recipe.batch_size, side, recipe.crop_px, generator)
    return [
        as_images(cut(images.pictures[chosen[part]], crops[part], recipe.crop_px)) for part in parts
    ]


def _averaged(ema: Ema, recipe: TokenizerRecipe) -> VQGAN:
    tokenizer = VQGAN(recipe.model).eval().requires_grad_(False)
    ema.copy_to(tokenizer)
    tokenizer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return tokenizer


def _evaluate(ema: Ema, recipe: TokenizerRecipe, val: ImageSet, run: Run) -> None:
    """Log reconstruction quality on held-out pictures and write a sheet to look at."""
    if not run.is_main:
        return
    spread = np.linspace(0, len(val) - 1, min(64, len(val))).astype(int)
    pictures = val.pictures[spread]
    averaged = _averaged(ema, recipe).to(run.accelerator.device)
    decoded, tokens = reconstruct_set(averaged, pictures)
    counts = torch.bincount(tokens.flatten(), minlength=recipe.model.codebook_size)
    run.write(
        val_psnr=round(psnr(pictures, decoded), 3),
        val_codes_used=int((counts > 0).sum()),
        val_perplexity=round(losses.perplexity(counts), 1),
    )
    write_sheet(run.folder / "samples" / f"{run.step:08d}.png", [pictures[:12], decoded[:12]])


def write_sheet(path: Path, rows: list[Pictures]) -> None:
    """Write rows of pictures as one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
