"""What loading an audio and a text model by torch have in common: what is read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig

import udfs.models.own_models  # noqa: F401 - registers them with the Auto classes
from udfs.models.contract import ModelError, ModelSpec
from udfs.models.memory import release_library_pages
from udfs.models.outputs import Outputs, outputs_of
from udfs.models.source import Source

UNUSED_WHEN_SCORING = frozenset({"masked_spec_embed"})
"""Weights that only training reads, so a model may lack them."""


@dataclass(frozen=True)
class Classifier:
    """A module that gives logits, and what they mean."""

    model: Any
    outputs: Outputs


def load_classifier(spec: ModelSpec, source: Source, auto_class: Any) -> Classifier:
    """Read and check a model.

    Raises:
        ModelError: it cannot be read, some weights are missing, it is no classifier of one label
            among several, or its labels or priors make no sense.
    """
    config = source.read(AutoConfig.from_pretrained)
    outputs = outputs_of(spec, source, config)
    model, info = source.read(auto_class.from_pretrained, config=config, output_loading_info=True)
    missing = sorted(
        name for name in info["missing_keys"] if name.split(".")[-1] not in UNUSED_WHEN_SCORING
    )
    if missing:
        message = (
            f"model {source.path} lacks the weights {', '.join(missing[:4])}, "
            "which would be random: choose a model fine-tuned for classification"
        )
        raise ModelError(message)
    torch.set_num_threads(spec.num_threads)
    release_library_pages()
    return Classifier(model.eval(), outputs)


def uses_bfloat16(spec: ModelSpec) -> bool:
    """Whether to compute in bfloat16: as told, or where the CPU has instructions for it."""
    if spec.precision != "auto":
        return spec.precision == "bfloat16"
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
