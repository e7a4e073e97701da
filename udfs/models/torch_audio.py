"""Any audio classifier of the Auto classes by torch, one window at a time."""

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
    ModelSpec,
    Prior,
    Triple,
    check_rate,
)
from udfs.models.embedding import EmbeddingTap, as_bytes
from udfs.models.one_call import one_call
from udfs.models.source import Source
from udfs.models.torch_loading import Classifier, load_classifier, uses_bfloat16


class TorchAudio:
    """An ``AudioModel`` and ``EmbeddingModel``."""

    def __init__(self, classifier: Classifier, extractor: Any, *, bfloat16: bool) -> None:
        self._classifier = classifier
        self._extractor = extractor
        tap = EmbeddingTap(classifier.model)
        self.embedding_size: int | None = tap.size
        silence = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
        self._pass = one_call(classifier.model, tap, self.inputs(silence), bfloat16=bfloat16)

    @property
    def model_id(self) -> str:
        return self._classifier.outputs.model_id

    @property
    def operating_prior(self) -> Prior | None:
        """Shares the probabilities are corrected to; None: they are not."""
        return self._classifier.outputs.operating_prior

    def inputs(self, waveform: NDArray[np.float32]) -> dict[str, torch.Tensor]:
        """What the network is given, by name."""
        return dict(self._extractor(waveform, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt"))

    def probabilities(self, waveform: NDArray[np.float32]) -> Triple:
        return self._scored(waveform)[0]

    def answer(self, given: NDArray[np.float32]) -> Answer:
        triple, embedding = self._scored(given)
        return Answer(triple, as_bytes(embedding))

    @torch.inference_mode()
    def _scored(self, waveform: NDArray[np.float32]) -> tuple[Triple, torch.Tensor | None]:
        logits, embedding = self._pass(self.inputs(waveform))
        return self._classifier.outputs.triple(logits[0].double().numpy()), embedding


def load_torch_audio(spec: ModelSpec, source: Source) -> TorchAudio:
    """Read an audio model by ``AutoFeatureExtractor`` and ``AutoModelForAudioClassification``.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    classifier = load_classifier(spec, source, AutoModelForAudioClassification)
    extractor = source.read(AutoFeatureExtractor.from_pretrained)
    check_rate(source.path, extractor.sampling_rate)
    return TorchAudio(classifier, extractor, bfloat16=uses_bfloat16(spec))
