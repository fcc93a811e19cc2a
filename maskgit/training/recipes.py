"""What is trained with which numbers: one function per recipe, its evidence in the docstring."""

from maskgit.config import TokenizerConfig, TransformerConfig
from maskgit.training.run import Schedule
from maskgit.training.tokenizer import TokenizerRecipe
from maskgit.training.transformer import TransformerRecipe


def embedded_tokenizer() -> TokenizerRecipe:
    """Stage 1 of the embedded model: 128 px pictures, 16x16 tokens of 1024 codes, 2.3 M weights."""
    return TokenizerRecipe(
        schedule=Schedule(steps=3200, learning_rate=1e-3),
        model=TokenizerConfig(
            filters=32,
            channel_multipliers=(1, 2, 4, 4),
            num_res_blocks=1,
            embedding_dim=32,
            norm_groups=8,
        ),
        batch_size=32,
        crop_px=64,
        adversarial_start=2400,
        entropy_weight=0.0,  # reviving dead codes keeps them in use; this would cost reconstruction
    )


def embedded_transformer(num_classes: int) -> TransformerRecipe:
    """Stage 2 of the embedded model: 8 layers of width 256, 6.7 M weights, a null class."""
    return TransformerRecipe(
        schedule=Schedule(steps=8000, learning_rate=1e-3, warmup_steps=300),
        model=TransformerConfig(
            num_layers=8,
            hidden_size=256,
            num_heads=4,
            mlp_size=1024,
            num_tokens=256,
            num_classes=num_classes,
            has_null_label=True,
            dropout=0.0,  # each picture is seen a few times only, and dropout halves the speed
        ),
        batch_size=32,
    )
