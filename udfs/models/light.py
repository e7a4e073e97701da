"""A base for our own model classes that a worker can afford.

The Auto classes only need ``config_class`` and ``from_pretrained``. transformers' own
``PreTrainedModel`` has these too, but importing it costs a worker 190 MB and 7 s (torch._dynamo,
sympy, scipy), which is more than all our weights. So the shipped classes are plain modules that
read their safetensors themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedConfig

from udfs.models.source import WEIGHTS_FILE


class Logits(NamedTuple):
    logits: torch.Tensor


class LightModel(torch.nn.Module):
    """A module with the part of ``PreTrainedModel`` that the Auto classes and we use."""

    config_class: ClassVar[type[PreTrainedConfig]]

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def from_pretrained(
        cls,
        path: str,
        *,
        config: PreTrainedConfig,
        output_loading_info: bool = False,
        ignore_mismatched_sizes: bool = False,
        **_hub_options: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """Read the weights of a local folder; floating point ones become float32.

        With ``ignore_mismatched_sizes`` a weight of another shape stays random, as a head for
        other labels must.
        """
        model = cls(config)
        weights = {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in load_file(Path(path) / WEIGHTS_FILE).items()
        }
        if ignore_mismatched_sizes:
            shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
            weights = {n: t for n, t in weights.items() if t.shape == shapes.get(n, t.shape)}
        missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
        model.eval().requires_grad_(requires_grad=False)
        if output_loading_info:
            return model, {"missing_keys": set(missing), "unexpected_keys": set(unexpected)}
        return model

    def save_pretrained(self, path: str | Path, dtype: torch.dtype = torch.float32) -> None:
        """Write config and weights; floating point ones as ``dtype``."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
            for name, tensor in self.state_dict().items()
        }
        save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
        self.config.architectures = [type(self).__name__]
        self.config.save_pretrained(folder)
