"""`python -m maskgit train`: a stage of a recipe on data, and the folder it ends in."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import torch

from maskgit.checkpoints import save_model
from maskgit.classes import Classes
from maskgit.config import AnyTransformerConfig, ModelConfig
from maskgit.evaluation.classifier import ClassifierRecipe, train_classifier
from maskgit.models import VQGAN, AnyTransformer
from maskgit.training import recipes
from maskgit.training.data import ImageSet, known_classes, load_images
from maskgit.training.recipes import Recipe
from maskgit.training.run import Run, checkpoints
from maskgit.training.tokenizer import train_tokenizer
from maskgit.training.transformer import train_transformer

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> None:
    """Train a stage as the command line says; stage 2 also writes the model folder.

    Raises:
        ValueError: If an option is missing, there is no data, or stage 1 was not trained.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = recipes.find(options.recipe)
    if options.stage == "classifier":
        _classifier(options.data, recipe, options.steps, options.run)
        return
    if options.stage == "tokenizer":
        _tokenizer(options.data, recipe, options.steps, options.run)
        return
    if options.tokenizer_run is None:
        raise ValueError("stage 2 needs stage 1: say --tokenizer-run FOLDER")
    if not checkpoints(options.tokenizer_run):
        raise ValueError(f"{options.tokenizer_run} holds no checkpoint of stage 1; train it first")
    images, val = _data(options.data, recipe, recipe.transformer_packs)
    stage = recipe.transformer(len(images.classes))
    _description("any", images, recipe, stage.model)  # whatever is wrong shows before hours pass
    tokenizer = _tokenizer(options.data, recipe, 0, options.tokenizer_run)
    steps = options.steps or stage.schedule.steps
    stage = replace(stage, schedule=replace(stage.schedule, steps=steps))
    transformer = train_transformer(
        stage, tokenizer, images, val, Run(options.run, steps, compile=not options.no_compile)
    )
    if options.out:
        write_model(options.out, tokenizer, transformer, images, recipe)


def write_model(
    folder: Path,
    tokenizer: VQGAN,
    transformer: AnyTransformer,
    images: ImageSet,
    recipe: Recipe,
) -> None:
    """Write a model folder in half precision; a card that is there already is kept."""
    config, classes = _description(folder.name, images, recipe, transformer.config)
    card = folder / "CARD.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {folder.name}\n"
    save_model(folder, tokenizer, transformer, config, classes, text, dtype=torch.float16)


def _description(
    name: str, images: ImageSet, recipe: Recipe, transformer: AnyTransformerConfig
) -> tuple[ModelConfig, Classes]:
    config = ModelConfig(
        name=name,
        image_size=recipe.image_size,
        tokenizer=recipe.tokenizer.model,
        transformer=transformer,
        decode=recipe.decode,
    )
    return config, known_classes(images, transformer.null_label)


def _tokenizer(data: Path, recipe: Recipe, steps: int | None, folder: Path) -> VQGAN:
    """Train stage 1; with 0 steps only load what was trained.

    Never compiled: torch 2.13 compiles the VQGAN for the CPU with wrong gradients (their norm was
    1.2 instead of 8.9 on the same weights and pictures), and the codes collapse.
    """
    images, val = _data(data, recipe, recipe.tokenizer_packs)
    steps = recipe.tokenizer.schedule.steps if steps is None else steps
    stage = recipe.tokenizer
    if steps:
        stage = replace(stage, schedule=replace(stage.schedule, steps=steps))
    return train_tokenizer(stage, images, val, Run(folder, steps, compile=False))


def _classifier(data: Path, recipe: Recipe, steps: int | None, folder: Path) -> None:
    """Train what judges the model: it learns the classes of stage 2, from the same pictures."""
    images, val = _data(data, recipe, recipe.transformer_packs)
    stage = ClassifierRecipe()
    if steps:
        stage = replace(stage, schedule=replace(stage.schedule, steps=steps))
    trained = train_classifier(stage, images, val, Run(folder, stage.schedule.steps, compile=False))
    logger.info("%.1f %% of the held-out pictures got their class", 100 * trained.accuracy)


def _data(path: Path, recipe: Recipe, packs: tuple[str, ...]) -> tuple[ImageSet, ImageSet]:
    train, val = (load_images(path, s, packs, recipe.image_size) for s in ("train", "val"))
    return train, val
