"""Draw a code in every cell at once: guidance, noise, arg max and how sure it was.

Written with PyTorch's operators this reads and writes the logits some twenty times. On a GPU with
Triton one kernel reads them once, makes the noise on the way and keeps nothing. It computes what
`maskgit.sampling` and `maskgit.noise` compute, in the same order and without fused multiply-adds,
so codes are the same; log-probabilities may differ in their last place.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from maskgit.models.fused import kernels
from maskgit.noise import CODES_STREAM, HASHED, cell_keys
from maskgit.sampling import CellLogits, Draw, draw, guide, log_probability

BLOCK = 1024  # codes at a time


def guided(
    conditional: CellLogits, unconditional: CellLogits | None, scale: Float[Tensor, " B"]
) -> CellLogits:
    """Apply guidance where a row's scale is not 1."""
    if unconditional is None:
        return conditional
    is_off = (scale == 1)[:, None, None]
    return torch.where(is_off, conditional, guide(conditional, unconditional, scale))


def draw_cells(
    conditional: CellLogits,
    unconditional: CellLogits | None,
    guidance: Float[Tensor, " B"],
    floor: Float[Tensor, "B M 1"] | None,
    seeds: Int[Tensor, " B"],
    steps: Int[Tensor, " B"],
    temperature: Float[Tensor, "B M"],
) -> Draw:
    """Draw a code in every cell of the grid.

    Args:
        conditional: Logits with the class.
        unconditional: Logits without, or None: no guidance.
        guidance: Scale per row; 1 takes `conditional` as it is.
        floor: Codes below it are not drawn.
        seeds: Per row.
        steps: Index of the pass, per row.
        temperature: Per cell; 0 takes the likeliest code.
    """
    arguments = (conditional, unconditional, guidance, floor, seeds, steps, temperature)
    fused = conditional.is_cuda and kernels() is not None
    return draw_fused(*arguments) if fused else draw_plainly(*arguments)


def draw_plainly(
    conditional: CellLogits,
    unconditional: CellLogits | None,
    guidance: Float[Tensor, " B"],
    floor: Float[Tensor, "B M 1"] | None,
    seeds: Int[Tensor, " B"],
    steps: Int[Tensor, " B"],
    temperature: Float[Tensor, "B M"],
) -> Draw:
    """Do what `draw_cells` says, operator by operator."""
    logits = guided(conditional, unconditional, guidance)
    allowed = logits if floor is None else logits.masked_fill(logits < floor, -torch.inf)
    gumbel = HASHED.gumbel_codes(seeds, steps, _cells(temperature), logits.shape[-1])
    gumbel *= temperature[..., None]
    ids = draw(allowed, gumbel, [1])
    return Draw(ids, log_probability(logits, ids), logits.gather(-1, ids[..., None])[..., 0])


def draw_fused(
    conditional: CellLogits,
    unconditional: CellLogits | None,
    guidance: Float[Tensor, " B"],
    floor: Float[Tensor, "B M 1"] | None,
    seeds: Int[Tensor, " B"],
    steps: Int[Tensor, " B"],
    temperature: Float[Tensor, "B M"],
) -> Draw:
    """Do what `draw_cells` says, in one kernel."""
    batch, cells, codes = conditional.shape
    keys = cell_keys(seeds, steps, _cells(temperature), CODES_STREAM)
    ids = keys.new_empty(keys.shape)
    log_p, chosen = temperature.new_empty(2, *keys.shape)
    found = kernels()
    assert found is not None
    found.draw[(batch * cells,)](
        conditional.contiguous(),
        conditional if unconditional is None else unconditional.contiguous(),
        guidance,
        temperature if floor is None else floor.contiguous(),
        keys, temperature.contiguous(), ids, log_p, chosen, cells, codes,
        HAS_GUIDANCE=unconditional is not None, HAS_FLOOR=floor is not None,
        BLOCK=BLOCK, enable_fp_fusion=False,
    )  # fmt: skip
    return Draw(ids, log_p, chosen)


def _cells(like: Tensor) -> Int[Tensor, "B M"]:
    return torch.arange(like.shape[1], device=like.device).expand_as(like)
