"""The objectives of both stages, as plain functions on tensors.

Source: VQGAN (Esser et al. 2021, arXiv:2012.09841) section 3.1; MaskGIT section 3.1, equation 2;
weights as in the official configuration (`official_maskgit` config, section 6 of its code).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.types import TokenMask, Tokens


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


def adversarial_loss(scores_of_generated: Tensor) -> Float[Tensor, ""]:
    """Make generated pictures look real to the discriminator (hinge GAN, generator side)."""
    return -scores_of_generated.float().mean()


def discriminator_loss(scores_of_real: Tensor, scores_of_generated: Tensor) -> Float[Tensor, ""]:
    """Tell real from generated (hinge GAN, discriminator side; Lim and Ye 2017)."""
    real = F.relu(1 - scores_of_real.float()).mean()
    generated = F.relu(1 + scores_of_generated.float()).mean()
    return (real + generated) / 2


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
