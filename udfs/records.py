"""The records that travel between the steps, one frozen struct each.

They are msgspec structs: within a step plain immutable objects, between steps and in state tagged
MessagePack, in which a field with a default may be added without breaking what was written before.
Call time is integer milliseconds from the call's start (``offset_ms``, ``start_ms``); epoch time is
integer milliseconds since 1970 (``started_at_ms``, ``arrival_ms``). Nothing here is validated:
``udfs.envelope`` does that once, at the door.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

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
    "utterance_too_long",
    "wrong_stream",
    # intake: the record does not fit its call
    "no_call_started",
    "unknown_participant",
    "conflict",
    "ended_before_started",
    "late_audio",
    "late",
    "consent_withdrawn",
]
"""Why a record could not be used.

``late`` can never succeed again, the rest can after a fix. ``consent_withdrawn`` came after its
call was closed: an order to erase, which ``call-sentiment erase`` carries out.
"""

RejectStep: TypeAlias = Literal["open", "intake"]


class Arrival(msgspec.Struct, frozen=True):
    """Where and when Kinesis got a record: enough to find it there again."""

    stream: StreamName
    shard: str
    sequence_number: str
    arrival_ms: int


class Participant(msgspec.Struct, frozen=True):
    participant_id: str
    role: Role
    person_id: str | None
    """Only as a producer sends it; within the job there is the pseudonym alone."""
    consent: bool | None
    person_key: str | None = None
    """The person's pseudonym."""


class CallStarted(msgspec.Struct, frozen=True, tag=True):
    call_id: str
    started_at_ms: int
    language: str
    jurisdiction: str
    participants: tuple[Participant, ...]


class ParticipantJoined(msgspec.Struct, frozen=True, tag=True):
    call_id: str
    participant: Participant


class AudioChunk(msgspec.Struct, frozen=True, tag=True):
    """A piece of one participant's audio as delivered."""

    call_id: str
    participant_id: str
    sequence: int
    offset_ms: int
    encoding: Encoding
    sample_rate_hz: int
    payload: bytes


class Utterance(msgspec.Struct, frozen=True, tag=True):
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


class ConsentChanged(msgspec.Struct, frozen=True, tag=True):
    """A participant gave or withdrew consent in the midst of the call."""

    call_id: str
    participant_id: str
    consent: bool
    at_ms: int
    retroactive: bool
    """Withdrawn for the whole call, not only from ``at_ms`` on."""


class CallEnded(msgspec.Struct, frozen=True, tag=True):
    call_id: str
    ended_at_ms: int
    expected_audio_chunks: tuple[tuple[str, int], ...] | None
    """Chunks by participant id; None when the producer did not say."""
    expected_utterances: int | None


class Heartbeat(msgspec.Struct, frozen=True, tag=True):
    """Moves stream time on a quiet night; belongs to no call."""


class RejectNotice(msgspec.Struct, frozen=True, tag=True):
    """Tells a call's ledger that one of its records was refused at the door."""

    call_id: str
    participant_id: str | None
    is_audio: bool
    reason: RejectReason | None = None
    """Given where the reject is still to be written, once policy says with what content."""
    payload: bytes | None = None


class PersonSuppressed(msgspec.Struct, frozen=True, tag=True):
    """A record named a person who was erased; of it nothing else is kept."""

    call_id: str
    before_ms: int
    """The person's calls that started before are suppressed, epoch milliseconds."""
    started_at_ms: int | None = None
    """The call's start, where the record told it."""
    joined: ParticipantJoined | None = None
    """Who joined, should the call turn out to have started later."""


Record: TypeAlias = (
    CallStarted
    | ParticipantJoined
    | AudioChunk
    | Utterance
    | ConsentChanged
    | CallEnded
    | Heartbeat
    | RejectNotice
)


class WindowLedger(msgspec.Struct, frozen=True):
    """How many distinct chunks a window's audio rests on."""

    chunks_begun: int
    """Chunks that begin in the window."""
    chunks_carried: int
    """Chunks that begin before it and reach into it."""


class Announced(msgspec.Struct, frozen=True, tag=True):
    """The call, or one more of its participants, is known."""

    started_at_ms: int
    participants: tuple[Participant, ...]


class WindowCut(msgspec.Struct, frozen=True, tag=True):
    """The audio of one window is whole, or waited for long enough; its sound travels beside it."""

    participant_id: str
    window: int
    chunks: WindowLedger
    gap_ms: int
    whole_at_ms: int
    """Clock time at which it was cut: the wait for its text begins."""
    withheld: bool = False
    """Policy forbids to use its audio: no sound travels beside it."""


class UtteranceAccepted(msgspec.Struct, frozen=True, tag=True):
    """A final utterance; its text travels beside it."""

    participant_id: str
    utterance_id: str
    start_ms: int
    end_ms: int
    num_words: int
    language: str
    confidence: float | None
    accepted_at_ms: int
    audio_begun: bool = False
    """Audio of the participant has come: this is no chat, and the window's own may be to come."""
    withheld: bool = False
    """Policy forbids to use its words: no text travels beside it, and they are not counted."""


Windows: TypeAlias = tuple[int, int | None]
"""First window of a stretch, and the first behind it; None: it has no end."""


class WithheldText(msgspec.Struct, frozen=True):
    """Where a participant's words of one language and channel must not be used."""

    language: str
    is_chat: bool
    windows: tuple[Windows, ...]


class ConsentRuled(msgspec.Struct, frozen=True, tag=True):
    """A consent changed; what of a participant must not be used, from now on and from before."""

    participant_id: str
    from_window: int
    """Rows of this window and later ones rest on the change."""
    audio: tuple[Windows, ...]
    text: tuple[WithheldText, ...]


class ParticipantLedger(msgspec.Struct, frozen=True):
    """What was counted of one participant until the call closed."""

    participant: Participant
    chunks_expected: int | None
    chunks_seen: int
    chunks_duplicate: int
    chunks_missing: int
    chunks_rejected: int
    chunks_withheld: int
    missing_sequences: str
    utterances_seen: int
    utterances_partial_only: int
    windows_lost: int
    audio_end_ms: int


class CallClosed(msgspec.Struct, frozen=True, tag=True):
    """Nothing more of this call will be accepted."""

    started_at_ms: int
    ended_at_ms: int | None
    participants: tuple[ParticipantLedger, ...]
    utterances_expected: int | None
    chunks_expected_of_others: int
    """Chunks the call's end told us to expect of participants never announced."""
    chunks_rejected: int
    """Audio records refused that belong to no announced participant."""
    distinct_records: int
    all_expected_came: bool
    closed_by: Literal["call_ended", "timeout"]


class CallForgotten(msgspec.Struct, frozen=True, tag=True):
    """The call was erased: nothing of it is kept, and no row of it shown any more."""


Work: TypeAlias = (
    Announced | WindowCut | UtteranceAccepted | ConsentRuled | CallClosed | CallForgotten
)
"""What intake hands on to the models and the fusion, in order, call by call."""
