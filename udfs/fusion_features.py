"""What a trained fuser sees of words and voice in one window: a few numbers of each side.

Each side gives its log-probabilities, less their mean (so that uniform ones are all 0), the same
times how reliable the side is, and the reliabilities themselves: a linear rule over these can trust
a side in one window more than in another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.fusion import LABELS, AudioEvidence, TextEvidence
from udfs.models.contract import Triple

Features = NDArray[np.float64]
"""(len(TEXT_FEATURES),) or (len(AUDIO_FEATURES),)."""

SMALLEST_SHARE = 1e-4
"""Smaller probabilities count as this: no model is as sure as its softmax says."""
MANY_WORDS = 10.0
"""As many or more are fully known."""
CLEAR_SNR_DB = 20.0
"""As clear or clearer is fully heard."""
UNKNOWN_CONFIDENCE = 0.8
"""Stands in where a recogniser does not tell its confidence."""


def _names(*reliabilities: str) -> tuple[str, ...]:
    logs = [f"log_{label}" for label in LABELS]
    weighted = [f"{one}*{log}" for one in reliabilities for log in logs]
    return (*logs, *weighted, *reliabilities)


TEXT_FEATURES = _names("words", "confidence")
AUDIO_FEATURES = _names("speech", "clarity")


def text_features(text: TextEvidence) -> Features:
    """(11,), in the order of ``TEXT_FEATURES``."""
    confidence = UNKNOWN_CONFIDENCE if text.confidence is None else text.confidence
    return _features(text.triple, _share(text.word_count / MANY_WORDS), _share(confidence))


def audio_features(audio: AudioEvidence) -> Features:
    """(11,), in the order of ``AUDIO_FEATURES``."""
    clarity = 1.0 if audio.snr_db is None else audio.snr_db / CLEAR_SNR_DB
    return _features(audio.triple, _share(audio.speech_ratio), _share(clarity))


def centred_log(triple: Triple) -> Features:
    """(3,): log-probabilities less their mean."""
    logs = np.log(np.maximum(np.array(triple, dtype=np.float64), SMALLEST_SHARE))
    return logs - logs.mean()


def _features(triple: Triple, *reliabilities: float) -> Features:
    logs = centred_log(triple)
    return np.concatenate([logs, *(one * logs for one in reliabilities), np.array(reliabilities)])


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
