"""What is trained with which numbers: one function per recipe, its evidence in the docstring.

The commands, for every recipe (run again to continue):

    python -m maskgit train tokenizer --recipe NAME --data DATA --run runs/tokenizer
    python -m maskgit train transformer --recipe NAME --data DATA --run runs/transformer \
        --tokenizer-run runs/tokenizer --out MODEL_FOLDER
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from maskgit.config import (
    DecodeDefaults,
    HourglassConfig,
    TokenizerConfig,
    TransformerConfig,
)
from maskgit.training.run import Schedule
from maskgit.training.tokenizer import TokenizerRecipe
from maskgit.training.transformer import TransformerRecipe


@dataclass(frozen=True)
class Recipe:
    """Both stages of one model.

    Attributes:
        image_size: Side of the pictures in pixels.
        tokenizer: Stage 1.
        transformer: Stage 2, for so many classes.
        tokenizer_packs: Which image packs stage 1 sees, where the data are packs.
        transformer_packs: Likewise stage 2.
        decode: What the finished model decodes best with.
    """

    image_size: int
    tokenizer: TokenizerRecipe
    transformer: Callable[[int], TransformerRecipe]
    tokenizer_packs: tuple[str, ...] = ()
    transformer_packs: tuple[str, ...] = ()
    decode: DecodeDefaults = field(default_factory=DecodeDefaults)


def embedded() -> Recipe:
    """The embedded model: 128 px, 16x16 tokens of 1024 codes, 0.4 M + 6.7 M weights.

    Its card, `checkpoints/embedded/CARD.md`, has the command, the hardware, hours and figures.
    """
    return Recipe(
        image_size=128,
        tokenizer=TokenizerRecipe(
            schedule=Schedule(steps=2000, learning_rate=8e-4, warmup_steps=50),
            # One width everywhere: where the width changes the official block has no way around
            # its convolutions, and a small network learns more slowly for it.
            model=TokenizerConfig(
                filters=32,
                channel_multipliers=(1, 1, 1, 1),
                num_res_blocks=2,
                embedding_dim=16,
                norm_groups=8,
            ),
            batch_size=16,
            crop_px=64,
            quantize_start=300,
            commitment=1.0,
            entropy_weight=0.0,  # reviving dead codes alone kept 980 of 1024 in use
        ),
        transformer=_embedded_transformer,
        tokenizer_packs=("scenes", "photos", "sample"),
        transformer_packs=("scenes",),
        decode=DecodeDefaults(temperature=0.9, choice_temperature=6.0, guidance_scale=2.0),
    )


def tiny() -> Recipe:
    """The smallest model that goes through everything: 32 px, 4x4 tokens; a minute on a CPU."""
    return Recipe(
        image_size=32,
        tokenizer=TokenizerRecipe(
            schedule=Schedule(steps=40, learning_rate=1e-3, warmup_steps=5),
            model=TokenizerConfig(
                filters=8,
                channel_multipliers=(1, 1, 2, 2),
                num_res_blocks=1,
                codebook_size=64,
                embedding_dim=8,
                norm_groups=2,
            ),
            batch_size=8,
            crop_px=32,
            quantize_start=10,
            decoder_only_from=30,
            adversarial_start=20,
            discriminator_width=16,
            revive_every=10,
        ),
        transformer=lambda num_classes: TransformerRecipe(
            schedule=Schedule(steps=40, learning_rate=1e-3, warmup_steps=5),
            model=TransformerConfig(2, 32, 2, 64, 16, 64, num_classes, True, 0.1),
            batch_size=8,
            views=2,
        ),
        tokenizer_packs=("scenes",),
        transformer_packs=("scenes",),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {"embedded": embedded, "tiny": tiny}


def find(name: str) -> Recipe:
    """Give a recipe by name.

    Raises:
        ValueError: If there is none.
    """
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}; choose one of {', '.join(RECIPES)}")
    return RECIPES[name]()


def _embedded_transformer(num_classes: int) -> TransformerRecipe:
    return TransformerRecipe(
        # The highest rate of 1e-3, 2e-3, 4e-3 and 1e-2 learned fastest, by far.
        schedule=Schedule(steps=12_000, learning_rate=1e-2, warmup_steps=50),
        model=HourglassConfig(num_classes=num_classes),
        batch_size=32,
        use_muon=True,
        views=10,
        smallest_crop=0.65,
    )
