"""Part of a picture, drawn from a grid that differs in some cells from one that was drawn whole.

A decoder's convolutions read a few pixels around each, which is little at the fine levels, where
nearly all the time goes. Its GroupNorms read everything. So coarse levels are drawn whole; fine
ones only where it is asked for, with the margin that the convolutions after them read, and a norm
there puts its mean and variance together from two parts: what lay outside when the picture was
drawn whole, and what is inside now.

    picture, sketch = draw_whole(tokenizer, tokens, cells)
    part = draw_part(tokenizer, other_tokens, sketch)  # the pixels of these cells

What callers may rely on (tests/engine/test_partial.py holds each promise):
    * `draw_whole` gives `tokenizer.decode`, bit for bit.
    * So does `draw_part` up to floating-point ties, of the tokens of the sketch; of others it is
      near, and up to such ties again where all cells are asked for (docs/performance.md has
      figures). For showing a decode that is under way, not for keeping.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch.nn.functional as F
from torch import Tensor, nn

from maskgit.models import AnyTokenizer
from maskgit.models.fused import group_norm
from maskgit.types import Images, TokenGrid

WHOLE_FROM = 0.5  # share of a level that is asked for, beyond which it is drawn whole

Norm: TypeAlias = Callable[[nn.GroupNorm, Tensor], Tensor]


class Extent(NamedTuple):
    """A rectangle of a level's pixels; `bottom` and `right` are behind the last ones."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return (self.bottom - self.top) * (self.right - self.left)

    def grown(self, margin: int, whole: "Extent") -> "Extent":
        """Add pixels on every side where there are some."""
        return Extent(
            max(self.top - margin, 0),
            max(self.left - margin, 0),
            min(self.bottom + margin, whole.bottom),
            min(self.right + margin, whole.right),
        )

    def finer(self, factor: int = 2) -> "Extent":
        """Give the same place at a finer level."""
        return Extent(*(factor * edge for edge in self))

    def coarser(self) -> "Extent":
        """Give the pixels of the level before that this one is made of."""
        return Extent(self.top // 2, self.left // 2, -(-self.bottom // 2), -(-self.right // 2))

    def cut(self, x: Tensor, box: "Extent") -> Tensor:
        """Take the part `box` of a map that shows this one."""
        rows = slice(box.top - self.top, box.bottom - self.top)
        return x[:, :, rows, box.left - self.left : box.right - self.left]


class Sums(NamedTuple):
    """What a norm needs of some pixels, channel by channel, in float64."""

    number: int
    total: Tensor
    squares: Tensor

    def plus(self, other: "Sums", sign: int = 1) -> "Sums":
        """Add the sums of other pixels, or take them away."""
        return Sums(
            self.number + sign * other.number,
            self.total + sign * other.total,
            self.squares + sign * other.squares,
        )


@dataclass(frozen=True, eq=False)
class Sketch:
    """What drawing parts takes.

    Attributes:
        cells: The part, in cells of the grid.
        boxes: What is drawn of every map of the fine levels, in the order of `_fine`.
        outside: For every norm there, what lies outside of its box.
    """

    cells: Extent
    boxes: Sequence[Extent]
    outside: Sequence[Sums]


def draw_whole(tokenizer: AnyTokenizer, tokens: TokenGrid, cells: Extent) -> tuple[Images, Sketch]:
    """Draw the picture of a grid, and note what drawing parts of similar ones takes.

    Args:
        tokenizer: What draws.
        tokens: Complete grid, of one row.
        cells: Where other grids will differ; not empty.
    """
    whole = Extent(0, 0, *tokens.shape[-2:])
    boxes, everything = _plan(tokenizer, whole, cells), _plan(tokenizer, whole, whole)
    inner, outside = iter(_of_norms(tokenizer, boxes)), []

    def noted(norm: nn.GroupNorm, x: Tensor) -> Tensor:
        shown = Extent(0, 0, *x.shape[-2:])
        outside.append(_sums(x).plus(_sums(shown.cut(x, next(inner))), -1))
        return group_norm(norm, x)

    x = _fine(tokenizer, _coarse(tokenizer, tokens), everything, noted)
    return tokenizer.pixels(x), Sketch(cells, boxes, outside)


def draw_part(tokenizer: AnyTokenizer, tokens: TokenGrid, sketch: Sketch) -> Images:
    """Draw a part of the picture of a grid.

    Args:
        tokenizer: What drew the sketch.
        tokens: Complete grid of the same size that differs from the sketch's in its cells only.
        sketch: Says which part.
    """
    known = iter(sketch.outside)

    def completed(norm: nn.GroupNorm, x: Tensor) -> Tensor:
        outside = next(known)
        if not outside.number:
            return group_norm(norm, x)
        return F.silu(_normalised(norm, x, outside.plus(_sums(x))), inplace=True)

    return tokenizer.pixels(_fine(tokenizer, _coarse(tokenizer, tokens), sketch.boxes, completed))


def _coarse(tokenizer: AnyTokenizer, tokens: TokenGrid) -> Tensor:
    return tokenizer.decoder.coarse(tokenizer.codes(tokens))


def _fine(tokenizer: AnyTokenizer, x: Tensor, boxes: Sequence[Extent], norm: Norm) -> Tensor:
    """Run the levels that are finer than the grid, of each map no more than its box."""
    decoder = tokenizer.decoder
    shown, *to_come = boxes
    later = iter(to_come)
    x = Extent(0, 0, *x.shape[-2:]).cut(x, shown)
    for upsample, level in zip(decoder.upsamplers, decoder.fine_levels, strict=True):
        enlarged, shown = shown.finer(), next(later)
        x = enlarged.cut(upsample(x), shown)
        for block in level:
            middle, after = next(later), next(later)
            h = shown.cut(block.conv1(norm(block.norm1, x)), middle)
            h = middle.cut(block.conv2(norm(block.norm2, h)), after)
            x, shown = block.joined(shown.cut(x, after), h), after
    return shown.cut(decoder.head(norm(decoder.norm, x)), next(later))


def _plan(tokenizer: AnyTokenizer, whole: Extent, cells: Extent) -> list[Extent]:
    """Say what `_fine` needs of each map, found from the last one backwards.

    Returns:
        The box of the coarse levels' output; for each finer level, of the input of each of its
        norms and of its output; of the picture.
    """
    levels = tokenizer.decoder.fine_levels
    everything = whole.finer(2 ** len(levels))
    boxes = [cells.finer(2 ** len(levels))]
    boxes.append(boxes[-1].grown(1, everything))
    for level in reversed(levels):
        for _ in range(2 * len(level)):
            boxes.append(boxes[-1].grown(1, everything))
        source = boxes[-1].grown(1, everything).coarser()
        everything = everything.coarser()
        boxes.append(everything if source.area > WHOLE_FROM * everything.area else source)
    return boxes[::-1]


def _of_norms(tokenizer: AnyTokenizer, boxes: Sequence[Extent]) -> list[Extent]:
    """Pick the boxes that are inputs of norms."""
    found, at = [], 1
    for level in tokenizer.decoder.fine_levels:
        found += boxes[at : at + 2 * len(level)]
        at += 2 * len(level) + 1
    return [*found, boxes[-2]]


def _sums(x: Tensor) -> Sums:
    """Sum up a map of one row."""
    lines = x[0].movedim(0, -1).flatten(0, 1).float()  # channels last: several times as fast
    mean, square = lines.mean(dim=0), lines.square().mean(dim=0)
    return Sums(len(lines), len(lines) * mean.double(), len(lines) * square.double())


def _normalised(norm: nn.GroupNorm, x: Tensor, sums: Sums) -> Tensor:
    """Apply a norm with sums that are given."""
    groups, each = norm.num_groups, x.shape[1] // norm.num_groups
    mean, square = (
        (channels.view(groups, each).mean(dim=1) / sums.number).repeat_interleave(each)
        for channels in (sums.total, sums.squares)
    )
    variance = (square - mean.square()).clamp_min(0)
    return F.batch_norm(
        x, mean.float(), variance.float(), norm.weight.float(), norm.bias.float(), eps=norm.eps
    )
