"""The signal of one window to what can be heard in it: speech, level, feeling.

Each window is scored alone and in a fixed shape, so the same window gives the same numbers in the
stream, offline, and after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from udfs.audio_codec import MODEL_RATE_HZ, Samples, decode, resample_to_16khz
from udfs.loudness import loudness_dbfs, snr_db
from udfs.models.contract import Triple
from udfs.models.scorer import AudioScorer, MissingReason, Outcome
from udfs.windows import WINDOW_MS, WindowSignal

WINDOW_SAMPLES = WINDOW_MS * MODEL_RATE_HZ // 1_000


class SpeechDetector(Protocol):
    def speech_spans_ms(self, waveform: Samples) -> tuple[tuple[int, int], ...]:
        """Spans with speech in a waveform of 16 kHz, from its start."""
        ...


class WindowScore(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was heard in one window of one participant."""

    triple: Triple | None
    missing: MissingReason | None
    """Why not: ``no_speech``, ``withheld``, ``no_model``, or how the model failed."""
    model_id: str | None
    speech_ms: tuple[tuple[int, int], ...]
    """Spans with speech, from the window's start."""
    speech_ratio: float
    loudness_dbfs: float | None
    snr_db: float | None
    embedding: bytes | None = None
    """The model's pooled embedding, float16; only where it is asked for."""


WITHHELD_AUDIO = WindowScore(None, "withheld", None, (), 0.0, None, None)
"""Of a window in which policy forbids to use the voice: nothing was heard."""


def waveform_of(signal: WindowSignal) -> Samples:
    """The window's sound: float32 (80000,), 16 kHz, mono, in [-1, 1]."""
    waveform = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
    for track in signal.tracks:
        samples = decode(track.payload, track.encoding)  # (5 s at the track's rate,)
        waveform += resample_to_16khz(samples, track.sample_rate_hz)
    return waveform


class Heard(NamedTuple):
    """What the worker itself finds in one window."""

    waveform: Samples
    speech_ms: tuple[tuple[int, int], ...]
    loudness_dbfs: float | None
    snr_db: float | None


HearAll = Callable[[Callable[[WindowSignal], Heard], Iterable[WindowSignal]], Iterable[Heard]]


def hear(signal: WindowSignal, detector: SpeechDetector) -> Heard:
    """Where in 5 s of one participant somebody speaks, and how loud."""
    waveform = waveform_of(signal)
    speech_ms = detector.speech_spans_ms(waveform)
    return Heard(
        waveform,
        speech_ms,
        loudness_dbfs(waveform, speech_ms),
        snr_db(waveform, speech_ms, signal.covered_ms),
    )


def score_signals(
    signals: Iterable[WindowSignal],
    detector: SpeechDetector,
    scorer: AudioScorer,
    hear_all: HearAll = map,
) -> list[WindowScore]:
    """Score windows; the scorer is asked only where somebody speaks.

    Each is handed to the scorer as soon as it is heard, and its waveform is not kept.

    Args:
        signals: each 5 s of one participant.
        detector: finds the speech.
        scorer: finds the feeling.
        hear_all: hears the signals in their order; as ``map``, or in threads.
    """
    heard: list[Heard] = []

    def spoken() -> Iterator[Samples]:
        for one in hear_all(lambda signal: hear(signal, detector), signals):
            heard.append(one._replace(waveform=_NO_SAMPLES))
            if one.speech_ms:
                yield one.waveform

    outcomes = iter(list(scorer.score(spoken())))
    silent = Outcome(None, "no_speech", None)
    return [_score(one, next(outcomes) if one.speech_ms else silent) for one in heard]


_NO_SAMPLES = np.zeros(0, dtype=np.float32)


def _score(heard: Heard, outcome: Outcome) -> WindowScore:
    return WindowScore(
        triple=outcome.triple,
        missing=outcome.missing,
        model_id=outcome.model_id,
        speech_ms=heard.speech_ms,
        speech_ratio=sum(end - start for start, end in heard.speech_ms) / WINDOW_MS,
        loudness_dbfs=heard.loudness_dbfs,
        snr_db=heard.snr_db,
        embedding=outcome.embedding,
    )


def score_window(
    signal: WindowSignal, detector: SpeechDetector, scorer: AudioScorer
) -> WindowScore:
    """Score one window alone."""
    return score_signals([signal], detector, scorer)[0]
