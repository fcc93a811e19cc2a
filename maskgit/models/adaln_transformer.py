"""The Halton-MaskGIT transformer: a class steers every layer through adaptive norms (adaLN).

Source: valeoai/Halton-MaskGIT, `Network/transformer.py`; Besnier et al. 2025 (arXiv:2503.17076).
Adaptive norms as in Peebles and Xie 2023 (arXiv:2212.09748), section 3.2. Details that matter for
published weights: RMSNorm with eps 1e-5; queries and keys are normalised over their whole width,
before the split into heads; heads need not divide the width; SwiGLU; output tied to the input
embedding. A register, a learned token that no cell owns, stands at the end of the sequence.

The class is no token. It enters through shifts, scales and gates alone, which are computed once for
each row: they are the same at every cell.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from maskgit.models.attention import attend
from maskgit.models.context import NOTHING, Rest
from maskgit.models.fused import rms_norm, silu_gate
from maskgit.models.predictor import Predictor, take_cells
from maskgit.sizes import AdaLNConfig
from maskgit.types import Cells, Labels, Tokens

Sequence = Float[Tensor, "B L D"]  # the image tokens row by row, then the registers
Positions = Float[Tensor, "B _ D"]  # of a sequence, all or some
Condition = Float[Tensor, "B D"]  # what the class says, after SiLU
EPS = 1e-5


class SelfAttention(nn.Module):
    """Full multi-head self-attention without biases, with normalised queries and keys."""

    def __init__(self, config: AdaLNConfig) -> None:
        super().__init__()
        self.num_heads, self.width = config.num_heads, config.attention_size
        self.query_key_value = nn.Linear(config.hidden_size, 3 * self.width, bias=False)
        self.out = nn.Linear(self.width, config.hidden_size, bias=False)

    def forward(self, x: Sequence, cells: Cells | None = None, rest: Rest = NOTHING) -> Positions:
        """Let every position, or some cells, look at every other."""
        batch, length, _ = x.shape
        joined = self.query_key_value(x).view(batch, length, 3, self.width)
        query_key = rms_norm(joined[:, :, :2], EPS)
        heads = (batch, length, -1, self.num_heads, self.width // self.num_heads)
        query, key = query_key.view(heads).unbind(2)  # each (B, L, heads, d)
        value = joined[:, :, 2:].view(heads)[:, :, 0]
        query, key, value = take_cells(query, cells), rest.beside(key), rest.beside(value)
        mixed = attend(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
        return self.out(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """SwiGLU: one half of the hidden layer opens and closes the other."""

    def __init__(self, config: AdaLNConfig) -> None:
        super().__init__()
        self.gate_and_value = nn.Linear(config.hidden_size, 2 * config.mlp_size, bias=False)
        self.out = nn.Linear(config.mlp_size, config.hidden_size, bias=False)

    def forward(self, x: Sequence) -> Sequence:
        """Apply it to every position."""
        return self.out(silu_gate(self.gate_and_value(x)))


class Layer(nn.Module):
    """Attention and SwiGLU, each behind an adaptive norm, each added to its input by a gate."""

    def __init__(self, config: AdaLNConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.modulation = nn.Linear(width, 6 * width)
        self.attention_scale = nn.Parameter(torch.ones(width))
        self.attention = SelfAttention(config)
        self.mlp_scale = nn.Parameter(torch.ones(width))
        self.mlp = FeedForward(config)

    def forward(
        self,
        x: Sequence,
        condition: Condition,
        cells: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Positions:
        """Apply the layer, and give what becomes of all positions or of some cells."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(condition)[:, None].chunk(
            6, dim=-1
        )  # each (B, 1, D)
        seen = rms_norm(x, EPS, self.attention_scale * (1 + scale1), shift1)
        x = torch.addcmul(take_cells(x, cells), gate1, self.attention(seen, cells, rest))
        seen = rms_norm(x, EPS, self.mlp_scale * (1 + scale2), shift2)
        return torch.addcmul(x, gate2, self.mlp(seen))


class AdaLNTransformer(Predictor[AdaLNConfig]):
    """Predicts all masked tokens at once. Implements `models.TokenPredictor`."""

    def __init__(self, config: AdaLNConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.token_embedding = nn.Embedding(config.codebook_size + 1, width)  # the mask is last
        self.position_embedding = nn.Embedding(config.num_tokens, width)
        self.class_embedding = nn.Embedding(config.num_classes + 1, width)  # "no class" is last
        self.registers = nn.Parameter(torch.zeros(config.num_registers, width))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        self.norm_scale = nn.Parameter(torch.ones(width))
        self.norm_shift = nn.Parameter(torch.zeros(width))
        self.norm_modulation = nn.Linear(width, 2 * width)
        self.output_bias = nn.Parameter(torch.zeros(config.codebook_size + 1))

    def predict(
        self,
        tokens: Tokens,
        labels: Labels,
        cells: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Float[Tensor, "B M K"]:
        """Score the codes, and not the mask, which the authors' code may draw."""
        return self.project(self.hidden(tokens, labels, cells, rest), self.config.codebook_size)

    def positions(self, cells: Int[Tensor, " M"]) -> tuple[Int[Tensor, " M"], int]:
        """See `Predictor`: registers stand behind the cells."""
        return cells, self.config.num_tokens + self.config.num_registers

    def hidden(
        self,
        tokens: Tokens,
        labels: Labels,
        cells: Cells | None = None,
        rest: Rest = NOTHING,
    ) -> Positions:
        """Run the network up to the tied projection, of all cells or some; no registers."""
        condition = F.silu(self.class_embedding(labels))
        x = self.token_embedding(tokens) + self.position_embedding.weight
        x = rest.begin(torch.cat([x, self.registers.expand(len(x), -1, -1)], dim=1))
        *most, last = self.layers
        for layer in most:
            x = layer(x, condition, rest=rest)
        x = last(x, condition, rest.places(cells), rest)[:, : self.config.num_tokens]
        shift, scale = self.norm_modulation(condition)[:, None].chunk(2, dim=-1)  # (B, 1, D)
        scale = 1 + scale
        return rms_norm(x, EPS, self.norm_scale * scale, self.norm_shift * scale + shift)

    def project(self, hidden: Sequence, rows: int) -> Float[Tensor, "B L rows"]:
        """Score the first `rows` rows of the vocabulary, in float32."""
        weight = self.token_embedding.weight[:rows]
        # In place: another 16 MB of logits would double the time of this line.
        return F.linear(hidden, weight).float().add_(self.output_bias[:rows].float())
