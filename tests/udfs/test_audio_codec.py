"""G.711 and PCM both ways, and the one grid of samples and milliseconds."""

import io
from typing import get_args

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs import audio_codec
from udfs.records import Encoding

ENCODINGS = get_args(Encoding)
encodings = st.sampled_from(ENCODINGS)
rates_hz = st.integers(8_000, 48_000)


@settings(deadline=None)
@given(encodings, st.binary(max_size=64), st.binary(max_size=64))
def test_chunks_may_be_joined_before_or_after_decoding(encoding, first, second):
    first, second = first[: len(first) // 2 * 2], second[: len(second) // 2 * 2]
    joined = audio_codec.decode(first + second, encoding)
    apart = [audio_codec.decode(first, encoding), audio_codec.decode(second, encoding)]
    np.testing.assert_array_equal(joined, np.concatenate(apart))


@pytest.mark.parametrize(
    ("encoding", "subtype"), [("mulaw", "ULAW"), ("alaw", "ALAW"), ("pcm_s16le", "PCM_16")]
)
def test_decoding_is_libsndfiles_byte_for_byte(encoding, subtype):
    payload = np.random.default_rng(1).bytes(8_000)
    theirs, _ = soundfile.read(
        io.BytesIO(payload),
        dtype="float32",
        samplerate=8_000,
        channels=1,
        format="RAW",
        subtype=subtype,
    )
    ours = audio_codec.decode(payload, encoding)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_was_decoded_encodes_to_samples_that_sound_the_same(encoding):
    payload = bytes(range(256)) * 2
    samples = audio_codec.decode(payload, encoding)
    again = audio_codec.decode(audio_codec.encode(samples, encoding), encoding)
    np.testing.assert_array_equal(samples, again)


@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_pcm_keeps_every_int16(integers):
    samples = np.array(integers, dtype=np.int16)
    payload = audio_codec.encode(samples, "pcm_s16le")
    np.testing.assert_array_equal(audio_codec.decode(payload, "pcm_s16le") * 32_768, samples)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_silence_is_silent(encoding):
    samples = audio_codec.decode(audio_codec.silence(100, encoding), encoding)
    assert samples.shape == (100,)
    assert np.abs(samples).max() <= 8 / 32_768  # A-law has no zero
    assert audio_codec.encode(np.zeros(3, np.int16), encoding) == audio_codec.silence(3, encoding)


def test_louder_than_full_scale_is_clipped_not_wrapped():
    payload = audio_codec.encode(np.array([2.0, -2.0, 1.0], np.float32), "pcm_s16le")
    assert np.frombuffer(payload, "<i2").tolist() == [32_767, -32_768, 32_767]


def test_half_a_sample_is_refused():
    with pytest.raises(audio_codec.PayloadLengthError):
        audio_codec.decode(b"\0\0\0", "pcm_s16le")
    assert audio_codec.num_samples(b"\0\0\0\0", "pcm_s16le") == 2
    assert audio_codec.num_samples(b"\0\0\0", "alaw") == 3


@pytest.mark.parametrize(
    ("offset_ms", "sample_rate_hz", "sample"),
    [(0, 8_000, 0), (1, 8_000, 8), (5, 44_100, 221), (10, 11_025, 110), (20, 11_025, 221)],
)
def test_an_instant_is_the_nearest_sample_halves_upwards(offset_ms, sample_rate_hz, sample):
    assert audio_codec.samples_at_ms(offset_ms, sample_rate_hz) == sample


@given(st.integers(0, 12 * 3600 * 1000), rates_hz)
def test_samples_reach_into_the_millisecond_they_were_cut_at(offset_ms, rate_hz):
    sample = audio_codec.samples_at_ms(offset_ms, rate_hz)
    assert audio_codec.ms_at_samples(sample, rate_hz) in (offset_ms, offset_ms + 1)
    assert audio_codec.samples_at_ms(offset_ms + 5_000, rate_hz) == sample + 5 * rate_hz


@settings(deadline=None)
@given(st.sampled_from([8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 47_999, 48_000]))
def test_five_seconds_at_any_rate_are_80_000_samples_each_time_the_same(rate_hz):
    tone = np.sin(2 * np.pi * 440 * np.arange(5 * rate_hz) / rate_hz).astype(np.float32)
    resampled = audio_codec.resample_to_16khz(tone, rate_hz)
    assert (resampled.shape, resampled.dtype) == ((80_000,), np.float32)
    np.testing.assert_array_equal(resampled, audio_codec.resample_to_16khz(tone, rate_hz))
    expected = np.sin(2 * np.pi * 440 * np.arange(80_000) / 16_000)
    np.testing.assert_allclose(resampled[1_000:-1_000], expected[1_000:-1_000], atol=1e-3)


@settings(deadline=None)
@given(st.integers(1, 500), rates_hz)
def test_any_length_keeps_its_duration(length, rate_hz):
    resampled = audio_codec.resample_to_16khz(np.zeros(length, np.float32), rate_hz)
    assert abs(len(resampled) / 16_000 - length / rate_hz) <= 0.5 / 16_000
