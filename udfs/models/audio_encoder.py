"""The shipped audio model: Whisper's first encoder layers and its log-mel, pooled; a linear head.

The head knows seven emotions; ``udfs.models.labels`` sums them to sentiments. Early layers, before
Whisper turns sound into words, carry how something is said; the spectrum itself tells what they
have already smoothed out: colour of voice and line, and how fast it changes.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig

from udfs.models.light import LightModel, Logits


class SpeechEmotionConfig(PreTrainedConfig):
    model_type = "call_sentiment_speech"

    num_mel_bins: int = 80
    num_positions: int = 250
    hidden_size: int = 384
    num_hidden_layers: int = 2
    num_attention_heads: int = 6
    intermediate_size: int = 1_536
    training_prior: tuple[float, float, float] | None = None
    operating_prior: tuple[float, float, float] | None = None


class EncoderLayer(nn.Module):
    """Pre-layer-norm transformer layer, every position seeing every other."""

    def __init__(self, config: SpeechEmotionConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.attention_norm = nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.attention_output = nn.Linear(dim, dim)
        self.output_norm = nn.LayerNorm(dim)
        self.intermediate = nn.Linear(dim, config.intermediate_size)
        self.output = nn.Linear(config.intermediate_size, dim)

    def forward(self, hidden: Tensor) -> Tensor:
        windows, positions, dim = hidden.shape
        query, key, value = (
            self.query_key_value(self.attention_norm(hidden))
            .view(windows, positions, 3, self.num_heads, -1)
            .permute(2, 0, 3, 1, 4)
        )  # each (windows, heads, positions, dim / heads)
        attended = functional.scaled_dot_product_attention(query, key, value)
        attended = attended.transpose(1, 2).reshape(windows, positions, dim)
        hidden = hidden + self.attention_output(attended)
        return hidden + self.output(functional.gelu(self.intermediate(self.output_norm(hidden))))


class SpeechEmotionModel(LightModel):
    config_class: ClassVar[type[PreTrainedConfig]] = SpeechEmotionConfig

    def __init__(self, config: SpeechEmotionConfig) -> None:
        super().__init__(config)
        dim = config.hidden_size
        self.conv1 = nn.Conv1d(config.num_mel_bins, dim, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, kernel_size=3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(config.num_positions, dim))
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_hidden_layers))
        self.classifier = nn.Linear(2 * dim + 3 * config.num_mel_bins, config.num_labels)

    def forward(
        self, input_features: Tensor, attention_mask: Tensor | None = None, **_unused: Tensor
    ) -> Logits:
        """Logits (windows, labels) of log-mels (windows, mels, 2 x positions)."""
        pooled = self.pooled(input_features, attention_mask)
        # Differences of large numbers: bfloat16 would round them away.
        with torch.autocast(pooled.device.type, enabled=False):
            return Logits(self.classifier(pooled))

    def pooled(self, input_features: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Over the active positions, (windows, 2 x dim + 3 x mels) in float32.

        Mean and deviation of the last layer, then of the log-mel at the positions' 20 ms, then the
        log-mel's mean step from one active position to the next.
        """
        hidden = functional.gelu(self.conv1(input_features))
        hidden = functional.gelu(self.conv2(hidden)).transpose(1, 2) + self.positions
        for layer in self.layers:
            hidden = layer(hidden)
        if attention_mask is None:
            attention_mask = hidden.new_ones(hidden.shape[:2])
        active = attention_mask.float()[..., None]
        log_mel = input_features.float().unflatten(2, (-1, 2)).mean(3).transpose(1, 2)
        steps = (log_mel[:, 1:] - log_mel[:, :-1]).abs()
        both_active = active[:, 1:] * active[:, :-1]
        return torch.cat(
            [
                *mean_and_deviation(hidden.float(), active),
                *mean_and_deviation(log_mel, active),
                (steps * both_active).sum(1) / both_active.sum(1).clamp(min=1),
            ],
            dim=1,
        )


def mean_and_deviation(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Two of (windows, dim) over the positions of ``weight`` 1.

    Args:
        values: (windows, positions, dim)
        weight: (windows, positions, 1) of 0 and 1
    """
    count = weight.sum(1)
    mean = (values * weight).sum(1) / count
    squares = ((values - mean[:, None]).square() * weight).sum(1)
    return mean, (squares / (count - 1).clamp(min=1)).sqrt()
