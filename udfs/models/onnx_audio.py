"""The shipped audio model and its kin by ONNX Runtime, one window at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.models.contract import Answer, ModelSpec, Prior, Triple, check_rate
from udfs.models.log_mel import LogMel
from udfs.models.onnx_session import Network, OnnxModel, load_onnx, read_json
from udfs.models.outputs import embedding_bytes
from udfs.models.source import Source


class OnnxAudio:
    """An ``AudioModel`` and ``EmbeddingModel``."""

    def __init__(self, model: OnnxModel, features: LogMel) -> None:
        self._model = model
        self._features = features

    @property
    def model_id(self) -> str:
        return self._model.outputs.model_id

    @property
    def operating_prior(self) -> Prior | None:
        """Shares the probabilities are corrected to; None: they are not."""
        return self._model.outputs.operating_prior

    @property
    def embedding_size(self) -> int:
        return self._model.graph.embedding_size

    def inputs(self, waveform: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
        """What the network is given, by name."""
        log_mel, active = self._features(waveform)
        return {"input_features": log_mel[None], "attention_mask": active[None]}

    def probabilities(self, waveform: NDArray[np.float32]) -> Triple:
        return self._model.outputs.triple(self._network(waveform).logits)

    def answer(self, given: NDArray[np.float32]) -> Answer:
        logits, embedding = self._network(given)
        return Answer(self._model.outputs.triple(logits), embedding_bytes(embedding))

    def _network(self, waveform: NDArray[np.float32]) -> Network:
        return self._model.graph(self.inputs(waveform))


def load_onnx_audio(spec: ModelSpec, source: Source) -> OnnxAudio:
    """Read an audio model's graph and the numbers of its feature extractor.

    Raises:
        ModelError: what is wrong with it, and what to do.
    """
    model = load_onnx(spec, source)
    extractor = read_json(source, "preprocessor_config.json")
    features = LogMel(
        extractor["feature_size"],
        extractor["sampling_rate"],
        extractor["window_samples"],
        extractor["fft_samples"],
        extractor["hop_samples"],
    )
    check_rate(source.path, features.sample_rate_hz)
    return OnnxAudio(model, features)
