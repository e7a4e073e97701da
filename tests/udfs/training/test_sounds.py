import numpy as np
import pytest
import soundfile

from udfs.training.errors import TrainingError
from udfs.training.sounds import read_noises, read_sound


def noise(num_samples, level=0.1):
    return np.random.default_rng(0).normal(size=num_samples) * level


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_any_rate_becomes_16_khz(tmp_path, rate_hz, kind):
    path = tmp_path / f"sound.{kind}"
    soundfile.write(path, noise(rate_hz), rate_hz)
    assert len(read_sound(path)) == pytest.approx(16_000, abs=2)
    assert read_sound(path).dtype == np.float32


def test_channels_become_their_mean_and_a_span_is_a_span(tmp_path):
    left = noise(32_000)
    soundfile.write(tmp_path / "two.wav", np.stack([left, -left], axis=1), 16_000)
    assert np.abs(read_sound(tmp_path / "two.wav")).max() < 1e-4
    soundfile.write(tmp_path / "one.wav", left, 16_000, subtype="FLOAT")
    span = read_sound(tmp_path / "one.wav", 500, 1_500)
    assert np.allclose(span, left[8_000:24_000], atol=1e-6)


def test_what_is_no_sound_is_told(tmp_path):
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(TrainingError, match=r"no readable sound.*WAV or FLAC"):
        read_sound(tmp_path / "text.wav")
    soundfile.write(tmp_path / "short.wav", noise(100), 16_000)
    with pytest.raises(TrainingError, match="no sound in the span"):
        read_sound(tmp_path / "short.wav", 1_000, 2_000)


def test_noises_come_without_the_silence_around(tmp_path):
    padded = np.concatenate([np.zeros(100), noise(1_000, 0.2), np.zeros(100)])
    soundfile.write(tmp_path / "rain.flac", padded, 16_000)
    soundfile.write(tmp_path / "silence.wav", np.zeros(500), 16_000)
    (heard,) = read_noises(tmp_path)
    assert 900 <= len(heard) <= 1_000
    with pytest.raises(TrainingError, match="no noise"):
        read_noises(tmp_path / "nowhere")
