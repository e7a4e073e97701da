"""From what a model computes to what the job keeps: logits to a triple, an embedding to bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.models.contract import ModelError, ModelSpec, Prior, Triple
from udfs.models.labels import SentimentMap, checked_prior, sentiment_map, with_operating_prior
from udfs.models.source import Source, model_id

UNIFORM: Prior = (1 / 3, 1 / 3, 1 / 3)
_FLOAT16_MAX = 65_504.0


@dataclass(frozen=True)
class Outputs:
    """A model's name, labels and priors."""

    model_id: str
    sentiments: SentimentMap
    training_prior: Prior
    operating_prior: Prior | None
    temperature: float = 1.0
    """Divides the logits: what training found to make the probabilities true (Guo et al. 2017)."""

    def triple(self, logits: NDArray[np.floating[Any]]) -> Triple:
        """The sentiments of the logits (labels,) of one input.

        Raises:
            ModelError: the probabilities are not finite.
        """
        scaled = logits.astype(np.float64) / self.temperature
        odds = np.exp(scaled - scaled.max())
        triple = self.sentiments.triple((odds / odds.sum()).tolist())
        if not all(map(math.isfinite, triple)):
            message = f"model {self.model_id} gave no finite probabilities"
            raise ModelError(message)
        if self.operating_prior is None:
            return triple
        return with_operating_prior(triple, self.training_prior, self.operating_prior)


def outputs_of(spec: ModelSpec, source: Source, config: Any) -> Outputs:
    """What the settings and a model's config say about its outputs; the settings come first.

    Args:
        spec: the settings.
        source: where the model is.
        config: has ``id2label``, and may have ``problem_type``, ``label_map``, ``training_prior``,
            ``operating_prior`` and ``calibration_temperature``.

    Raises:
        ModelError: it is no classifier of one label among several, or its labels, priors or
            temperature make no sense.
    """
    problem_type = getattr(config, "problem_type", None)
    if problem_type not in (None, "single_label_classification"):
        message = (
            f"model {source.path} is made for {problem_type}: "
            "choose one that gives one label among several"
        )
        raise ModelError(message)
    label_map = spec.label_map or getattr(config, "label_map", None)
    training_prior = spec.training_prior or getattr(config, "training_prior", None) or UNIFORM
    operating_prior = spec.operating_prior or getattr(config, "operating_prior", None)
    return Outputs(
        model_id(source, config),
        sentiment_map(config.id2label, label_map, f"model {source.path}"),
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


def embedding_bytes(embedding: NDArray[np.float32]) -> bytes:
    """An embedding (size,) as float16, little-endian; what is beyond its range becomes its end."""
    return np.clip(embedding, -_FLOAT16_MAX, _FLOAT16_MAX).astype("<f2").tobytes()
