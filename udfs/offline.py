"""A recorded call to its rows without a stream: the reference.

The same functions score a window, fuse it and sum up a call as in the job; only the bookkeeping of
records that come late, twice or never is absent, since a folder has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from udfs.call_folder import CallFolder, RecordedParticipant
from udfs.call_rows import ledger_rows, summary_rows
from udfs.call_state import Party
from udfs.fusion import Fuser
from udfs.gate import Gate, is_withheld, rests_from, without_withheld
from udfs.models.scorer import AudioScorer, Text, TextScorer
from udfs.policy import Policy, read_policy
from udfs.pseudonyms import Pseudonyms
from udfs.records import (
    AudioChunk,
    CallClosed,
    Participant,
    ParticipantLedger,
    Utterance,
    UtteranceAccepted,
    WindowCut,
    WindowLedger,
)
from udfs.replay_plan import call_started, cut_chunks
from udfs.rows import Ledger, Segment, Summary
from udfs.score_text import WITHHELD_TEXT, TextScore, score_texts
from udfs.score_window import WITHHELD_AUDIO, SpeechDetector, score_signals
from udfs.segments import ScoredAudio, ScoredText, Window, segment
from udfs.windows import arrange, chunk_end_us, window_of, windows_of, windows_touched
from udfs.words import count_words

CHUNK_MS = 200


@dataclass(frozen=True, slots=True)
class Scorers:
    """What gives the numbers, and what may be given; loaded once for many calls."""

    detector: SpeechDetector
    audio: AudioScorer
    text: Mapping[str, TextScorer]
    fuser: Fuser
    policy: Policy = field(default_factory=read_policy)
    pseudonyms: Pseudonyms = field(default_factory=lambda: Pseudonyms(None))


@dataclass(frozen=True, slots=True)
class ScoredCall:
    """A call whose windows are scored, before they are fused."""

    folder: CallFolder
    chunks: Mapping[str, list[AudioChunk]]
    utterances: list[Utterance]
    windows: Mapping[str, Mapping[int, Window]]
    """By participant and index."""
    parties: Mapping[str, Party]
    """What policy said, by participant."""
    participants: Mapping[str, Participant]
    """Persons by pseudonym."""


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
    gate = Gate(scorers.policy)
    parties = {
        recorded.participant.participant_id: _ruled(gate, folder, recorded)
        for recorded in folder.participants
    }
    windows: dict[str, dict[int, Window]] = {
        participant_id: _heard(participant_id, theirs, parties[participant_id], scorers, now_ms)
        for participant_id, theirs in chunks.items()
    }
    rulings = [gate.text(parties[u.participant_id], u) for u in utterances]
    to_read = [
        Text(u.text, u.language, ruling.may_send_raw)
        for u, ruling in zip(utterances, rulings, strict=True)
        if not ruling.is_withheld
    ]
    read = iter(score_texts(to_read, scorers.text))
    for utterance, ruling in zip(utterances, rulings, strict=True):
        score = WITHHELD_TEXT if ruling.is_withheld else next(read)
        text = _accepted(utterance, score, now_ms)
        theirs = windows[utterance.participant_id]
        for index in windows_of(text.utterance):
            theirs.setdefault(index, Window()).with_text(text)
    participants = {
        recorded.participant.participant_id: msgspec.structs.replace(
            recorded.participant,
            person_id=None,
            person_key=scorers.pseudonyms.person_key(recorded.participant.person_id),
        )
        for recorded in folder.participants
    }
    return ScoredCall(folder, chunks, utterances, windows, parties, participants)


def _ruled(gate: Gate, folder: CallFolder, recorded: RecordedParticipant) -> Party:
    """What policy says of a participant, every change of consent taken in."""
    party = gate.admit(call_started(folder), recorded.participant)
    for change in recorded.consent_changes:
        # Live, a change comes before the audio behind it.
        party.consents.append(gate.change(party, change, last_touched=-1))
    return party


def fuse_call(
    scored: ScoredCall, fuser: Fuser, now_ms: int
) -> Iterator[Segment | Summary | Ledger]:
    """All rows of a scored call."""
    folder, windows = scored.folder, scored.windows
    for recorded in folder.participants:
        participant_id = recorded.participant.participant_id
        theirs = windows[participant_id]
        for index in sorted(theirs):
            yield segment(
                folder.call_id,
                scored.participants[participant_id],
                folder.started_at_ms,
                index,
                theirs,
                fuser,
                now_ms,
                sum(rests_from(change) <= index for change in recorded.consent_changes),
            )
    closed = _closed(scored)
    yield from summary_rows(folder.call_id, closed, windows, fuser)
    yield from ledger_rows(folder.call_id, closed, windows, fuser)


def _heard(
    participant_id: str, chunks: list[AudioChunk], party: Party, scorers: Scorers, now_ms: int
) -> dict[int, Window]:
    touching: dict[int, list[AudioChunk]] = {}
    for chunk in chunks:
        usable = without_withheld(party, chunk)
        for index in windows_touched(chunk):
            touching.setdefault(index, []).append(usable)
    signals = {
        index: arrange(index, theirs, audio_follows=index < max(touching))
        for index, theirs in touching.items()
        if not is_withheld(party, index)
    }
    scores = score_signals(signals.values(), scorers.detector, scorers.audio)
    heard = dict(zip(signals, scores, strict=True))
    windows = {}
    for index, theirs in touching.items():
        begun = sum(window_of(chunk.offset_ms) == index for chunk in theirs)
        gap_ms = signals[index].gap_ms if index in signals else 0
        cut = WindowCut(
            participant_id,
            index,
            WindowLedger(begun, len(theirs) - begun),
            gap_ms,
            now_ms,
            withheld=index not in heard,
        )
        windows[index] = Window(audio=ScoredAudio(cut, heard.get(index, WITHHELD_AUDIO)))
    return windows


def _accepted(utterance: Utterance, score: TextScore, now_ms: int) -> ScoredText:
    accepted = UtteranceAccepted(
        utterance.participant_id,
        utterance.utterance_id,
        utterance.start_ms,
        utterance.end_ms,
        0 if score is WITHHELD_TEXT else count_words(utterance.text),
        utterance.language,
        utterance.confidence,
        now_ms,
        withheld=score is WITHHELD_TEXT,
    )
    return ScoredText(accepted, score)


def _closed(scored: ScoredCall) -> CallClosed:
    folder, chunks, utterances = scored.folder, scored.chunks, scored.utterances
    num_joined = sum(recorded.joined_ms is not None for recorded in folder.participants)
    num_changes = sum(len(recorded.consent_changes) for recorded in folder.participants)
    num_chunks = sum(map(len, chunks.values()))
    return CallClosed(
        started_at_ms=folder.started_at_ms,
        ended_at_ms=folder.started_at_ms + folder.end_ms,
        participants=tuple(
            _participant_ledger(recorded, scored)
            for recorded in sorted(
                folder.participants, key=lambda each: each.participant.participant_id
            )
        ),
        utterances_expected=len(utterances),
        chunks_expected_of_others=0,
        chunks_rejected=0,
        distinct_records=2 + num_joined + num_changes + num_chunks + len(utterances),
        all_expected_came=True,
        closed_by="call_ended",
    )


def _participant_ledger(recorded: RecordedParticipant, scored: ScoredCall) -> ParticipantLedger:
    participant_id = recorded.participant.participant_id
    theirs, party = scored.chunks[participant_id], scored.parties[participant_id]
    end_us = max((chunk_end_us(chunk) for chunk in theirs), default=0)
    return ParticipantLedger(
        participant=scored.participants[participant_id],
        chunks_expected=len(theirs) if recorded.audio else None,
        chunks_seen=len(theirs),
        chunks_duplicate=0,
        chunks_missing=0,
        chunks_rejected=0,
        chunks_withheld=sum(is_withheld(party, window_of(chunk.offset_ms)) for chunk in theirs),
        missing_sequences="",
        utterances_seen=sum(u.participant_id == participant_id for u in scored.utterances),
        utterances_partial_only=0,
        windows_lost=0,
        audio_end_ms=-(-end_us // 1_000),
    )
