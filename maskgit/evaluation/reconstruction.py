"""What the tokenizer alone makes of held-out pictures: the ceiling of everything after it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from maskgit.evaluation.extractors import Extractor
from maskgit.evaluation.metrics import code_usage, frechet_distance, sharpness, ssim
from maskgit.evaluation.report import Row
from maskgit.evaluation.sampling import BATCH, share_out
from maskgit.images import to_images
from maskgit.pipeline import MaskGIT
from maskgit.training.perceptual import Perceptual
from maskgit.training.tokenizer import psnr
from maskgit.types import Pictures


class Reconstruction(NamedTuple):
    """Pictures as they come back from the tokenizer.

    Attributes:
        pictures: Decoded.
        tokens: What they were in between, (n, h, w).
    """

    pictures: Pictures
    tokens: np.ndarray


def reconstruct(engine: MaskGIT, pictures: Pictures) -> Reconstruction:
    """Encode and decode pictures of the model's size, shared out among processes."""
    parts = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]

    def through(part: Pictures) -> tuple[Pictures, np.ndarray]:
        tokens = engine.encode(part)
        return engine.decode(tokens), tokens.cpu().numpy()

    results = share_out(parts, through, "reconstructing")
    return Reconstruction(
        np.concatenate([decoded for decoded, _ in results]),
        np.concatenate([tokens for _, tokens in results]),
    )


def together(
    sets: Sequence[tuple[str, Pictures, Reconstruction]],
) -> tuple[str, Pictures, Reconstruction]:
    """Join sets of pictures, named `all`: every picture counts the same."""
    _, pictures, again = zip(*sets, strict=True)
    decoded = np.concatenate([one.pictures for one in again])
    tokens = np.concatenate([one.tokens for one in again])
    return "all", np.concatenate(pictures), Reconstruction(decoded, tokens)


def measure(
    name: str,
    pictures: Pictures,
    again: Reconstruction,
    num_codes: int,
    extractor: Extractor,
    perceptual: Perceptual,
) -> Row:
    """Compare pictures with their reconstructions.

    Args:
        name: What the pictures are.
        pictures: As they were.
        again: As they came back.
        num_codes: Size of the codebook.
        extractor: What the distance is taken with.
        perceptual: What tells how different two pictures look; on the CPU.
    """
    usage = code_usage(torch.from_numpy(again.tokens), num_codes)
    distance = frechet_distance(
        extractor.describe(pictures).features, extractor.describe(again.pictures).features
    )
    return {
        "pictures": name,
        "count": len(pictures),
        "psnr_db": psnr(pictures, again.pictures),
        "ssim": ssim(pictures, again.pictures),
        "perceptual": _unlike(pictures, again.pictures, perceptual),
        "rfid": distance,
        "sharpness": sharpness(again.pictures) / sharpness(pictures),
        "codes_used": usage.used,
        "perplexity": usage.perplexity,
    }


@torch.inference_mode()
def _unlike(a: Pictures, b: Pictures, perceptual: Perceptual) -> float:
    """Mean perceptual difference, picture by picture."""
    pairs = zip(to_images(a).split(1), to_images(b).split(1), strict=True)
    return float(np.mean([float(perceptual(*pair)) for pair in pairs]))
