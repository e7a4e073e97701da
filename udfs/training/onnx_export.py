"""From a trained model's folder to its graph for ONNX Runtime: ``model.onnx`` beside the weights.

    safetensors ─► module ─► torch's exporter ─► its weights made references into the safetensors

So the graph is a few tens of kilobytes, the weights are kept once and in the precision in which
they are kept, and the same folder gives the same bytes.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from udfs.models.audio_encoder import SpeechEmotionModel
from udfs.models.embedding import EmbeddingTap
from udfs.models.light import LightModel
from udfs.models.one_call import InOrder
from udfs.models.onnx_session import GRAPH_FILE, OUTPUTS, WEIGHTS_KEY, sha256_of
from udfs.models.own_models import OWN_MODELS
from udfs.models.source import WEIGHTS_FILE, Source
from udfs.training.errors import TrainingError

OPSET = 18


def is_exportable(folder: Path) -> bool:
    """Whether a folder's model is one of our own classes; others run by torch.

    Raises:
        ModelError: its config cannot be read.
    """
    return _config(folder).model_type in OWN_MODELS


def export(folder: Path) -> Path:
    """Write the graph of a folder's model; returns its file.

    Raises:
        TrainingError: the model is none of our own, or the exporter is not installed.
        ModelError: it cannot be read.
    """
    try:
        import onnxscript  # noqa: F401, PLC0415 - torch's exporter needs it
        from onnx import helper  # noqa: PLC0415 - an extra

        from udfs.training.onnx_weights import (  # noqa: PLC0415 - loads onnx
            forget_origins,
            refer,
            stored_weights,
        )
    except ImportError as error:
        msg = f"{error.name} is not installed: install call-sentiment[dev] to write {GRAPH_FILE}"
        raise TrainingError(msg) from error
    weights = folder / WEIGHTS_FILE
    exported = _exported(_own_model(folder))
    refer(exported.graph, stored_weights(weights))
    forget_origins(exported)
    helper.set_model_props(exported, {WEIGHTS_KEY: sha256_of(weights)})
    file = folder / GRAPH_FILE
    file.write_bytes(exported.SerializeToString(deterministic=True))
    return file


def _config(folder: Path) -> Any:
    return Source(str(folder), is_local=True).read(AutoConfig.from_pretrained)


def _own_model(folder: Path) -> LightModel:
    config = _config(folder)
    own_class = OWN_MODELS.get(config.model_type)
    if own_class is None:
        msg = f"model {folder} is a {config.model_type}, which torch runs: no {GRAPH_FILE} for it"
        raise TrainingError(msg)
    model: Any = Source(str(folder), is_local=True).read(own_class.from_pretrained, config=config)
    return model


def _exported(model: LightModel) -> Any:
    """The model as torch's exporter writes it, weights and all: an ONNX ``ModelProto``."""
    config = model.config
    dynamic: dict[str, Any] | None = None
    if isinstance(model, SpeechEmotionModel):
        example = {
            "input_features": torch.zeros(1, config.num_mel_bins, 2 * config.num_positions),
            "attention_mask": torch.ones(1, config.num_positions, dtype=torch.bool),
        }
    else:
        example = {"input_ids": torch.zeros(1, 9, dtype=torch.int64)}
        tokens = torch.export.Dim("tokens", min=2, max=config.max_position_embeddings)
        dynamic = {"inputs": ({1: tokens},)}
    # That torchvision, which no model here uses, is not installed.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    program = torch.onnx.export(
        InOrder(model, EmbeddingTap(model), list(example), bfloat16=False).eval(),
        tuple(example.values()),
        input_names=list(example),
        output_names=OUTPUTS,
        opset_version=OPSET,
        dynamic_shapes=dynamic,
        dynamo=True,
        verbose=False,
    )
    return program.model_proto
