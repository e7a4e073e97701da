"""Audio bytes as they travel, and the samples they stand for.

Bytes of one encoding flow in, samples flow out, and back. µ-law and A-law are G.711
(https://www.itu.int/rec/T-REC-G.711) as libsndfile does them, one byte a sample; ``pcm_s16le`` has
two. Each sample is coded by itself, so ``decode(a) + decode(b)`` is ``decode(a + b)``: chunks may
be joined before or after. A payload that holds half a sample is refused.

Milliseconds and samples meet here and nowhere else, in integers, on one grid that begins with the
call (rates of 8,000 Hz and 16,000 Hz have a whole number of samples a millisecond, others not):

==============================  =================================================  ==========
from → to                       rule                                               44,100 Hz
==============================  =================================================  ==========
instant in ms → sample          ``samples_at_ms``: nearest, halves upwards         5 ms → 221
number of samples → its end     ``ms_at_samples``: the first ms not before it      221 → 6 ms
==============================  =================================================  ==========

Two chunks that meet in milliseconds meet in samples too, since both look up the same instant.
"""

from __future__ import annotations

import functools
import io
from typing import Final, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from udfs.records import Encoding

Samples: TypeAlias = NDArray[np.float32]
"""Mono, in [-1, 1], shape (num_samples,)."""

MODEL_RATE_HZ: Final = 16_000

BYTES_PER_SAMPLE: Final[dict[Encoding, int]] = {"mulaw": 1, "alaw": 1, "pcm_s16le": 2}

SILENCE: Final[dict[Encoding, bytes]] = {"mulaw": b"\xff", "alaw": b"\xd5", "pcm_s16le": b"\0\0"}
"""One silent sample. A-law has no zero: 0xD5 is its smallest positive value, 8 of 32,768."""

_LIBSNDFILE_SUBTYPE: Final[dict[Encoding, str]] = {
    "mulaw": "ULAW",
    "alaw": "ALAW",
    "pcm_s16le": "PCM_16",
}
_FULL_SCALE: Final = 32_768.0


class PayloadLengthError(ValueError):
    """The payload ends within a sample."""


def samples_at_ms(offset_ms: int, sample_rate_hz: int) -> int:
    """The sample that begins at an instant, counted from the call's start."""
    return (offset_ms * sample_rate_hz + 500) // 1000


def ms_at_samples(num_samples: int, sample_rate_hz: int) -> int:
    """The whole milliseconds that so many samples reach into."""
    return -(-num_samples * 1000 // sample_rate_hz)


def num_samples(payload: bytes, encoding: Encoding) -> int:
    """How many samples a payload holds.

    Raises:
        PayloadLengthError: it ends within a sample.
    """
    whole, rest = divmod(len(payload), BYTES_PER_SAMPLE[encoding])
    if rest:
        msg = f"{len(payload)} bytes of {encoding} end within a sample"
        raise PayloadLengthError(msg)
    return whole


def silence(count: int, encoding: Encoding) -> bytes:
    """So many silent samples."""
    return SILENCE[encoding] * count


def decode(payload: bytes, encoding: Encoding) -> Samples:
    """Payload to samples, float32 (num_samples,) in [-1, 1], each a multiple of 1 / 32,768.

    Raises:
        PayloadLengthError: the payload ends within a sample.
    """
    num_samples(payload, encoding)
    if encoding == "pcm_s16le":
        return (np.frombuffer(payload, dtype="<i2") / np.float32(_FULL_SCALE)).astype(np.float32)
    return _g711_table(encoding)[np.frombuffer(payload, dtype=np.uint8)]


def encode(samples: NDArray[np.float32] | NDArray[np.int16], encoding: Encoding) -> bytes:
    """Samples, int16 or float in [-1, 1] (beyond it they are clipped), to a payload."""
    integers = samples if samples.dtype == np.int16 else to_int16(samples.astype(np.float32))
    if encoding == "pcm_s16le":
        return integers.astype("<i2").tobytes()
    raw = io.BytesIO()
    subtype = _LIBSNDFILE_SUBTYPE[encoding]
    soundfile.write(raw, integers, MODEL_RATE_HZ, format="RAW", subtype=subtype)
    return raw.getvalue()


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Floats in [-1, 1] to the nearest of 65,536 steps; what lies beyond is clipped."""
    steps = np.rint(samples * _FULL_SCALE)
    return np.clip(steps, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def resample_to_16khz(samples: Samples, sample_rate_hz: int) -> Samples:
    """Samples at any rate to 16 kHz by soxr's high quality, exactly as long as before.

    Shape (n,) to (n * 16,000 / rate,), rounded half up: 5 s at any rate are 80,000 samples.
    """
    return resample(samples, sample_rate_hz, MODEL_RATE_HZ)


def resample(samples: Samples, from_rate_hz: int, to_rate_hz: int) -> Samples:
    """Samples at another rate by soxr; the length is the exact quotient, rounded half up."""
    if from_rate_hz == to_rate_hz:
        return samples
    length = (2 * len(samples) * to_rate_hz + from_rate_hz) // (2 * from_rate_hz)
    resampled = soxr.resample(samples, from_rate_hz, to_rate_hz, quality="HQ")[:length]
    # soxr may stop a sample early where the quotient is no whole number
    padded = np.pad(resampled, (0, length - len(resampled)))
    return padded.astype(np.float32, copy=False)


@functools.cache
def _g711_table(encoding: Encoding) -> Samples:
    """What libsndfile makes of each of the 256 bytes, float32 (256,)."""
    raw = io.BytesIO(bytes(range(256)))
    table, _ = soundfile.read(
        raw,
        dtype="float32",
        samplerate=MODEL_RATE_HZ,
        channels=1,
        format="RAW",
        subtype=_LIBSNDFILE_SUBTYPE[encoding],
    )
    table.setflags(write=False)
    return table
