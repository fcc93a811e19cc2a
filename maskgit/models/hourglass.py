"""An hourglass: attention over groups of 2x2 cells, convolutions over the cells themselves.

Made for pictures of few tokens and little computing time. What a picture shows is decided among a
quarter of the positions, where attention costs a sixteenth; what a cell looks like beside its
neighbours is decided by a depthwise convolution, which need not learn what a neighbour is. On two
CPU cores a step of training takes a third of the time that the official transformer of the same
depth takes, and learns as much.

Source: the shape is that of Nawrot et al. 2021 (arXiv:2110.13711); the blocks of cells are
ConvNeXt's (Liu et al. 2022, arXiv:2201.03545). Trained and used like the official transformer
(MaskGIT section 3.1); the class is added to every group, so no sequence holds it.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from maskgit.models.attention import attend
from maskgit.models.context import NOTHING, Rest
from maskgit.models.predictor import Predictor, listed, take_cells
from maskgit.models.transformer import TanhGELU
from maskgit.sizes import HourglassConfig
from maskgit.types import Cells, Labels, Tokens

CellGrid = Float[Tensor, "B h w C"]
Groups = Float[Tensor, "B G D"]  # G = N / 4, row by row, or some of them

GROUPS_TOGETHER = 8  # groups that are computed are a multiple: a CPU prepares for every shape


class Neighbours(nn.Module):
    """Depthwise 3x3 convolution over a grid; beyond its edge there are zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, 1, 3, 3))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.weight, std=0.1)

    def forward(self, x: CellGrid) -> CellGrid:
        """Mix every cell with the eight around it, channel by channel.

        Where it is compiled it is written as nine shifted products, which become one loop.
        """
        if not torch.compiler.is_compiling():
            mixed = F.conv2d(
                x.movedim(-1, 1), self.weight, self.bias, padding=1, groups=x.shape[-1]
            )
            return mixed.movedim(1, -1)
        height, width = x.shape[1:3]
        padded = F.pad(x, (0, 0, 1, 1, 1, 1))
        weight = self.weight.flatten(1).to(x.dtype)
        mixed = self.bias.to(x.dtype)
        for place in range(9):
            top, left = divmod(place, 3)
            part = padded[:, top : top + height, left : left + width]
            mixed = mixed + part * weight[:, place]
        return mixed


class CellBlock(nn.Module):
    """A convolution over neighbours and an MLP, added to what came in."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.neighbours = Neighbours(width)
        self.norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.activation = TanhGELU()
        self.mlp_out = _starts_at_zero(nn.Linear(4 * width, width))

    def forward(self, x: CellGrid, cells: Cells | None = None) -> Float[Tensor, "B *places C"]:
        """Apply the block, and give what becomes of the grid or of some cells."""
        mixed = self.neighbours(x)
        if cells is not None:
            x, mixed = (take_cells(values.flatten(1, 2), cells) for values in (x, mixed))
        hidden = self.activation(self.mlp_in(self.norm(mixed)))
        return x + self.dropout(self.mlp_out(hidden))


class GroupLayer(nn.Module):
    """Neighbours, attention and MLP over groups, each added to its input (pre-LN)."""

    def __init__(self, config: HourglassConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.num_heads = config.num_heads
        self.dropout = nn.Dropout(config.dropout)
        self.neighbours = Neighbours(width)
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = _starts_at_zero(nn.Linear(width, width))
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.activation = TanhGELU()
        self.mlp_out = _starts_at_zero(nn.Linear(4 * width, width))

    def forward(self, x: Groups, rest: Rest = NOTHING) -> Groups:
        """Apply the layer."""
        batch, length, width = x.shape
        whole = rest.whole(x)
        side = round(whole.shape[1] ** 0.5)
        mixed = self.neighbours(whole.view(batch, side, side, width)).reshape(whole.shape)
        x = x + rest.part(mixed)
        heads = self.query_key_value(self.attention_norm(x))
        heads = heads.view(batch, length, 3, self.num_heads, -1)
        query, key_value = heads[:, :, 0], rest.beside(heads[:, :, 1:])
        key, value = key_value.permute(2, 0, 3, 1, 4)  # each (B, heads, G, D / heads)
        mixed = attend(query.transpose(1, 2), key, value)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(batch, length, width)))
        return x + self.dropout(self.mlp_out(self.activation(self.mlp_in(self.mlp_norm(x)))))


class Hourglass(Predictor[HourglassConfig]):
    """Predicts all masked tokens at once. Implements `models.TokenPredictor`.

    The embedding holds K codes and the mask, so token grids are its ids as they are.
    """

    def __init__(self, config: HourglassConfig) -> None:
        super().__init__(config)
        cell, group, side = config.cell_size, config.hidden_size, config.grid_size
        self.token_embedding = nn.Embedding(config.codebook_size + 1, cell)
        self.cell_position = nn.Parameter(torch.empty(side, side, cell))
        self.merge = nn.Linear(4 * cell, group)
        self.group_position = nn.Parameter(torch.empty(side**2 // 4, group))
        self.class_embedding = nn.Embedding(config.num_classes + int(config.has_null_label), group)
        self.layers = nn.ModuleList(GroupLayer(config) for _ in range(config.num_layers))
        self.group_norm = nn.LayerNorm(group)
        self.split = nn.Linear(group, 4 * cell)
        self.cell_layers = nn.ModuleList(
            CellBlock(cell, config.dropout) for _ in range(config.num_cell_layers)
        )
        self.norm = nn.LayerNorm(cell)
        self.head = nn.Linear(cell, cell)
        self.head_activation = TanhGELU()
        self.head_norm = nn.LayerNorm(cell)
        self.output_scale = nn.Parameter(torch.tensor(0.04))  # logits begin small
        self.output_bias = nn.Parameter(torch.zeros(config.codebook_size))
        for weight, std in (
            (self.token_embedding.weight, 0.5),
            (self.class_embedding.weight, 0.5),
            (self.cell_position, 0.1),
            (self.group_position, 0.3),
        ):
            nn.init.normal_(weight, std=std)

    def positions(self, cells: Int[Tensor, " M"]) -> tuple[Int[Tensor, " _"], int]:
        """See `Predictor`: the groups that hold a cell, and others up to a multiple of 8."""
        side, length = self.config.grid_size, self.config.num_tokens // 4
        groups = cells // side // 2 * (side // 2) + cells % side // 2
        holds = torch.zeros(length, dtype=torch.bool, device=cells.device)
        holds[groups] = True
        num_own = min(-(-int(holds.sum()) // GROUPS_TOGETHER) * GROUPS_TOGETHER, length)
        return listed(holds[None], num_own)[0], length

    def predict(
        self,
        tokens: Tokens,
        labels: Labels,
        cells: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Float[Tensor, "B M K"]:
        """Go from the cells down to their groups and up again."""
        side = self.config.grid_size
        grid = self.token_embedding(tokens).view(len(tokens), side, side, -1) + self.cell_position
        groups = self.merge(_grouped(grid)) + self.group_position
        groups = rest.begin(groups + self.class_embedding(labels)[:, None])
        for layer in self.layers:
            groups = layer(groups, rest)
        groups = rest.whole(groups)
        grid = grid + _ungrouped(self.split(self.group_norm(groups)), side)
        *most, last = self.cell_layers
        for layer in most:
            grid = layer(grid)
        found = last(grid, cells).flatten(1, -2)
        hidden = self.head_norm(self.head_activation(self.head(self.norm(found))))
        weight = self.token_embedding.weight[: self.config.codebook_size]
        logits = F.linear(hidden, weight).float()
        return logits * self.output_scale.float() + self.output_bias.float()


def _grouped(cells: CellGrid) -> Groups:
    """Lay the four cells of each group side by side."""
    batch, height, width, channels = cells.shape
    split = cells.view(batch, height // 2, 2, width // 2, 2, channels)
    return split.permute(0, 1, 3, 2, 4, 5).reshape(batch, height * width // 4, 4 * channels)


def _ungrouped(groups: Groups, side: int) -> CellGrid:
    """Undo `_grouped`."""
    batch, _, channels = groups.shape
    split = groups.view(batch, side // 2, side // 2, 2, 2, channels // 4)
    return split.permute(0, 1, 3, 2, 4, 5).reshape(batch, side, side, channels // 4)


def _starts_at_zero(linear: nn.Linear) -> nn.Linear:
    """Let a residual branch begin as nothing, so that every layer begins as the identity."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
