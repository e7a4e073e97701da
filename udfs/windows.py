"""Chunks of one participant to the signal of one window: order, gaps, overlaps.

    chunks   [ 40 )[ 41  )      [ 43 )[44)       offset_ms decides where a chunk lies
    window      |─────────────────────────|      5 s, [5k, 5k+5) s from the call's start
    covered     |████████|······|█████████|      what is not covered is silence
    gap_ms                ^^^^^^                 between audio before and audio after only

Call time decides what a window holds, nothing else: the same chunks give the same signal in any
order, and so does the same sound cut into other chunks. The signal stays in the codec as delivered
(mu-law is half of PCM) until a model step decodes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from udfs.audio_codec import BYTES_PER_SAMPLE, SILENCE, samples_at_ms
from udfs.records import AudioChunk, Encoding, Utterance, UtteranceAccepted

WINDOW_MS = 5_000
WINDOW_US = WINDOW_MS * 1_000
ROUNDING_US = 1_000
"""A hole of at most 1 ms between neighbours is the rounding of ``offset_ms``, not a gap."""

_SAMPLE_GRID_US = 100


def window_of(at_ms: int) -> int:
    """The index k of the window ``[5k, 5k+5)`` s that holds an instant of call time."""
    return at_ms // WINDOW_MS


def windows_of(utterance: Utterance | UtteranceAccepted) -> range:
    """The windows that an utterance overlaps; one without length lies in that of its start."""
    first = window_of(utterance.start_ms)
    return range(first, window_of(max(utterance.end_ms - 1, utterance.start_ms)) + 1)


def windows_touched(chunk: AudioChunk) -> range:
    """Every window that a chunk lies in."""
    first = window_of(chunk.offset_ms)
    return range(first, max(first, last_window_of(chunk_end_us(chunk))) + 1)


def is_chat(utterance: Utterance | UtteranceAccepted) -> bool:
    """Whether it was written: what is spoken takes time."""
    return utterance.start_ms == utterance.end_ms


def duration_us(num_samples: int, sample_rate_hz: int) -> int:
    """Length of a signal in microseconds, rounded down."""
    return num_samples * 1_000_000 // sample_rate_hz


def chunk_end_us(chunk: AudioChunk) -> int:
    """Where a chunk ends in call time, in microseconds.

    Counted in samples from the call's start, so that the same sound ends at the same instant
    however it was cut, even at rates without a whole number of samples a millisecond.
    """
    num_samples = len(chunk.payload) // BYTES_PER_SAMPLE[chunk.encoding]
    begin = samples_at_ms(chunk.offset_ms, chunk.sample_rate_hz)
    return duration_us(begin + num_samples, chunk.sample_rate_hz)


def last_window_of(chunk_end: int) -> int:
    """The last window that a chunk ending at ``chunk_end`` microseconds touches.

    What reaches less than a sample at 8 kHz into a window is rounding and does not touch it.
    """
    return max(0, chunk_end - _SAMPLE_GRID_US) // WINDOW_US


class Track(NamedTuple):
    """The window's whole 5 s in one encoding at one rate, silence where nothing came."""

    encoding: Encoding
    sample_rate_hz: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class WindowSignal:
    tracks: tuple[Track, ...]
    """One, unless the producer changed encoding or rate within the window."""
    covered_ms: tuple[tuple[int, int], ...]
    """Spans of the window, from its start, in which audio came."""
    gap_ms: int
    """Time without audio between audio before and audio after."""


def arrange(window: int, chunks: Iterable[AudioChunk], *, audio_follows: bool) -> WindowSignal:
    """The signal of one window from all chunks of one participant that touch it.

    Args:
        window: its index k.
        chunks: in any order, each sequence once.
        audio_follows: whether the participant has audio after the window, so that an uncovered
            end is a gap and not the end of the call.
    """
    ordered = sorted(chunks, key=lambda chunk: chunk.sequence)
    start_us = window * WINDOW_US
    tracks = tuple(
        _paint(encoding, rate, window * WINDOW_MS, ordered)
        for encoding, rate in sorted({(c.encoding, c.sample_rate_hz) for c in ordered})
    )
    covered = _union(
        (max(chunk.offset_ms * 1_000 - start_us, 0), min(chunk_end_us(chunk) - start_us, WINDOW_US))
        for chunk in ordered
    )
    # Sequence 0 begins the participant's audio; before any other chunk there was some.
    heard_from = covered[0][0] if ordered[0].sequence == 0 else 0
    heard_until = WINDOW_US if audio_follows else covered[-1][1]
    silent_us = heard_until - heard_from - sum(end - start for start, end in covered)
    return WindowSignal(
        tracks,
        tuple((start // 1_000, -(-end // 1_000)) for start, end in covered),
        max(0, silent_us) // 1_000,
    )


def _paint(encoding: Encoding, rate_hz: int, start_ms: int, chunks: Sequence[AudioChunk]) -> Track:
    width = BYTES_PER_SAMPLE[encoding]
    num_samples = samples_at_ms(WINDOW_MS, rate_hz)
    start_sample = samples_at_ms(start_ms, rate_hz)
    canvas = bytearray(SILENCE[encoding] * num_samples)
    rounding_samples = -(-rate_hz // 1_000)
    begins_at = {chunk.sequence: samples_at_ms(chunk.offset_ms, rate_hz) for chunk in chunks}
    # From the last to the first: where chunks overlap, the lower sequence wins.
    for chunk in reversed(chunks):
        begin = begins_at[chunk.sequence]
        if (chunk.encoding, chunk.sample_rate_hz) == (encoding, rate_hz):
            payload = chunk.payload
            end = begin + len(payload) // width
            hole = begins_at.get(chunk.sequence + 1, end) - end
            if 0 < hole <= rounding_samples:
                payload += payload[-width:] * hole
                end += hole
        else:
            # What another track has here is not heard twice.
            end = chunk_end_us(chunk) * rate_hz // 1_000_000
            payload = SILENCE[encoding] * max(0, end - begin)
        left, right = max(begin, start_sample), min(end, start_sample + num_samples)
        if left < right:
            canvas[(left - start_sample) * width : (right - start_sample) * width] = payload[
                (left - begin) * width : (right - begin) * width
            ]
    return Track(encoding, rate_hz, bytes(canvas))


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, disjoint spans; holes of the size of a rounding are closed."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + ROUNDING_US:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
