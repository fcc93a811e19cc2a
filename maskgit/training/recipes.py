"""What is trained with which numbers: one function per recipe, its evidence in the docstring."""

from maskgit.config import TokenizerConfig
from maskgit.training.run import Schedule
from maskgit.training.tokenizer import TokenizerRecipe


def embedded_tokenizer() -> TokenizerRecipe:
    """Stage 1 of the embedded model: 128 px pictures, 16x16 tokens of 1024 codes, 2.3 M weights."""
    return TokenizerRecipe(
        schedule=Schedule(steps=5000, learning_rate=6e-4),
        model=TokenizerConfig(
            filters=32, channel_multipliers=(1, 2, 4, 4), num_res_blocks=1, embedding_dim=32
        ),
        batch_size=32,
        crop_px=64,
        adversarial_start=3500,
    )
