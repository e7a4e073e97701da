"""One window to what can be heard in it, with a detector and a model in the test's hand."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from tests.builders import chunk
from udfs.audio_codec import encode
from udfs.models.contract import Triple
from udfs.models.scorer import LocalAudio, LocalText, NoModel
from udfs.score_text import score_text
from udfs.score_window import WINDOW_SAMPLES, score_window, waveform_of
from udfs.windows import Track, WindowSignal, arrange

HAPPY = Triple(0.1, 0.2, 0.7)


class Hears:
    """Finds speech where it is told to."""

    def __init__(self, *spans):
        self.spans = spans

    def speech_spans_ms(self, waveform):
        assert waveform.shape == (WINDOW_SAMPLES,)
        return self.spans


class Feels:
    model_id = "model-1"

    def __init__(self, answer=HAPPY):
        self.answer = answer
        self.asked = 0

    def probabilities(self, waveform):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def signal(level: float = 0.5) -> WindowSignal:
    samples = np.full(40_000, level, np.float32)
    track = Track("pcm_s16le", 8_000, encode(samples, "pcm_s16le"))
    return WindowSignal((track,), ((0, 5_000),), 0)


def test_a_window_with_speech_is_scored():
    score = score_window(signal(), Hears((0, 1_000), (2_000, 2_500)), LocalAudio(Feels()))

    assert (score.triple, score.missing, score.model_id) == (HAPPY, None, "model-1")
    assert score.speech_ratio == 0.3
    assert score.loudness_dbfs == pytest.approx(-6.02, abs=0.05)


def test_the_model_is_not_asked_where_nobody_speaks():
    model = Feels()

    score = score_window(signal(), Hears(), LocalAudio(model))

    assert (score.triple, score.missing, score.model_id) == (None, "no_speech", None)
    assert (score.loudness_dbfs, score.snr_db, score.speech_ratio) == (None, None, 0.0)
    assert model.asked == 0


def test_without_a_model_the_window_still_has_its_speech():
    score = score_window(signal(), Hears((0, 1_000)), NoModel())

    assert (score.triple, score.missing) == (None, "no_model")
    assert score.speech_ratio == 0.2


def test_a_failed_model_is_missing_and_never_neutral_and_its_message_is_not_logged(caplog):
    with caplog.at_level(logging.DEBUG):
        score = score_window(
            signal(), Hears((0, 1_000)), LocalAudio(Feels(ValueError("what was said")))
        )

    assert (score.triple, score.missing, score.model_id) == (None, "model_error", None)
    assert "what was said" not in caplog.text
    assert "ValueError" in caplog.text


@pytest.mark.parametrize(
    ("encoding", "rate_hz"),
    [("mulaw", 8_000), ("alaw", 8_000), ("pcm_s16le", 44_100), ("pcm_s16le", 11_025)],
)
def test_every_codec_becomes_five_seconds_at_16_khz(encoding, rate_hz):
    heard = arrange(0, [chunk(0, encoding=encoding, sample_rate_hz=rate_hz)], audio_follows=False)

    waveform = waveform_of(heard)

    assert waveform.shape == (80_000,)
    assert waveform.dtype == np.float32


class Reads(Feels):
    def probabilities(self, text):
        return super().probabilities(text)


@pytest.mark.parametrize(
    ("text", "language", "models", "missing"),
    [
        ("good", "en-US", ["en"], None),
        ("good", "EN_gb", ["en"], None),
        ("gut", "de", ["en"], "unsupported_language"),
        ("gut", "de", ["en", "*"], None),
        ("gut", "", ["en"], "unsupported_language"),
        ("?!", "en", ["en"], "no_words"),
        ("", "de", [], "no_words"),
        ("good", "en", [], "unsupported_language"),
    ],
)
def test_each_utterance_is_read_by_its_own_languages_model(text, language, models, missing):
    score = score_text(text, language, {name: LocalText(Reads()) for name in models})

    assert score.missing == missing
    assert (score.triple is None) == (missing is not None)


def test_a_failed_text_model_is_missing_and_its_message_is_not_logged(caplog):
    with caplog.at_level(logging.DEBUG):
        score = score_text("my secret", "en", {"en": LocalText(Reads(RuntimeError("my secret")))})

    assert (score.triple, score.missing) == (None, "model_error")
    assert "my secret" not in caplog.text
