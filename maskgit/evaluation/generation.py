"""Generated pictures beside real ones: how far apart they are, and whether they show their class.

The rows of the table share one set of held-out pictures and one extractor:

    real, held out      what it all is compared with
    real, trained on    as many of each class: what a perfect memory would score
    reconstructed       the held-out pictures through the tokenizer: its share of the distance
    generated           as many of each class

A model that only repeats its training pictures scores well on all figures but one: `nearest` is
the mean likeness (cosine of the classifier's features) to the nearest training picture, and should
be no higher for generated pictures than for held-out ones.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from maskgit.evaluation import metrics
from maskgit.evaluation.classifier import ClassifierRecipe, train_classifier
from maskgit.evaluation.extractors import Description, Extractor, PackExtractor, same_extractor
from maskgit.evaluation.report import Row
from maskgit.evaluation.sampling import Samples
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.training.run import Run, checkpoints
from maskgit.training.tokens import TokenSet
from maskgit.training.transformer import evaluate as evaluate_tokens
from maskgit.types import Pictures


@dataclass(frozen=True, eq=False)
class Judge:
    """Whoever looks at pictures of one model.

    Attributes:
        classifier: Says which class they show.
        extractor: What distances are taken with; may be the classifier itself.
        labels: The classifier's label for each label of the model.
    """

    classifier: PackExtractor
    extractor: Extractor
    labels: torch.Tensor

    def describe(self, pictures: Pictures, labels: np.ndarray) -> "Seen":
        """Look at pictures that should show these classes of the model."""
        by_classifier = self.classifier.describe(pictures)
        is_same = self.extractor is self.classifier
        described = by_classifier if is_same else self.extractor.describe(pictures)
        wanted = self.labels[torch.from_numpy(labels)]
        consistency = metrics.class_consistency(by_classifier.probabilities, wanted)
        sharpness = metrics.sharpness(pictures)
        return Seen(described, by_classifier.features, consistency, sharpness)


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures as a judge sees them.

    Attributes:
        described: By the extractor.
        features: By the classifier.
        consistency: Whether they show their class, by the classifier.
        sharpness: See `metrics.sharpness`.
    """

    described: Description
    features: torch.Tensor
    consistency: metrics.Consistency
    sharpness: float


def distances(real: Description, other: Description) -> Row:
    """Compare pictures with real ones.

    Raises:
        ValueError: If different extractors saw them.
    """
    same_extractor(real, other)
    precision, recall = metrics.precision_recall(real.features, other.features)
    return {
        "fid": metrics.frechet_distance(real.features, other.features),
        "sfid": metrics.frechet_distance(real.spatial, other.spatial),
        "is": metrics.inception_score(other.probabilities),
        "precision": precision,
        "recall": recall,
    }


def row(name: str, seen: Seen, real: Seen, trained_on: torch.Tensor | None = None) -> Row:
    """Make a row of the table.

    Args:
        name: What the pictures are.
        seen: The pictures.
        real: The held-out pictures; where they are the same, there is no distance.
        trained_on: Features of all training pictures, for `nearest`.
    """
    shown: Row = {"pictures": name, "count": len(seen.features)}
    if seen is real:
        shown["is"] = metrics.inception_score(seen.described.probabilities)
    else:
        shown |= distances(real.described, seen.described)
    shown |= {"class_top1": seen.consistency.top1, "class_p": seen.consistency.probability}
    shown["sharpness"] = seen.sharpness / real.sharpness
    if trained_on is not None:
        shown["nearest"] = metrics.likeness(seen.features, trained_on)
    return shown


def token_rows(engine: MaskGIT, images: ImageSet, tokens: np.ndarray, seed: int = 0) -> list[Row]:
    """Likelihood and accuracy of held-out tokens, by the share that is masked; no guidance."""
    flat = TokenSet(tokens.reshape(len(tokens), -1), images.labels)
    found = evaluate_tokens(engine.predictor, flat, seed, engine.device)
    kinds = [name.removeprefix("val_nll_") for name in found if name.startswith("val_nll_")]
    return [
        {
            "masked": int(kind) / 100,
            "nll_nats": found[f"val_nll_{kind}"],
            "accuracy": found[f"val_accuracy_{kind}"],
        }
        for kind in kinds
        if kind.isdigit()  # the others are no shares: holes
    ]


def accuracy_score(
    samples: Samples, real: ImageSet, folder: Path, recipe: ClassifierRecipe | None = None
) -> float:
    """Train a classifier on generated pictures alone; give its accuracy on real ones.

    Args:
        samples: The generated pictures.
        real: Held-out pictures with the model's labels.
        folder: Where the classifier is trained.
        recipe: Of the classifier; the same as for the one to compare with.

    Raises:
        ValueError: If the folder holds a run already, which may be of other pictures.

    Source: Ravuri and Vinyals 2019 (arXiv:1905.10887), the classification accuracy score.
    """
    if checkpoints(folder):
        raise ValueError(f"{folder} holds a classifier already; name a new folder for this score")
    recipe = recipe or ClassifierRecipe()
    entries = tuple(
        {"label": label, "id": 1000 + label, "name": f"class {label}", "wnid": None}
        for label in range(int(max(samples.labels.max(), real.labels.max())) + 1)
    )
    train = ImageSet(samples.pictures, samples.labels.astype(np.int64), entries)
    run = Run(folder, recipe.schedule.steps, compile=False)
    return train_classifier(recipe, train, replace(real, classes=entries), run).accuracy
