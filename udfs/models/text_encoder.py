"""The shipped text model: a small BERT encoder, mean and max pooling, a linear head.

MiniLM (12 heads of 32, post-layer-norm) cut to its first layers. Its word embeddings, three
quarters of all weights, are int8 with one scale a row and stay int8 in memory.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig

from udfs.models.light import LightModel, Logits


class TextSentimentConfig(PreTrainedConfig):
    model_type = "call_sentiment_text"

    vocab_size: int = 30_522
    hidden_size: int = 384
    num_hidden_layers: int = 3
    num_attention_heads: int = 12
    intermediate_size: int = 1_536
    max_position_embeddings: int = 512
    layer_norm_eps: float = 1e-12
    dropout: float = 0.1
    training_prior: tuple[float, float, float] | None = None
    operating_prior: tuple[float, float, float] | None = None


class QuantizedEmbedding(nn.Module):
    """An embedding table in int8: ``row * scale[row]``."""

    def __init__(self, num_embeddings: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(num_embeddings, dim, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(num_embeddings, 1))

    @classmethod
    def quantize(cls, table: Tensor) -> QuantizedEmbedding:
        """Symmetric int8, a scale for each row. ``table``: (num_embeddings, dim) float32."""
        embedding = cls(*table.shape)
        scale = table.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        scale = scale.half().float()  # what the file holds
        embedding.weight = (table / scale).round().clamp(-127, 127).to(torch.int8)
        embedding.scale = scale
        return embedding

    def forward(self, ids: Tensor) -> Tensor:
        scale = functional.embedding(ids, self.scale)
        return functional.embedding(ids, self.weight).to(scale.dtype) * scale


class EncoderLayer(nn.Module):
    def __init__(self, config: TextSentimentConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.dropout = config.dropout
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.attention_output = nn.Linear(dim, dim)
        self.attention_norm = nn.LayerNorm(dim, config.layer_norm_eps)
        self.intermediate = nn.Linear(dim, config.intermediate_size)
        self.output = nn.Linear(config.intermediate_size, dim)
        self.output_norm = nn.LayerNorm(dim, config.layer_norm_eps)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        texts, tokens, dim = hidden.shape
        drop = self.dropout if self.training else 0.0
        query, key, value = (
            self.query_key_value(hidden).view(texts, tokens, 3, self.num_heads, -1)
        ).permute(2, 0, 3, 1, 4)  # each (texts, heads, tokens, dim / heads)
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=drop
        )
        attended = self.attention_output(attended.transpose(1, 2).reshape(texts, tokens, dim))
        hidden = self.attention_norm(hidden + functional.dropout(attended, drop, self.training))
        fed = self.output(functional.gelu(self.intermediate(hidden)))
        return self.output_norm(hidden + functional.dropout(fed, drop, self.training))


class TextSentimentModel(LightModel):
    config_class: ClassVar[type[PreTrainedConfig]] = TextSentimentConfig

    def __init__(self, config: TextSentimentConfig) -> None:
        super().__init__(config)
        dim = config.hidden_size
        self.word_embeddings: nn.Module = QuantizedEmbedding(config.vocab_size, dim)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, dim)
        self.embedding_norm = nn.LayerNorm(dim, config.layer_norm_eps)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_hidden_layers))
        self.classifier = nn.Linear(2 * dim, config.num_labels)
        self.dropout = config.dropout

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **_unused: Tensor
    ) -> Logits:
        """Logits (texts, labels) of ``input_ids`` (texts, tokens).

        Without ``attention_mask`` every token counts, as for a text on its own.
        """
        positions = self.position_embeddings.weight[: input_ids.shape[1]]
        hidden = self.embedding_norm(self.word_embeddings(input_ids) + positions)
        hidden = functional.dropout(hidden, self.dropout, self.training)
        visible = None if attention_mask is None else attention_mask.bool()
        attend = None if visible is None else visible[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, attend)
        if visible is None:
            pooled = torch.cat([hidden.mean(1), hidden.amax(1)], dim=1)
        else:
            visible = visible[..., None]
            mean = hidden.masked_fill(~visible, 0).sum(1) / visible.sum(1)
            pooled = torch.cat([mean, hidden.masked_fill(~visible, -1e4).amax(1)], dim=1)
        return Logits(self.classifier(functional.dropout(pooled, self.dropout, self.training)))
