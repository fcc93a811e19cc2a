"""Pictures as tokens, computed once: a few crops and mirror images of each."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from maskgit.models import AnyTokenizer
from maskgit.training.data import ImageSet, as_images, step_generator

ENCODE_BATCH = 8  # intermediate pictures of larger ones outgrow a CPU's caches: half as fast


@dataclass(frozen=True)
class Views:
    """Which versions of each picture are tokenised.

    Attributes:
        count: How many: as it is, mirrored, then random crops.
        smallest_crop: Smallest share of a picture's side in a random crop.
        seed: Of the crops.
    """

    count: int
    smallest_crop: float
    seed: int


@dataclass(frozen=True, eq=False)
class TokenSet:
    """Token grids with their labels; `views` consecutive rows belong to one picture."""

    tokens: np.ndarray  # uint16 (n, N)
    labels: np.ndarray  # int64 (n,)


def tokenize(tokenizer: AnyTokenizer, images: ImageSet, how: Views) -> TokenSet:
    """Turn every view of every labelled picture into tokens."""
    device = tokenizer.codebook.device
    num_tokens = (images.pictures.shape[1] // tokenizer.stride) ** 2
    labelled = np.flatnonzero(images.labels >= 0)
    grids = np.empty((len(labelled), how.count, num_tokens), np.uint16)
    with torch.inference_mode():
        for start in range(0, len(labelled), ENCODE_BATCH):
            rows = labelled[start : start + ENCODE_BATCH]
            for view in range(how.count):
                generator = step_generator(how.seed, start, view)
                pictures = _view(images.pictures[rows], view, how.smallest_crop, generator)
                tokens = tokenizer.encode(as_images(pictures).to(device))
                grids[start : start + len(rows), view] = tokens.flatten(1).cpu().numpy()
    labels = np.repeat(images.labels[labelled], how.count)
    return TokenSet(grids.reshape(len(labels), -1), labels)


def cached_tokens(path: Path, tokenizer: AnyTokenizer, images: ImageSet, how: Views) -> TokenSet:
    """Read the token file of a run, writing it first where there is none."""
    if not path.exists():
        made = tokenize(tokenizer, images, how)
        unfinished = path.with_suffix(".unfinished.npz")
        np.savez(unfinished, tokens=made.tokens, labels=made.labels)
        unfinished.rename(path)
    with np.load(path) as stored:
        return TokenSet(stored["tokens"], stored["labels"])


def _view(
    pictures: np.ndarray, view: int, smallest: float, generator: np.random.Generator
) -> np.ndarray:
    """View 0 is the picture, view 1 its mirror image, the others random crops, half mirrored."""
    if view < 2:
        return pictures[:, :, :: 1 - 2 * view]
    size = pictures.shape[1]
    out = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        side = round(size * generator.uniform(smallest, 1))
        top, left = generator.integers(0, size - side + 1, 2)
        crop = cv2.resize(picture[top : top + side, left : left + side], (size, size))
        out[i] = crop[:, ::-1] if generator.random() < 0.5 else crop
    return out
