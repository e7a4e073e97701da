import numpy as np
import pytest

from udfs.models.contract import WINDOW_SAMPLES
from udfs.training.augment import (
    CONDITIONS,
    PACKET_SAMPLES,
    at_level,
    at_speed,
    band_limited,
    by_telephone,
    condition_window,
    training_window,
    with_noise,
    with_packet_loss,
)
from udfs.training.errors import TrainingError
from udfs.training.recipe import AudioAugmentation

HOW = AudioAugmentation(noise="noise", packet_loss_share=0.5)


def noise(num_samples, seed=0, level=0.1):
    return (np.random.default_rng(seed).normal(size=num_samples) * level).astype(np.float32)


def tone(num_samples, frequency_hz):
    time = np.arange(num_samples) / 16_000
    return (0.3 * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def rms(waveform):
    return float(np.sqrt(np.square(waveform).mean()))


def test_the_noise_lies_as_far_below_the_speech_as_asked():
    speech = noise(16_000, level=0.05)
    mixed = with_noise(speech, speech, 10.0, [noise(5_000, seed=1)], np.random.default_rng(0))
    assert 20 * np.log10(rms(speech) / rms(mixed - speech)) == pytest.approx(10, abs=0.1)


def test_a_telephone_keeps_low_tones_and_drops_high_ones():
    low, high = tone(16_001, 1_000), tone(16_001, 6_000)
    assert len(by_telephone(low)) == 16_001
    assert rms(by_telephone(low) - low) < 0.05 * rms(low)
    assert rms(by_telephone(high)) < 0.05 * rms(high)


def test_a_handset_weakens_what_lies_outside_its_band():
    assert rms(band_limited(tone(16_000, 50), 300, 3_400)) < 0.1 * rms(tone(16_000, 50))
    assert rms(band_limited(tone(16_000, 1_000), 300, 3_400)) > 0.9 * rms(tone(16_000, 1_000))


def test_twice_as_fast_is_half_as_long():
    assert len(at_speed(noise(16_000), 2.0)) == 8_000


def test_a_level_is_reached():
    assert 20 * np.log10(rms(at_level(noise(16_000), -30.0))) == pytest.approx(-30, abs=0.1)


@pytest.mark.parametrize("num_samples", [8_000, 40_000, 120_000])
def test_a_training_window_is_a_window_and_repeats(num_samples):
    clip, noises = noise(num_samples), [noise(30_000, seed=2)]
    windows = [
        training_window(clip, noises, np.random.default_rng(seed), HOW) for seed in range(20)
    ]
    assert all(w.shape == (WINDOW_SAMPLES,) and w.dtype == np.float32 for w in windows)
    assert all(np.abs(w).max() <= 1.01 for w in windows)
    again = training_window(clip, noises, np.random.default_rng(3), HOW)
    assert np.array_equal(again, windows[3])


def test_what_does_not_fill_its_window_begins_it_and_silence_follows():
    how = HOW.model_copy(update={"filled_share": 0.0})
    for seed in range(20):
        random = np.random.default_rng(seed)
        window = training_window(noise(20_000), [noise(30_000, seed=2)], random, how)
        assert window.shape == (WINDOW_SAMPLES,)
        assert window[:1_000].any()
        assert not window[24_000:].any()


@pytest.mark.parametrize("condition", [*CONDITIONS, "window:0"])
def test_a_test_condition_gives_a_window(condition):
    window = condition_window(
        noise(30_000), condition, [noise(9_000, seed=2)], np.random.default_rng(0)
    )
    assert window.shape == (WINDOW_SAMPLES,)
    silent = not window[40_000:].any()
    assert silent == (not condition.startswith("window:"))


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.3])
def test_packets_are_lost_at_the_rate_asked_for_and_in_bursts(rate):
    speech = np.ones(PACKET_SAMPLES * 20_000, dtype=np.float32)
    heard = with_packet_loss(speech, rate, np.random.default_rng(0)).reshape(-1, PACKET_SAMPLES)
    lost = heard[:, 0] == 0
    assert np.array_equal(heard, np.where(lost[:, None], 0, 1) * np.ones_like(heard))
    assert lost.mean() == pytest.approx(rate, abs=0.02)
    if rate:
        bursts = np.flatnonzero(lost[1:] & ~lost[:-1]).size
        assert lost.sum() / bursts == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_refused_before_it_reaches_the_codec(bad):
    waveform = tone(16_000, 1_000)
    waveform[5_000] = bad
    with pytest.raises(TrainingError, match="no numbers"):
        by_telephone(waveform)
