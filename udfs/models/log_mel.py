"""What the shipped audio model hears: Whisper's log-mel, made blind to level and pauses.

A window is seldom full of speech, and a caller's level says more about the line than about mood.
So blocks of 20 ms far below the loudest ones are marked inactive (the model does not pool over
them) and the signal is scaled to a fixed RMS over the active ones.

    waveform (80000,) -> log-mel (80, 500) at 10 ms, active (250,) at 20 ms
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_SAMPLES = 320
"""One position of the encoder: 20 ms."""
LOUD_QUANTILE = 0.95
ACTIVE_RANGE_DB = 35.0
"""Blocks further below the loud ones are pauses."""
TARGET_RMS = 0.05
SILENCE_RMS = 1e-5
"""Below -100 dBFS nothing is scaled up."""


class Features(NamedTuple):
    log_mel: NDArray[np.float32]
    """(num_mels, num_samples / hop)"""
    active: NDArray[np.bool_]
    """(num_samples / 320,)"""


@dataclass(frozen=True)
class LogMel:
    """How features are made of a waveform."""

    num_mels: int = 80
    sample_rate_hz: int = 16_000
    window_samples: int = 80_000
    fft_samples: int = 400
    hop_samples: int = 160

    def __call__(self, waveform: NDArray[np.float32]) -> Features:
        """One waveform (num_samples,); shorter than a window: silence follows; longer: cut."""
        window = np.zeros(self.window_samples, dtype=np.float32)
        known = np.asarray(waveform, dtype=np.float32)[: self.window_samples]
        window[: len(known)] = known
        active = active_blocks(window)
        return Features(self._log_mel(at_target_rms(window, active)), active)

    def _log_mel(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        padded = np.pad(waveform, self.fft_samples // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.fft_samples)
        frames = frames[: self.window_samples : self.hop_samples]
        spectrum = np.fft.rfft(frames * hann(self.fft_samples))  # (frames, bins)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32).T
        log_mel = np.log10(np.maximum(self._filters.sums(power), np.float32(1e-10)))
        return (np.maximum(log_mel, log_mel.max() - np.float32(8)) + np.float32(4)) / np.float32(4)

    @property
    def _filters(self) -> MelFilters:
        return mel_filters(self.fft_samples, self.num_mels, self.sample_rate_hz)


@functools.cache
def hann(num_samples: int) -> NDArray[np.float32]:
    """A period of Hann's window."""
    phase = 2 * np.pi * np.arange(num_samples) / num_samples
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


class MelFilters(NamedTuple):
    """Triangles over the bins of a spectrum, without their zeros."""

    bins: NDArray[np.intp]
    """The bins under every triangle, one triangle after another."""
    weights: NDArray[np.float32]
    """(len(bins), 1)"""
    starts: NDArray[np.intp]
    """Where in ``bins`` each triangle begins."""

    def sums(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """A power spectrum (bins, frames) under each triangle: (mels, frames)."""
        return np.add.reduceat(power[self.bins] * self.weights, self.starts, axis=0)


@functools.cache
def mel_filters(fft_samples: int, num_mels: int, sample_rate_hz: int) -> MelFilters:
    """Slaney's: equal areas, edges even in mel."""
    edges_hz = _slaney_hz(np.linspace(0, _slaney_mel(sample_rate_hz / 2), num_mels + 2))
    bins_hz = np.linspace(0, sample_rate_hz / 2, fft_samples // 2 + 1)
    low, middle, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    mels, bins = np.nonzero(triangles)
    weights = triangles[mels, bins].astype(np.float32)[:, None]
    return MelFilters(bins, weights, np.searchsorted(mels, np.arange(num_mels)))


_LINEAR_HZ = 1_000.0
"""Up to here a mel is 66.7 Hz; above, 27 mels are a factor of 6.4."""
_HZ_A_MEL = 200 / 3
_MELS_A_FACTOR = 27 / np.log(6.4)


def _slaney_mel(hz: float) -> float:
    return float(_LINEAR_HZ / _HZ_A_MEL + np.log(hz / _LINEAR_HZ) * _MELS_A_FACTOR)


def _slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = mel - _LINEAR_HZ / _HZ_A_MEL
    return np.where(above < 0, mel * _HZ_A_MEL, _LINEAR_HZ * np.exp(above / _MELS_A_FACTOR))


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
