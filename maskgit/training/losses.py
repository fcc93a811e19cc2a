"""The objectives of both stages, as plain functions on tensors.

Source: VQGAN (Esser et al. 2021, arXiv:2012.09841) section 3.1; MaskGIT section 3.1, equation 2;
weights as in the official configuration (`official_maskgit` config, section 6 of its code).
"""

from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.types import Images, TokenMask, Tokens

Adversarial: TypeAlias = Literal["hinge", "non-saturating"]

TEXTURE_TILE = 32  # pixels along one side of what is compared as one texture


def codebook_loss(
    features: Float[Tensor, "B D h w"], quantized: Float[Tensor, "B D h w"], commitment: float
) -> Float[Tensor, ""]:
    """Pull the chosen codes to the features and, `commitment` times as hard, the reverse."""
    pull = F.mse_loss(quantized, features.detach())
    return pull + commitment * F.mse_loss(features, quantized.detach())


def entropy_loss(distances: Float[Tensor, "M K"], temperature: float = 0.01) -> Float[Tensor, ""]:
    """Ask for sure choices of every cell and even use of all codes: E[H(p)] - H(E[p]).

    Args:
        distances: Squared distance of each feature vector to each code.
        temperature: Sharpness of p = softmax(-distance / temperature).

    Source: google-research/maskgit `libml/losses.py`, without its additive 1e-5.
    """
    log_p = torch.log_softmax(-distances / temperature, dim=-1)
    p = log_p.exp()
    mean_p = p.mean(0)
    each = -(p * log_p).sum(-1).mean()
    together = -(mean_p * (mean_p + 1e-5).log()).sum()
    return each - together


def adversarial_loss(scores_of_generated: Tensor, kind: Adversarial = "hinge") -> Float[Tensor, ""]:
    """Make generated pictures look real to the discriminator (generator side)."""
    scores = scores_of_generated.float()
    return F.softplus(-scores).mean() if kind == "non-saturating" else -scores.mean()


def discriminator_loss(
    scores_of_real: Tensor, scores_of_generated: Tensor, kind: Adversarial = "hinge"
) -> Float[Tensor, ""]:
    """Tell real from generated (discriminator side).

    Source: hinge as in VQGAN (Lim and Ye 2017), non-saturating as in the official code (Goodfellow
    et al. 2014).
    """
    real, generated = scores_of_real.float(), scores_of_generated.float()
    if kind == "non-saturating":
        return F.softplus(-real).mean() + F.softplus(generated).mean()
    return (F.relu(1 - real).mean() + F.relu(1 + generated).mean()) / 2


def gradient_penalty(scores_of_real: Tensor, real: Images) -> Float[Tensor, ""]:
    """Keep the discriminator flat around real pictures: E |grad D|^2, without its weight.

    Args:
        scores_of_real: (B, 1, h, w); a picture's score is the mean of its patches.
        real: What they are of; needs gradients.

    Source: R1, Mescheder et al. 2018 (arXiv:1801.04406), equation 9.
    """
    total = scores_of_real.float().mean((1, 2, 3)).sum()
    (gradient,) = torch.autograd.grad(total, real, create_graph=True)
    return gradient.float().square().sum((1, 2, 3)).mean()


def texture_loss(
    ours: Images, theirs: Images, filters: Float[Tensor, "F 3 k k"], tile: int = TEXTURE_TILE
) -> Float[Tensor, ""]:
    """Ask for texture as a picture has it, wherever exactly within a tile it lies.

    Where codes cannot say exactly where things lie, such as blades of grass, the error of pixels is
    smallest when none are drawn. So patches of a tile are compared as a heap, without their places:
    by the sliced Wasserstein distance, which compares sorted answers to random filters. Fine and
    coarser detail are compared apart, since the coarser is stronger by far.

    Args:
        ours: What is compared; gradients go here. Sides are multiples of `tile`.
        theirs: With what.
        filters: Unit length each; other ones in every step.
        tile: Side of a tile in pixels.

    Source: GPDM, Elnekave and Weiss 2022 (arXiv:2203.11862), section 3; there for whole pictures.
    """
    distances = []
    for _ in range(2):
        coarser = [F.avg_pool2d(images, 2) for images in (ours, theirs)]
        pairs = zip((ours, theirs), coarser, strict=True)
        a, b = (_heaps(fine - _enlarged(coarse), filters, tile) for fine, coarse in pairs)
        distances.append(F.l1_loss(a, b))
        (ours, theirs), tile = coarser, tile // 2
    return torch.stack(distances).sum()


def adaptive_weight(gradient_of_rest: Tensor, gradient_of_adversarial: Tensor) -> Float[Tensor, ""]:
    """Weigh the adversarial term so that it moves the last layer as far as all else does.

    Source: VQGAN equation 7, with delta = 1e-4 and the upper limit 1e4 of its code.
    """
    ratio = gradient_of_rest.norm() / (gradient_of_adversarial.norm() + 1e-4)
    return ratio.clamp(0, 1e4).detach()


def masked_token_loss(
    logits: Float[Tensor, "B N K"], targets: Tokens, is_masked: TokenMask, smoothing: float
) -> Float[Tensor, ""]:
    """Cross-entropy on masked tokens: mean per picture, then over the batch.

    Source: MaskGIT equation 2. The official loss smooths over the whole vocabulary, class and mask
    rows included; those ids are never drawn, so here the codes alone share the smoothing.
    """
    per_token = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="none", label_smoothing=smoothing
    ).view_as(targets)
    per_picture = (per_token * is_masked).sum(1) / is_masked.sum(1).clamp_min(1)
    return per_picture.mean()


def perplexity(counts: Int[Tensor, " K"]) -> float:
    """How many codes are in use, counting evenly used ones fully: exp of the entropy."""
    p = counts.double() / counts.sum()
    return float(torch.exp(-(p * (p + 1e-12).log()).sum()))


def _enlarged(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)


def _heaps(
    images: Float[Tensor, "B 3 H W"], filters: Float[Tensor, "F 3 k k"], tile: int
) -> Float[Tensor, "B F _ _ _"]:
    """Give the filters' answers in every tile in order of size; every second row and column."""
    answers = F.conv2d(images, filters, stride=2, padding=filters.shape[-1] // 2)
    side = tile // 2
    tiles = answers.unflatten(3, (-1, side)).unflatten(2, (-1, side)).transpose(3, 4)
    return tiles.flatten(4).sort(-1).values
