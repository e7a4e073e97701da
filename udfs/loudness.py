"""Level of speech and of what is around it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from udfs.audio_codec import MODEL_RATE_HZ, Samples

_SAMPLES_PER_MS = MODEL_RATE_HZ // 1_000
_NOISE_FLOOR = 10.0**-10
"""Mean square below which noise is not told from digital silence: -100 dBFS, under 16-bit PCM."""
_MIN_NOISE_MS = 100
"""Less unspoken audio than this says little about the noise."""

Spans = tuple[tuple[int, int], ...]


def mask_of(
    spans: Iterable[tuple[int, int]], num_samples: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which samples lie in spans of milliseconds; bool (num_samples,)."""
    mask = np.zeros(num_samples, dtype=np.bool_)
    for start_ms, end_ms in spans:
        mask[start_ms * _SAMPLES_PER_MS : end_ms * _SAMPLES_PER_MS] = True
    return mask


def loudness_dbfs(waveform: Samples, speech_ms: Spans) -> float | None:
    """RMS of the spoken samples against full scale 1.0; None without speech.

    A full-scale square wave has 0 dBFS, a full-scale sine -3.01.
    """
    spoken = waveform[mask_of(speech_ms, len(waveform))]
    return decibels(mean_square(spoken)) if spoken.size else None


def snr_db(waveform: Samples, speech_ms: Spans, covered_ms: Spans) -> float | None:
    """Power of spoken against unspoken samples; None where either is not there to measure.

    Only audio that came counts: the silence that fills a gap is no quiet room.
    """
    spoken_mask = mask_of(speech_ms, len(waveform))
    spoken = waveform[spoken_mask]
    unspoken = waveform[mask_of(covered_ms, len(waveform)) & ~spoken_mask]
    if not spoken.size or unspoken.size < _MIN_NOISE_MS * _SAMPLES_PER_MS:
        return None
    return decibels(mean_square(spoken)) - decibels(mean_square(unspoken))


def mean_square(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def decibels(power: float) -> float:
    """Ten times the decimal logarithm, never below the noise floor."""
    return 10.0 * math.log10(max(power, _NOISE_FLOOR))
