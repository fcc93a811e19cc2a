"""The official bidirectional transformer: a post-LayerNorm BERT over one class and N image tokens.

Source: google-research/maskgit, `nets/maskgit_transformer.py`; MaskGIT section 3.1. Details that
matter for published weights: tanh GELU, LayerNorm eps 1e-12, output tied to the input embedding.

The embedding holds, in this order, K codes, the classes, the null class where the weights know one,
and the mask. Callers never see that: a token grid uses `mask_id` = K, labels count from 0.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from maskgit.models.attention import attend
from maskgit.models.context import NOTHING, Rest
from maskgit.models.fused import layer_norm_of_sum
from maskgit.models.predictor import Predictor, take_cells
from maskgit.sizes import TransformerConfig
from maskgit.types import Cells, Labels, Tokens

Sequence = Float[Tensor, "B L D"]  # L = N + 1: the class, then the image tokens row by row
Positions = Float[Tensor, "B _ D"]  # of a sequence, all or some


class TanhGELU(nn.Module):
    """GELU in its tanh form, 0.5 x (1 + tanh(u)).

    Where it is compiled it is written as x sigmoid(2 u), which is the same number: a compiled tanh
    costs a CPU several times as much as an exponential.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to every element."""
        if not torch.compiler.is_compiling():
            return F.gelu(x, approximate="tanh")
        return x * torch.sigmoid((8 / torch.pi) ** 0.5 * (x + 0.044715 * x**3))


class SelfAttention(nn.Module):
    """Full multi-head self-attention with biases; one matrix product for query, key and value."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.dropout
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Sequence, places: Cells | None = None, rest: Rest = NOTHING) -> Positions:
        """Let every position, or those in some places, look at every other."""
        batch, length, _ = x.shape
        heads = self.query_key_value(x).view(batch, length, 3, self.num_heads, -1)
        query, key_value = heads[:, :, 0], rest.beside(heads[:, :, 1:])
        key, value = key_value.unbind(2)  # each (B, L, heads, D / heads)
        query = take_cells(query, places).transpose(1, 2)
        dropout = self.dropout if self.training else 0.0
        mixed = attend(query, key.transpose(1, 2), value.transpose(1, 2), dropout)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Attention and MLP, each followed by residual and LayerNorm (post-LN)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = _norm(config.hidden_size)
        self.mlp_in = nn.Linear(config.hidden_size, config.mlp_size)
        self.activation = TanhGELU()
        self.mlp_out = nn.Linear(config.mlp_size, config.hidden_size)
        self.mlp_norm = _norm(config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Sequence, places: Cells | None = None, rest: Rest = NOTHING) -> Positions:
        """Apply the layer, and give what becomes of all positions or of those in some places."""
        seen = self.dropout(self.attention(x, places, rest))
        x = layer_norm_of_sum(self.attention_norm, take_cells(x, places), seen)
        hidden = self.activation(self.mlp_in(x))
        return layer_norm_of_sum(self.mlp_norm, x, self.dropout(self.mlp_out(hidden)))


class BidirectionalTransformer(Predictor[TransformerConfig]):
    """Predicts all masked tokens at once. Implements `models.TokenPredictor`."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.token_embedding = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.num_tokens + 1, config.hidden_size)
        self.embedding_norm = _norm(config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        self.head = nn.Linear(config.hidden_size, config.hidden_size)
        self.head_activation = TanhGELU()
        self.head_norm = _norm(config.hidden_size)
        self.output_bias = nn.Parameter(torch.zeros(config.vocabulary_size))
        self.apply(_initialise)

    def predict(
        self,
        tokens: Tokens,
        labels: Labels,
        cells: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Float[Tensor, "B M K"]:
        """Put the class in front, and leave its place out of the answer."""
        ids = self.vocabulary_ids(tokens, labels)
        hidden = self.hidden(ids)[:, 1:] if cells is None else self.hidden(ids, cells + 1, rest)
        return self.project(hidden, self.config.codebook_size)

    def positions(self, cells: Int[Tensor, " M"]) -> tuple[Int[Tensor, " M"], int]:
        """See `Predictor`: the class comes first."""
        return cells + 1, self.config.num_tokens + 1

    def vocabulary_ids(self, tokens: Tokens, labels: Labels) -> Int[Tensor, "B L"]:
        """Put the class in front and name the mask as the embedding does: its last row."""
        classes = self.config.codebook_size + labels[:, None]
        mask_row = self.config.vocabulary_size - 1
        return torch.cat([classes, tokens.masked_fill(tokens == self.mask_id, mask_row)], dim=1)

    def hidden(
        self, ids: Int[Tensor, "B L"], places: Cells | None = None, rest: Rest = NOTHING
    ) -> Positions:
        """Run the network up to the tied projection, of all positions or of some."""
        x = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]
        x = rest.begin(self.dropout(self.embedding_norm(x)))
        *most, last = self.layers
        for layer in most:
            x = layer(x, rest=rest)
        x = last(x, rest.places(places), rest)
        return self.head_norm(self.head_activation(self.head(x)))

    def project(self, hidden: Sequence, rows: int) -> Float[Tensor, "B L rows"]:
        """Score the first `rows` rows of the vocabulary, in float32."""
        weight = self.token_embedding.weight[:rows]
        return F.linear(hidden, weight).float() + self.output_bias[:rows].float()


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-12)


def _initialise(module: nn.Module) -> None:
    """Truncated normal in [-2, 2] times 0.02, biases 0, as the official code."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
