"""The log-mel is Whisper's, as torch and transformers compute it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.audio_utils import mel_filter_bank

from udfs.models.log_mel import LogMel, active_blocks, at_target_rms, mel_filters

SAMPLES = 80_000


def reference(waveform):
    filters = mel_filter_bank(201, 80, 0.0, 8_000, 16_000, norm="slaney", mel_scale="slaney")
    scaled = torch.from_numpy(at_target_rms(waveform, active_blocks(waveform)))
    window = torch.hann_window(400)
    spectrum = torch.stft(scaled, 400, 160, window=window, return_complex=True)[:, :-1]
    mel = torch.from_numpy(filters.T.astype(np.float32)) @ spectrum.abs().square()
    log_mel = mel.clamp(min=1e-10).log10()
    return ((torch.maximum(log_mel, log_mel.max() - 8) + 4) / 4).numpy()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    level=st.sampled_from([0.0, 1e-7, 1e-3, 1.0]),
    tone_hz=st.floats(20, 8_000),
)
def test_any_sound_gives_whispers_log_mel(seed, level, tone_hz):
    noise = np.random.default_rng(seed).normal(size=SAMPLES) * level
    tone = np.sin(np.arange(SAMPLES) / 16_000 * 2 * np.pi * tone_hz) * level
    waveform = np.clip(noise + tone, -1, 1).astype(np.float32)
    log_mel, active = LogMel()(waveform)
    assert (log_mel.shape, log_mel.dtype) == ((80, 500), np.float32)
    assert (active.shape, active.dtype) == ((250,), np.bool_)
    np.testing.assert_allclose(log_mel, reference(waveform), atol=1e-4)


@pytest.mark.parametrize(("num_mels", "rate_hz", "fft"), [(80, 16_000, 400), (40, 8_000, 256)])
def test_filters_are_slaneys(num_mels, rate_hz, fft):
    expected = mel_filter_bank(
        fft // 2 + 1, num_mels, 0.0, rate_hz / 2, rate_hz, norm="slaney", mel_scale="slaney"
    )
    filters = mel_filters(fft, num_mels, rate_hz)
    impulses = np.eye(fft // 2 + 1, dtype=np.float32)
    np.testing.assert_allclose(filters.sums(impulses), expected.T, atol=1e-6)
