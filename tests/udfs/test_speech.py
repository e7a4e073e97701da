import shutil
import subprocess

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from silero_vad import get_speech_timestamps_from_probs, load_silero_vad

from udfs.speech import MIN_SPEECH_MS, SpeechDetector, likely_spans, padded

RATE_HZ = 16_000
SAMPLES = 80_000
WINDOW_MS = 5_000


@pytest.fixture(scope="module")
def detector():
    return SpeechDetector()


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Two seconds or so of a synthetic voice, (num_samples,) at 16 kHz."""
    voice = shutil.which("espeak-ng")
    if voice is None:
        pytest.skip("espeak-ng is not installed")
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    sentence = "good morning, how can I help you today"
    subprocess.run([voice, "-v", "en", "-w", str(path), sentence], check=True)
    waveform, rate_hz = soundfile.read(path, dtype="float32")
    return soxr.resample(waveform, rate_hz, RATE_HZ)[:48_000]


def window_with(speech, at_sample):
    window = np.zeros(SAMPLES, np.float32)
    window[at_sample : at_sample + len(speech)] = speech[: SAMPLES - at_sample]
    return window


def assert_well_formed(spans):
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(end - start >= MIN_SPEECH_MS for start, end in spans)
    assert all(0 <= edge <= WINDOW_MS for edge in edges)


@settings(max_examples=200, deadline=None)
@given(
    levels=st.lists(st.floats(0, 1, width=32), max_size=160),
    frames_each=st.integers(1, 5),
    cut_off=st.integers(0, 511),
)
def test_spans_are_those_of_silero(levels, frames_each, cut_off):
    probabilities = [level for level in levels for _ in range(frames_each)]
    num_samples = max(0, 512 * len(probabilities) - cut_off)
    expected = get_speech_timestamps_from_probs(
        probabilities, audio_length_samples=num_samples, min_speech_duration_ms=MIN_SPEECH_MS
    )
    spans = padded(list(likely_spans(probabilities, num_samples)), num_samples)
    assert spans == [(span["start"], span["end"]) for span in expected]


@pytest.mark.parametrize("num_samples", [1, 511, 512, 5_000, SAMPLES])
def test_probabilities_are_those_of_silero(detector, num_samples):
    noise = np.random.default_rng(num_samples).normal(size=num_samples).astype(np.float32) * 0.1
    expected = load_silero_vad(sequence=True).audio_forward(noise)
    assert detector._probabilities(noise) == expected.tolist()


def test_silence_holds_no_speech(detector):
    assert detector.speech_spans_ms(np.zeros(SAMPLES, np.float32)) == ()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), level=st.sampled_from([1e-4, 1e-2, 0.3]))
def test_noise_holds_no_speech(detector, seed, level):
    noise = np.random.default_rng(seed).normal(size=SAMPLES) * level
    assert detector.speech_spans_ms(np.clip(noise, -1, 1).astype(np.float32)) == ()


@pytest.mark.parametrize("at_sample", [0, 16_000, 32_000])
def test_speech_is_found_where_it_is(detector, spoken, at_sample):
    spans = detector.speech_spans_ms(window_with(spoken, at_sample))
    assert_well_formed(spans)
    start_ms, end_ms = at_sample // 16, (at_sample + len(spoken)) // 16
    assert abs(spans[0][0] - start_ms) < 300
    assert abs(spans[-1][1] - end_ms) < 600


def test_a_window_is_judged_alone(detector, spoken):
    window = window_with(spoken, 8_000)
    before = detector.speech_spans_ms(window)
    detector.speech_spans_ms(window_with(spoken, 60_000))
    assert detector.speech_spans_ms(window) == before


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_spans_are_sorted_disjoint_and_inside(detector, spoken, seed):
    draw = np.random.default_rng(seed)
    window = np.zeros(SAMPLES, np.float32)
    for _ in range(draw.integers(1, 6)):
        begin = draw.integers(len(spoken))
        window += window_with(
            spoken[begin : begin + draw.integers(1, 20_000)], draw.integers(SAMPLES)
        )
    assert_well_formed(detector.speech_spans_ms(np.clip(window, -1, 1)))
