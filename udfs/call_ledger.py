"""What a call's audio should have been, was, and lacks, in plain numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from udfs.call_state import OpenCall, Run, Voice
from udfs.records import CallClosed, ParticipantLedger
from udfs.windows import WINDOW_US, last_window_of

MAX_RANGES_CHARACTERS = 60_000
"""A warehouse column holds 65,535 bytes."""


def close_ledger(call: OpenCall) -> CallClosed:
    """The books of a started call at its close."""
    assert call.started is not None  # noqa: S101 - only a started call closes
    ended = call.ended
    expected = dict(ended.expected_audio_chunks or ()) if ended else {}
    typical_us = _typical_length_us(call.voices.values())
    return CallClosed(
        started_at_ms=call.started.started_at_ms,
        ended_at_ms=ended.ended_at_ms if ended else None,
        participants=tuple(
            _participant_ledger(voice, expected.get(participant_id), typical_us)
            for participant_id, voice in sorted(call.voices.items())
        ),
        utterances_expected=ended.expected_utterances if ended else None,
        chunks_expected_of_others=sum(
            num_chunks for who, num_chunks in expected.items() if who not in call.voices
        ),
        chunks_rejected=call.rejected,
        distinct_records=call.distinct_records,
        all_expected_came=all_expected_came(call),
        closed_by="call_ended" if ended else "timeout",
    )


def all_expected_came(call: OpenCall) -> bool:
    """Whether the call has ended and everything its end told us to expect is here."""
    ended = call.ended
    if ended is None or ended.expected_audio_chunks is None or ended.expected_utterances is None:
        return False
    utterances = sum(voice.utterances for voice in call.voices.values())
    if utterances < ended.expected_utterances:
        return False
    return not call.waiting and all(
        (voice := call.voices.get(participant_id)) is not None
        and bool(voice.runs)
        and voice.runs[0].first == 0
        and voice.runs[0].last >= num_chunks - 1
        for participant_id, num_chunks in ended.expected_audio_chunks
        if num_chunks
    )


def _participant_ledger(
    voice: Voice, num_expected: int | None, typical_us: int
) -> ParticipantLedger:
    missing = list(missing_ranges(voice.runs, num_expected))
    return ParticipantLedger(
        participant=voice.participant,
        chunks_expected=num_expected,
        chunks_seen=voice.chunks,
        chunks_duplicate=voice.duplicates,
        chunks_missing=sum(last - first + 1 for first, last in missing),
        chunks_rejected=voice.rejected,
        chunks_withheld=voice.withheld,
        missing_sequences=format_ranges(missing),
        utterances_seen=voice.utterances,
        utterances_partial_only=voice.partial_only,
        windows_lost=windows_lost(
            voice.runs,
            num_expected,
            _typical_length_us([voice]) or typical_us,
        ),
        audio_end_ms=-(-voice.end_us // 1_000),
    )


def missing_ranges(runs: Sequence[Run], num_expected: int | None) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of sequences that never came."""
    next_sequence = 0
    for run in runs:
        if run.first > next_sequence:
            yield next_sequence, run.first - 1
        next_sequence = run.last + 1
    if num_expected is not None and next_sequence < num_expected:
        yield next_sequence, num_expected - 1


def format_ranges(ranges: Sequence[tuple[int, int]]) -> str:
    """``[(41, 43), (57, 57)]`` as ``41-43,57``; ends in ``,...`` where a column cannot hold it."""
    text = ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)
    if len(text) <= MAX_RANGES_CHARACTERS:
        return text
    return text[: text.rindex(",", 0, MAX_RANGES_CHARACTERS)] + ",..."


def windows_lost(runs: Sequence[Run], num_expected: int | None, typical_us: int) -> int:
    """Windows that had audio, none of which came.

    Between two runs their times tell. Before the first and after the last chunk that came, the
    missing ones are taken to be as long as the participant's chunks commonly are.
    """
    if not runs:
        return _windows_within(0, (num_expected or 0) * typical_us)
    first, last = runs[0], runs[-1]
    head_us = max(0, first.start_us - first.first * typical_us)
    lost = first.start_us // WINDOW_US - head_us // WINDOW_US
    for before, after in pairwise(runs):
        between = after.start_us // WINDOW_US - last_window_of(before.end_us) - 1
        lost += max(0, between)
    num_after = max(0, (num_expected or 0) - last.last - 1)
    tail_us = last.end_us + num_after * typical_us
    return lost + last_window_of(tail_us) - last_window_of(last.end_us)


def _windows_within(start_us: int, end_us: int) -> int:
    return last_window_of(end_us) - start_us // WINDOW_US + 1 if end_us > start_us else 0


def _typical_length_us(voices: Iterable[Voice]) -> int:
    counts: dict[int, int] = {}
    for voice in voices:
        for length_us, count in voice.chunk_lengths_us.items():
            counts[length_us] = counts.get(length_us, 0) + count
    return max(counts, key=lambda length_us: (counts[length_us], length_us), default=0)
