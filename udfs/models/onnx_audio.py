"""The shipped audio model and its kin by ONNX Runtime, one window at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.models.contract import ModelSpec, check_rate
from udfs.models.log_mel import LogMel
from udfs.models.onnx_session import OnnxClassifier, OnnxModel, load_onnx, read_json
from udfs.models.source import Source


class OnnxAudio(OnnxClassifier[NDArray[np.float32]]):
    """An ``AudioModel``."""

    def __init__(self, model: OnnxModel, features: LogMel) -> None:
        super().__init__(model)
        self._features = features

    def inputs(self, given: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
        log_mel, active = self._features(given)
        return {"input_features": log_mel[None], "attention_mask": active[None]}


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
