"""The formulas: features, probabilities and pictures in, one figure out.

None of them knows where features come from; `extractors` does, and what is reported names it.

    frechet_distance        FID, and sFID when the features say where things are
    inception_score         IS
    precision_recall        how many generated pictures look real; how much of the real is covered
    ssim                    structural similarity; PSNR is `maskgit.training.tokenizer.psnr`
    sharpness               how much detail there is; what blur takes away
    code_usage              how many codes are in use
    nearest, likeness       the most similar pictures of another set
    class_consistency       how often, and how surely, pictures show their class
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.images import to_images
from maskgit.training.losses import perplexity
from maskgit.types import Pictures


def frechet_distance(a: Float[Tensor, "n D"], b: Float[Tensor, "m D"]) -> float:
    """Distance between two clouds of features, each taken for a Gaussian; 0 where they agree.

    It falls with the number of pictures, so only figures of equal counts compare. The trace of the
    root is taken of the symmetric root(A) B root(A), whose eigenvalues are those of A B and are
    real, also where there are fewer pictures than features.

    Raises:
        ValueError: If there are fewer than two pictures on a side, or the features are of
            different kinds.

    Source: Heusel et al. 2017 (arXiv:1706.08500), equation 6; sFID: Nash et al. 2021
    (arXiv:2103.03841), section 4.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"two pictures are the least on each side, got {len(a)} and {len(b)}")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{a.shape[1]} features on one side, {b.shape[1]} on the other")
    a, b = a.double(), b.double()
    shift = (a.mean(0) - b.mean(0)).square().sum()
    covariance_a, covariance_b = torch.cov(a.T).view(*_square(a)), torch.cov(b.T).view(*_square(b))
    values, vectors = torch.linalg.eigh(covariance_a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ covariance_b @ root).clamp_min(0).sqrt().sum()
    distance = shift + covariance_a.trace() + covariance_b.trace() - 2 * overlap
    return max(0.0, float(distance))


def inception_score(probabilities: Float[Tensor, "n C"], splits: int = 1) -> float:
    """How sure the classes are and how many of them appear: 1 to C.

    Args:
        probabilities: Of each class for each picture.
        splits: Consecutive parts that are scored alone; their mean is given.

    Raises:
        ValueError: If there are fewer pictures than parts.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 4: exp E KL(p(y|x) || p(y)).
    """
    if not 1 <= splits <= len(probabilities):
        raise ValueError(f"splits must be 1 to {len(probabilities)}, got {splits}")
    scores = []
    for part in probabilities.double().tensor_split(splits):
        log_p, log_mean = part.clamp_min(1e-30).log(), part.mean(0).clamp_min(1e-30).log()
        scores.append(float((part * (log_p - log_mean)).sum(1).mean().exp()))
    return float(np.mean(scores))


class PrecisionRecall(NamedTuple):
    """Shares, 0 to 1.

    Attributes:
        precision: Generated pictures that lie among the real ones.
        recall: Real pictures that lie among the generated ones.
    """

    precision: float
    recall: float


def precision_recall(
    real: Float[Tensor, "n D"], generated: Float[Tensor, "m D"], neighbours: int = 3
) -> PrecisionRecall:
    """Count who lies within the other side's balls, each reaching to its k-th nearest neighbour.

    Raises:
        ValueError: If a side has no k-th neighbour.

    Source: Kynkaanniemi et al. 2019 (arXiv:1904.06991), equation 2, with their k = 3.
    """
    if min(len(real), len(generated)) <= neighbours:
        raise ValueError(f"more than {neighbours} pictures are needed on each side")
    return PrecisionRecall(
        _share_within(generated, real, neighbours), _share_within(real, generated, neighbours)
    )


def nearest(
    queries: Float[Tensor, "n D"], among: Float[Tensor, "m D"], count: int = 1
) -> Int[Tensor, "n count"]:
    """Find the most similar rows, nearest first: cosine similarity."""
    similarity = F.normalize(queries, dim=1) @ F.normalize(among, dim=1).T
    return similarity.topk(min(count, len(among)), dim=1).indices


def likeness(queries: Float[Tensor, "n D"], among: Float[Tensor, "m D"]) -> float:
    """Mean cosine similarity of rows to their nearest, -1 to 1."""
    similarity = F.normalize(queries, dim=1) @ F.normalize(among, dim=1).T
    return float(similarity.amax(1).mean())


def ssim(original: Pictures, reconstruction: Pictures) -> float:
    """Mean structural similarity over pictures, -1 to 1: RGB, Gaussian window of 11 px.

    Raises:
        ValueError: If the shapes differ, or a side is smaller than the window.

    Source: Wang et al. 2004, section III-B and -C, with their constants.
    """
    if original.shape != reconstruction.shape:
        raise ValueError(f"pictures are {original.shape} and {reconstruction.shape}")
    if min(original.shape[1:3]) < 11:
        raise ValueError(f"pictures must be at least 11 px high and wide, got {original.shape}")
    offsets = torch.arange(-5, 6).double()
    line = torch.exp(-(offsets**2) / (2 * 1.5**2))
    line = line / line.sum()
    window = torch.outer(line, line)[None, None]
    values = []
    for one, other in zip(original, reconstruction, strict=True):  # double: 5 maps of a picture
        x, y = (to_images(p).double().transpose(0, 1) for p in (one, other))  # (3, 1, H, W)
        means = F.conv2d(torch.cat([x, y, x * x, y * y, x * y]), window).split(3)
        mean_x, mean_y, square_x, square_y, product = means
        spread = square_x - mean_x**2 + square_y - mean_y**2
        together = product - mean_x * mean_y
        c1, c2 = 0.01**2, 0.03**2
        top = (2 * mean_x * mean_y + c1) * (2 * together + c2)
        bottom = (mean_x**2 + mean_y**2 + c1) * (spread + c2)
        values.append(float((top / bottom).mean()))
    return float(np.mean(values))


def sharpness(pictures: Pictures) -> float:
    """Mean step between neighbouring pixels, in levels of 255: what blur takes away."""
    levels = torch.from_numpy(pictures).float()
    across, down = levels.diff(dim=2).abs().mean(), levels.diff(dim=1).abs().mean()
    return float((across + down) / 2)


class CodeUsage(NamedTuple):
    """How a codebook is used.

    Attributes:
        used: Share of the codes that appear at all.
        perplexity: How many codes are in use, counting evenly used ones fully.
    """

    used: float
    perplexity: float


def code_usage(tokens: Int[Tensor, "*shape"], num_codes: int) -> CodeUsage:
    """Count which codes appear."""
    counts = torch.bincount(tokens.flatten(), minlength=num_codes)
    return CodeUsage(float((counts > 0).double().mean()), perplexity(counts))


class Consistency(NamedTuple):
    """Whether pictures show what they should.

    Attributes:
        top1: Share whose likeliest class is theirs.
        probability: Mean probability of their class.
    """

    top1: float
    probability: float


def class_consistency(
    probabilities: Float[Tensor, "n C"], labels: Int[Tensor, " n"]
) -> Consistency:
    """Compare what pictures show with what they should; every picture counts the same."""
    hits = (probabilities.argmax(1) == labels).double().mean()
    return Consistency(float(hits), float(probabilities.gather(1, labels[:, None]).mean()))


def _square(features: Float[Tensor, "n D"]) -> tuple[int, int]:
    return features.shape[1], features.shape[1]


def _share_within(
    points: Float[Tensor, "n D"], centres: Float[Tensor, "m D"], neighbours: int
) -> float:
    """Share of the points that lie in a ball around some centre, chunk by chunk."""
    exact = "donot_use_mm_for_euclid_dist"  # the quick way is off by more than near duplicates are
    radii = torch.cat(
        [  # the nearest is the centre itself
            torch.cdist(part, centres, compute_mode=exact).kthvalue(neighbours + 1, dim=1).values
            for part in centres.split(256)
        ]
    )
    within = [
        (torch.cdist(part, centres, compute_mode=exact) <= radii).any(1)
        for part in points.split(256)
    ]
    return float(torch.cat(within).double().mean())
