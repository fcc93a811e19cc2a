"""A model small enough that a test takes milliseconds, with weights that make it lively.

32 px, 4x4 tokens of 32 codes, five classes (one of ImageNet) and a null label. Weights are random
but large, so that labels, neighbours and seeds all change what comes out.
"""

from pathlib import Path

import numpy as np
import torch

from maskgit.checkpoints import save_model
from maskgit.classes import Classes, ImageClass, imagenet_class
from maskgit.config import DecodeDefaults, ModelConfig
from maskgit.models import VQGAN, BidirectionalTransformer
from maskgit.sizes import TokenizerConfig, TransformerConfig
from maskgit.types import Picture

GOLDEN_RETRIEVER = 207  # its label in the small model is 2
CLASSES = (
    ImageClass(0, 1000, "rose"),
    ImageClass(1, 1001, "sea shore", ("beach",)),
    imagenet_class(GOLDEN_RETRIEVER, label=2),
    ImageClass(3, 1003, "meadow"),
    ImageClass(4, 1004, "forest", ("wood",)),
)
TOKENIZER = TokenizerConfig(
    filters=8,
    channel_multipliers=(1, 1, 2, 2),
    num_res_blocks=1,
    codebook_size=32,
    embedding_dim=8,
    norm_groups=2,
)


def small_config(has_null_label: bool = True) -> ModelConfig:
    """Sizes of the small model."""
    transformer = TransformerConfig(
        num_layers=2,
        hidden_size=32,
        num_heads=2,
        mlp_size=64,
        num_tokens=16,
        codebook_size=32,
        num_classes=len(CLASSES),
        has_null_label=has_null_label,
    )
    return ModelConfig("small", 32, TOKENIZER, transformer, DecodeDefaults(steps=4))


def write_small_model(folder: Path, has_null_label: bool = True) -> Path:
    """Write the small model's folder; the same weights each time."""
    config = small_config(has_null_label)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = VQGAN(config.tokenizer)
        transformer = BidirectionalTransformer(config.transformer)
        with torch.no_grad():
            tokenizer.codebook.normal_()
            for layer in (tokenizer.encoder.head, tokenizer.decoder.head):
                layer.weight.mul_(4)
            transformer.token_embedding.weight.mul_(20)
            transformer.position_embedding.weight.mul_(20)
            for name, weight in transformer.layers.named_parameters():
                if weight.ndim == 2:
                    weight.normal_(std=0.5 if "query" in name else 0.2)
            transformer.head.weight.normal_(std=0.3)
    classes = Classes(CLASSES, config.transformer.null_label)
    save_model(folder, tokenizer, transformer, config, classes, "# Small\n")
    return folder


def some_picture(height: int, width: int, seed: int = 0) -> Picture:
    """A picture with large and small detail; its pixels are all over the range."""
    generator = np.random.default_rng([height, width, seed])
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(rows / (9 + i) + columns / (13 - i) + i) for i in range(3)]
    noise = generator.normal(0, 20, (height, width, 3))
    return np.clip(128 + 90 * np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)
