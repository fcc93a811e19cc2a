"""What stage 1 learns, and one step of it: reconstruct, fool the critic, teach the critic.

Source: VQGAN (Esser et al. 2021, arXiv:2012.09841) section 3.1 and equations 4 to 7; "official" is
the configuration that google-research/maskgit's tokenizer was trained with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from maskgit.models import VQGAN
from maskgit.sizes import TokenizerConfig
from maskgit.training import losses
from maskgit.training.codebook import Autoencoder, place_codes
from maskgit.training.data import ImageSet, as_images, random_crops, step_generator
from maskgit.training.perceptual import Perceptual
from maskgit.training.run import Ema, Run, Schedule
from maskgit.types import Images

TEXTURE = 1 << 21  # purpose of its random numbers, see `step_generator`


@dataclass(frozen=True)
class TokenizerRecipe:
    """Everything that decides what stage 1 learns.

    Attributes:
        model: Sizes of the network.
        schedule: Steps and learning rate.
        batch_size: Pictures per step, in all processes together.
        crop_px: Side of the random crops; the network is fully convolutional.
        l1_weight: Weight of the absolute error of the pixels.
        l2_weight: Weight of their squared error (official: this one alone).
        perceptual_weight: Weight of the perceptual loss (official: 0.1); 0 leaves it out.
        texture_weight: Weight of the difference in texture (`losses.texture_loss`), for crops of a
            multiple of 32 px.
        adversarial_start: Step at which the discriminator joins; negative means never.
        decoder_only_from: Step from which encoder and codes stay as they are (at their average) and
            only the decoder learns; negative means never. Tokens are final then, so stage 2 may
            begin while the decoder still learns to draw.
        adversarial: `hinge` as VQGAN's, or `non-saturating` as the official code's.
        adversarial_weight: Weight of the adversarial term (official: 0.1).
        is_adaptive: Whether that weight is multiplied by VQGAN's adaptive one.
        r1_weight: Weight of the discriminator's gradient penalty (official: 10).
        discriminator_width: Channels of the discriminator's first layer.
        quantize_start: Step at which codes take the place of features; negative where they are in
            place already (fine-tuning). A decoder that gets nothing
            but arbitrary codes from the first step on learns to ignore them for a long time.
        settle_steps: Steps over which the learning rate rises anew from `quantize_start` on. At
            full speed the encoder runs away from the codes at once, and they fall out of use.
        commitment: Weight of the commitment term (official: 0.25).
        entropy_weight: Weight of the entropy term (official: 0.1).
        revive_every: Steps between looking for dead codes and giving them new places.
        betas: Adam's, of the tokenizer (official: 0, 0.99).
        critic_betas: Adam's, of the discriminator (official: 0, 0.99).
        ema_decay: Decay of the averaged weights.
        seed: Seed of the weights and of the data order.
    """

    schedule: Schedule
    model: TokenizerConfig = field(default_factory=TokenizerConfig)
    batch_size: int = 32
    crop_px: int = 64
    l1_weight: float = 1.0
    l2_weight: float = 1.0
    perceptual_weight: float = 0.0
    texture_weight: float = 0.0
    adversarial_start: int = -1
    decoder_only_from: int = -1
    adversarial: losses.Adversarial = "hinge"
    adversarial_weight: float = 0.1
    is_adaptive: bool = False
    r1_weight: float = 0.0
    discriminator_width: int = 32
    quantize_start: int = 400
    settle_steps: int = 200
    commitment: float = 0.25
    entropy_weight: float = 0.1
    revive_every: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    critic_betas: tuple[float, float] = (0.5, 0.99)
    ema_decay: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse crops that texture cannot be compared in."""
        if self.texture_weight and self.crop_px % losses.TEXTURE_TILE:
            raise ValueError(
                f"texture is compared in tiles of {losses.TEXTURE_TILE} px; crops of "
                f"{self.crop_px} px are no multiple of that"
            )

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
    perceptual: Perceptual | None = None

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
                weight = self._adversarial_weight(figures)
                total = total + weight * figures["fooled"]
            accelerator.backward(total)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(self.autoencoder.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            if is_adversarial:
                figures["critic"] = self._train_critic(images, reconstruction.detach(), figures)
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
        recipe = self.recipe
        absolute, squared = F.l1_loss(reconstruction, images), F.mse_loss(reconstruction, images)
        total = recipe.l1_weight * absolute + recipe.l2_weight * squared
        figures = {"pixel": total}
        if self.perceptual:
            figures["perceptual"] = self.perceptual(reconstruction, images)
            total = total + recipe.perceptual_weight * figures["perceptual"]
        if recipe.texture_weight:
            filters = self._filters(step).to(images.device)
            figures["texture"] = losses.texture_loss(reconstruction, images, filters)
            total = total + recipe.texture_weight * figures["texture"]
        if step < recipe.quantize_start:
            return total, figures
        figures["codebook"] = losses.codebook_loss(features, quantized, recipe.commitment)
        total = total + figures["codebook"]
        if recipe.entropy_weight:
            figures["entropy"] = losses.entropy_loss(distances)
            total = total + recipe.entropy_weight * figures["entropy"]
        return total, figures

    def _filters(self, step: int) -> Float[Tensor, "F 3 k k"]:
        """Draw what textures are compared by in a step."""
        generator = step_generator(self.recipe.seed, step, TEXTURE)
        filters = generator.standard_normal((32, 3, 5, 5), np.float32)
        return F.normalize(torch.from_numpy(filters).flatten(1)).view(filters.shape)

    def _fooling_loss(self, reconstruction: Images) -> Float[Tensor, ""]:
        """Ask the critic itself, not what shares its gradients: it learns nothing here."""
        critic = self.run.accelerator.unwrap_model(self.critic)
        critic.requires_grad_(False)
        loss = losses.adversarial_loss(critic(reconstruction), self.recipe.adversarial)
        critic.requires_grad_(True)
        return loss

    def _adversarial_weight(self, figures: dict[str, Tensor]) -> Tensor | float:
        """Give the weight of the adversarial term; an adaptive one is also noted."""
        recipe, last = self.recipe, self.tokenizer.decoder.head.weight
        if not recipe.is_adaptive:
            return recipe.adversarial_weight
        rest = figures["pixel"]
        if self.perceptual:
            rest = rest + recipe.perceptual_weight * figures["perceptual"]
        gradients = (
            torch.autograd.grad(loss, last, retain_graph=True)[0]
            for loss in (rest, figures["fooled"])
        )
        means: list[Tensor] = [self.run.accelerator.reduce(g, "mean") for g in gradients]  # pyright: ignore
        figures["adaptive_weight"] = losses.adaptive_weight(*means)
        return recipe.adversarial_weight * figures["adaptive_weight"]

    def _train_critic(
        self, real: Images, generated: Images, figures: dict[str, Tensor]
    ) -> Float[Tensor, ""]:
        recipe = self.recipe
        real = real.detach().requires_grad_(recipe.r1_weight > 0)
        of_real, of_generated = self.critic(torch.cat([real, generated])).chunk(2)
        loss = losses.discriminator_loss(of_real, of_generated, recipe.adversarial)
        total = loss
        if recipe.r1_weight:
            figures["r1"] = losses.gradient_penalty(of_real, real)
            total = total + recipe.r1_weight * figures["r1"]
        self.run.accelerator.backward(total)
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
