"""`python -m maskgit train`: a stage of a recipe on data, and the folder it ends in."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import torch

from maskgit.checkpoints import Model, load_model, save_model
from maskgit.classes import Classes
from maskgit.config import ModelConfig
from maskgit.evaluation.classifier import ClassifierRecipe, train_classifier
from maskgit.loading import find_folder
from maskgit.models import AnyTokenizer, AnyTransformer
from maskgit.sizes import AnyTokenizerConfig, AnyTransformerConfig
from maskgit.training import fine_tuning, recipes
from maskgit.training.data import ImageSet, known_classes, load_images
from maskgit.training.perceptual import find_perceptual, has_lpips
from maskgit.training.recipes import Recipe
from maskgit.training.run import Run, checkpoints
from maskgit.training.tokenizer import train_tokenizer
from maskgit.training.transformer import train_transformer

logger = logging.getLogger(__name__)

SEED_APART = 7  # of the classifier that trains a tokenizer: the one that judges it is another


def run(options: argparse.Namespace) -> None:
    """Train a stage as the command line says; `--out` also writes the model folder.

    Raises:
        ValueError: If an option is missing, there is no data, or stage 1 was not trained.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = recipes.find(options.recipe)
    start = load_model(find_folder(options.start)) if options.start else None
    if start is not None:
        recipe = replace(recipe, image_size=start.config.image_size)
    if options.stage == "classifier":
        _classifier(options, recipe)
    elif options.stage == "tokenizer":
        _train_tokenizer(options, recipe, start)
    else:
        _train_transformer(options, recipe, start)


def _train_tokenizer(options: argparse.Namespace, recipe: Recipe, start: Model | None) -> None:
    """Train stage 1.

    Never compiled: torch 2.13 compiles the VQGAN for the CPU with wrong gradients (their norm was
    1.2 instead of 8.9 on the same weights and pictures), and the codes collapse.
    """
    stage = recipe.tokenizer
    if start is not None:
        stage = fine_tuning.tokenizer_recipe(stage, start)
    if options.out and (start is None or stage.decoder_only_from != 0):
        raise ValueError(
            "--out of stage 1 writes the model of --from with another decoder: it needs both that "
            "and a recipe that leaves the codes as they are, such as `sharper`"
        )
    _begin_folder(options.out)
    steps = options.steps or stage.schedule.steps
    stage = replace(stage, schedule=replace(stage.schedule, steps=steps), seed=options.seed)
    images, val = _data(options.data, recipe, recipe.tokenizer_packs)
    run = Run(
        options.run,
        steps,
        save_every=options.save_every,
        compile=False,
        accumulate=options.accumulate,
    )
    perceptual = None
    if stage.perceptual_weight:
        classifier = options.classifier
        if classifier is None and not has_lpips():
            classifier = options.run / "classifier"
            logger.info("no LPIPS here: pictures are compared by a classifier, in %s", classifier)
            _train_classifier(options.data, recipe, ClassifierRecipe(seed=SEED_APART), classifier)
        perceptual = find_perceptual(classifier, run.accelerator.device)
    network = start.tokenizer if start else None
    trained = train_tokenizer(stage, images, val, run, perceptual, network)  # pyright: ignore[reportArgumentType]
    if options.out and start is not None and run.is_main:
        _save(options.out, fine_tuning.with_decoder(start, trained))


def _begin_folder(folder: Path | None) -> None:
    """Make the folder of `--out` now: what stands in its way shows before hours pass."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)


def _train_transformer(options: argparse.Namespace, recipe: Recipe, start: Model | None) -> None:
    """Train stage 2 on the tokens of stage 1, or of the model that it begins at."""
    if options.tokenizer_run is None and start is None:
        raise ValueError("stage 2 needs stage 1: say --tokenizer-run FOLDER")
    if options.tokenizer_run and not checkpoints(options.tokenizer_run):
        raise ValueError(f"{options.tokenizer_run} holds no checkpoint of stage 1; train it first")
    _begin_folder(options.out)
    packs, size = recipe.transformer_packs, recipe.image_size
    images = load_images(options.data, "train", packs, size, recipe.background_packs)
    val = load_images(options.data, "val", packs, size)
    stage = recipe.transformer(len(images.classes))
    if start is not None:
        stage = fine_tuning.transformer_recipe(stage, start, len(images.classes))
        decodes = {"decode": start.config.decode, "edit": start.config.edit}
        recipe = replace(
            recipe, **decodes, borrow=start.config.borrow, stand_out=start.config.stand_out
        )
    sizes = start.config.tokenizer if start else recipe.tokenizer.model
    _description(
        "any", images, recipe, sizes, stage.model
    )  # whatever is wrong shows before hours pass
    tokenizer = _finished_tokenizer(options, recipe, start, images, val)
    network = None
    if start is not None:
        known = known_classes(images, stage.model.null_label)
        network = fine_tuning.with_classes(start.transformer, start.classes, known)
    steps = options.steps or stage.schedule.steps
    stage = replace(stage, schedule=replace(stage.schedule, steps=steps), seed=options.seed)
    run = Run(
        options.run,
        steps,
        save_every=options.save_every,
        compile=not options.no_compile,
        accumulate=options.accumulate,
    )
    transformer = train_transformer(stage, tokenizer, images, val, run, network)
    if options.out and run.is_main:
        write_model(options.out, tokenizer, transformer, images, recipe)


def write_model(
    folder: Path,
    tokenizer: AnyTokenizer,
    transformer: AnyTransformer,
    images: ImageSet,
    recipe: Recipe,
) -> None:
    """Write a model folder in half precision; a card that is there already is kept."""
    config, classes = _description(
        folder.name, images, recipe, tokenizer.config, transformer.config
    )
    _save(folder, Model(config, tokenizer, transformer, classes))


def _save(folder: Path, model: Model) -> None:
    card = folder / "CARD.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {folder.name}\n"
    config = replace(model.config, name=folder.name)
    networks = model.tokenizer, model.transformer
    save_model(folder, *networks, config, model.classes, text, dtype=torch.float16)


def _description(
    name: str,
    images: ImageSet,
    recipe: Recipe,
    tokenizer: AnyTokenizerConfig,
    transformer: AnyTransformerConfig,
) -> tuple[ModelConfig, Classes]:
    config = ModelConfig(
        name=name,
        image_size=recipe.image_size,
        tokenizer=tokenizer,
        transformer=transformer,
        decode=recipe.decode,
        edit=recipe.edit,
        borrow=recipe.borrow,
        stand_out=recipe.stand_out,
    )
    return config, known_classes(images, transformer.null_label)


def _finished_tokenizer(
    options: argparse.Namespace,
    recipe: Recipe,
    start: Model | None,
    images: ImageSet,
    val: ImageSet,
) -> AnyTokenizer:
    """Give the tokenizer of stage 1: that of its run, otherwise the model's.

    No step is trained, so any pictures will do; those of stage 2 are read already.
    """
    stage, folder = recipe.tokenizer, options.tokenizer_run
    if start is not None:
        if folder is None:
            return start.tokenizer
        stage = fine_tuning.tokenizer_recipe(stage, start)
    run = Run(folder, 0, compile=False, accumulate=options.accumulate)
    return train_tokenizer(stage, images, val, run)


def _classifier(options: argparse.Namespace, recipe: Recipe) -> None:
    """Train what judges the model."""
    stage = ClassifierRecipe(seed=options.seed)
    steps = options.steps or stage.schedule.steps
    stage = replace(stage, schedule=replace(stage.schedule, steps=steps))
    accuracy = _train_classifier(options.data, recipe, stage, options.run)
    logger.info("%.1f %% of the held-out pictures got their class", 100 * accuracy)


def _train_classifier(data: str, recipe: Recipe, stage: ClassifierRecipe, folder: Path) -> float:
    """Let a network learn the classes of stage 2, from the same pictures; gives its accuracy."""
    images, val = _data(data, recipe, recipe.transformer_packs)
    run = Run(folder, stage.schedule.steps, compile=False)
    return train_classifier(stage, images, val, run).accuracy


def _data(path: str, recipe: Recipe, packs: tuple[str, ...]) -> tuple[ImageSet, ImageSet]:
    train, val = (load_images(path, s, packs, recipe.image_size) for s in ("train", "val"))
    return train, val
