"""Part of a picture, held against the whole one drawn plainly in float32."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from maskgit import MaskGIT
from maskgit.images import to_pictures
from maskgit.masks import Box
from maskgit.models import AnyTokenizer, build_tokenizer
from maskgit.models.doubling import in_phases
from maskgit.models.partial import Extent, Sketch, draw_part, draw_whole
from maskgit.sizes import LlamaGenConfig, TokenizerConfig
from maskgit.types import Images, TokenGrid
from tests.models import some_picture

SIDE = 12
WHOLE = Extent(0, 0, SIDE, SIDE)
SIZES = {
    "vqgan": TokenizerConfig(8, (1, 2, 2), 2, 32, 8, 2, (1, 2, 4)),
    "llamagen": LlamaGenConfig(32, (1, 1, 2), 1, 16, 32, 8),
}
BOXES = {
    "middle": Extent(5, 4, 7, 7),
    "corner": Extent(0, 0, 3, 2),
    "other corner": Extent(10, 9, 12, 12),
    "row": Extent(5, 0, 6, 12),
    "most": Extent(1, 1, 12, 11),
    "everything": WHOLE,
}


@pytest.fixture(scope="module", params=[*SIZES, "vqgan in phases", "llamagen in phases"])
def tokenizer(request: pytest.FixtureRequest) -> AnyTokenizer:
    """A network with lively weights whose fine levels show less than the grid at a time."""
    name, *in_which = request.param.split(maxsplit=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = build_tokenizer(SIZES[name]).eval().requires_grad_(False)
        for part in made.modules():
            if isinstance(part, nn.Conv2d | nn.GroupNorm):
                nn.init.normal_(part.weight, std=0.3)
        made.codebook.normal_()
    made.to(memory_format=torch.channels_last)
    if in_which:  # as a loaded model has them on a CPU
        in_phases(made)
    return made


def grid(seed: int) -> TokenGrid:
    return torch.randint(32, (1, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))


def changed(tokens: TokenGrid, cells: Extent) -> TokenGrid:
    inside = torch.zeros_like(tokens, dtype=torch.bool)
    inside[:, cells.top : cells.bottom, cells.left : cells.right] = True
    return torch.where(inside, grid(2), tokens)


def exact(tokenizer: AnyTokenizer, tokens: TokenGrid, cells: Extent) -> Images:
    f = tokenizer.stride
    whole = tokenizer.decode(tokens)
    return whole[:, :, f * cells.top : f * cells.bottom, f * cells.left : f * cells.right]


@pytest.mark.parametrize("cells", BOXES.values(), ids=BOXES)
def test_the_whole_is_drawn_as_ever(tokenizer: AnyTokenizer, cells: Extent) -> None:
    images, sketch = draw_whole(tokenizer, grid(1), cells)
    assert torch.equal(images, tokenizer.decode(grid(1)))
    assert sketch.cells == cells


@pytest.mark.parametrize("cells", BOXES.values(), ids=BOXES)
def test_a_part_of_the_same_grid_is_the_same_picture(
    tokenizer: AnyTokenizer, cells: Extent
) -> None:
    sketch = draw_whole(tokenizer, grid(1), cells)[1]
    part = draw_part(tokenizer, grid(1), sketch)
    torch.testing.assert_close(part, exact(tokenizer, grid(1), cells), rtol=1e-4, atol=1e-4)


def test_in_half_precision_a_part_is_as_near_as_rounding_lets_it(tokenizer: AnyTokenizer) -> None:
    half = deepcopy(tokenizer).to(torch.bfloat16)
    sketch = draw_whole(half, grid(1), BOXES["middle"])[1]
    truth = exact(tokenizer, grid(1), BOXES["middle"])
    rounded = exact(half, grid(1), BOXES["middle"])
    part = draw_part(half, grid(1), sketch)
    assert part.dtype == torch.float32
    assert (part - truth).abs().mean() < 1.5 * (rounded - truth).abs().mean()


def test_with_all_cells_asked_for_a_part_is_the_whole_whatever_the_grid(
    tokenizer: AnyTokenizer,
) -> None:
    sketch = draw_whole(tokenizer, grid(1), WHOLE)[1]
    assert torch.equal(draw_part(tokenizer, grid(2), sketch), tokenizer.decode(grid(2)))


def test_norms_follow_what_is_inside_and_beat_the_part_taken_for_itself(
    tokenizer: AnyTokenizer,
) -> None:
    cells = BOXES["middle"]
    other = changed(grid(1), cells)
    sketch = draw_whole(tokenizer, grid(1), cells)[1]
    alone = Sketch(cells, sketch.boxes, [each._replace(number=0) for each in sketch.outside])
    truth = exact(tokenizer, other, cells)

    def far(sketch: Sketch) -> float:
        return float((draw_part(tokenizer, other, sketch) - truth).abs().mean())

    assert far(sketch) < 0.5 * far(alone)


def test_less_is_drawn_at_the_fine_levels(tokenizer: AnyTokenizer) -> None:
    sketch = draw_whole(tokenizer, grid(1), BOXES["corner"])[1]
    shares = [box.area / WHOLE.finer(4).area for box in sketch.boxes[-3:]]
    assert max(shares) < 0.5
    assert len(sketch.outside) == sum(2 * len(level) for level in tokenizer.decoder.fine_levels) + 1


def test_a_decode_is_watched_without_drawing_all_of_it(engine: MaskGIT) -> None:
    picture = some_picture(32, 32)
    mask = torch.zeros(32, 32, dtype=torch.bool).numpy()
    mask[Box(8, 0, 9, 9).slices] = True  # cells 1 and 2 by 0 and 1
    state = engine.prepare_edit(picture, mask, "rose").state
    state = engine.step(state)
    seen = engine.glimpse(state)
    first, sketch = seen.picture, seen.sketch
    assert sketch is not None
    assert (first == engine.preview(state)[0]).all()
    while not state.finished:
        state = engine.step(state)
        seen = engine.glimpse(state, seen)
        shown = state.drawn.unflatten(1, state.constraints.grid)
        part = to_pictures(draw_part(engine.tokenizer, shown, sketch))[0]
        assert (seen.picture[8:24, :16] == part).all()
        assert (seen.picture[:8] == first[:8]).all()
        assert (seen.picture[:, 16:] == first[:, 16:]).all()


def test_a_glimpse_of_another_decode_is_drawn_whole(engine: MaskGIT) -> None:
    mine, others = (engine.prepare_generate("rose", seed=seed).state for seed in (0, 1))
    mask = torch.zeros(32, 32, dtype=torch.bool).numpy()
    mask[:8, :8] = True
    filled = engine.step(engine.prepare_edit(some_picture(32, 32), mask, "rose").state)
    before = engine.glimpse(filled)
    for state in (engine.step(mine), engine.step(others)):
        seen = engine.glimpse(state, before)
        assert (seen.picture == engine.preview(state)[0]).all()


def test_a_glimpse_is_of_one_row(engine: MaskGIT) -> None:
    state = engine.prepare_generate("rose", count=2).state
    with pytest.raises(ValueError, match="shows one row, got 2"):
        engine.glimpse(state)
