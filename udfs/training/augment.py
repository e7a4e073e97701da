"""Clips of acted speech made into what a call delivers: 5-s windows, noise, a telephone line.

    clip -> other speed -> piece of it -> somewhere in a window -> noise -> line -> window
    clip -> other speed -> noise -> line -> beginning of a window

All randomness comes from the generator handed in.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import soundfile
import soxr

from udfs.models.contract import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from udfs.training.errors import TrainingError
from udfs.training.recipe import AudioAugmentation
from udfs.training.sounds import Waveform

TELEPHONE_RATE_HZ = 8_000
MIN_PIECE_SAMPLES = 16_000
LINES = ((False, False), (False, True), (True, False), (True, True))
"""Noisy or not, by telephone or not."""
LOW_HZ = (200.0, 400.0)
HIGH_HZ = (3_000.0, 3_800.0)
PACKET_SAMPLES = 320
"""20 ms, as RTP carries G.711."""
MEAN_BURST_PACKETS = 2.0
TEST_LOSS_RATE = 0.1
PEAK = 0.99
CONDITIONS = ("clean", "telephone", "20", "10", "0", "packet loss")


def training_window(
    clip: Waveform,
    noises: Sequence[Waveform],
    random: np.random.Generator,
    how: AudioAugmentation,
) -> Waveform:
    """A clip as it might be heard in a call."""
    speech = at_speed(clip, random.choice(how.speeds))
    longest = min(len(speech), WINDOW_SAMPLES)
    shortest = min(longest, MIN_PIECE_SAMPLES)
    filled = happens(how.filled_share, random)
    is_piece = filled and happens(how.piece_share, random)
    length = random.integers(shortest, longest + 1) if is_piece else longest
    begin = random.integers(len(speech) - length + 1)
    speech = at_level(speech[begin : begin + length], random.uniform(*how.levels_dbfs))
    speech_at = int(random.integers(WINDOW_SAMPLES - length + 1)) if filled else 0
    window = placed(speech, speech_at) if filled else speech
    shares = np.array(how.lines.as_tuple())
    noisy, by_line = LINES[random.choice(len(LINES), p=shares / shares.sum())]
    if noisy:
        window = with_noise(window, speech, random.uniform(*how.snr_db), noises, random)
    elif filled and happens(how.hiss_share, random):
        hiss = 10 ** (random.uniform(*how.hiss_dbfs) / 20)
        window = window + random.normal(0, hiss, len(window)).astype(np.float32)
    if by_line:
        if filled and happens(how.handset_share, random):
            window = band_limited(window, random.uniform(*LOW_HZ), random.uniform(*HIGH_HZ))
        window = by_telephone(window)
        if happens(how.packet_loss_share, random):
            rate = random.uniform(*how.packet_loss_rates)
            window = with_packet_loss(window, rate, random)
    return placed(window, 0)


def happens(share: float, random: np.random.Generator) -> bool:
    return bool(random.random() < share)


def condition_window(
    clip: Waveform, condition: str, noises: Sequence[Waveform], random: np.random.Generator
) -> Waveform:
    """A clip under a test condition: one of ``CONDITIONS``; a number is the SNR on a telephone.

    Noise covers the clip alone and silence follows, as in earlier work on this set; with
    ``window:`` before the SNR, the clip lies anywhere in the window and noise covers all of it.
    """
    excess = max(0, len(clip) - WINDOW_SAMPLES) // 2
    speech = clip[excess : excess + WINDOW_SAMPLES]
    if condition == "clean":
        return placed(speech, 0)
    if condition == "telephone":
        return placed(by_telephone(speech), 0)
    if condition == "packet loss":
        return placed(with_packet_loss(by_telephone(speech), TEST_LOSS_RATE, random), 0)
    if condition.startswith("window:"):
        window = placed(speech, int(random.integers(WINDOW_SAMPLES - len(speech) + 1)))
        snr_db = float(condition.removeprefix("window:"))
        return by_telephone(with_noise(window, speech, snr_db, noises, random))
    return placed(by_telephone(with_noise(speech, speech, float(condition), noises, random)), 0)


def at_speed(waveform: Waveform, speed: float) -> Waveform:
    """Faster and higher, or slower and lower."""
    if speed == 1:
        return waveform
    return soxr.resample(waveform, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ / speed)


def at_level(waveform: Waveform, level_dbfs: float) -> Waveform:
    rms = float(np.sqrt(np.square(waveform).mean()) + 1e-9)
    return clipped(waveform * np.float32(10 ** (level_dbfs / 20) / rms))


def placed(speech: Waveform, at_sample: int) -> Waveform:
    window = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
    window[at_sample : at_sample + len(speech)] = speech[: WINDOW_SAMPLES - at_sample]
    return window


def with_noise(
    waveform: Waveform,
    speech: Waveform,
    snr_db: float,
    noises: Sequence[Waveform],
    random: np.random.Generator,
) -> Waveform:
    """``waveform`` in a random noise, looped, ``snr_db`` below the power of ``speech``."""
    noise = noises[random.integers(len(noises))]
    noise = np.tile(noise, -(-len(waveform) // len(noise)) + 1)
    begin = random.integers(len(noise) - len(waveform) + 1)
    noise = noise[begin : begin + len(waveform)]
    noise_power = max(float(np.square(noise).mean()), 1e-10)
    speech_power = float(np.square(speech).mean())
    gain = np.sqrt(speech_power / noise_power / 10 ** (snr_db / 10))
    mixed = waveform + noise * np.float32(gain)
    peak = float(np.abs(mixed).max())
    return mixed * np.float32(PEAK / peak) if peak > PEAK else mixed


def band_limited(waveform: Waveform, low_hz: float, high_hz: float) -> Waveform:
    """Second-order slopes below ``low_hz`` and above ``high_hz``, as of a handset."""
    frequencies = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE_HZ)
    gain = 1 / np.sqrt(1 + (low_hz / np.maximum(frequencies, 1.0)) ** 4)
    gain /= np.sqrt(1 + (frequencies / high_hz) ** 4)
    return np.fft.irfft(np.fft.rfft(waveform) * gain, len(waveform)).astype(np.float32)


def by_telephone(waveform: Waveform) -> Waveform:
    """8 kHz, G.711 mu-law, and back to 16 kHz; same length.

    Raises:
        TrainingError: a sample is no number; libsndfile would end the process over it.
    """
    if not np.isfinite(waveform).all():
        msg = "a sound holds samples that are no numbers: write it anew, or drop its row"
        raise TrainingError(msg)
    narrow = clipped(soxr.resample(waveform, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ))
    line = io.BytesIO()
    mulaw = {"samplerate": TELEPHONE_RATE_HZ, "format": "RAW", "subtype": "ULAW"}
    soundfile.write(line, narrow, **mulaw)
    line.seek(0)
    heard, _ = soundfile.read(line, dtype="float32", channels=1, **mulaw)
    wide = soxr.resample(heard, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ)
    return np.pad(wide, (0, max(0, len(waveform) - len(wide))))[: len(waveform)]


def with_packet_loss(waveform: Waveform, rate: float, random: np.random.Generator) -> Waveform:
    """Packets of 20 ms lost in bursts, silence in their place.

    Gilbert's model (Bell System Technical Journal 39, 1960): a chain of two states whose share of
    lost packets is ``rate`` (at most a half) and whose bursts last two packets on average.
    """
    stay_lost = 1 - 1 / MEAN_BURST_PACKETS
    become_lost = rate / (1 - rate) / MEAN_BURST_PACKETS
    heard = waveform.copy()
    lost = happens(rate, random)
    for begin in range(0, len(heard), PACKET_SAMPLES):
        if lost:
            heard[begin : begin + PACKET_SAMPLES] = 0
        lost = happens(stay_lost if lost else become_lost, random)
    return heard


def clipped(waveform: Waveform) -> Waveform:
    return np.clip(waveform, -1.0, 1.0).astype(np.float32)
