"""Levels against full scale, worked out by hand."""

import numpy as np
import pytest

from udfs.loudness import loudness_dbfs, snr_db

RATE_HZ = 16_000
WHOLE = ((0, 5_000),)


def sine(peak: float, length_ms: int = 5_000) -> np.ndarray:
    times_s = np.arange(length_ms * RATE_HZ // 1_000) / RATE_HZ
    return (peak * np.sin(2 * np.pi * 200 * times_s)).astype(np.float32)


@pytest.mark.parametrize(
    ("waveform", "dbfs"),
    [
        (np.ones(80_000, np.float32), 0.0),
        (sine(1.0), -3.0103),
        (sine(0.1), -23.0103),
        (np.full(80_000, 0.01, np.float32), -40.0),
        (np.zeros(80_000, np.float32), -100.0),
    ],
)
def test_loudness_is_the_rms_of_the_spoken_samples(waveform, dbfs):
    assert loudness_dbfs(waveform, WHOLE) == pytest.approx(dbfs, abs=1e-3)


def test_only_speech_is_measured():
    waveform = np.concatenate([np.ones(16_000), np.full(64_000, 0.1)]).astype(np.float32)

    assert loudness_dbfs(waveform, ((0, 1_000),)) == pytest.approx(0.0)
    assert loudness_dbfs(waveform, ((1_000, 5_000),)) == pytest.approx(-20.0, abs=1e-3)
    # half a second of power 1 and half a second of power 0.01: 10 log10 0.505
    assert loudness_dbfs(waveform, ((500, 1_500),)) == pytest.approx(-2.967, abs=1e-3)


def test_without_speech_there_is_nothing_to_measure():
    assert loudness_dbfs(sine(0.5), ()) is None
    assert snr_db(sine(0.5), (), WHOLE) is None


def test_snr_is_spoken_against_unspoken():
    waveform = np.concatenate([np.ones(40_000), np.full(40_000, 0.01)]).astype(np.float32)

    assert snr_db(waveform, ((0, 2_500),), WHOLE) == pytest.approx(40.0, abs=1e-3)


def test_the_silence_that_fills_a_gap_is_no_quiet_room():
    #  spoken 0-2500, room at -40 dBFS 2500-3500, nothing came 3500-5000
    waveform = np.concatenate([np.ones(40_000), np.full(16_000, 0.01), np.zeros(24_000)])

    found = snr_db(waveform.astype(np.float32), ((0, 2_500),), ((0, 3_500),))

    assert found == pytest.approx(40.0, abs=1e-3)


@pytest.mark.parametrize(("unspoken_ms", "is_told"), [(99, False), (100, True)])
def test_too_little_noise_tells_nothing(unspoken_ms, is_told):
    spoken = ((0, 5_000 - unspoken_ms),)

    assert (snr_db(sine(0.5), spoken, WHOLE) is not None) == is_told
