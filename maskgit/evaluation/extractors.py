"""What looks at pictures so that formulas can compare them, and the rule that keeps figures apart.

Inception where its weights are on this computer (nothing is downloaded), otherwise the pack
classifier. Everything carries the extractor's name; `same_extractor` refuses to mix.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from maskgit.checkpoints import CheckpointError
from maskgit.classes import Classes
from maskgit.evaluation.classifier import WEIGHTS, load_classifier, scaled
from maskgit.images import to_images
from maskgit.types import Pictures

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"  # torch-fidelity 0.2 and later
INCEPTION_HASH = "6726825d"
BATCH = 32


class Description(NamedTuple):
    """What an extractor sees in some pictures.

    Attributes:
        extractor: Its name.
        features: What its last layer decides by.
        spatial: Features that say where things are, flattened.
        probabilities: Of its classes.
    """

    extractor: str
    features: Float[Tensor, "n D"]
    spatial: Float[Tensor, "n S"]
    probabilities: Float[Tensor, "n C"]


@runtime_checkable
class Extractor(Protocol):
    """Looks at pictures."""

    @property
    def name(self) -> str:
        """What figures on its features are marked with."""
        ...

    def describe(self, pictures: Pictures) -> Description:
        """Look at pictures of any size."""
        ...


class PackExtractor:
    """The pack classifier as an extractor; also knows the classes of the model."""

    def __init__(self, folder: Path) -> None:
        """Read a run of `maskgit train classifier`; errors as `load_classifier`."""
        self.network, self.classes, self.accuracy = load_classifier(folder)
        self.digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """Its weights and how good it is."""
        share = f"{100 * self.accuracy:.1f} %"
        return f"pack classifier {self.digest} ({len(self.classes)} classes, {share} of val right)"

    @torch.inference_mode()
    def describe(self, pictures: Pictures) -> Description:
        """Look at pictures; `spatial` is a 6x6 map of the first seven channels of stage three."""
        parts = []
        for start in range(0, len(pictures), BATCH):
            images = to_images(pictures[start : start + BATCH])
            stages = self.network.stages(scaled(images, self.network.config.input_px))
            features = stages[-1].mean((2, 3))
            spatial = F.adaptive_avg_pool2d(stages[-2][:, :7], 6).flatten(1)
            parts.append((features, spatial, self.network.head(features).softmax(1)))
        return Description(
            self.name, *(torch.cat(part).clone() for part in zip(*parts, strict=True))
        )

    def labels(self, classes: Classes) -> Tensor:
        """Translate: give its label for each label of a model.

        Raises:
            ValueError: If it does not know one of the model's classes.
        """
        mine = {entry.id: entry.label for entry in self.classes}
        if unknown := [entry.name for entry in classes if entry.id not in mine]:
            raise ValueError(
                f"the classifier does not know {len(unknown)} of the model's classes: "
                f"{', '.join(unknown[:5])}; train one on the model's pictures"
            )
        return torch.tensor([mine[entry.id] for entry in classes])


class InceptionExtractor:
    """Inception v3 of 2015 as torch-fidelity runs it, which published figures are made with."""

    name = f"Inception v3, 2015-12-05 ({INCEPTION_HASH})"

    def __init__(self, file: Path) -> None:
        """Read the weights.

        Raises:
            CheckpointError: If the file is not the known one.
            ValueError: If torch-fidelity is not installed.
        """
        if importlib.util.find_spec("torch_fidelity") is None:
            raise ValueError("Inception needs torch-fidelity: pip install torch-fidelity")
        if not hashlib.sha256(file.read_bytes()).hexdigest().startswith(INCEPTION_HASH):
            raise CheckpointError(f"{file} is not {INCEPTION_FILE}: its hash is another")
        from torch_fidelity.feature_extractor_inceptionv3 import (  # pyright: ignore
            FeatureExtractorInceptionV3,
        )

        self.network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], str(file)
        )

    @torch.inference_mode()
    def describe(self, pictures: Pictures) -> Description:
        """Look at pictures; `spatial` is what ADM's evaluator takes for sFID.

        Source: openai/guided-diffusion `evaluations/evaluator.py`: the first seven channels of
        `mixed_6/conv`, here `Mixed_6d.branch1x1`.
        """
        parts, maps = [], []
        hook = self.network.Mixed_6d.branch1x1.register_forward_hook(
            lambda _module, _input, output: maps.append(output[:, :7].flatten(1))
        )
        try:
            for start in range(0, len(pictures), BATCH):
                images = torch.from_numpy(pictures[start : start + BATCH]).permute(0, 3, 1, 2)
                features, logits = self.network(images)
                parts.append((features, maps.pop(), logits.softmax(1)))
        finally:
            hook.remove()
        return Description(
            self.name, *(torch.cat(part).clone() for part in zip(*parts, strict=True))
        )


def find_extractor(classifier: PackExtractor, inception: Path | None = None) -> Extractor:
    """Choose what Frechet distances are taken with: Inception where its weights are here.

    Args:
        classifier: Takes its place otherwise.
        inception: File of the weights; by default where torch-fidelity would have put them.

    Raises:
        CheckpointError: If the file is not the known one.
        ValueError: If a file is named, but torch-fidelity is not installed.
    """
    if inception is not None:
        return InceptionExtractor(inception)
    file = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if file.is_file() and importlib.util.find_spec("torch_fidelity") is not None:
        return InceptionExtractor(file)
    return classifier


def same_extractor(*descriptions: Description) -> str:
    """Give the name of what looked at all of these.

    Raises:
        ValueError: If there are several.
    """
    names = {described.extractor for described in descriptions}
    if len(names) != 1:
        raise ValueError(f"figures of different extractors never mix: {', '.join(sorted(names))}")
    return names.pop()
