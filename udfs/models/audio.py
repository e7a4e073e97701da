"""Any audio classifier of the Auto classes, one window at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from udfs.models.contract import (
    SAMPLE_RATE_HZ,
    WINDOW_SAMPLES,
    Answer,
    AudioModel,
    ModelError,
    ModelSpec,
    Prior,
    Triple,
)
from udfs.models.embedding import EmbeddingTap, as_bytes
from udfs.models.loading import Classifier, load_classifier, source_of, uses_bfloat16
from udfs.models.one_call import one_call

SHIPPED_FOLDER = "call-sentiment-speech"


class WindowScorer:
    """An ``AudioModel`` and ``EmbeddingModel``."""

    def __init__(self, classifier: Classifier, extractor: Any, *, bfloat16: bool) -> None:
        self._classifier = classifier
        self._extractor = extractor
        tap = EmbeddingTap(classifier.model)
        self.embedding_size: int | None = tap.size
        silence = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
        self._pass = one_call(classifier.model, tap, self._inputs(silence), bfloat16=bfloat16)

    @property
    def model_id(self) -> str:
        return self._classifier.model_id

    @property
    def operating_prior(self) -> Prior | None:
        """Shares the probabilities are corrected to; None: they are not."""
        return self._classifier.operating_prior

    def probabilities(self, waveform: NDArray[np.float32]) -> Triple:
        return self._scored(waveform)[0]

    def answer(self, given: NDArray[np.float32]) -> Answer:
        triple, embedding = self._scored(given)
        return Answer(triple, as_bytes(embedding))

    @torch.inference_mode()
    def _scored(self, waveform: NDArray[np.float32]) -> tuple[Triple, torch.Tensor | None]:
        logits, embedding = self._pass(self._inputs(waveform))
        return self._classifier.triple(logits), embedding

    def _inputs(self, waveform: NDArray[np.float32]) -> dict[str, torch.Tensor]:
        return dict(self._extractor(waveform, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt"))


def load_audio_model(spec: ModelSpec) -> AudioModel:
    """Read an audio model by ``AutoFeatureExtractor`` and ``AutoModelForAudioClassification``.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    source = source_of(spec, SHIPPED_FOLDER)
    classifier = load_classifier(spec, source, AutoModelForAudioClassification)
    extractor = source.read(AutoFeatureExtractor.from_pretrained)
    if extractor.sampling_rate != SAMPLE_RATE_HZ:
        message = (
            f"model {source.path} hears {extractor.sampling_rate} Hz: "
            f"choose one for {SAMPLE_RATE_HZ} Hz"
        )
        raise ModelError(message)
    return WindowScorer(classifier, extractor, bfloat16=uses_bfloat16(spec))
