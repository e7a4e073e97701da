"""What training begins with: any classifier of the Auto classes, or the shipped models' bases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

import udfs.models.own_models  # noqa: F401 - registers them with the Auto classes
from udfs.models.audio_encoder import SpeechEmotionConfig, SpeechEmotionModel
from udfs.models.contract import SAMPLE_RATE_HZ, ModelSpec
from udfs.models.embedding import classifying_layer
from udfs.models.light import LightModel
from udfs.models.onnx_session import GRAPH_FILE
from udfs.models.source import source_of
from udfs.models.speech_features import SpeechFeatureExtractor
from udfs.models.text_encoder import QuantizedEmbedding, TextSentimentConfig, TextSentimentModel
from udfs.training import base_weights
from udfs.training.errors import TrainingError
from udfs.training.labels import Labels
from udfs.training.recipe import Base, Modality

NUM_POSITIONS = 250
"""Of Whisper's 1,500: 5 s."""
_SHIPPED_FOLDERS = {"audio": "call-sentiment-speech", "text": "call-sentiment-text"}


@dataclass(frozen=True)
class BaseModel:
    """A classifier whose output layer is new, and what prepares its input."""

    model: Any
    processor: Any
    """Feature extractor or tokenizer."""

    @property
    def output_layer(self) -> nn.Linear:
        """The layer that gives the logits.

        Raises:
            TrainingError: no linear layer does.
        """
        layer = classifying_layer(self.model)
        if layer is None:
            msg = f"{type(self.model).__name__} has no linear output layer: choose another base"
            raise TrainingError(msg)
        return layer

    def save(self, folder: Path) -> None:
        """Weights (safetensors), config, and the processor's files.

        Our own classes read half-precision weights as float32, others would compute in them.
        """
        (folder / GRAPH_FILE).unlink(missing_ok=True)  # of other weights
        if isinstance(self.model, LightModel):
            self.model.save_pretrained(folder, dtype=torch.float16)
        else:
            self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)


def load_base(base: Base, modality: Modality, labels: Labels, seed: int) -> BaseModel:
    """The base model under a new output layer, in float32.

    Raises:
        TrainingError: it does not fit; ModelError: it cannot be read.
    """
    torch.manual_seed(seed)  # the output layer begins at random
    named = {
        "id2label": labels.id2label,
        "label2id": {name: number for number, name in labels.id2label.items()},
    }
    ours = {"whisper-tiny": ("audio", _whisper_tiny), "minilm": ("text", _minilm)}
    if base.model in ours:
        fits, build = ours[base.model]
        if fits != modality:
            msg = f"base {base.model} is for {fits}: choose one for {modality}"
            raise TrainingError(msg)
        loaded = build(base, named)
    elif base.layers is not None:
        msg = f"base.layers is for {' and '.join(ours)} only: remove it for {base.model}"
        raise TrainingError(msg)
    else:
        loaded = _of_auto_classes(base, modality, named)
    loaded.model.float().eval()
    return loaded


def _whisper_tiny(base: Base, named: dict[str, Any]) -> BaseModel:
    layers = _layers(base, 2, most=4)
    config = SpeechEmotionConfig(num_hidden_layers=layers, num_positions=NUM_POSITIONS, **named)
    model = SpeechEmotionModel(config)
    _fill(model, base_weights.whisper_encoder_weights(layers, NUM_POSITIONS))
    return BaseModel(model, SpeechFeatureExtractor())


def _minilm(base: Base, named: dict[str, Any]) -> BaseModel:
    layers = _layers(base, 3, most=6)
    model = TextSentimentModel(TextSentimentConfig(num_hidden_layers=layers, **named))
    weights, table = base_weights.minilm_weights(layers)
    # Frozen, hence quantized before training: what is trained is what ships.
    model.word_embeddings = QuantizedEmbedding.quantize(table)
    _fill(model, weights)
    return BaseModel(model, AutoTokenizer.from_pretrained(base_weights.minilm_folder()))


def _layers(base: Base, default: int, *, most: int) -> int:
    layers = base.layers or default
    if layers > most:
        msg = f"base.layers is {layers}, but {base.model} has {most}: give that or fewer"
        raise TrainingError(msg)
    return layers


def _fill(model: LightModel, weights: dict[str, Tensor]) -> None:
    model.load_state_dict(weights, strict=False)
    output: nn.Linear = model.classifier
    nn.init.normal_(output.weight, std=0.02)
    nn.init.zeros_(output.bias)


def _of_auto_classes(base: Base, modality: Modality, named: dict[str, Any]) -> BaseModel:
    source = source_of(ModelSpec(base.model), _SHIPPED_FOLDERS[modality])
    hears = modality == "audio"
    processor_class = AutoFeatureExtractor if hears else AutoTokenizer
    model_class = AutoModelForAudioClassification if hears else AutoModelForSequenceClassification
    config = source.read(AutoConfig.from_pretrained, **named)
    # Of the model this one is made from, and not true of the new one.
    for stale in ("training_prior", "operating_prior", "calibration_temperature", "label_map"):
        if getattr(config, stale, None) is not None:
            setattr(config, stale, None if stale != "calibration_temperature" else 1.0)
    processor = source.read(processor_class.from_pretrained)
    if hears and processor.sampling_rate != SAMPLE_RATE_HZ:
        msg = (
            f"base {base.model} hears {processor.sampling_rate} Hz: "
            f"choose one for {SAMPLE_RATE_HZ} Hz"
        )
        raise TrainingError(msg)
    model = source.read(model_class.from_pretrained, config=config, ignore_mismatched_sizes=True)
    return BaseModel(model.requires_grad_(requires_grad=True), processor)
