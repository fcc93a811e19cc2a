"""What is trained with which numbers: one function per recipe, its evidence in the docstring.

The commands, for every recipe (run again to continue):

    python -m maskgit train tokenizer --recipe NAME --data DATA --run runs/tokenizer
    python -m maskgit train transformer --recipe NAME --data DATA --run runs/transformer \
        --tokenizer-run runs/tokenizer --out MODEL_FOLDER
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from maskgit.config import DecodeDefaults
from maskgit.sizes import HourglassConfig, TokenizerConfig, TransformerConfig
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
        background_packs: Which packs stage 2 sees besides, without their classes: holes are cut
            into pictures of everything, not of the classes alone.
        decode: What the finished model decodes best with.
        edit: The same for edits, where that differs.
        borrow: As in `ModelConfig`.
        stand_out: As in `ModelConfig`.
    """

    image_size: int
    tokenizer: TokenizerRecipe
    transformer: Callable[[int], TransformerRecipe]
    tokenizer_packs: tuple[str, ...] = ()
    transformer_packs: tuple[str, ...] = ()
    background_packs: tuple[str, ...] = ()
    decode: DecodeDefaults = field(default_factory=DecodeDefaults)
    edit: DecodeDefaults | None = None
    borrow: bool = False
    stand_out: float | None = None


def embedded() -> Recipe:
    """The embedded model: 128 px, 16x16 tokens of 1024 codes, 2.6 M + 5.8 M weights.

    Its card, `checkpoints/embedded/CARD.md`, has the command, the hardware, hours and figures.
    Codes are final after 2000 steps, so stage 2 may begin there; the decoder goes on to learn, from
    step 6500 on by fooling a critic, too, which makes edges sharp.
    """
    return Recipe(
        image_size=128,
        tokenizer=TokenizerRecipe(
            schedule=Schedule(steps=10_000, learning_rate=8e-4, warmup_steps=50),
            # One width in the encoder: where the width changes the official block has no way around
            # its convolutions, and a small network learns more slowly for it. The decoder has time
            # enough; its wide levels are the small ones, which cost little.
            model=TokenizerConfig(
                filters=32,
                channel_multipliers=(1, 1, 1, 1),
                num_res_blocks=2,
                embedding_dim=16,
                norm_groups=8,
                decoder_multipliers=(1, 2, 4, 4),
            ),
            batch_size=16,
            crop_px=64,
            quantize_start=300,
            commitment=1.0,
            entropy_weight=0.0,  # reviving dead codes alone kept 980 of 1024 in use
            decoder_only_from=2000,
            perceptual_weight=0.03,  # more leaves stripes: what compares looks at every second row
            adversarial_start=6500,
            adversarial_weight=0.6,
            is_adaptive=True,
        ),
        transformer=_embedded_transformer,
        tokenizer_packs=("scenes", "photos", "sample"),
        transformer_packs=("scenes",),
        decode=DecodeDefaults(steps=12, choice_temperature=12.0, top_p=0.95, guidance_scale=2.5),
        # What makes generated pictures vary draws garish blobs into holes in photos.
        edit=DecodeDefaults(steps=12, temperature=0.8, top_p=0.9, guidance_scale=1.5),
        borrow=True,
        # docs/results.md: 29 % of holes show another class then, instead of 2 % as usual.
        stand_out=6.0,
    )


def holes() -> Recipe:
    """What makes a model of `embedded` better at holes: shown with half of the pictures.

    Command: `python -m maskgit train transformer --recipe holes --from MODEL --data DATA
    --run runs/holes --out MODEL_FOLDER`. It sees pictures of everything, without their classes, and
    closer crops, since edits are of any photo and at any scale.

    Hardware, hours and score: begun at the embedded model with `--steps 1200`, two cores with AVX2,
    28 min for tokens and 45 min of training. NLL of a held-out hole of 4x4 and 8x8 cells, in nats:
    pictures of other classes 5.672 -> 5.647 and 5.916 -> 5.869, of its own 5.156 -> 5.184 and
    5.387 -> 5.389. Too little to replace the model; all 4000 steps have not been run.
    """
    recipe = embedded()

    def transformer(num_classes: int) -> TransformerRecipe:
        return replace(
            recipe.transformer(num_classes),
            schedule=Schedule(steps=4000, learning_rate=4e-3, warmup_steps=50),
            views=4,
            smallest_crop=0.4,
            hole_share=0.5,
        )

    return replace(recipe, transformer=transformer, background_packs=("photos", "sample"))


def sharper() -> Recipe:
    """What makes the decoder of `embedded` draw sharper: it learns texture, its codes stay.

    Command: `python -m maskgit train tokenizer --recipe sharper --from MODEL --data DATA
    --run runs/sharper --out MODEL_FOLDER`. A predictor that was trained on the codes fits as it is.

    Hardware, hours and score: begun at the embedded model, 87 min of two cores with AVX2; 64 of the
    held-out pictures had 22.1 dB and now have 22.7, and the model's card has the other figures. In
    its first 750 steps texture had less weight, and for 500 of them a critic took part, which the
    decoder misled at once (the critic's loss stayed at 0.95 to 1.0 of 1): from there on it learned
    without.
    """
    recipe = embedded()
    tokenizer = replace(
        recipe.tokenizer,
        schedule=Schedule(steps=5000, learning_rate=4e-4, warmup_steps=50),
        batch_size=4,
        crop_px=96,
        decoder_only_from=0,
        texture_weight=5.0,
        adversarial_start=-1,
    )
    return replace(recipe, tokenizer=tokenizer)


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


def imagenet256() -> Recipe:
    """The paper's model for ImageNet at 256 px: 16x16 tokens of 1024 codes, 54 M + 174 M weights.

    Command: as above, by `accelerate launch --multi_gpu --num_processes 8 -m maskgit train ...`
    with ImageNet's `train` and `val` folders as DATA, and for stage 1 `--classifier` where LPIPS is
    not installed. Hardware and hours: not run here; the paper's 16 TPUs took a batch of 256
    pictures, stage 2 for 300 epochs. Score of the published weights (paper, Table 1): FID 6.18, IS
    182.1 after 8 steps; of their tokenizer: FID 2.28 between reconstructions and pictures.

    The numbers are those of the official configurations, `vqgan_config` and
    `maskgit_class_cond_config`, but for steps of stage 2: the paper's 300 epochs, where the
    configuration says 2 million. Here codes are also placed on data and revived, and a tenth of the
    pictures is shown without a class, so that guidance works.
    """
    return _imagenet(image_size=256, decode=DecodeDefaults())


def imagenet512() -> Recipe:
    """The paper's model for ImageNet at 512 px: 32x32 tokens; else as `imagenet256`.

    Command, hardware and hours: as `imagenet256`; not run here. Score of the published weights
    (paper, Table 1): FID 7.32, IS 156.0 after 12 steps. The tokenizer learns from 256 px crops.
    """
    return _imagenet(image_size=512, decode=DecodeDefaults(steps=12))


RECIPES: dict[str, Callable[[], Recipe]] = {
    "embedded": embedded,
    "holes": holes,
    "sharper": sharper,
    "imagenet256": imagenet256,
    "imagenet512": imagenet512,
    "tiny": tiny,
}


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
        schedule=Schedule(steps=8500, learning_rate=1e-2, warmup_steps=50),
        model=HourglassConfig(num_classes=num_classes),
        batch_size=32,
        use_muon=True,
        views=10,
        smallest_crop=0.65,
    )


def _imagenet(image_size: int, decode: DecodeDefaults) -> Recipe:
    num_tokens = (image_size // 16) ** 2
    return Recipe(
        image_size=image_size,
        tokenizer=TokenizerRecipe(
            schedule=Schedule(1_000_000, 1e-4, warmup_steps=5000, final_ratio=1.0),
            batch_size=256,
            crop_px=256,
            l1_weight=0.0,
            perceptual_weight=0.1,
            adversarial_start=0,
            adversarial="non-saturating",
            r1_weight=10.0,
            discriminator_width=64,
            quantize_start=0,
            betas=(0.0, 0.99),
            critic_betas=(0.0, 0.99),
        ),
        transformer=lambda num_classes: TransformerRecipe(
            schedule=Schedule(1_500_000, 1e-4, warmup_steps=5000, final_ratio=1.0),
            model=TransformerConfig(
                num_tokens=num_tokens, num_classes=num_classes, has_null_label=True
            ),
            batch_size=256,
            class_balance=1.0,
        ),
        decode=decode,
    )
