"""A recorded call to its rows without a stream: the reference.

The same functions score a window, fuse it and sum up a call as in the job; only the bookkeeping of
records that come late, twice or never is absent, since a folder has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from udfs.call_folder import CallFolder, RecordedParticipant
from udfs.call_rows import ledger_rows, summary_rows
from udfs.fusion import Fuser
from udfs.models.scorer import AudioScorer, Text, TextScorer
from udfs.records import (
    AudioChunk,
    CallClosed,
    ParticipantLedger,
    Utterance,
    UtteranceAccepted,
    WindowCut,
    WindowLedger,
)
from udfs.replay_plan import cut_chunks
from udfs.rows import Ledger, Segment, Summary
from udfs.score_text import TextScore, score_texts
from udfs.score_window import SpeechDetector, score_signals
from udfs.segments import ScoredAudio, ScoredText, Window, segment, windows_of
from udfs.windows import arrange, chunk_end_us, last_window_of, window_of
from udfs.words import count_words

CHUNK_MS = 200


@dataclass(frozen=True, slots=True)
class Scorers:
    """What gives the numbers; loaded once for many calls."""

    detector: SpeechDetector
    audio: AudioScorer
    text: Mapping[str, TextScorer]
    fuser: Fuser


@dataclass(frozen=True, slots=True)
class ScoredCall:
    """A call whose windows are scored, before they are fused."""

    folder: CallFolder
    chunks: Mapping[str, list[AudioChunk]]
    utterances: list[Utterance]
    windows: Mapping[str, Mapping[int, Window]]
    """By participant and index."""


def score_call(
    folder: CallFolder, scorers: Scorers, now_ms: int
) -> Iterator[Segment | Summary | Ledger]:
    """All rows of one recorded call.

    Raises:
        CallFolderError: a sound file is damaged.
    """
    return fuse_call(score_windows(folder, scorers, now_ms), scorers.fuser, now_ms)


def score_windows(folder: CallFolder, scorers: Scorers, now_ms: int) -> ScoredCall:
    """What the models say of every window of a recorded call.

    Raises:
        CallFolderError: a sound file is damaged.
    """
    chunks = {
        recorded.participant.participant_id: list(cut_chunks(folder, recorded, CHUNK_MS))
        for recorded in folder.participants
    }
    utterances = [u for u in folder.utterances if not u.is_partial]
    windows: dict[str, dict[int, Window]] = {
        participant_id: _heard(participant_id, theirs, scorers, now_ms)
        for participant_id, theirs in chunks.items()
    }
    read = score_texts([Text(u.text, u.language) for u in utterances], scorers.text)
    for utterance, score in zip(utterances, read, strict=True):
        text = _accepted(utterance, score, now_ms)
        theirs = windows[utterance.participant_id]
        for index in windows_of(text.utterance):
            theirs.setdefault(index, Window()).with_text(text)
    return ScoredCall(folder, chunks, utterances, windows)


def fuse_call(
    scored: ScoredCall, fuser: Fuser, now_ms: int
) -> Iterator[Segment | Summary | Ledger]:
    """All rows of a scored call."""
    folder, windows = scored.folder, scored.windows
    for recorded in folder.participants:
        theirs = windows[recorded.participant.participant_id]
        for index in sorted(theirs):
            yield segment(
                folder.call_id,
                recorded.participant,
                folder.started_at_ms,
                index,
                theirs,
                fuser,
                now_ms,
            )
    closed = _closed(folder, scored.chunks, scored.utterances)
    yield from summary_rows(folder.call_id, closed, windows, fuser)
    yield from ledger_rows(folder.call_id, closed, windows, fuser)


def _heard(
    participant_id: str, chunks: list[AudioChunk], scorers: Scorers, now_ms: int
) -> dict[int, Window]:
    touching: dict[int, list[AudioChunk]] = {}
    for chunk in chunks:
        first = window_of(chunk.offset_ms)
        for index in range(first, max(first, last_window_of(chunk_end_us(chunk))) + 1):
            touching.setdefault(index, []).append(chunk)
    signals = {
        index: arrange(index, theirs, audio_follows=index < max(touching))
        for index, theirs in touching.items()
    }
    scores = score_signals(signals.values(), scorers.detector, scorers.audio)
    windows = {}
    for (index, signal), score in zip(signals.items(), scores, strict=True):
        theirs = touching[index]
        begun = sum(window_of(chunk.offset_ms) == index for chunk in theirs)
        chunk_counts = WindowLedger(begun, len(theirs) - begun)
        cut = WindowCut(participant_id, index, chunk_counts, signal.gap_ms, now_ms)
        windows[index] = Window(audio=ScoredAudio(cut, score))
    return windows


def _accepted(utterance: Utterance, score: TextScore, now_ms: int) -> ScoredText:
    accepted = UtteranceAccepted(
        utterance.participant_id,
        utterance.utterance_id,
        utterance.start_ms,
        utterance.end_ms,
        count_words(utterance.text),
        utterance.language,
        utterance.confidence,
        now_ms,
    )
    return ScoredText(accepted, score)


def _closed(
    folder: CallFolder, chunks: Mapping[str, list[AudioChunk]], utterances: list[Utterance]
) -> CallClosed:
    num_joined = sum(recorded.joined_ms is not None for recorded in folder.participants)
    num_records = 2 + num_joined + sum(map(len, chunks.values())) + len(utterances)
    return CallClosed(
        started_at_ms=folder.started_at_ms,
        ended_at_ms=folder.started_at_ms + folder.end_ms,
        participants=tuple(
            _participant_ledger(recorded, chunks, utterances)
            for recorded in sorted(
                folder.participants, key=lambda each: each.participant.participant_id
            )
        ),
        utterances_expected=len(utterances),
        chunks_expected_of_others=0,
        chunks_rejected=0,
        distinct_records=num_records,
        all_expected_came=True,
        closed_by="call_ended",
    )


def _participant_ledger(
    recorded: RecordedParticipant,
    chunks: Mapping[str, list[AudioChunk]],
    utterances: list[Utterance],
) -> ParticipantLedger:
    participant_id = recorded.participant.participant_id
    theirs = chunks[participant_id]
    end_us = max((chunk_end_us(chunk) for chunk in theirs), default=0)
    return ParticipantLedger(
        participant=recorded.participant,
        chunks_expected=len(theirs) if recorded.audio else None,
        chunks_seen=len(theirs),
        chunks_duplicate=0,
        chunks_missing=0,
        chunks_rejected=0,
        chunks_withheld=0,
        missing_sequences="",
        utterances_seen=sum(u.participant_id == participant_id for u in utterances),
        utterances_partial_only=0,
        windows_lost=0,
        audio_end_ms=-(-end_us // 1_000),
    )
