"""The tokenizer as it is trained, and what keeps its codes in use.

Codes are placed on features of real pictures before they are used at all. While the encoder still
moves, how often each one is chosen is averaged over steps, and codes that hardly any cell chooses
are moved onto features of the current batch. Source of the revival: Jukebox (Dhariwal et al. 2020,
arXiv:2005.00341), section 3.
"""

import torch
from accelerate.utils import broadcast
from jaxtyping import Float, Int
from torch import Tensor, nn

from maskgit.models import VQGAN
from maskgit.training.data import step_generator
from maskgit.types import Images

REVIVAL = 1 << 20  # purpose of its random numbers, see `step_generator`


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
        with torch.set_grad_enabled(torch.is_grad_enabled() and is_quantized):
            distances = squared_distances(vectors, tokenizer.codebook)
            tokens = distances.argmin(-1).view(features.shape[0], *features.shape[2:])
            quantized = tokenizer.lookup(tokens)
        straight_through = features + (quantized - features).detach()
        decoded = tokenizer.decoder(straight_through if is_quantized else features)
        return decoded.float(), features, quantized, distances

    @torch.no_grad()
    def count(self, chosen: Float[Tensor, " K"], decay: float = 0.99) -> None:
        """Note how many cells of a step chose each code."""
        self.usage.mul_(decay).add_(chosen, alpha=1 - decay)

    @torch.no_grad()
    def revive(self, vectors: Float[Tensor, "M D"], seed: int, step: int) -> int:
        """Move codes that hardly any cell chooses onto features of the current batch.

        Args:
            vectors: Features, the same ones in every process.
            seed: Of the run.
            step: The current one.

        Returns:
            How many were moved.
        """
        dead = (self.usage < 0.02 * self.usage.mean()).nonzero()[:, 0]
        picks = step_generator(seed, step, REVIVAL).integers(0, len(vectors), len(dead))
        self.tokenizer.codebook[dead] = vectors[torch.from_numpy(picks).to(vectors.device)]
        self.usage[dead] = self.usage.mean()
        return len(dead)


def squared_distances(
    vectors: Float[Tensor, "M D"], codebook: Float[Tensor, "K D"]
) -> Float[Tensor, "M K"]:
    """Squared Euclidean distance of each vector to each code, in float32 also under autocast."""
    with torch.autocast(vectors.device.type, enabled=False):
        vectors, codebook = vectors.float(), codebook.float()
        norms = vectors.square().sum(-1, keepdim=True) + codebook.square().sum(-1)
        return norms - 2 * vectors @ codebook.T


@torch.no_grad()
def place_codes(tokenizer: VQGAN, images: Images, picks: Int[Tensor, " K"]) -> None:
    """Put the codes on features of real pictures, so that most are in use from their first step.

    Args:
        tokenizer: Its codebook changes, to the same one in every process.
        images: The pictures.
        picks: Number of the cell that each code goes to.
    """
    vectors = tokenizer.encoder(images).movedim(1, -1).flatten(0, 2)  # (M, D)
    tokenizer.codebook.copy_(broadcast(vectors[picks.to(vectors.device)].float()))
