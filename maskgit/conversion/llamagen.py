"""LlamaGen's VQ tokenizers, `vq_ds{16,8}_c2i.pt`, to `models.LlamaGenVQ`.

Source: FoundationVision/LlamaGen (MIT).
"""

from maskgit.conversion.renames import (
    Renames,
    Shape,
    State,
    Theirs,
    count,
    fill,
    rename_layers,
    shape_of,
)
from maskgit.conversion.sizes import multipliers, reading_sizes
from maskgit.models import LlamaGenVQ
from maskgit.models.empty import without_weights
from maskgit.sizes import LlamaGenConfig

CODEBOOK = "quantize.embedding.weight"
USAGE_COUNTER = "quantize.codebook_used"

_OUTSIDE = {
    "encoder.stem": "encoder.conv_in",
    "encoder.norm": "encoder.norm_out",
    "encoder.head": "encoder.conv_out",
    "encoder.to_code": "quant_conv",
    "decoder.from_code": "post_quant_conv",
    "decoder.stem": "decoder.conv_in",
    "decoder.norm": "decoder.norm_out",
    "decoder.head": "decoder.conv_out",
}
_BLOCK = {
    "norm1": ("norm1",),
    "conv1": ("conv1",),
    "norm2": ("norm2",),
    "conv2": ("conv2",),
    "shortcut": ("nin_shortcut",),
    # and of attention
    "norm": ("norm",),
    "query_key_value": ("q", "k", "v"),
    "out": ("proj_out",),
}


def recognises(state: State) -> bool:
    """Say whether this looks like such a tokenizer."""
    return "encoder.conv_blocks.0.res.0.norm1.weight" in state and CODEBOOK in state


def tokenizer_from_state(state: State) -> tuple[LlamaGenConfig, LlamaGenVQ]:
    """Build the network of a state dictionary.

    Args:
        state: Without the `model` around it.

    Raises:
        CheckpointError: If tensors are missing, left over, misshapen or not finite floats.
    """
    config = _sizes(state)
    with without_weights():
        network = LlamaGenVQ(config)
    renames = _renames(network)
    return config, fill(network, state, renames, _kernels(network, renames), [USAGE_COUNTER])


def _sizes(state: State) -> LlamaGenConfig:
    filters = shape_of(state, "encoder.conv_in.weight", 4)[0]
    levels = count(state, "encoder.conv_blocks.")
    widths = [
        shape_of(state, f"encoder.conv_blocks.{level}.res.0.conv1.weight", 4)[0]
        for level in range(levels)
    ]
    channel_multipliers = multipliers(widths, filters)
    codes, embedding_dim = shape_of(state, CODEBOOK, 2)
    with reading_sizes("a LlamaGen tokenizer"):
        return LlamaGenConfig(
            filters=filters,
            channel_multipliers=channel_multipliers,
            num_res_blocks=count(state, "encoder.conv_blocks.0.res."),
            latent_channels=shape_of(state, "quant_conv.weight", 4)[1],
            codebook_size=codes,
            embedding_dim=embedding_dim,
        )


def _renames(network: LlamaGenVQ) -> Renames:
    layers: dict[str, Theirs] = dict(_OUTSIDE)
    coarsest = len(network.config.channel_multipliers) - 1
    for side, attentive in (("encoder", coarsest), ("decoder", 0)):
        layers |= _stack(f"{side}.middle", [f"{side}.mid.{i}" for i in range(3)])
        num_blocks = network.config.num_res_blocks + (side == "decoder")
        for level in range(coarsest + 1):
            theirs = f"{side}.conv_blocks.{level}"
            kinds = ("res", "attn") if level == attentive else ("res",)
            blocks = [f"{theirs}.{kind}.{i}" for i in range(num_blocks) for kind in kinds]
            layers |= _stack(f"{side}.levels.{level}", blocks)
    for level in range(coarsest):
        layers[f"encoder.downsamplers.{level}"] = f"encoder.conv_blocks.{level}.downsample.conv"
        layers[f"decoder.upsamplers.{level}"] = f"decoder.conv_blocks.{level}.upsample.conv"
    return rename_layers(network, layers, {"codebook": CODEBOOK})


def _stack(ours: str, theirs: list[str]) -> dict[str, tuple[str, ...]]:
    """Name the layers of blocks that follow each other; of each as if it were of both kinds."""
    return {
        f"{ours}.{i}.{name}": tuple(f"{block}.{part}" for part in parts)
        for i, block in enumerate(theirs)
        for name, parts in _BLOCK.items()
    }


def _kernels(network: LlamaGenVQ, renames: Renames) -> dict[str, Shape]:
    """Give the shapes of linear layers, which are convolutions of one pixel there."""
    shapes: dict[str, Shape] = {}
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 2 and name != "codebook":
            shapes |= dict.fromkeys(renames[name], (tensor.shape[1], tensor.shape[1], 1, 1))
    return shapes
