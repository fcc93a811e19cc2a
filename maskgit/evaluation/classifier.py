"""The pack classifier: a small network that knows the classes a model was trained on.

Where the weights of Inception or VGG cannot be had, this one takes their place: its class
probabilities say whether a generated picture shows its class, the features before its last layer
stand in for Inception's in a Frechet distance, and its layers can compare pictures for a perceptual
loss. It is trained in minutes, on the same pictures as the model, by

    python -m maskgit train classifier --recipe embedded --data DATA --run runs/classifier

which leaves `classifier.json` and `classifier.safetensors` in the run's folder. Figures on its
features mean nothing beside figures on Inception's: what is reported names the extractor.

Read in this order:
    ClassifierRecipe    what is trained, with which numbers
    PackClassifier      the network: stages, features, logits
    train_classifier    the loop
    load_classifier     a finished run, with the classes it knows
"""

import json
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from maskgit.checkpoints import CheckpointError
from maskgit.classes import Classes
from maskgit.config import from_mapping
from maskgit.images import to_images
from maskgit.training.data import (
    BalancedDraw,
    ImageSet,
    ahead,
    known_classes,
    step_generator,
)
from maskgit.training.run import Run, Schedule, mean_figures, set_rate
from maskgit.types import Images, Labels, Picture
from maskgit.whole_files import beside, write_text

WEIGHTS, DESCRIPTION = "classifier.safetensors", "classifier.json"


@dataclass(frozen=True)
class ClassifierConfig:
    """Sizes of the network.

    Attributes:
        num_classes: Classes it tells apart.
        widths: Channels of each stage; every stage but the first halves the picture's sides.
        input_px: Side that pictures are scaled to before it looks at them.
    """

    num_classes: int
    widths: tuple[int, ...]
    input_px: int


@dataclass(frozen=True)
class ClassifierRecipe:
    """Everything that decides what the classifier learns.

    On the `scenes` pack (17 classes, 5201 pictures) one CPU core with AMX takes six minutes, and
    94.1 % of the 320 held-out pictures are given their class.

    Attributes:
        schedule: Steps and learning rate.
        widths: See `ClassifierConfig`.
        input_px: See `ClassifierConfig`.
        batch_size: Pictures per step, in all processes together.
        crop_px: Side that the random crops are scaled to: smaller than `input_px`, because a crop
            shows things larger than a whole picture does (Touvron et al. 2019, arXiv:1906.06423).
        smallest_crop: Smallest share of a picture's side in a random crop.
        colour_change: Largest change of brightness, contrast and saturation, as a share.
        label_smoothing: Probability spread over all classes.
        class_balance: A class of n pictures is drawn in proportion to n ** class_balance.
        weight_decay: AdamW's.
        seed: Seed of the weights and of the data order.
    """

    schedule: Schedule = field(
        default_factory=lambda: Schedule(2000, 3e-3, warmup_steps=100, final_ratio=0.0)
    )
    widths: tuple[int, ...] = (32, 64, 128, 256)
    input_px: int = 96
    batch_size: int = 64
    crop_px: int = 80
    smallest_crop: float = 0.6
    colour_change: float = 0.25
    label_smoothing: float = 0.1
    class_balance: float = 0.5
    weight_decay: float = 0.05
    seed: int = 0


class ResBlock(nn.Module):
    """Two convolutions beside a shortcut, the pre-2016 order. Source: He et al. 2015, section 3."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        shrink = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        widen = nn.Conv2d(before, after, 1, bias=False) if before != after else nn.Identity()
        self.shortcut = nn.Sequential(shrink, widen)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """Transform; halves height and width where the stride is 2."""
        inner = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class PackClassifier(nn.Module):
    """A residual network of four small stages, about 1.2 M weights."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        first, *_ = widths = config.widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(first)
        )
        blocks = [ResBlock(first, first, 1)]
        blocks += [ResBlock(before, after, 2) for before, after in pairwise(widths)]
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(widths[-1], config.num_classes)

    def stages(self, images: Images) -> list[Float[Tensor, "B _ _ _"]]:
        """Give what every stage sees, fine to coarse; takes pictures of any size as they are."""
        x = F.relu(self.stem(images * 2 - 1))
        seen = []
        for block in self.blocks:
            x = block(x)
            seen.append(x)
        return seen

    def features(self, images: Images) -> Float[Tensor, "B D"]:
        """Give what the last layer decides by."""
        return self.stages(images)[-1].float().mean((2, 3))

    def forward(self, images: Images) -> Float[Tensor, "B C"]:
        """Give logits of the classes."""
        return self.head(self.features(images))


class Trained(NamedTuple):
    """A finished classifier.

    Attributes:
        network: On the CPU, in float32, ready to be asked.
        classes: What its outputs mean.
        accuracy: Share of held-out pictures that it gave their class.
    """

    network: PackClassifier
    classes: Classes
    accuracy: float


def train_classifier(
    recipe: ClassifierRecipe, images: ImageSet, val: ImageSet, run: Run
) -> Trained:
    """Train the classifier, continuing where the run's folder stopped, and write it there.

    Never compiled, see `maskgit.training.commands`; pictures without a class are left out.

    Raises:
        ValueError: If there are fewer than two classes.
    """
    images, val = images.labelled(), val.labelled()
    config = ClassifierConfig(len(images.classes), recipe.widths, recipe.input_px)
    if config.num_classes < 2:
        raise ValueError("a classifier needs pictures of at least two classes")
    torch.manual_seed(recipe.seed)  # the weights; the data has its own generators
    network = PackClassifier(config)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = _optimizer(network, recipe)
    model, optimizer = run.prepare(network, optimizer)
    run.resume()
    bar = run.progress()
    draw = BalancedDraw(images.labels, recipe.class_balance)
    batches = ahead(lambda step: _batch(images, draw, recipe, step), range(run.step, run.steps))
    for step, (batch, labels) in zip(bar, batches, strict=True):
        set_rate(recipe.schedule.rate(step), [optimizer])
        model.train()
        learned = [
            _learn(model, optimizer, batch[part], labels[part], recipe.label_smoothing, run)
            for part in run.parts(recipe.batch_size)
        ]
        run.record(bar, recipe.batch_size, **mean_figures(learned))
        if run.is_due(run.save_every):
            run.write(val_accuracy=round(_accuracy(network, val), 4))
            run.save()
    finished = PackClassifier(config).eval().requires_grad_(False)  # without accelerate's casts
    finished.load_state_dict(run.accelerator.unwrap_model(model).state_dict())
    finished.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    trained = Trained(finished, known_classes(images), round(_accuracy(finished, val), 4))
    if run.accelerator.is_main_process:
        _write(run.folder, trained)
    return trained


def load_classifier(folder: Path) -> Trained:
    """Read the classifier that a run left in its folder.

    Raises:
        CheckpointError: If there is none, or its files do not fit together.
    """
    if not (folder / DESCRIPTION).is_file():
        raise CheckpointError(
            f"{folder} holds no classifier; train one with: python -m maskgit train classifier"
        )
    try:
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        network = PackClassifier(from_mapping(ClassifierConfig, described["config"]))
        classes = Classes.from_json(json.dumps(described["classes"]))
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
    except (ValueError, KeyError, RuntimeError, OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{folder} holds no usable classifier: {error}") from error
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    network.eval().requires_grad_(False)
    return Trained(network, classes, described["accuracy"])


def scaled(images: Images, size: int) -> Float[Tensor, "B 3 {size} {size}"]:
    """Scale to a square of `size` px, without aliasing, in the networks' memory layout."""
    if images.shape[-2:] != (size, size):
        images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
    return images.contiguous(memory_format=torch.channels_last)


def _write(folder: Path, trained: Trained) -> None:
    """Write weights, then the description, which is what makes the classifier count as there."""
    weights = {n: t.contiguous() for n, t in trained.network.state_dict().items()}
    with beside(folder / WEIGHTS) as partial:
        safetensors.torch.save_file(weights, partial)
    described = {
        "config": asdict(trained.network.config),
        "accuracy": trained.accuracy,
        "classes": json.loads(trained.classes.to_json()),
    }
    text = json.dumps(described, indent=1, ensure_ascii=False)
    write_text(folder / DESCRIPTION, text + "\n")


@torch.inference_mode()
def _accuracy(network: PackClassifier, val: ImageSet) -> float:
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    hits = 0
    for start in range(0, len(val), 32):
        rows = slice(start, start + 32)
        images = scaled(to_images(val.pictures[rows]), network.config.input_px).to(device)
        hits += int((network(images).argmax(1).cpu().numpy() == val.labels[rows]).sum())
    network.train(was_training)
    return hits / len(val)


def _optimizer(network: nn.Module, recipe: ClassifierRecipe) -> torch.optim.Optimizer:
    parameters = list(network.parameters())
    groups = [  # biases and norms do not decay
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0)


def _learn(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Images,
    labels: Labels,
    smoothing: float,
    run: Run,
) -> dict[str, Tensor]:
    """Learn from a part of a step's batch; weights change with the last part."""
    with run.accelerator.accumulate(model):
        labels = labels.to(run.accelerator.device)
        logits = model(images.to(run.accelerator.device))
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        run.accelerator.backward(loss)
        if run.accelerator.sync_gradients:
            run.accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return {"loss": loss, "accuracy": (logits.argmax(1) == labels).float().mean()}


def _batch(
    images: ImageSet, draw: BalancedDraw, recipe: ClassifierRecipe, step: int
) -> tuple[Images, Labels]:
    """Changed pictures with their classes: a pure function of the step."""
    generator = step_generator(recipe.seed, step)
    rows = draw(recipe.batch_size, generator)
    crops = np.stack([_crop(images.pictures[row], recipe, generator) for row in rows])
    changed = _recoloured(to_images(crops), recipe.colour_change, generator)
    layout = changed.contiguous(memory_format=torch.channels_last)
    return layout, torch.from_numpy(images.labels[rows])


def _crop(
    picture: Picture, recipe: ClassifierRecipe, generator: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """Cut a random rectangle, nearly a square, scale it, mirror every second one."""
    height, width = picture.shape[:2]
    share = generator.uniform(recipe.smallest_crop, 1)
    sides = np.minimum(1, share * generator.uniform(0.9, 1.1, 2)) * (height, width)
    tall, wide = int(sides[0]), int(sides[1])
    top, left = generator.integers(0, height - tall + 1), generator.integers(0, width - wide + 1)
    crop = picture[top : top + tall, left : left + wide]
    crop = cv2.resize(crop, (recipe.crop_px, recipe.crop_px), interpolation=cv2.INTER_AREA)
    return crop[:, ::-1] if generator.random() < 0.5 else crop


def _recoloured(images: Images, change: float, generator: np.random.Generator) -> Images:
    """Change brightness, contrast and saturation of each picture a little."""
    draws = 1 + change * generator.uniform(-1, 1, (3, len(images), 1, 1, 1))
    brightness, contrast, saturation = torch.from_numpy(draws).float()
    images = images * brightness
    images = images.lerp(images.mean((1, 2, 3), keepdim=True), 1 - contrast)
    return images.lerp(images.mean(1, keepdim=True), 1 - saturation).clamp(0, 1)
