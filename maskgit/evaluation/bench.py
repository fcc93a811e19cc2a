"""What all measurements share: the model, the pictures and who judges, each loaded when needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from accelerate import PartialState

from maskgit import loading
from maskgit.evaluation import sheets
from maskgit.evaluation.ablation import PAPER_SCHEDULES, RULES, STEPS
from maskgit.evaluation.extractors import PackExtractor, find_extractor
from maskgit.evaluation.generation import Judge, Seen
from maskgit.evaluation.pictures import counts_of, load_known, spread
from maskgit.evaluation.sampling import device_of_process
from maskgit.images import open_picture
from maskgit.jobs import Choices
from maskgit.pipeline import MaskGIT
from maskgit.training.data import ImageSet
from maskgit.types import Picture

PHOTOS = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Request:
    """What is to be measured, on what.

    Attributes:
        model: A model's id or folder.
        data: What `maskgit train` takes.
        classifier: Run of `maskgit train classifier`.
        out: JSON file to write; pictures go beside it.
        packs: Only these packs; none means all.
        limit: Only so many held-out pictures, evenly chosen; None means all.
        per_class: Pictures to generate per class; None means as many as are held out.
        seed: Of the first picture; the next has seed + 1.
        choices: About decoding; what is not said follows the model's defaults.
        inception: Weights of Inception; None looks where torch keeps them.
        photos: Folder of photos to cut holes into; None leaves them out.
        cas: Folder to train a classifier on the samples in; None leaves the score out.
        schedules: For the ablation.
        steps: For the ablation.
        rules: For the ablation.
        device: As for `maskgit.load`.
        dtype: As for `maskgit.load`.
    """

    model: str
    data: str | Path
    classifier: Path
    out: Path
    packs: Sequence[str] = ()
    limit: int | None = None
    per_class: int | None = None
    seed: int = 0
    choices: Choices | None = None
    inception: Path | None = None
    photos: Path | None = None
    cas: Path | None = None
    schedules: Sequence[str] = PAPER_SCHEDULES
    steps: Sequence[int] = STEPS
    rules: Sequence[str] = RULES
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        if self.out.suffix != ".json":
            raise ValueError(f"figures are written as JSON; {self.out} ends otherwise")
        for name, value in (("limit", self.limit), ("per_class", self.per_class)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")


class Bench:
    """A request with what it needs."""

    def __init__(self, request: Request) -> None:
        self.request = request

    @cached_property
    def engine(self) -> MaskGIT:
        """The model."""
        device = device_of_process(self.request.device)
        return loading.load(self.request.model, device, self.request.dtype)

    @cached_property
    def judge(self) -> Judge:
        """Who looks at its pictures."""
        classifier = PackExtractor(self.request.classifier)
        extractor = find_extractor(classifier, self.request.inception)
        return Judge(classifier, extractor, classifier.labels(self.engine.classes))

    @cached_property
    def val(self) -> ImageSet:
        """Held-out pictures of the model's classes."""
        return self.limited(self._known("val"))

    @cached_property
    def train(self) -> ImageSet:
        """Training pictures of the model's classes."""
        return self._known("train")

    @cached_property
    def photos(self) -> list[np.ndarray]:
        """The photos of the folder that was named, in the order of their names."""
        files = sorted(self.request.photos.iterdir()) if self.request.photos else []
        photos = [file for file in files if file.suffix.lower() in PHOTOS]
        if self.request.photos and not photos:
            raise ValueError(f"{self.request.photos} holds no {', '.join(PHOTOS)} file")
        return [open_picture(file.read_bytes()) for file in photos]

    @cached_property
    def real(self) -> Seen:
        """The held-out pictures as the judge sees them."""
        return self.judge.describe(self.val.pictures, self.val.labels)

    @cached_property
    def counts(self) -> list[int]:
        """How many pictures of each class to generate."""
        if self.request.per_class:
            return [self.request.per_class] * len(self.engine.classes)
        return counts_of(self.val.labels, len(self.engine.classes))

    @property
    def choices(self) -> Choices:
        """What was said about decoding."""
        return self.request.choices or Choices()

    def limited(self, images: ImageSet) -> ImageSet:
        """Take no more pictures than were asked for."""
        rows = sheets.evenly(len(images), self.request.limit or len(images))
        return ImageSet(images.pictures[rows], images.labels[rows], images.classes)

    def trained_on(self) -> ImageSet:
        """Training pictures, as many of each class as are generated."""
        return spread(self.train, self.counts)

    def keep(self, ending: str, content: Picture | str) -> str:
        """Write a sheet or a plot beside the figures; give its name."""
        file = self.request.out.with_name(self.request.out.stem + ending)
        if PartialState().is_main_process:
            file.parent.mkdir(parents=True, exist_ok=True)
            is_text = isinstance(content, str)
            file.write_bytes(content.encode() if is_text else sheets.to_webp(content))
        return file.name

    def _known(self, split: str) -> ImageSet:
        engine, request = self.engine, self.request
        return load_known(request.data, split, engine.image_size, engine.classes, request.packs)
