"""A pack classifier small enough for tests: random weights, the small model's classes."""

import json
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch

from maskgit.classes import Classes
from maskgit.evaluation.classifier import ClassifierConfig, PackClassifier
from tests.models import CLASSES


def write_judge(folder: Path, seed: int = 0) -> Path:
    """Write what a run of `maskgit train classifier` leaves; the same for each seed."""
    config = ClassifierConfig(len(CLASSES), widths=(8, 16), input_px=32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PackClassifier(config)
    safetensors.torch.save_file(network.state_dict(), folder / "classifier.safetensors")
    classes = json.loads(Classes(CLASSES).to_json())
    described = {"config": asdict(config), "accuracy": 0.5, "classes": classes}
    (folder / "classifier.json").write_text(json.dumps(described))
    return folder
