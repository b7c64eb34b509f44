"""A transformer layer of the BERT family that computes no padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

_TOKENS, _LENGTHS = 64, 8
"""Batches are filled up to multiples of these: every new shape costs the CPU a new kernel, which is kept for ever."""


@dataclass(frozen=True)
class Packing:
    """Where the tokens of a packed batch stand in a padded one.

    A last text of meaningless tokens fills the batch up; no other text sees it.

    Attributes:
        texts: how many texts the batch has, the last one included.
        longest: tokens of the longest one, or a little more.
        positions: `(all tokens,)` place of each token in `(texts * longest,)`.
        text_of: `(all tokens,)` index of each token's text.
        bias: `(texts, 1, 1, longest)`, added to attention scores: 0 at tokens, very low at padding.
        filling: tokens of the last text.
    """

    texts: int
    longest: int
    positions: torch.Tensor
    text_of: torch.Tensor
    bias: torch.Tensor

    filling: int

    @classmethod
    def of(cls, lengths: list[int], device: torch.device) -> Packing:
        """The packing of texts with these numbers of tokens."""
        longest = -(-max(lengths) // _LENGTHS) * _LENGTHS
        filling = -sum(lengths) % _TOKENS
        is_token = np.arange(longest) < np.array([*lengths, longest])[:, None]
        bias = torch.from_numpy(np.where(is_token, np.float32(0), np.float32(-1e9)))
        tokens = np.flatnonzero(is_token[:-1])
        last = len(lengths) * longest + np.arange(filling) % longest  # more than fit share places: nobody looks
        text_of = np.repeat(np.arange(len(lengths) + 1), [*lengths, filling])
        return cls(
            texts=len(lengths) + 1,
            longest=longest,
            positions=torch.from_numpy(np.concatenate([tokens, last])).to(device),
            text_of=torch.from_numpy(text_of).to(device),
            bias=bias[:, None, None, :].to(device),
            filling=filling,
        )


class PackedLayer(nn.Module):
    """Self-attention and feed-forward on the tokens of a batch laid end to end (Zhai et al. 2022, ByteTransformer).

    Linear layers, which are nearly all of the work, see real tokens only; attention alone is padded.
    """

    def __init__(self, hidden: int, inner: int, heads: int, *, epsilon: float = 1e-12, dropout: float = 0.1) -> None:
        """Makes a layer of random weights.

        Args:
            hidden: size of a token's state.
            inner: size of the feed-forward layer.
            heads: attention heads.
            epsilon: of the layer norms.
            dropout: share of the numbers dropped in training, after attention and after feed-forward.
        """
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.attention_output = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, epsilon)
        self.inner = nn.Linear(hidden, inner)
        self.output = nn.Linear(inner, hidden)
        self.output_norm = nn.LayerNorm(hidden, epsilon)

    @classmethod
    def from_hugging_face(cls, layer: Any, heads: int) -> PackedLayer:
        """A copy, in float32, of a BERT, RoBERTa, XLM-RoBERTa or CamemBERT layer."""
        attention = layer.attention.self
        hidden, inner = attention.query.weight.shape[1], layer.intermediate.dense.weight.shape[0]
        made = cls(hidden, inner, heads, epsilon=layer.output.LayerNorm.eps)
        parts = (attention.query, attention.key, attention.value)
        with torch.no_grad():
            made.query_key_value.weight.copy_(torch.cat([part.weight for part in parts]))
            made.query_key_value.bias.copy_(torch.cat([part.bias for part in parts]))
            for own, other in (
                (made.attention_output, layer.attention.output.dense),
                (made.attention_norm, layer.attention.output.LayerNorm),
                (made.inner, layer.intermediate.dense),
                (made.output, layer.output.dense),
                (made.output_norm, layer.output.LayerNorm),
            ):
                own.weight.copy_(other.weight)
                own.bias.copy_(other.bias)
        return made

    def forward(self, states: torch.Tensor, packing: Packing) -> torch.Tensor:
        """States `(all tokens, hidden)` after this layer."""
        texts, longest, hidden = packing.texts, packing.longest, states.shape[1]
        joined = self.query_key_value(states)
        padded = joined.new_zeros(texts * longest, 3 * hidden).index_copy(0, packing.positions, joined)
        mixed = self._attend(padded.view(texts, longest, 3 * hidden), packing.bias)
        mixed = mixed.reshape(texts * longest, hidden).index_select(0, packing.positions)
        return self._after_attention(states, mixed)

    def padded(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """The same on a padded batch `(texts, tokens, hidden)`, in operations that every exporter knows."""
        return self._after_attention(states, self._attend(self.query_key_value(states), bias))

    def _attend(self, joined: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        texts, tokens, width = joined.shape
        size = width // 3 // self.heads
        query, key, value = joined.view(texts, tokens, 3, self.heads, size).permute(2, 0, 3, 1, 4).unbind(0)
        # Written out: on a CPU, torch's fused attention takes three times as long backwards for short texts.
        weights = torch.softmax(query @ key.transpose(-1, -2) * size**-0.5 + bias.to(query.dtype), dim=-1)
        return (weights @ value).transpose(1, 2).reshape(texts, tokens, width // 3)

    def _after_attention(self, states: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        states = self.attention_norm(states + self._dropped(self.attention_output(mixed)))
        inner = functional.gelu(self.inner(states))
        return self.output_norm(states + self._dropped(self.output(inner)))

    def _dropped(self, states: torch.Tensor) -> torch.Tensor:
        return functional.dropout(states, self.dropout, self.training).float()
