import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.models.log_mel import active_blocks
from udfs.models.speech_features import SpeechFeatureExtractor

RATE_HZ = 16_000
SAMPLES = 80_000


def tone(seconds, level):
    return (level * np.sin(np.arange(int(seconds * RATE_HZ)) * 0.3)).astype(np.float32)


def window(*parts):
    signal = np.concatenate(parts)
    return np.pad(signal, (0, SAMPLES - len(signal)))


def test_shapes_are_those_of_a_window():
    features = SpeechFeatureExtractor()(tone(5, 0.1), sampling_rate=RATE_HZ)
    assert features["input_features"].shape == (1, 80, 500)
    assert features["attention_mask"].shape == (1, 250)


def test_pauses_are_inactive():
    active = active_blocks(window(np.zeros(RATE_HZ, np.float32), tone(1, 0.1)))
    assert active[50:100].all()
    assert not active[:50].any()
    assert not active[100:].any()


def test_level_does_not_matter():
    extract = SpeechFeatureExtractor()
    loud, quiet = extract(window(tone(2, 0.5))), extract(window(tone(2, 0.005)))
    assert torch.allclose(loud["input_features"], quiet["input_features"], atol=1e-3)
    assert torch.equal(loud["attention_mask"], quiet["attention_mask"])


def test_a_shorter_signal_is_followed_by_silence():
    extract = SpeechFeatureExtractor()
    short, whole = extract(tone(2, 0.1)), extract(window(tone(2, 0.1)))
    assert torch.equal(short["input_features"], whole["input_features"])


def test_another_rate_is_refused():
    with pytest.raises(ValueError, match="16000 Hz"):
        SpeechFeatureExtractor()(tone(1, 0.1), sampling_rate=8_000)


def test_settings_survive_a_folder(tmp_path):
    SpeechFeatureExtractor(window_samples=48_000).save_pretrained(tmp_path)
    assert SpeechFeatureExtractor.from_pretrained(tmp_path).window_samples == 48_000


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-7, 1e-3, 1.0, 30.0]))
def test_any_signal_gives_finite_features(seed, level):
    noise = np.random.default_rng(seed).normal(size=SAMPLES) * level
    features = SpeechFeatureExtractor()(np.clip(noise, -1, 1).astype(np.float32))
    assert torch.isfinite(features["input_features"]).all()
    assert features["attention_mask"].any()
