"""How a model takes calm calls: shares of sentiments on Harper Valley's polite bank calls.

These calls have no true labels. That people who ask for a new card are seldom angry is all we
know, so a high share of negative is a fault; a low one alone proves nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from udfs.models.audio import load_audio_model
from udfs.models.contract import SAMPLE_RATE_HZ, WINDOW_SAMPLES, ModelSpec, Triple
from udfs.models.text import load_text_model
from udfs.speech import SpeechDetector
from udfs.training.augment import Waveform, by_telephone, placed

Shares = dict[str, float]


def spoken_windows(folder: Path) -> Iterator[Waveform]:
    """Every 5-s window with speech, through G.711."""
    detector = SpeechDetector()
    for path in sorted(folder.glob("audio/*/*.flac")):
        narrow, rate_hz = soundfile.read(path, dtype="float32")
        wide = soxr.resample(narrow, rate_hz, SAMPLE_RATE_HZ)
        for begin in range(0, len(wide), WINDOW_SAMPLES):
            window = by_telephone(placed(wide[begin : begin + WINDOW_SAMPLES], 0))
            if detector.speech_spans_ms(window):
                yield window


def texts(folder: Path) -> Iterator[str]:
    """Every segment's words as people wrote them down, without marks such as [noise]."""
    for path in sorted(folder.glob("transcript/*.json")):
        for segment in json.loads(path.read_text(encoding="utf-8")):
            text = re.sub(r"\[\w+\]|<\w+>", " ", segment["human_transcript"]).strip()
            if text:
                yield text


def shares(triples: Sequence[Triple]) -> Shares:
    labels = np.argmax(np.array(triples), axis=1)
    counts = np.bincount(labels, minlength=3) / len(labels)
    found = dict(zip(Triple._fields, (round(float(c), 3) for c in counts), strict=True))
    scores = [5 * (triple.positive - triple.negative) for triple in triples]
    return found | {"mean score": round(float(np.mean(scores)), 2), "rows": len(triples)}


def audio_shares(model: Path, folder: Path) -> dict[str, Shares]:
    """Under the training and the operating prior."""
    windows = list(spoken_windows(folder))
    return {
        name: shares([scorer.probabilities(window) for window in windows])
        for name, scorer in (
            ("training prior", load_audio_model(without_prior(model))),
            ("operating prior", load_audio_model(ModelSpec(str(model)))),
        )
    }


def text_shares(model: Path, folder: Path) -> dict[str, Shares]:
    """Under the training and the operating prior."""
    said = list(texts(folder))
    return {
        name: shares([scorer.probabilities(text) for text in said])
        for name, scorer in (
            ("training prior", load_text_model(without_prior(model))),
            ("operating prior", load_text_model(ModelSpec(str(model)))),
        )
    }


def without_prior(model: Path) -> ModelSpec:
    """The same prior on both sides, which changes nothing."""
    uniform = (1 / 3, 1 / 3, 1 / 3)
    return ModelSpec(str(model), training_prior=uniform, operating_prior=uniform)
