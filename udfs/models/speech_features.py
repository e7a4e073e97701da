"""The shipped audio model's features as a feature extractor of the Auto classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BatchFeature, SequenceFeatureExtractor

from udfs.models.log_mel import LogMel


class SpeechFeatureExtractor(SequenceFeatureExtractor):
    model_input_names = ["input_features", "attention_mask"]  # noqa: RUF012 (transformers' name)

    def __init__(
        self,
        feature_size: int = 80,
        sampling_rate: int = 16_000,
        padding_value: float = 0.0,
        *,
        window_samples: int = 80_000,
        fft_samples: int = 400,
        hop_samples: int = 160,
        **kwargs: Any,
    ) -> None:
        super().__init__(feature_size, sampling_rate, padding_value, **kwargs)
        self.window_samples = window_samples
        self.fft_samples = fft_samples
        self.hop_samples = hop_samples

    def __call__(
        self,
        raw_speech: NDArray[np.float32],
        sampling_rate: int | None = None,
        return_tensors: str | None = "pt",
        **_unused: Any,
    ) -> BatchFeature:
        """One waveform (num_samples,); shorter than a window: silence follows; longer: cut."""
        if sampling_rate not in (None, self.sampling_rate):
            message = f"expected {self.sampling_rate} Hz, got {sampling_rate} Hz"
            raise ValueError(message)
        log_mel, active = self._features(raw_speech)
        return BatchFeature(
            {
                "input_features": torch.from_numpy(log_mel)[None],
                "attention_mask": torch.from_numpy(active)[None],
            },
            tensor_type=return_tensors,
        )

    @property
    def _features(self) -> LogMel:
        return LogMel(
            self.feature_size,
            self.sampling_rate,
            self.window_samples,
            self.fft_samples,
            self.hop_samples,
        )
