"""Stage 1: teach the VQGAN to describe pictures by a grid of codes, and to draw them again."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from maskgit.config import TokenizerConfig
from maskgit.models import VQGAN
from maskgit.training import losses
from maskgit.training.data import ImageSet, balanced_indices, random_crops, step_generator
from maskgit.training.discriminator import PatchDiscriminator
from maskgit.training.run import Ema, Run, Schedule
from maskgit.types import Images, Pictures

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenizerRecipe:
    """Everything that decides what stage 1 learns.

    Attributes:
        model: Sizes of the network.
        schedule: Steps and learning rate.
        batch_size: Pictures per step and process.
        crop_px: Side of the random crops; the network is fully convolutional.
        adversarial_start: Step at which the discriminator joins; negative means never.
        decoder_only_from: Step from which encoder and codes stay as they are (at their average) and
            only the decoder learns; negative means never. Tokens are final then, so stage 2 may
            begin while the decoder still learns to draw.
        adversarial_weight: Weight of the adversarial term (official: 0.1).
        discriminator_width: Channels of the discriminator's first layer.
        quantize_start: Step at which codes take the place of features. A decoder that gets nothing
            but arbitrary codes from the first step on learns to ignore them for a long time.
        settle_steps: Steps over which the learning rate rises anew from `quantize_start` on. At
            full speed the encoder runs away from the codes at once, and they fall out of use.
        commitment: Weight of the commitment term (official: 0.25).
        entropy_weight: Weight of the entropy term (official: 0.1).
        revive_every: Steps between looking for dead codes and giving them new places.
        ema_decay: Decay of the averaged weights.
        seed: Seed of the weights and of the data order.
    """

    schedule: Schedule
    model: TokenizerConfig = field(default_factory=TokenizerConfig)
    batch_size: int = 32
    crop_px: int = 64
    adversarial_start: int = -1
    decoder_only_from: int = -1
    adversarial_weight: float = 0.1
    discriminator_width: int = 32
    quantize_start: int = 400
    settle_steps: int = 200
    commitment: float = 0.25
    entropy_weight: float = 0.1
    revive_every: int = 100
    ema_decay: float = 0.999
    seed: int = 0

    def rate(self, step: int) -> float:
        """Learning rate of step number `step`."""
        settled = (step - self.quantize_start + 1) / max(1, self.settle_steps)
        has_begun = step >= self.quantize_start
        return self.schedule.rate(step) * (min(1.0, settled) if has_begun else 1.0)


class Autoencoder(nn.Module):
    """The tokenizer as it is trained: straight-through gradients and use of the codes counted."""

    def __init__(self, tokenizer: VQGAN) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.register_buffer("usage", torch.ones(tokenizer.codebook_size))
        self.usage: Tensor

    def forward(self, images: Images, is_quantized: bool) -> tuple[Images, Tensor, Tensor, Tensor]:
        """Reconstruct; also give features, their codes (both (B, D, h, w)) and distances (M, K)."""
        tokenizer = self.tokenizer
        features = tokenizer.encoder(images).float()
        vectors = features.movedim(1, -1).flatten(0, 2)  # (M, D)
        distances = squared_distances(vectors, tokenizer.codebook)
        tokens = distances.argmin(-1).view(features.shape[0], *features.shape[2:])
        quantized = tokenizer.lookup(tokens)
        straight_through = features + (quantized - features).detach()
        decoded = tokenizer.decoder(straight_through if is_quantized else features)
        return decoded.float(), features, quantized, distances


def squared_distances(
    vectors: Float[Tensor, "M D"], codebook: Float[Tensor, "K D"]
) -> Float[Tensor, "M K"]:
    """Squared Euclidean distance of each vector to each code, in float32."""
    vectors, codebook = vectors.float(), codebook.float()
    norms = vectors.square().sum(-1, keepdim=True) + codebook.square().sum(-1)
    return norms - 2 * vectors @ codebook.T


def train_tokenizer(recipe: TokenizerRecipe, images: ImageSet, val: ImageSet, run: Run) -> VQGAN:
    """Train stage 1, continuing where the run's folder stopped.

    Returns:
        The tokenizer with averaged weights, in float32 on the CPU.
    """
    torch.manual_seed(recipe.seed)  # the weights; the data has its own generators
    tokenizer = VQGAN(recipe.model)
    tokenizer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    critic = PatchDiscriminator(recipe.discriminator_width)
    critic.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizers = [
        torch.optim.AdamW(m.parameters(), lr=0.0, betas=betas, weight_decay=0.0)
        for m, betas in ((tokenizer, (0.9, 0.99)), (critic, (0.5, 0.99)))
    ]
    model, critic, optimizer, critic_optimizer = run.prepare(
        Autoencoder(tokenizer), critic, *optimizers
    )
    ema = Ema(tokenizer, recipe.ema_decay)  # on the device that the weights are on by now
    run.also_store(ema)
    start = run.resume()
    bar = run.progress()
    for step in bar:
        for group in (*optimizer.param_groups, *critic_optimizer.param_groups):
            group["lr"] = recipe.rate(step)
        batch = _batch(images, recipe, step, run)
        adversarial = 0 <= recipe.adversarial_start <= step

        if 0 <= recipe.decoder_only_from <= step and tokenizer.codebook.requires_grad:
            _freeze_tokens(tokenizer, ema if step == recipe.decoder_only_from else None)
        is_quantized = step >= recipe.quantize_start
        if step == recipe.quantize_start:
            _place_codes_on_data(tokenizer, images, recipe)
        output = model(batch, is_quantized)
        reconstruction, features, _, distances = output
        total, figures = _reconstruction_loss(output, batch, recipe, is_quantized)
        if adversarial:
            critic.requires_grad_(False)
            fooled = losses.adversarial_loss(critic(reconstruction))
            critic.requires_grad_(True)
            total = total + recipe.adversarial_weight * fooled
            figures["fooled"] = fooled
        run.accelerator.backward(total)
        run.accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if adversarial:
            told_apart = losses.discriminator_loss(critic(batch), critic(reconstruction.detach()))
            run.accelerator.backward(told_apart)
            critic_optimizer.step()
            critic_optimizer.zero_grad()
            figures["critic"] = told_apart
        ema.update(tokenizer)
        trained = run.accelerator.unwrap_model(model)
        _count_codes(trained.usage, distances)
        is_settling = recipe.quantize_start < step < 0.8 * recipe.schedule.steps
        if (
            is_settling
            and tokenizer.codebook.requires_grad
            and (step + 1) % recipe.revive_every == 0
        ):
            figures["revived"] = recipe.revive_every * _revive(trained, features, recipe.seed, step)
        run.record(bar, recipe.batch_size, **figures)
        if run.is_due(run.save_every):
            _evaluate(ema, recipe, val, run)
            run.save()
    if start < run.steps:
        logger.info("tokenizer trained for %d steps", run.steps)
    return _averaged(ema, recipe)


def reconstruct_set(
    tokenizer: VQGAN, pictures: Pictures, batch_size: int = 8
) -> tuple[Pictures, Int[Tensor, "n h w"]]:
    """Encode and decode pictures; give the pictures and their tokens."""
    results, grids = [], []
    with torch.inference_mode():
        for start in range(0, len(pictures), batch_size):
            tokens = tokenizer.encode(as_images(pictures[start : start + batch_size]))
            decoded = tokenizer.decode(tokens).clamp(0, 1).mul(255).round().byte()
            results.append(decoded.permute(0, 2, 3, 1).numpy())
            grids.append(tokens)
    return np.concatenate(results), torch.cat(grids)


def psnr(original: Pictures, reconstruction: Pictures) -> float:
    """Mean peak signal-to-noise ratio over pictures, in dB."""
    error = (original.astype(np.float32) - reconstruction).reshape(len(original), -1)
    mse = np.square(error).mean(1)
    return float(np.mean(10 * np.log10(255**2 / np.maximum(mse, 1e-10))))


def as_images(pictures: Pictures) -> Images:
    """uint8 pictures to float images in the networks' memory layout."""
    tensor = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return tensor.float().div(255).contiguous(memory_format=torch.channels_last)


def _batch(images: ImageSet, recipe: TokenizerRecipe, step: int, run: Run) -> Images:
    generator = step_generator(recipe.seed, step, run.accelerator.process_index)
    chosen = balanced_indices(images.labels, recipe.batch_size, 1.0, generator)
    crops = random_crops(images.pictures[chosen], recipe.crop_px, generator)
    return as_images(crops).to(run.accelerator.device)


@torch.no_grad()
def _place_codes_on_data(tokenizer: VQGAN, images: ImageSet, recipe: TokenizerRecipe) -> None:
    """Put the codes on features of real pictures, so that most are in use from their first step."""
    generator = step_generator(recipe.seed, recipe.schedule.steps)
    chosen = generator.integers(0, len(images), 64)
    crops = random_crops(images.pictures[chosen], recipe.crop_px, generator)
    crops_there = as_images(crops).to(tokenizer.codebook.device)
    vectors = tokenizer.encoder(crops_there).movedim(1, -1).flatten(0, 2)
    picks = generator.integers(0, len(vectors), recipe.model.codebook_size)
    tokenizer.codebook.copy_(vectors[torch.from_numpy(picks).to(vectors.device)])


def _reconstruction_loss(
    output: tuple[Images, Tensor, Tensor, Tensor],
    images: Images,
    recipe: TokenizerRecipe,
    is_quantized: bool,
) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
    """Sum what the autoencoder is asked for without a critic; also give the parts for the log."""
    reconstruction, features, quantized, distances = output
    pixel = F.l1_loss(reconstruction, images) + F.mse_loss(reconstruction, images)
    total, figures = pixel, {"pixel": pixel}
    if is_quantized:
        figures["codebook"] = losses.codebook_loss(features, quantized, recipe.commitment)
        total = total + figures["codebook"]
    if is_quantized and recipe.entropy_weight:
        figures["entropy"] = losses.entropy_loss(distances)
        total = total + recipe.entropy_weight * figures["entropy"]
    return total, dict(figures)


def _freeze_tokens(tokenizer: VQGAN, ema: Ema | None) -> None:
    """Let encoder and codes be; when they are first left alone, all weights become the average."""
    if ema is not None:
        ema.copy_to(tokenizer)
    tokenizer.encoder.requires_grad_(False)
    tokenizer.codebook.requires_grad_(False)


@torch.no_grad()
def _count_codes(usage: Tensor, distances: Tensor, decay: float = 0.99) -> None:
    counts = torch.bincount(distances.argmin(-1), minlength=len(usage))
    usage.mul_(decay).add_(counts, alpha=1 - decay)


@torch.no_grad()
def _revive(model: Autoencoder, features: Tensor, seed: int, step: int) -> int:
    """Move codes that hardly any cell chooses onto features of the current batch."""
    vectors = features.movedim(1, -1).flatten(0, 2)
    dead = (model.usage < 0.02 * model.usage.mean()).nonzero()[:, 0]
    picks = step_generator(seed, step, 1 << 20).integers(0, len(vectors), len(dead))
    model.tokenizer.codebook[dead] = vectors[torch.from_numpy(picks).to(vectors.device)]
    model.usage[dead] = model.usage.mean()
    return len(dead)


def _averaged(ema: Ema, recipe: TokenizerRecipe) -> VQGAN:
    tokenizer = VQGAN(recipe.model).eval().requires_grad_(False)
    ema.copy_to(tokenizer)
    tokenizer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return tokenizer


def _evaluate(ema: Ema, recipe: TokenizerRecipe, val: ImageSet, run: Run) -> None:
    """Log reconstruction quality on held-out pictures and write a sheet to look at."""
    if not run.accelerator.is_main_process:
        return
    spread = np.linspace(0, len(val) - 1, min(64, len(val))).astype(int)
    pictures = val.pictures[spread]
    decoded, tokens = reconstruct_set(_averaged(ema, recipe), pictures)
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
