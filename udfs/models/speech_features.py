"""Feature extractor of the shipped audio model: Whisper's log-mel, made blind to level and pauses.

A window is seldom full of speech, and a caller's level says more about the line than about mood.
So blocks of 20 ms far below the loudest ones are marked inactive (the model does not pool over
them) and the signal is scaled to a fixed RMS over the active ones.

    waveform (80000,) -> log-mel (80, 500) at 10 ms, active (250,) at 20 ms
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BatchFeature, SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank

BLOCK_SAMPLES = 320
"""One position of the encoder: 20 ms."""
LOUD_QUANTILE = 0.95
ACTIVE_RANGE_DB = 35.0
"""Blocks further below the loud ones are pauses."""
TARGET_RMS = 0.05
SILENCE_RMS = 1e-5
"""Below -100 dBFS nothing is scaled up."""


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
        waveform = np.zeros(self.window_samples, dtype=np.float32)
        known = np.asarray(raw_speech, dtype=np.float32)[: self.window_samples]
        waveform[: len(known)] = known
        active = active_blocks(waveform)
        scaled = torch.from_numpy(at_target_rms(waveform, active))
        return BatchFeature(
            {
                "input_features": self._log_mel(scaled)[None],
                "attention_mask": torch.from_numpy(active)[None],
            },
            tensor_type=return_tensors,
        )

    def _log_mel(self, waveform: torch.Tensor) -> torch.Tensor:
        """Whisper's log-mel, (feature_size, num_samples / hop)."""
        mel = mel_filters(self.fft_samples, self.feature_size, self.sampling_rate)
        hann = torch.hann_window(self.fft_samples)
        spectrum = torch.stft(
            waveform, self.fft_samples, self.hop_samples, window=hann, return_complex=True
        )
        power = torch.view_as_real(spectrum[:, :-1]).square().sum(-1)  # (bins, frames)
        log_mel = (mel @ power).clamp(min=1e-10).log10()
        return (torch.maximum(log_mel, log_mel.max() - 8.0) + 4.0) / 4.0


@functools.cache
def mel_filters(fft_samples: int, num_mels: int, sample_rate_hz: int) -> torch.Tensor:
    """Slaney's filters, (num_mels, fft_samples / 2 + 1)."""
    filters = mel_filter_bank(
        fft_samples // 2 + 1,
        num_mels,
        0.0,
        sample_rate_hz / 2,
        sample_rate_hz,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(filters.T.astype(np.float32)).contiguous()


def active_blocks(waveform: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which 20-ms blocks (num_samples / 320,) are not pauses; all of them in silence."""
    power = np.square(waveform.reshape(-1, BLOCK_SAMPLES)).mean(1)
    loud = np.quantile(power, LOUD_QUANTILE)
    active: NDArray[np.bool_] = power >= loud * 10 ** (-ACTIVE_RANGE_DB / 10)
    return active


def at_target_rms(waveform: NDArray[np.float32], active: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The waveform scaled so that its active blocks have ``TARGET_RMS``."""
    rms = np.sqrt(np.square(waveform.reshape(-1, BLOCK_SAMPLES)[active]).mean())
    scale = TARGET_RMS / max(float(rms), SILENCE_RMS)
    return (waveform * np.float32(scale)).astype(np.float32)
