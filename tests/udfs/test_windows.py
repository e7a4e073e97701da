"""What a window holds is decided by call time and sequence, by nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import chunk, noise
from udfs.audio_codec import BYTES_PER_SAMPLE, SILENCE, samples_at_ms
from udfs.records import AudioChunk
from udfs.windows import WINDOW_MS, arrange, chunk_end_us, last_window_of, window_of

SILENT = SILENCE["mulaw"]


def only_track(window, chunks, *, audio_follows=False):
    (track,) = arrange(window, chunks, audio_follows=audio_follows).tracks
    return track


def recut(sound: bytes, starts_ms: list[int], **fields) -> list[AudioChunk]:
    """The same sound, from the call's start, in chunks that begin at given times."""
    encoding = fields.get("encoding", "mulaw")
    rate_hz = fields.get("sample_rate_hz", 8_000)
    width = BYTES_PER_SAMPLE[encoding]
    borders = [samples_at_ms(at_ms, rate_hz) * width for at_ms in starts_ms] + [len(sound)]
    return [
        chunk(sequence, at_ms, payload=sound[borders[sequence] : borders[sequence + 1]], **fields)
        for sequence, at_ms in enumerate(starts_ms)
        if borders[sequence] < borders[sequence + 1]
    ]


# --- which window ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_ms", "window"), [(0, 0), (4_999, 0), (5_000, 1), (9_999, 1), (10_000, 2)]
)
def test_a_window_is_five_seconds_from_the_calls_start(at_ms, window):
    assert window_of(at_ms) == window


def test_a_chunk_that_ends_with_the_window_does_not_touch_the_next():
    assert last_window_of(chunk_end_us(chunk(0, 4_000, 1_000))) == 0
    assert last_window_of(chunk_end_us(chunk(0, 4_000, 1_001))) == 1


# --- what is heard -----------------------------------------------------------------------------


def test_whole_audio_is_the_windows_signal_and_has_no_gap():
    chunks = [chunk(k) for k in range(5)]

    signal = arrange(0, chunks, audio_follows=False)

    assert signal.tracks[0].payload == b"".join(each.payload for each in chunks)
    assert signal.covered_ms == ((0, 5_000),)
    assert signal.gap_ms == 0


def test_a_chunk_across_the_border_gives_each_window_its_part():
    across = chunk(0, 4_000, 2_000)

    first, second = only_track(0, [across]), only_track(1, [across])

    assert first.payload == SILENT * 32_000 + across.payload[:8_000]
    assert second.payload == across.payload[8_000:] + SILENT * 32_000


def test_a_chunk_of_a_minute_fills_every_window_between():
    long = chunk(0, 2_000, 60_000)

    assert only_track(6, [long]).payload == long.payload[28_000 * 8 : 33_000 * 8]


def test_silence_before_the_first_sequence_is_no_gap():
    #  window 0: |....<0><1>|     nothing came before sequence 0
    signal = arrange(0, [chunk(0, 3_000), chunk(1, 4_000)], audio_follows=True)

    assert signal.gap_ms == 0
    assert signal.covered_ms == ((3_000, 5_000),)


def test_silence_before_a_later_sequence_is_a_gap():
    #  window 0: |....<7><8>|     something came before sequence 7
    assert arrange(0, [chunk(7, 3_000), chunk(8, 4_000)], audio_follows=True).gap_ms == 3_000


def test_silence_after_the_last_audio_is_no_gap_but_before_more_it_is():
    chunks = [chunk(0, 0), chunk(1, 1_000)]

    assert arrange(0, chunks, audio_follows=False).gap_ms == 0
    assert arrange(0, chunks, audio_follows=True).gap_ms == 3_000


def test_a_hole_between_chunks_is_heard_as_silence_and_counted():
    before, after = chunk(0, 0), chunk(1, 3_500)

    signal = arrange(0, [before, after], audio_follows=False)

    assert signal.gap_ms == 2_500
    assert signal.covered_ms == ((0, 1_000), (3_500, 4_500))
    assert signal.tracks[0].payload == (
        before.payload + SILENT * 20_000 + after.payload + SILENT * 4_000
    )


def test_a_hole_of_the_size_of_a_rounding_is_no_gap():
    # 341 samples at 48 kHz are 7.104 ms; the producer writes 0, 7, 14, ...
    chunks = [
        chunk(
            k,
            7 * k + k // 10,
            payload=noise(341 * 2, k),
            encoding="pcm_s16le",
            sample_rate_hz=48_000,
        )
        for k in range(20)
    ]

    signal = arrange(0, chunks, audio_follows=False)

    assert signal.gap_ms == 0
    assert len(signal.covered_ms) == 1


def test_where_chunks_overlap_the_lower_sequence_wins():
    low, high = chunk(3, 1_000, 1_000), chunk(4, 1_500, 1_000)

    for order in ([low, high], [high, low]):
        payload = only_track(0, order).payload
        assert payload[8_000:16_000] == low.payload
        assert payload[16_000:20_000] == high.payload[4_000:]


def test_the_lower_sequence_wins_even_where_it_lies_later():
    low, high = chunk(3, 1_500, 1_000), chunk(4, 1_000, 1_000)

    payload = only_track(0, [high, low]).payload

    assert payload[12_000:20_000] == low.payload
    assert payload[8_000:12_000] == high.payload[:4_000]


@pytest.mark.parametrize(
    ("encoding", "rate_hz"),
    [("mulaw", 8_000), ("alaw", 8_000), ("pcm_s16le", 16_000), ("pcm_s16le", 44_100)],
)
def test_the_signal_stays_in_the_codec_as_delivered_and_is_five_seconds_long(encoding, rate_hz):
    track = only_track(0, [chunk(0, encoding=encoding, sample_rate_hz=rate_hz)])

    assert (track.encoding, track.sample_rate_hz) == (encoding, rate_hz)
    assert len(track.payload) == 5 * rate_hz * BYTES_PER_SAMPLE[encoding]


def test_a_change_of_codec_within_a_window_gives_two_tracks_that_do_not_overlap():
    mulaw = chunk(0, 0)
    pcm = chunk(1, 1_000, encoding="pcm_s16le", sample_rate_hz=16_000)

    signal = arrange(0, [mulaw, pcm], audio_follows=False)

    payloads = {track.encoding: track.payload for track in signal.tracks}
    assert payloads["mulaw"] == mulaw.payload + SILENT * 32_000
    assert payloads["pcm_s16le"] == bytes(32_000) + pcm.payload + bytes(96_000)
    assert signal.gap_ms == 0


# --- any order, any chunking -------------------------------------------------------------------


@given(st.permutations(range(6)), st.integers(0, 3))
def test_the_order_of_the_chunks_does_not_matter(order, seed):
    rng = random.Random(seed)
    chunks = [chunk(k, rng.randrange(7_000), rng.randrange(1, 3_000)) for k in range(6)]
    touching = [c for c in chunks if window_of(c.offset_ms) == 0]
    shuffled = [chunks[k] for k in order if chunks[k] in touching]

    if touching:
        assert arrange(0, shuffled, audio_follows=True) == arrange(0, touching, audio_follows=True)


@given(
    st.sampled_from(
        [
            ("mulaw", 8_000),
            ("alaw", 8_000),
            ("pcm_s16le", 11_025),
            ("pcm_s16le", 16_000),
            ("pcm_s16le", 22_050),
            ("pcm_s16le", 44_100),
        ]
    ),
    st.integers(1, 12_000),
    st.sets(st.integers(1, 11_999), max_size=12),
    st.booleans(),
)
def test_the_same_sound_in_other_chunks_gives_the_same_windows(codec, length_ms, cuts, follows):
    encoding, rate_hz = codec
    fields = {"encoding": encoding, "sample_rate_hz": rate_hz}
    sound = noise(samples_at_ms(length_ms, rate_hz) * BYTES_PER_SAMPLE[encoding])
    whole = recut(sound, [0], **fields)
    pieces = recut(sound, [0, *sorted(cut for cut in cuts if cut < length_ms)], **fields)

    for window in range(last_window_of(chunk_end_us(whole[0])) + 1):
        touching = [
            piece
            for piece in pieces
            if window_of(piece.offset_ms) <= window <= last_window_of(chunk_end_us(piece))
        ]
        assert arrange(window, touching, audio_follows=follows) == arrange(
            window, whole, audio_follows=follows
        )


@given(
    st.lists(
        st.tuples(st.integers(0, WINDOW_MS - 1), st.integers(1, 4_000)), min_size=1, max_size=6
    )
)
def test_every_sample_is_that_of_the_lowest_sequence_over_it(places):
    chunks = [chunk(2 * k, at_ms, length_ms) for k, (at_ms, length_ms) in enumerate(places)]
    expected = bytearray(SILENT * 40_000)
    for each in reversed(chunks):
        begin = each.offset_ms * 8
        end = min(40_000, begin + len(each.payload))
        expected[begin:end] = each.payload[: end - begin]

    assert only_track(0, chunks).payload == bytes(expected)


@given(
    st.lists(
        st.tuples(st.integers(0, WINDOW_MS - 1), st.integers(2, 4_000)), min_size=1, max_size=6
    )
)
def test_gap_and_covered_time_make_up_the_time_between_first_and_last_audio(places):
    chunks = [chunk(2 * k, at_ms, length_ms) for k, (at_ms, length_ms) in enumerate(places)]

    signal = arrange(0, chunks, audio_follows=True)

    covered = {ms for c in chunks for ms in range(c.offset_ms, c.offset_ms + len(c.payload) // 8)}
    silent = set(range(min(covered, default=0), WINDOW_MS)) - covered
    assert signal.gap_ms == pytest.approx(len(silent), abs=len(places))
