"""Begin training at a model that is there: its weights, and its classes where the data share them.

The tokenizer goes on as it is; where its decoder alone was trained, the model takes that. The
predictor gets one row for each class of the data: that of the same class where the model knows it,
otherwise the mean of all its classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from maskgit.checkpoints import Model
from maskgit.classes import Classes
from maskgit.models import VQGAN, AnyTransformer, build_transformer
from maskgit.sizes import AnyTransformerConfig, TransformerConfig, UViTConfig
from maskgit.training.tokenizer_step import TokenizerRecipe
from maskgit.training.transformer import TransformerRecipe


def tokenizer_recipe(recipe: TokenizerRecipe, model: Model) -> TokenizerRecipe:
    """Give a recipe that goes on with a model's tokenizer: codes are in their places already.

    Raises:
        ValueError: If it is of an architecture that stage 1 cannot train.
    """
    if not isinstance(model.tokenizer, VQGAN):
        raise ValueError(
            f"stage 1 trains the official VQGAN; {model.config.name} has another tokenizer"
        )
    return replace(recipe, model=model.tokenizer.config, quantize_start=-1)


def with_decoder(model: Model, trained: VQGAN) -> Model:
    """Give a model whose tokenizer has the decoder of another; all else stays, bit for bit.

    An average of weights that did not change is not quite these weights, and codes that moved by a
    rounding might be other codes. So encoder and codebook are the model's own.
    """
    own, new = model.tokenizer.state_dict(), trained.state_dict()
    tokenizer = VQGAN(trained.config)
    decoder = {name: new[name] for name in own if name.startswith("decoder.")}
    tokenizer.load_state_dict({**own, **decoder})
    return model._replace(tokenizer=tokenizer.eval())


def transformer_recipe(
    recipe: TransformerRecipe, model: Model, num_classes: int
) -> TransformerRecipe:
    """Give a recipe for a model's predictor with as many classes as the data have."""
    return replace(recipe, model=replace(model.config.transformer, num_classes=num_classes))


def with_classes(network: AnyTransformer, known: Classes, wanted: Classes) -> AnyTransformer:
    """Give the predictor the classes of the data, in their order.

    Args:
        network: The model's; not changed.
        known: Its classes.
        wanted: Those of the data.
    """
    rows = _matches(known, wanted)
    adapted = build_transformer(replace(network.config, num_classes=len(wanted)))
    names, first = _class_rows(network.config)
    state = dict(network.state_dict())
    for name in names:
        state[name] = _chosen(state[name], first, network.num_classes, rows)
    adapted.load_state_dict(state)
    return adapted


def _matches(known: Classes, wanted: Classes) -> list[int | None]:
    """Find the model's label of each class: that of the same ImageNet id, or of the same name."""
    by_id = {entry.id: entry.label for entry in known if entry.wnid}
    by_name = {entry.name: entry.label for entry in known}
    return [by_id.get(entry.id, by_name.get(entry.name)) for entry in wanted]


def _chosen(table: Tensor, first: int, num_classes: int, rows: Sequence[int | None]) -> Tensor:
    """Replace the rows of the classes in a table that holds more than them."""
    before, classes, after = table.tensor_split([first, first + num_classes])
    mean = classes.float().mean(0).to(table.dtype)
    return torch.cat(
        [before, torch.stack([mean if r is None else classes[r] for r in rows]), after]
    )


def _class_rows(config: AnyTransformerConfig) -> tuple[tuple[str, ...], int]:
    """Name the tables that have rows for classes, and the first such row."""
    if isinstance(config, TransformerConfig):
        return ("token_embedding.weight", "output_bias"), config.codebook_size
    if isinstance(config, UViTConfig):
        return ("token_embedding.weight", "output_bias"), config.codebook_size + 1
    return ("class_embedding.weight",), 0
