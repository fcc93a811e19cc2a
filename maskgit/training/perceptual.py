"""How different two pictures look, as a loss: compared by what a trained network sees in them.

LPIPS on VGG-16 where the package `lpips` is installed and VGG's weights are on this computer
(nothing is downloaded), otherwise the stages of the pack classifier, which
`python -m maskgit train classifier` trains on the same pictures.

Source: LPIPS, Zhang et al. 2018 (arXiv:1801.03924), equation 1: features of every layer, scaled to
unit length in each cell, squared difference, mean over cells, sum over layers. The classifier's
channels count alike where LPIPS has learned weights.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from maskgit.evaluation.classifier import load_classifier
from maskgit.types import Images

VGG_FILE = "vgg16-397923af.pth"  # where torchvision puts the weights that LPIPS was made with


@runtime_checkable
class Perceptual(Protocol):
    """Compares pictures; `name` says with which network, for the log."""

    name: str

    def __call__(self, ours: Images, theirs: Images) -> Float[Tensor, ""]:
        """Give the mean difference; its gradient goes to both."""
        ...


class ClassifierPerceptual:
    """Compares what the stages of the pack classifier see."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """Read a run of `maskgit train classifier`; errors as `load_classifier`."""
        self.network = load_classifier(folder).network.to(device)
        self.name = f"pack classifier {folder}"

    def __call__(self, ours: Images, theirs: Images) -> Float[Tensor, ""]:
        """Sum the squared differences of unit features over the stages.

        Taken once more a pixel further on: the network looks at every second row and column, and
        would not see stripes that lie between them.
        """
        return torch.stack([self._difference(ours, theirs, first) for first in (0, 1)]).mean()

    def _difference(self, ours: Images, theirs: Images, first: int) -> Float[Tensor, ""]:
        stages = (self.network.stages(images[..., first:, first:]) for images in (ours, theirs))
        pairs = zip(*stages, strict=True)
        return torch.stack([_unlike(a.float(), b.float()) for a, b in pairs]).sum()


class LpipsPerceptual:
    """The published measure on VGG-16."""

    name = "LPIPS, VGG-16"

    def __init__(self, device: torch.device) -> None:
        """Load the network; its weights have to be here."""
        package: Any = importlib.import_module("lpips")  # optional, and without types
        self.network = package.LPIPS(net="vgg", verbose=False).eval().to(device)
        self.network.requires_grad_(False)

    def __call__(self, ours: Images, theirs: Images) -> Float[Tensor, ""]:
        """Take the mean over pictures."""
        return self.network(ours * 2 - 1, theirs * 2 - 1).mean()


def has_lpips() -> bool:
    """Whether LPIPS and the weights of VGG-16 are on this computer."""
    vgg = Path(torch.hub.get_dir()) / "checkpoints" / VGG_FILE
    return vgg.is_file() and importlib.util.find_spec("lpips") is not None


def find_perceptual(classifier: Path | None, device: torch.device) -> Perceptual:
    """Choose what pictures are compared by.

    Args:
        classifier: Folder of a run of the pack classifier, used where LPIPS is not here.
        device: Where the pictures are.

    Raises:
        ValueError: If neither is here.
    """
    if has_lpips():
        return LpipsPerceptual(device)
    if classifier is not None:
        return ClassifierPerceptual(classifier, device)
    raise ValueError(
        "the perceptual loss needs a network: install lpips with VGG's weights, or train one "
        "(python -m maskgit train classifier) and say --classifier FOLDER"
    )


def _unlike(ours: Float[Tensor, "B C h w"], theirs: Float[Tensor, "B C h w"]) -> Float[Tensor, ""]:
    difference = _unit(ours) - _unit(theirs)
    return difference.square().sum(1).mean()


def _unit(features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    return features / (features.square().sum(1, keepdim=True) + 1e-10).sqrt()
