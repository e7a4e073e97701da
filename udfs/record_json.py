"""Typed records to the JSON that travels in Kinesis: what ``udfs.envelope`` reads, written.

One compact UTF-8 object a record; optional fields that have no value are left out.
"""

from __future__ import annotations

import base64
import json
from typing import Any, TypeAlias

from udfs.records import (
    AudioChunk,
    CallEnded,
    CallStarted,
    ConsentChanged,
    Heartbeat,
    Participant,
    ParticipantJoined,
    Utterance,
)

CallRecord: TypeAlias = (
    CallStarted | ParticipantJoined | AudioChunk | Utterance | ConsentChanged | CallEnded
)


def record_json(record: CallRecord | Heartbeat) -> bytes:
    """The bytes of one record."""
    return json.dumps(_fields(record), ensure_ascii=False, separators=(",", ":")).encode()


def _fields(record: CallRecord | Heartbeat) -> dict[str, Any]:
    match record:
        case AudioChunk():
            return _audio(record)
        case Utterance():
            return _utterance(record)
        case CallEnded():
            return _call_ended(record)
        case Heartbeat():
            return {"type": "heartbeat"}
        case _:
            return _announcement(record)


def _announcement(record: CallStarted | ParticipantJoined | ConsentChanged) -> dict[str, Any]:
    match record:
        case CallStarted():
            return {
                "type": "call_started",
                "call_id": record.call_id,
                "started_at_ms": record.started_at_ms,
                "language": record.language,
                "jurisdiction": record.jurisdiction,
                "participants": [_participant(each) for each in record.participants],
            }
        case ParticipantJoined():
            return {
                "type": "participant_joined",
                "call_id": record.call_id,
                "participant": _participant(record.participant),
            }
        case ConsentChanged():
            return {
                "type": "consent_changed",
                "call_id": record.call_id,
                "participant_id": record.participant_id,
                "consent": record.consent,
                "at_ms": record.at_ms,
                "retroactive": record.retroactive,
            }


def _audio(record: AudioChunk) -> dict[str, Any]:
    return {
        "type": "audio",
        "call_id": record.call_id,
        "participant_id": record.participant_id,
        "sequence": record.sequence,
        "offset_ms": record.offset_ms,
        "encoding": record.encoding,
        "sample_rate_hz": record.sample_rate_hz,
        "payload": base64.b64encode(record.payload).decode("ascii"),
    }


def _participant(participant: Participant) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "participant_id": participant.participant_id,
        "role": participant.role,
        "consent": participant.consent,
    }
    if participant.person_id is not None:
        fields["person_id"] = participant.person_id
    if participant.person_key is not None:
        fields["person_key"] = participant.person_key
    return fields


def _utterance(utterance: Utterance) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "type": "utterance",
        "call_id": utterance.call_id,
        "participant_id": utterance.participant_id,
        "utterance_id": utterance.utterance_id,
        "start_ms": utterance.start_ms,
        "end_ms": utterance.end_ms,
        "text": utterance.text,
        "language": utterance.language,
    }
    if utterance.confidence is not None:
        fields["confidence"] = utterance.confidence
    if utterance.is_partial:
        fields["is_partial"] = True
    return fields


def _call_ended(ended: CallEnded) -> dict[str, Any]:
    expected: dict[str, Any] = {}
    if ended.expected_audio_chunks is not None:
        expected["audio_chunks"] = dict(ended.expected_audio_chunks)
    if ended.expected_utterances is not None:
        expected["utterances"] = ended.expected_utterances
    fields: dict[str, Any] = {
        "type": "call_ended",
        "call_id": ended.call_id,
        "ended_at_ms": ended.ended_at_ms,
    }
    return {**fields, "expected": expected} if expected else fields
