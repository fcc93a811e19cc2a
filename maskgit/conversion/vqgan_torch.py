"""The official VQGAN as other PyTorch code names its tensors, to `models.VQGAN`.

One network, four sets of names; no tensor is transposed. All of them run with the official
settings (GroupNorm eps 1e-6, the shortcut on a block's output), whatever their own code does.

Source: huggingface/open-muse and bytedance/1d-tokenizer (`maskgit-vqgan-imagenet-f16-256.bin`);
hmorimitsu/maskgit-torch (`tokenizer_imagenet{256,512}.ckpt`); LTH14/mage, which MUSE-Pytorch uses
(`vqgan_jax_strongaug.ckpt`, other weights); markweberdev/maskbit (`maskgit_tokenizer.bin`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from maskgit.checkpoints import CheckpointError
from maskgit.conversion.renames import Renames, State, count, fill, rename_layers, shape_of
from maskgit.conversion.sizes import multipliers, reading_sizes
from maskgit.models import VQGAN
from maskgit.models.empty import without_weights
from maskgit.sizes import TokenizerConfig

_PARTS = {
    "norm1": "norm1",
    "conv1": "conv1",
    "norm2": "norm2",
    "conv2": "conv2",
    "shortcut": "nin_shortcut",
}


@dataclass(frozen=True)
class Layout:
    """How a code base names the tensors of the VQGAN; the defaults are open-muse's.

    Patterns may contain, counted from 0: `{level}`, the resolution, 0 being the finest; `{block}`
    in a level; `{levels}`, their number; counted from 1: `{block1}`; `{stage1}`, the decoder's
    level in the order they run, the coarsest first; `{after}`, the place behind a decoder level's
    blocks and its upsampling, which has no weights.

    Attributes:
        encoder_block: A residual block of an encoder level.
        encoder_middle: A residual block between the encoder's levels and its end.
        decoder_middle: A residual block between the decoder's begin and its levels.
        decoder_block: A residual block of a decoder level.
        upsampler: The convolution at the end of a decoder level.
        codebook: The codes.
        parts: Our names of a residual block's layers -> theirs.
    """

    encoder_block: str = "encoder.down.{level}.block.{block}"
    encoder_middle: str = "encoder.mid.{block}"
    decoder_middle: str = "decoder.mid.{block}"
    decoder_block: str = "decoder.up.{level}.block.{block}"
    upsampler: str = "decoder.up.{level}.upsample_conv"
    codebook: str = "quantize.embedding.weight"
    parts: Mapping[str, str] = field(default_factory=lambda: _PARTS)


LAYOUTS = {
    "open-muse": Layout(),
    "mage": Layout(
        encoder_middle="encoder.mid.block_{block1}",
        decoder_middle="decoder.mid.block_{block1}",
        upsampler="decoder.up.{level}.upsample.conv",
    ),
    "maskgit-torch": Layout(
        encoder_block="encoder.res_blocks.{level}.{block}",
        encoder_middle="encoder.res_blocks.{levels}.{block}",
        decoder_middle="decoder.res_blocks.0.{block}",
        decoder_block="decoder.res_blocks.{stage1}.{block}",
        upsampler="decoder.res_blocks.{stage1}.{after}",
        codebook="quantizer.codebook.weight",
        parts={
            "norm1": "norm0",
            "conv1": "conv0",
            "norm2": "norm1",
            "conv2": "conv1",
            "shortcut": "conv_res",
        },
    ),
    "maskbit": Layout(
        encoder_block="encoder.down.{level}.res_blocks.{block}",
        encoder_middle="encoder.mid.res_blocks.{block}",
        decoder_middle="decoder.mid.res_blocks.{block}",
        decoder_block="decoder.up.{level}.res_blocks.{block}",
    ),
}


def recognises(state: State) -> bool:
    """Say whether this looks like an official VQGAN in one of the layouts."""
    return _find_layout(state) is not None


def tokenizer_from_state(state: State) -> tuple[TokenizerConfig, VQGAN]:
    """Build the network of a state dictionary.

    Raises:
        CheckpointError: If tensors are missing, left over, misshapen or not finite floats.
    """
    layout = _find_layout(state)
    if layout is None:
        raise CheckpointError(f"not an official VQGAN in any layout of {', '.join(LAYOUTS)}")
    config = _config(state, layout)
    with without_weights():
        network = VQGAN(config)
    return config, fill(network, state, renames(layout, network))


def renames(layout: Layout, network: VQGAN) -> Renames:
    """Say for every tensor of the network what it is called in a layout."""
    layers = dict(_layers(layout, network.config))
    return rename_layers(network, layers, {"codebook": layout.codebook})


def _layers(layout: Layout, config: TokenizerConfig) -> Iterator[tuple[str, str]]:
    """Give every layer: our name, theirs."""
    levels, blocks = len(config.channel_multipliers), config.num_res_blocks
    for side in ("encoder", "decoder"):
        yield f"{side}.stem", f"{side}.conv_in"
        yield f"{side}.norm", f"{side}.norm_out"
        yield f"{side}.head", f"{side}.conv_out"
    patterns = {"encoder.middle": layout.encoder_middle, "decoder.middle": layout.decoder_middle}
    for i in range(levels):  # our decoder's levels are in the order they run
        patterns[f"encoder.levels.{i}"] = _fix(layout.encoder_block, level=i)
        patterns[f"decoder.levels.{i}"] = _fix(
            layout.decoder_block, level=levels - 1 - i, stage1=i + 1
        )
        upsampler = _fix(layout.upsampler, level=levels - 1 - i, stage1=i + 1, after=blocks + 1)
        yield f"decoder.upsamplers.{i}", upsampler
    for ours, pattern in patterns.items():
        for j in range(blocks):
            theirs = _fix(pattern, block=j, block1=j + 1, levels=levels)
            for part, name in layout.parts.items():
                yield f"{ours}.{j}.{part}", f"{theirs}.{name}"


def _find_layout(state: State) -> Layout | None:
    for layout in LAYOUTS.values():
        block = _fix(layout.encoder_block, level=0, block=0)
        levels = _num_levels(state, layout)
        middle = _fix(layout.encoder_middle, block=0, block1=1, levels=levels)
        norm = layout.parts["norm1"]
        if {f"{block}.{norm}.bias", f"{middle}.{norm}.bias", layout.codebook} <= state.keys():
            return layout
    return None


def _num_levels(state: State, layout: Layout) -> int:
    start = layout.encoder_block.partition("{level}")[0]
    return count(state, start) - layout.encoder_middle.startswith(start)


def _config(state: State, layout: Layout) -> TokenizerConfig:
    """Read the sizes off the shapes."""
    first_conv = _fix(layout.encoder_block, block=0) + f".{layout.parts['conv1']}.weight"
    levels = range(_num_levels(state, layout))
    widths = [shape_of(state, _fix(first_conv, level=i), 4)[0] for i in levels]
    filters = shape_of(state, "encoder.conv_in.weight", 4)[0]
    codes, embedding_dim = shape_of(state, layout.codebook, 2)
    channel_multipliers = multipliers(widths, filters)
    blocks = count(state, _fix(layout.encoder_block, level=0).partition("{block}")[0])
    with reading_sizes("an official VQGAN"):
        return TokenizerConfig(filters, channel_multipliers, blocks, codes, embedding_dim)


def _fix(pattern: str, **places: int) -> str:
    """Put numbers into some places of a pattern and leave the others open."""
    for name, number in places.items():
        pattern = pattern.replace(f"{{{name}}}", str(number))
    return pattern
