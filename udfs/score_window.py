"""The signal of one window to what can be heard in it: speech, level, feeling.

Each window is scored alone and in a fixed shape, so the same window gives the same numbers in the
stream, offline, and after a restart.
"""

from __future__ import annotations

import logging
from typing import Protocol

import msgspec
import numpy as np

from udfs.audio_codec import MODEL_RATE_HZ, Samples, decode, resample_to_16khz
from udfs.loudness import loudness_dbfs, snr_db
from udfs.models.contract import Answer, AudioModel, Triple, ask
from udfs.windows import WINDOW_MS, WindowSignal

_LOG = logging.getLogger(__name__)
WINDOW_SAMPLES = WINDOW_MS * MODEL_RATE_HZ // 1_000


class SpeechDetector(Protocol):
    def speech_spans_ms(self, waveform: Samples) -> tuple[tuple[int, int], ...]:
        """Spans with speech in a waveform of 16 kHz, from its start."""
        ...


class WindowScore(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was heard in one window of one participant."""

    triple: Triple | None
    missing: str | None
    """Why there is no triple: ``no_speech`` or ``model_error``."""
    model_id: str | None
    speech_ms: tuple[tuple[int, int], ...]
    """Spans with speech, from the window's start."""
    speech_ratio: float
    loudness_dbfs: float | None
    snr_db: float | None
    embedding: bytes | None = None
    """The model's pooled embedding, float16; only where it is asked for."""


def waveform_of(signal: WindowSignal) -> Samples:
    """The window's sound: float32 (80000,), 16 kHz, mono, in [-1, 1]."""
    waveform = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
    for track in signal.tracks:
        samples = decode(track.payload, track.encoding)  # (5 s at the track's rate,)
        waveform += resample_to_16khz(samples, track.sample_rate_hz)
    return waveform


def score_window(
    signal: WindowSignal,
    detector: SpeechDetector,
    model: AudioModel | None,
    *,
    with_embedding: bool = False,
) -> WindowScore:
    """Score one window; the model is asked only where somebody speaks.

    Args:
        signal: 5 s of one participant.
        detector: finds the speech.
        model: None where no audio model is set: the triple is missing as ``no_model``.
        with_embedding: keep the model's pooled embedding.
    """
    waveform = waveform_of(signal)
    speech_ms = detector.speech_spans_ms(waveform)
    answer, missing = _feeling(waveform, speech_ms, model, with_embedding=with_embedding)
    return WindowScore(
        triple=answer.triple if answer else None,
        missing=missing,
        model_id=None if answer is None or model is None else model.model_id,
        speech_ms=speech_ms,
        speech_ratio=sum(end - start for start, end in speech_ms) / WINDOW_MS,
        loudness_dbfs=loudness_dbfs(waveform, speech_ms),
        snr_db=snr_db(waveform, speech_ms, signal.covered_ms),
        embedding=answer.embedding if answer else None,
    )


def _feeling(
    waveform: Samples,
    speech_ms: tuple[tuple[int, int], ...],
    model: AudioModel | None,
    *,
    with_embedding: bool,
) -> tuple[Answer | None, str | None]:
    if not speech_ms:
        return None, "no_speech"
    if model is None:
        return None, "no_model"
    try:
        return ask(model, waveform, with_embedding=with_embedding), None
    except Exception as error:  # a model is others' code: whatever it raises is a missing score
        # The type alone: a message may quote its input.
        _LOG.error("the audio model failed on a window: %s", type(error).__name__)
        return None, "model_error"
