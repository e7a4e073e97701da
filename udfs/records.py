"""The records that travel between the steps, one frozen dataclass each.

Call time is integer milliseconds from the call's start (``offset_ms``, ``start_ms``); epoch time is
integer milliseconds since 1970 (``started_at_ms``, ``arrival_ms``). Nothing here is validated:
``udfs.envelope`` does that once, at the door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["agent", "customer"]
Encoding: TypeAlias = Literal["mulaw", "alaw", "pcm_s16le"]
StreamName: TypeAlias = Literal["audio", "text"]

RejectReason: TypeAlias = Literal[
    # open: the bytes are no record
    "not_utf8",
    "not_json",
    "unknown_type",
    "invalid_field",
    "id_too_long",
    "text_too_long",
    "bad_base64",
    "empty_audio",
    "bad_payload_length",
    "chunk_too_long",
    "bad_sample_rate",
    "unknown_encoding",
    "offset_out_of_range",
    "started_at_out_of_range",
    "end_before_start",
    "wrong_stream",
    # intake: the record does not fit its call
    "no_call_started",
    "unknown_participant",
    "conflict",
    "late_audio",
    "late",
]
"""Why a record could not be used. ``late`` can never succeed again; the rest can after a fix."""

RejectStep: TypeAlias = Literal["open", "intake"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where and when Kinesis got a record: enough to find it there again."""

    stream: StreamName
    shard: str
    sequence_number: str
    arrival_ms: int


@dataclass(frozen=True, slots=True)
class Participant:
    participant_id: str
    role: Role
    person_id: str | None
    consent: bool | None


@dataclass(frozen=True, slots=True)
class CallStarted:
    call_id: str
    started_at_ms: int
    language: str
    jurisdiction: str
    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    call_id: str
    participant: Participant


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of one participant's audio as delivered."""

    call_id: str
    participant_id: str
    sequence: int
    offset_ms: int
    encoding: Encoding
    sample_rate_hz: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Utterance:
    call_id: str
    participant_id: str
    utterance_id: str
    start_ms: int
    end_ms: int
    text: str
    language: str
    confidence: float | None
    """The recogniser's confidence, 0 to 1."""
    is_partial: bool


@dataclass(frozen=True, slots=True)
class CallEnded:
    call_id: str
    ended_at_ms: int
    expected_audio_chunks: tuple[tuple[str, int], ...] | None
    """Chunks by participant id; None when the producer did not say."""
    expected_utterances: int | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Moves stream time on a quiet night; belongs to no call."""


@dataclass(frozen=True, slots=True)
class RejectNotice:
    """Tells a call's ledger that one of its records was refused at the door."""

    call_id: str
    participant_id: str | None
    is_audio: bool


Record: TypeAlias = (
    CallStarted | ParticipantJoined | AudioChunk | Utterance | CallEnded | Heartbeat | RejectNotice
)
