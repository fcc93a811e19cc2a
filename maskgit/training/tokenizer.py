"""Stage 1: teach the VQGAN to describe pictures by a grid of codes, and to draw them again."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from maskgit.config import TokenizerConfig
from maskgit.models import VQGAN
from maskgit.training import losses
from maskgit.training.codebook import Autoencoder, place_codes
from maskgit.training.data import (
    ImageSet,
    balanced_indices,
    cut,
    draw_crops,
    random_crops,
    step_generator,
)
from maskgit.training.discriminator import PatchDiscriminator
from maskgit.training.run import Ema, Run, Schedule, mean_figures, set_rate
from maskgit.types import Images, Pictures

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenizerRecipe:
    """Everything that decides what stage 1 learns.

    Attributes:
        model: Sizes of the network.
        schedule: Steps and learning rate.
        batch_size: Pictures per step, in all processes together.
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


@dataclass(frozen=True, eq=False)
class Stage1:
    """What learns in stage 1, and how it takes a step."""

    recipe: TokenizerRecipe
    run: Run
    tokenizer: VQGAN
    autoencoder: nn.Module  # around the tokenizer; both as accelerate gave them back
    critic: nn.Module
    optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer
    ema: Ema

    def learn(self, images: Images, step: int) -> "Learned":
        """Learn from a part of a step's batch; weights change with the last part."""
        recipe, accelerator = self.recipe, self.run.accelerator
        is_adversarial = 0 <= recipe.adversarial_start <= step
        with accelerator.accumulate(self.autoencoder, self.critic):
            output = self.autoencoder(images, step >= recipe.quantize_start)
            reconstruction, features, _, distances = output
            total, figures = self._reconstruction_loss(output, images, step)
            if is_adversarial:
                figures["fooled"] = self._fooling_loss(reconstruction)
                total = total + recipe.adversarial_weight * figures["fooled"]
            accelerator.backward(total)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(self.autoencoder.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            if is_adversarial:
                figures["critic"] = self._train_critic(images, reconstruction.detach())
        chosen = torch.bincount(distances.argmin(-1), minlength=distances.shape[1])
        return Learned(figures, features.detach(), chosen.float())

    def keep_codes_in_use(self, learned: Sequence["Learned"], step: int) -> int:
        """Count the codes that a step chose; give how many it revived."""
        accelerator, autoencoder = self.run.accelerator, self._unwrapped()
        chosen = torch.stack([part.chosen for part in learned]).sum(0)
        autoencoder.count(accelerator.reduce(chosen, "sum"))  # pyright: ignore
        is_settling = self.recipe.quantize_start < step < 0.8 * self.recipe.schedule.steps
        is_due = (step + 1) % self.recipe.revive_every == 0
        if not (is_settling and is_due and self.tokenizer.codebook.requires_grad):
            return 0
        vectors = torch.cat([part.features for part in learned]).movedim(1, -1).flatten(0, 2)
        everywhere: Tensor = accelerator.gather(vectors)  # pyright: ignore
        return autoencoder.revive(everywhere, self.recipe.seed, step)

    def begin(self, step: int, images: ImageSet) -> None:
        """Do what a step begins: codes come into use, or encoder and codes stay as they are."""
        is_final = 0 <= self.recipe.decoder_only_from <= step
        if is_final and self.tokenizer.codebook.requires_grad:
            if step == self.recipe.decoder_only_from:
                self.ema.copy_to(self.tokenizer)
            self.tokenizer.encoder.requires_grad_(False)
            self.tokenizer.codebook.requires_grad_(False)
        if step == self.recipe.quantize_start:
            self._place_codes(images)

    def _place_codes(self, images: ImageSet) -> None:
        recipe = self.recipe
        generator = step_generator(recipe.seed, recipe.schedule.steps)
        chosen = generator.integers(0, len(images), 64)
        crops = as_images(random_crops(images.pictures[chosen], recipe.crop_px, generator))
        cells = len(crops) * (recipe.crop_px // recipe.model.stride) ** 2
        picks = torch.from_numpy(generator.integers(0, cells, recipe.model.codebook_size))
        place_codes(self.tokenizer, crops.to(self.run.accelerator.device), picks)

    def _reconstruction_loss(
        self, output: tuple[Images, Tensor, Tensor, Tensor], images: Images, step: int
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Sum what is asked for without a critic; also give the parts for the log."""
        reconstruction, features, quantized, distances = output
        pixel = F.l1_loss(reconstruction, images) + F.mse_loss(reconstruction, images)
        total, figures = pixel, {"pixel": pixel}
        if step < self.recipe.quantize_start:
            return total, figures
        figures["codebook"] = losses.codebook_loss(features, quantized, self.recipe.commitment)
        total = total + figures["codebook"]
        if self.recipe.entropy_weight:
            figures["entropy"] = losses.entropy_loss(distances)
            total = total + self.recipe.entropy_weight * figures["entropy"]
        return total, figures

    def _fooling_loss(self, reconstruction: Images) -> Float[Tensor, ""]:
        """Ask the critic itself, not what shares its gradients: it learns nothing here."""
        critic = self.run.accelerator.unwrap_model(self.critic)
        critic.requires_grad_(False)
        loss = losses.adversarial_loss(critic(reconstruction))
        critic.requires_grad_(True)
        return loss

    def _train_critic(self, real: Images, generated: Images) -> Float[Tensor, ""]:
        scores = self.critic(torch.cat([real, generated]))
        loss = losses.discriminator_loss(*scores.chunk(2))
        self.run.accelerator.backward(loss)
        self.critic_optimizer.step()
        self.critic_optimizer.zero_grad()
        return loss

    def _unwrapped(self) -> Autoencoder:
        return self.run.accelerator.unwrap_model(self.autoencoder)


class Learned(NamedTuple):
    """What a part of a step's batch gave.

    Attributes:
        figures: Its losses.
        features: Of the encoder.
        chosen: How many cells chose each code.
    """

    figures: dict[str, Tensor]
    features: Float[Tensor, "B D h w"]
    chosen: Float[Tensor, " K"]


def train_tokenizer(recipe: TokenizerRecipe, images: ImageSet, val: ImageSet, run: Run) -> VQGAN:
    """Train stage 1, continuing where the run's folder stopped.

    Returns:
        The tokenizer with averaged weights, in float32 on the CPU.
    """
    stage = _prepared(recipe, run)
    start = run.resume()
    bar = run.progress()
    for step in bar:
        set_rate(recipe.rate(step), (stage.optimizer, stage.critic_optimizer))
        stage.begin(step, images)
        batch = _batch(images, recipe, step)
        learned = [
            stage.learn(batch.images(part).to(run.accelerator.device), step)
            for part in run.parts(recipe.batch_size)
        ]
        stage.ema.update(stage.tokenizer)
        revived = recipe.revive_every * stage.keep_codes_in_use(learned, step)
        figures = mean_figures([part.figures for part in learned])
        run.record(bar, recipe.batch_size, **figures, revived=revived)
        if run.is_due(run.save_every):
            _evaluate(stage.ema, recipe, val, run)
            run.save()
    if start < run.steps:
        logger.info("tokenizer trained for %d steps", run.steps)
    return _averaged(stage.ema, recipe)


def _prepared(recipe: TokenizerRecipe, run: Run) -> Stage1:
    """Build the networks and hand them to accelerate."""
    torch.manual_seed(recipe.seed)  # the weights; the data has its own generators
    tokenizer, critic = VQGAN(recipe.model), PatchDiscriminator(recipe.discriminator_width)
    optimizers = []
    for network, betas in ((tokenizer, (0.9, 0.99)), (critic, (0.5, 0.99))):
        network.to(memory_format=torch.channels_last)  # pyright: ignore
        optimizers.append(
            torch.optim.AdamW(network.parameters(), lr=0.0, betas=betas, weight_decay=0.0)
        )
    autoencoder, critic, *optimizers = run.prepare(
        Autoencoder(tokenizer), critic, *optimizers, skips_weights=True
    )
    ema = Ema(tokenizer, recipe.ema_decay)  # on the device that the weights are on by now
    run.also_store(ema)
    return Stage1(recipe, run, tokenizer, autoencoder, critic, *optimizers, ema=ema)


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


class _Batch(NamedTuple):
    """Which pictures a step sees, and where they are cut."""

    pictures: Pictures
    chosen: Int[np.ndarray, " B"]
    crops: Int[np.ndarray, "B 3"]
    crop_px: int

    def images(self, part: slice) -> Images:
        """Cut a part of them out."""
        pictures = self.pictures[self.chosen[part]]
        return as_images(cut(pictures, self.crops[part], self.crop_px))


def _batch(images: ImageSet, recipe: TokenizerRecipe, step: int) -> _Batch:
    """Draw a step's batch: a pure function of the step."""
    generator = step_generator(recipe.seed, step)
    chosen = balanced_indices(images.labels, recipe.batch_size, 1.0, generator)
    side = images.pictures.shape[1]
    crops = draw_crops(recipe.batch_size, side, recipe.crop_px, generator)
    return _Batch(images.pictures, chosen, crops, recipe.crop_px)


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
