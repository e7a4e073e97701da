"""What a classifier's last layer was given: the pooled embedding of one window or text.

Taken with a hook on that layer, so it costs no second pass and works for any architecture whose
labels come from a linear layer over one pooled vector.
"""

from __future__ import annotations

from typing import Any

import torch

from udfs.models.outputs import embedding_bytes


def classifying_layer(model: Any) -> torch.nn.Linear | None:
    """The last linear layer with ``model.config.num_labels`` outputs; None: there is none."""
    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear) and layer.out_features == model.config.num_labels
    ]
    return layers[-1] if layers else None


class EmbeddingTap:
    """Remembers the last input of a model's classifying layer.

    Args:
        model: a torch module with ``config.num_labels``.
    """

    def __init__(self, model: Any) -> None:
        layer = classifying_layer(model)
        self._seen: torch.Tensor | None = None
        self.size: int | None = None if layer is None else layer.in_features
        """Numbers of an embedding; None where no such layer is found."""
        if layer is not None:
            layer.register_forward_pre_hook(self._take)

    def _take(self, _layer: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        self._seen = inputs[0]

    def take(self) -> torch.Tensor | None:
        """What the layer was given in the last pass; None where that was no single vector."""
        seen, self._seen = self._seen, None
        return seen if seen is not None and tuple(seen.shape) == (1, self.size) else None


def as_bytes(embedding: torch.Tensor | None) -> bytes | None:
    """An embedding (1, size) as float16."""
    if embedding is None:
        return None
    return embedding_bytes(embedding[0].float().numpy())
