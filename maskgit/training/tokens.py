"""Pictures as tokens, computed once: a few crops and mirror images of each."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
import torch

from maskgit.models import AnyTokenizer
from maskgit.training.data import ImageSet, ahead, as_images, step_generator
from maskgit.whole_files import beside

CHUNK = 8  # pictures whose crops are drawn together, and that a CPU encodes at once: intermediate
# pictures of more outgrow its caches, which makes it half as fast
GPU_CHUNKS = 32  # that a GPU encodes at once


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
    """Turn every view of every picture into tokens."""
    device = tokenizer.codebook.device
    num_tokens = (images.pictures.shape[1] // tokenizer.stride) ** 2
    grids = np.empty((len(images), how.count, num_tokens), np.uint16)
    chunks = [(s, view) for s in range(0, len(images), CHUNK) for view in range(how.count)]
    at_once = 1 if device.type == "cpu" else GPU_CHUNKS
    groups = [chunks[i : i + at_once] for i in range(0, len(chunks), at_once)]
    pictures = ahead(lambda group: [_chunk(images.pictures, *c, how) for c in group], groups)
    with torch.inference_mode():
        for group, cut_out in zip(groups, pictures, strict=True):
            tokens = tokenizer.encode(as_images(np.concatenate(cut_out)).to(device))
            parts = tokens.flatten(1).cpu().split([len(part) for part in cut_out])
            for (start, view), part in zip(group, parts, strict=True):
                grids[start : start + len(part), view] = part.numpy()
    labels = np.repeat(images.labels, how.count)
    return TokenSet(grids.reshape(len(labels), -1), labels)


def cached_tokens(path: Path, tokenizer: AnyTokenizer, images: ImageSet, how: Views) -> TokenSet:
    """Read the token file of a run, writing it first where there is none.

    Raises:
        ValueError: If there is one that cannot be read, or is of other pictures.
    """
    if not path.exists():
        made = tokenize(tokenizer, images, how)
        with beside(path) as partial, partial.open("wb") as file:
            np.savez(file, tokens=made.tokens, labels=made.labels)
    try:
        with path.open("rb") as file, np.load(file) as stored:
            found = TokenSet(stored["tokens"], stored["labels"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} is damaged; delete it, and it is written anew") from error
    num_tokens = (images.pictures.shape[1] // tokenizer.stride) ** 2
    is_labelled_alike = np.array_equal(found.labels, np.repeat(images.labels, how.count))
    if not is_labelled_alike or found.tokens.shape != (len(found.labels), num_tokens):
        raise ValueError(f"{path} is of other pictures; delete it, and it is written anew")
    return found


def _chunk(pictures: np.ndarray, start: int, view: int, how: Views) -> np.ndarray:
    """Give one view of the pictures from `start` on."""
    generator = step_generator(how.seed, start, view)
    return _view(pictures[start : start + CHUNK], view, how.smallest_crop, generator)


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
