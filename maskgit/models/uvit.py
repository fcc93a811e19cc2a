"""U-ViT: a pre-LayerNorm transformer whose first half is joined to its second by long skips.

Source: baaivision/MUSE-Pytorch, the class-conditional network; Bao et al. 2023 (arXiv:2209.12152),
section 3. Details that matter for published weights: erf GELU, LayerNorm eps 1e-6 after the
embedding and 1e-5 elsewhere, no bias for query, key and value, output tied to the input embedding.

The embedding holds, in this order, K codes, the mask, the classes and the null class; the class
comes first in the sequence. So the mask has id K here as it has for callers.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from maskgit.models.attention import attend
from maskgit.models.context import NOTHING, Rest
from maskgit.models.predictor import Predictor, take_cells
from maskgit.sizes import UViTConfig
from maskgit.types import Cells, Labels, Tokens

Sequence = Float[Tensor, "B L D"]  # L = N + 1: the class, then the image tokens row by row
Positions = Float[Tensor, "B _ D"]  # of a sequence, all or some


class SelfAttention(nn.Module):
    """Full multi-head self-attention; only its output has a bias."""

    def __init__(self, config: UViTConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Sequence, places: Cells | None = None, rest: Rest = NOTHING) -> Positions:
        """Let every position, or those in some places, look at every other."""
        batch, length, _ = x.shape
        heads = self.query_key_value(x).view(batch, length, 3, self.num_heads, -1)
        query, key_value = heads[:, :, 0], rest.beside(heads[:, :, 1:])
        key, value = key_value.unbind(2)  # each (B, L, heads, D / heads)
        query = take_cells(query, places).transpose(1, 2)
        mixed = attend(query, key.transpose(1, 2), value.transpose(1, 2))
        return self.out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and MLP, each preceded by LayerNorm (pre-LN) and added to its input."""

    def __init__(self, config: UViTConfig, has_skip: bool = False) -> None:
        super().__init__()
        width = config.hidden_size
        self.skip = nn.Linear(2 * width, width) if has_skip else None
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(config)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, config.mlp_size)
        self.activation = nn.GELU()
        self.mlp_out = nn.Linear(config.mlp_size, width)

    def forward(
        self,
        x: Sequence,
        from_far: Sequence | None = None,
        places: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Positions:
        """Apply the block, after mixing in what a block of the first half gave.

        It gives what becomes of all positions or of those in some places.
        """
        if self.skip is not None and from_far is not None:
            x = self.skip(torch.cat([x, from_far], dim=-1))
        x = take_cells(x, places) + self.attention(self.attention_norm(x), places, rest)
        return x + self.mlp_out(self.activation(self.mlp_in(self.mlp_norm(x))))


class UViT(Predictor[UViTConfig]):
    """Predicts all masked tokens at once. Implements `models.TokenPredictor`."""

    def __init__(self, config: UViTConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.token_embedding = nn.Embedding(config.vocabulary_size, width)
        self.position_embedding = nn.Embedding(config.num_tokens + 1, width)
        self.embedding_norm = nn.LayerNorm(width, eps=1e-6)
        self.first_half = nn.ModuleList(Block(config) for _ in range(config.num_skips))
        self.middle = Block(config)
        self.second_half = nn.ModuleList(
            Block(config, has_skip=True) for _ in range(config.num_skips)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, width)
        self.head_activation = nn.GELU()
        self.head_norm = nn.LayerNorm(width)
        self.output_bias = nn.Parameter(torch.zeros(config.vocabulary_size))

    def predict(
        self,
        tokens: Tokens,
        labels: Labels,
        cells: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Float[Tensor, "B M K"]:
        """Put the class in front, and leave its place out of the answer."""
        places = None if cells is None else cells + 1
        hidden = self.hidden(tokens, labels, places, rest)
        hidden = hidden[:, 1:] if cells is None else hidden
        hidden = self.head_norm(self.head_activation(self.head(hidden)))
        codes = self.config.codebook_size
        bias = self.output_bias[:codes].float()
        return F.linear(hidden, self.token_embedding.weight[:codes]).float() + bias

    def positions(self, cells: Int[Tensor, " M"]) -> tuple[Int[Tensor, " M"], int]:
        """See `Predictor`: the class comes first."""
        return cells + 1, self.config.num_tokens + 1

    def hidden(
        self,
        tokens: Tokens,
        labels: Labels,
        places: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Positions:
        """Run the network up to its head, of all positions or of some; the class comes first."""
        classes = self.config.mask_id + 1 + labels[:, None]
        ids = torch.cat([classes, tokens], dim=1)
        x = self.embedding_norm(self.token_embedding(ids) + self.position_embedding.weight)
        x, skips = rest.begin(x), []
        for block in self.first_half:
            x = block(x, rest=rest)
            skips.append(x)
        x = self.middle(x, rest=rest)
        *most, last = self.second_half
        for block in most:
            # The last block of the first half meets the first here.
            x = block(x, skips.pop(), rest=rest)
        return self.norm(last(x, skips.pop(), rest.places(places), rest))
