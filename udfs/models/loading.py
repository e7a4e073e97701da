"""What loading an audio and a text model have in common: where from, what is checked.

Our own classes are registered with the Auto classes here, so nothing needs remote code.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    AutoModelForSequenceClassification,
)

from udfs.models.audio_encoder import SpeechEmotionConfig, SpeechEmotionModel
from udfs.models.contract import SHIPPED, ModelError, ModelSpec, Prior, Triple
from udfs.models.labels import SentimentMap, checked_prior, sentiment_map, with_operating_prior
from udfs.models.memory import release_library_pages
from udfs.models.speech_features import SpeechFeatureExtractor
from udfs.models.text_encoder import TextSentimentConfig, TextSentimentModel

Loaded = TypeVar("Loaded")

PRETRAINED = Path(__file__).parent.parent / "pretrained"
UNIFORM: Prior = (1 / 3, 1 / 3, 1 / 3)
UNUSED_WHEN_SCORING = frozenset({"masked_spec_embed"})
"""Weights that only training reads, so a model may lack them."""

_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")

AutoConfig.register("call_sentiment_speech", SpeechEmotionConfig, exist_ok=True)
AutoConfig.register("call_sentiment_text", TextSentimentConfig, exist_ok=True)
AutoFeatureExtractor.register(
    SpeechEmotionConfig, feature_extractor_class=SpeechFeatureExtractor, exist_ok=True
)
AutoModelForAudioClassification.register(SpeechEmotionConfig, SpeechEmotionModel, exist_ok=True)
AutoModelForSequenceClassification.register(TextSentimentConfig, TextSentimentModel, exist_ok=True)


@dataclass(frozen=True)
class Source:
    """Where a model is read from."""

    path: str
    is_local: bool

    def read(self, load: Callable[..., Loaded], **options: Any) -> Loaded:
        """Call a ``from_pretrained``.

        Raises:
            ModelError: whatever it found wrong.
        """
        try:
            return load(
                self.path, local_files_only=self.is_local, trust_remote_code=False, **options
            )
        except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
            place = "this folder" if self.is_local else "the hub or its local cache"
            reason = " ".join(str(error).split())[:300]
            message = (
                f"model {self.path} cannot be read from {place} ({reason}): give a folder made by "
                "save_pretrained, or a hub id that this machine can download"
            )
            raise ModelError(message) from error


def source_of(spec: ModelSpec, shipped_folder: str) -> Source:
    """Where ``spec`` points to.

    Raises:
        ModelError: neither an existing folder nor a hub id.
    """
    if spec.path == SHIPPED:
        return Source(str(PRETRAINED / shipped_folder), is_local=True)
    folder = Path(spec.path).expanduser()
    if spec.path and folder.is_dir():
        return Source(str(folder), is_local=True)
    if not _HUB_ID.fullmatch(spec.path):
        message = (
            f"model folder {spec.path!r} does not exist: "
            f"give an existing folder, a hub id, or {SHIPPED!r}"
        )
        raise ModelError(message)
    return Source(spec.path, is_local=False)


@dataclass(frozen=True)
class Classifier:
    """A model with its labels and priors: tensors in, a triple out."""

    model: Any
    model_id: str
    sentiments: SentimentMap
    training_prior: Prior
    operating_prior: Prior | None
    temperature: float = 1.0
    """Divides the logits: what training found to make the probabilities true (Guo et al. 2017)."""

    def triple(self, logits: torch.Tensor) -> Triple:
        """The sentiments of one row of logits (1, labels)."""
        triple = self.sentiments.triple(
            (logits[0].double() / self.temperature).softmax(-1).tolist()
        )
        if not all(map(math.isfinite, triple)):
            message = f"model {self.model_id} gave no finite probabilities"
            raise ModelError(message)
        if self.operating_prior is None:
            return triple
        return with_operating_prior(triple, self.training_prior, self.operating_prior)


def load_classifier(spec: ModelSpec, source: Source, auto_class: Any) -> Classifier:
    """Read and check a model.

    Raises:
        ModelError: it cannot be read, some weights are missing, it is no classifier of one label
            among several, or its labels or priors make no sense.
    """
    config = source.read(AutoConfig.from_pretrained)
    if config.problem_type not in (None, "single_label_classification"):
        message = (
            f"model {source.path} is made for {config.problem_type}: "
            "choose one that gives one label among several"
        )
        raise ModelError(message)
    label_map = spec.label_map or getattr(config, "label_map", None)
    sentiments = sentiment_map(config.id2label, label_map, f"model {source.path}")
    training_prior = spec.training_prior or getattr(config, "training_prior", None) or UNIFORM
    operating_prior = spec.operating_prior or getattr(config, "operating_prior", None)
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
    return Classifier(
        model.eval(),
        model_id(source, config),
        sentiments,
        checked_prior(training_prior, source.path),
        None if operating_prior is None else checked_prior(operating_prior, source.path),
        _temperature(config, source.path),
    )


def _temperature(config: Any, path: str) -> float:
    """``calibration_temperature`` of a config; ``temperature`` alone is a word of text generation.

    Raises:
        ModelError: it is no positive number.
    """
    temperature = getattr(config, "calibration_temperature", 1.0)
    if not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
        message = f"calibration_temperature {temperature!r} of {path}: give a number above 0"
        raise ModelError(message)
    return float(temperature)


def model_id(source: Source, config: Any) -> str:
    """Name and version: ``folder@first 8 of the weights' SHA-256``, or ``hub id@commit``."""
    if not source.is_local:
        commit = getattr(config, "_commit_hash", None) or "unknown"
        return f"{source.path}@{commit[:8]}"
    folder = Path(source.path)
    digest = hashlib.sha256()
    for pattern in ("*.safetensors", "*.bin"):
        for file in sorted(folder.glob(pattern)):
            digest.update(file.read_bytes())
    return f"{folder.resolve().name}@{digest.hexdigest()[:8]}"


def uses_bfloat16(spec: ModelSpec) -> bool:
    """Whether to compute in bfloat16: as told, or where the CPU has instructions for it."""
    if spec.precision != "auto":
        return spec.precision == "bfloat16"
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
