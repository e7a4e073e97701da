"""What a classifier's last layer was given: the pooled embedding of one window or text.

Taken with a hook on that layer, so it costs no second pass and works for any architecture whose
labels come from a linear layer over one pooled vector.
"""

from __future__ import annotations

from typing import Any

import torch

_FLOAT16_MAX = 65_504.0


class EmbeddingTap:
    """Remembers the last input of a model's classifying layer.

    Args:
        model: a torch module with ``config.num_labels``.
    """

    def __init__(self, model: Any) -> None:
        layers = [
            layer
            for layer in model.modules()
            if isinstance(layer, torch.nn.Linear) and layer.out_features == model.config.num_labels
        ]
        self._seen: torch.Tensor | None = None
        self.size: int | None = layers[-1].in_features if layers else None
        """Numbers of an embedding; None where no such layer is found."""
        if layers:
            layers[-1].register_forward_pre_hook(self._take)

    def _take(self, _layer: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        self._seen = inputs[0]

    def last(self) -> bytes | None:
        """The embedding of the last pass as float16; None where the layer saw no single vector."""
        seen, self._seen = self._seen, None
        if seen is None or tuple(seen.shape) != (1, self.size):
            return None
        return seen[0].float().clamp(-_FLOAT16_MAX, _FLOAT16_MAX).half().numpy().tobytes()
