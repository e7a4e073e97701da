"""The door: bytes off a Kinesis stream become typed records, once.

In: the bytes of one Kinesis record and the stream it came on. Out: a record of ``udfs.records``,
persons by pseudonym. Refused with a ``RejectReason``: whatever is not exactly one valid record. The
reason is the whole message, since a record's content may be speech.
"""

# ruff: noqa: EM101 - a refusal is raised with its reason, which is no message

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError, from_json

from udfs.audio_codec import BYTES_PER_SAMPLE
from udfs.pseudonyms import Pseudonyms
from udfs.records import (
    Arrival,
    AudioChunk,
    CallEnded,
    CallStarted,
    ConsentChanged,
    Heartbeat,
    Participant,
    ParticipantJoined,
    PersonSuppressed,
    Record,
    RejectReason,
    StreamName,
    Utterance,
)
from udfs.rows import ALL_PARTICIPANTS
from udfs.suppression import NO_SUPPRESSION, Suppression, before_ms_of

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a record is refused (design: what goes in)."""

    id_characters: int = 256
    text_characters: int = 10_000
    chunk_ms: int = 60_000
    utterance_ms: int = 600_000
    """One utterance weighs on every window it touches; ten minutes are 120 of them."""
    min_sample_rate_hz: int = 8_000
    max_sample_rate_hz: int = 48_000
    offset_ms: int = 12 * HOUR_MS
    started_at_past_days: int = 400
    started_at_future_days: int = 1
    participants: int = 50


class Refused(ValueError):  # noqa: N818 - the word of the domain
    """The bytes are no record we can use; ``reason`` says why, ``call_id`` whose if it is known.

    ``content`` is the record as it may be stored, persons by pseudonym: None where it cannot be
    read, and so cannot be told from sound that must not be stored. ``is_speech``: it holds what
    somebody said, so policy has to be asked first.
    """

    def __init__(
        self,
        reason: RejectReason,
        call_id: str | None = None,
        participant_id: str | None = None,
        *,
        is_audio: bool = False,
        is_speech: bool = False,
        content: bytes | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason: RejectReason = reason
        self.call_id = call_id
        self.participant_id = participant_id
        self.is_audio = is_audio
        self.is_speech = is_speech
        self.content = content


class Dropped(Exception):  # noqa: N818 - the word of the domain
    """The record is of a call or a person that was erased: nothing of it is kept, no reject either.

    ``notice`` tells the call, where only the record's persons told that it must go.
    """

    def __init__(self, notice: PersonSuppressed | None = None) -> None:
        super().__init__()
        self.notice = notice


_Id = Annotated[str, StringConstraints(min_length=1)]
# RFC 5646, sections 2.1 and 4.4.1; the underscore of POSIX is forgiven. It stands in rows, so it
# must hold nothing that was said.
_Language = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z0-9_-]*$")]
_Jurisdiction = Annotated[str, StringConstraints(max_length=35)]
_PersonKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=10_000_000)]
# Wide enough for any clock, narrow enough for a 64-bit column; the limits say what is sensible.
_Ms = Annotated[int, Field(ge=-(2**53), le=2**53)]


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


class _Participant(_Wire):
    participant_id: _Id
    role: Literal["agent", "customer"]
    person_id: str | None = None
    person_key: _PersonKey | None = None
    """In place of ``person_id``, from a producer that has the key, or in a reject sent again."""
    consent: bool | None = None


class _CallStarted(_Wire):
    call_id: _Id
    started_at_ms: _Ms
    language: _Language
    jurisdiction: _Jurisdiction | None = None
    participants: list[_Participant]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> _CallStarted:
        ids = [participant.participant_id for participant in self.participants]
        if len(set(ids)) != len(ids):
            raise PydanticCustomError("invalid_field", "a participant twice")
        return self


class _ParticipantJoined(_Wire):
    call_id: _Id
    participant: _Participant


class _Audio(_Wire):
    call_id: _Id
    participant_id: _Id
    sequence: _Count
    offset_ms: _Ms
    encoding: str
    sample_rate_hz: int
    payload: str


class _Utterance(_Wire):
    call_id: _Id
    participant_id: _Id
    utterance_id: _Id
    start_ms: _Ms
    end_ms: _Ms
    text: str
    language: _Language
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    is_partial: bool = False


class _Expected(_Wire):
    audio_chunks: dict[_Id, _Count] | None = None
    utterances: _Count | None = None


class _CallEnded(_Wire):
    call_id: _Id
    ended_at_ms: _Ms
    expected: _Expected | None = None


class _ConsentChanged(_Wire):
    call_id: _Id
    participant_id: _Id
    consent: bool
    at_ms: _Ms
    retroactive: bool = False


class _Heartbeat(_Wire):
    pass


_WIRE: dict[str, type[_Wire]] = {
    "call_started": _CallStarted,
    "participant_joined": _ParticipantJoined,
    "audio": _Audio,
    "utterance": _Utterance,
    "consent_changed": _ConsentChanged,
    "call_ended": _CallEnded,
    "heartbeat": _Heartbeat,
}
_ONLY_ON: dict[str, StreamName] = {"audio": "audio", "utterance": "text"}
_NAMES_PERSONS = frozenset({"call_started", "participant_joined"})


class _Known(NamedTuple):
    """What can be told of a record's origin before it is valid."""

    call_id: str | None
    participant_id: str | None
    kind: str | None
    """Its type, if it is one of ours."""


class Door:
    """Opens records under given limits."""

    def __init__(
        self,
        limits: Limits,
        pseudonyms: Pseudonyms | None = None,
        suppression: Suppression = NO_SUPPRESSION,
    ) -> None:
        """Open nothing yet.

        Args:
            limits: beyond which a record is refused.
            pseudonyms: gives persons their pseudonyms; None: nobody has one.
            suppression: who must not come back.
        """
        self._limits = limits
        self._pseudonyms = pseudonyms or Pseudonyms(None)
        self._suppression = suppression

    def open(self, data: bytes, arrival: Arrival) -> Record:
        """One Kinesis record's bytes as a record.

        Raises:
            Refused: with one of the reasons of step ``open``.
            Dropped: it is of a call or a person that was erased.
        """
        fields = _object(data)
        known = self._known(fields)
        self._drop_suppressed(fields, known, arrival)
        try:
            return self._record(fields, arrival)
        except Refused as refused:
            raise Refused(
                refused.reason,
                known.call_id,
                known.participant_id,
                is_audio=known.kind == "audio",
                is_speech=known.kind in _ONLY_ON,
                content=self._content(fields, known.kind),
            ) from None

    def _drop_suppressed(self, fields: dict[str, Any], known: _Known, arrival: Arrival) -> None:
        """Raises ``Dropped``, before anything else is looked at: what is refused is stored."""
        if known.call_id is not None and self._suppression.has_call(known.call_id):
            raise Dropped
        if known.kind not in _NAMES_PERSONS or not self._suppression.has_persons:
            return
        before_ms = before_ms_of(fields, self._suppression)
        started_at_ms = fields.get("started_at_ms")
        if before_ms is None or (isinstance(started_at_ms, int) and started_at_ms >= before_ms):
            return
        if known.call_id is None:
            raise Dropped
        raise Dropped(self._notice(known.call_id, before_ms, fields, arrival))

    def _notice(
        self, call_id: str, before_ms: int, fields: dict[str, Any], arrival: Arrival
    ) -> PersonSuppressed:
        try:
            record = self._record(fields, arrival)
        except Refused:
            return PersonSuppressed(call_id, before_ms)
        match record:
            case CallStarted():
                return PersonSuppressed(call_id, before_ms, record.started_at_ms)
            case ParticipantJoined():
                return PersonSuppressed(call_id, before_ms, joined=record)
            case _:
                return PersonSuppressed(call_id, before_ms)

    def _content(self, fields: dict[str, Any], kind: str | None) -> bytes | None:
        """What of a refused record may be stored: the fields of its type, without person ids."""
        if kind is None:
            return None
        names = ("type", *_WIRE[kind].model_fields)
        own = {name: fields[name] for name in names if name in fields}
        return self._pseudonyms.hide_persons(own)

    def _known(self, fields: dict[str, Any]) -> _Known:
        def usable(value: object) -> str | None:
            fits = isinstance(value, str) and 0 < len(value) <= self._limits.id_characters
            return value if fits and "\0" not in value else None  # type: ignore[return-value, operator]

        kind = fields.get("type")
        return _Known(
            usable(fields.get("call_id")),
            usable(fields.get("participant_id")),
            kind if isinstance(kind, str) and kind in _WIRE else None,
        )

    def _record(self, fields: dict[str, Any], arrival: Arrival) -> Record:
        kind = fields.get("type")
        wire_type = _WIRE.get(kind) if isinstance(kind, str) else None
        if wire_type is None:
            raise Refused("unknown_type")
        try:
            wire = wire_type.model_validate(fields)
        except ValidationError:
            raise Refused("invalid_field") from None
        if _ONLY_ON.get(str(kind), arrival.stream) != arrival.stream:
            raise Refused("wrong_stream")
        return self._checked(wire, arrival)

    def _checked(self, wire: _Wire, arrival: Arrival) -> Record:  # noqa: PLR0911 - one a type
        match wire:
            case _Audio():
                return self._audio(wire)
            case _Utterance():
                return self._utterance(wire)
            case _CallStarted():
                return self._call_started(wire, arrival)
            case _ParticipantJoined():
                return self._participant_joined(wire)
            case _ConsentChanged():
                return self._consent_changed(wire)
            case _CallEnded():
                return self._call_ended(wire, arrival)
        return Heartbeat()

    def _check_ids(self, *ids: str) -> None:
        for value in ids:
            if len(value) > self._limits.id_characters:
                raise Refused("id_too_long")
            if "\0" in value:
                raise Refused("invalid_field")

    def _check_participants(self, participants: list[_Participant]) -> None:
        if len(participants) > self._limits.participants:
            raise Refused("invalid_field")
        for participant in participants:
            self._check_ids(participant.participant_id, participant.person_id or "")
            if participant.participant_id == ALL_PARTICIPANTS:
                raise Refused("invalid_field")

    def _audio(self, wire: _Audio) -> AudioChunk:
        limits = self._limits
        self._check_ids(wire.call_id, wire.participant_id)
        if wire.encoding not in BYTES_PER_SAMPLE:
            raise Refused("unknown_encoding")
        if not limits.min_sample_rate_hz <= wire.sample_rate_hz <= limits.max_sample_rate_hz:
            raise Refused("bad_sample_rate")
        if not 0 <= wire.offset_ms <= limits.offset_ms:
            raise Refused("offset_out_of_range")
        try:
            payload = b64decode(wire.payload, validate=True)
        except (binascii.Error, ValueError):
            raise Refused("bad_base64") from None
        num_samples, rest = divmod(len(payload), BYTES_PER_SAMPLE[wire.encoding])
        if rest:
            raise Refused("bad_payload_length")
        if not num_samples:
            raise Refused("empty_audio")
        if num_samples * 1000 > limits.chunk_ms * wire.sample_rate_hz:
            raise Refused("chunk_too_long")
        return AudioChunk(
            wire.call_id,
            wire.participant_id,
            wire.sequence,
            wire.offset_ms,
            wire.encoding,
            wire.sample_rate_hz,
            payload,
        )

    def _utterance(self, wire: _Utterance) -> Utterance:
        limits = self._limits
        self._check_ids(wire.call_id, wire.participant_id, wire.utterance_id)
        if len(wire.text) > limits.text_characters:
            raise Refused("text_too_long")
        if wire.end_ms < wire.start_ms:
            raise Refused("end_before_start")
        if wire.start_ms < 0 or wire.end_ms > limits.offset_ms:
            raise Refused("offset_out_of_range")
        if wire.end_ms - wire.start_ms > limits.utterance_ms:
            raise Refused("utterance_too_long")
        return Utterance(
            wire.call_id,
            wire.participant_id,
            wire.utterance_id,
            wire.start_ms,
            wire.end_ms,
            wire.text,
            wire.language,
            wire.confidence,
            wire.is_partial,
        )

    def _call_started(self, wire: _CallStarted, arrival: Arrival) -> CallStarted:
        limits = self._limits
        self._check_ids(wire.call_id)
        self._check_participants(wire.participants)
        age_ms = arrival.arrival_ms - wire.started_at_ms
        oldest_ms = limits.started_at_past_days * DAY_MS
        if not -limits.started_at_future_days * DAY_MS <= age_ms <= oldest_ms:
            raise Refused("started_at_out_of_range")
        return CallStarted(
            wire.call_id,
            wire.started_at_ms,
            wire.language,
            wire.jurisdiction or "",
            tuple(map(self._participant, wire.participants)),
        )

    def _participant_joined(self, wire: _ParticipantJoined) -> ParticipantJoined:
        self._check_ids(wire.call_id)
        self._check_participants([wire.participant])
        return ParticipantJoined(wire.call_id, self._participant(wire.participant))

    def _participant(self, wire: _Participant) -> Participant:
        person_key = wire.person_key or self._pseudonyms.person_key(wire.person_id)
        return Participant(wire.participant_id, wire.role, None, wire.consent, person_key)

    def _consent_changed(self, wire: _ConsentChanged) -> ConsentChanged:
        self._check_ids(wire.call_id, wire.participant_id)
        if not 0 <= wire.at_ms <= self._limits.offset_ms:
            raise Refused("offset_out_of_range")
        return ConsentChanged(
            wire.call_id, wire.participant_id, wire.consent, wire.at_ms, wire.retroactive
        )

    def _call_ended(self, wire: _CallEnded, arrival: Arrival) -> CallEnded:
        self._check_ids(wire.call_id)
        if wire.ended_at_ms - arrival.arrival_ms > self._limits.started_at_future_days * DAY_MS:
            raise Refused("offset_out_of_range")
        expected = wire.expected or _Expected()
        chunks = expected.audio_chunks
        self._check_ids(*(chunks or ()))
        return CallEnded(
            wire.call_id,
            wire.ended_at_ms,
            None if chunks is None else tuple(sorted(chunks.items())),
            expected.utterances,
        )


def _object(data: bytes) -> dict[str, Any]:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not_utf8") from None
    try:
        # Bounded in depth, unlike json.loads; NaN and Infinity are no JSON.
        fields = from_json(data, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        raise Refused("not_json") from None
    if not isinstance(fields, dict):
        raise Refused("not_json")
    return fields
