"""Records with a default for everything: a test names only the fields it is about."""

from __future__ import annotations

import random
from typing import Any

from udfs.audio_codec import BYTES_PER_SAMPLE, samples_at_ms
from udfs.models.contract import Triple
from udfs.records import (
    Arrival,
    AudioChunk,
    CallClosed,
    CallEnded,
    CallStarted,
    ConsentChanged,
    Participant,
    ParticipantJoined,
    ParticipantLedger,
    Utterance,
    UtteranceAccepted,
    WindowCut,
    WindowLedger,
)
from udfs.score_text import TextScore
from udfs.score_window import WindowScore
from udfs.segments import ScoredAudio, ScoredText, Window

CALL = "call-1"
STARTED_AT_MS = 1_795_440_600_000  # 2026-11-23 13:30 UTC
CALM = Triple(0.2, 0.6, 0.2)


def participant(participant_id: str = "customer", **fields: Any) -> Participant:
    role = "customer" if participant_id.startswith("customer") else "agent"
    defaults = {"role": role, "person_id": f"person-{participant_id}", "consent": True}
    return Participant(participant_id, **{**defaults, **fields})


def call_started(*who: str, call_id: str = CALL, **fields: Any) -> CallStarted:
    defaults = {
        "started_at_ms": STARTED_AT_MS,
        "language": "en-US",
        "jurisdiction": "US-CA",
        "participants": tuple(participant(one) for one in who or ("customer", "agent")),
    }
    return CallStarted(call_id, **{**defaults, **fields})


def joined(who: str, call_id: str = CALL, **fields: Any) -> ParticipantJoined:
    return ParticipantJoined(call_id, participant(who, **fields))


def noise(num_bytes: int, seed: int = 0) -> bytes:
    """Bytes of which hardly two are alike."""
    return random.Random(seed).randbytes(num_bytes)


def chunk(
    sequence: int = 0,
    offset_ms: int | None = None,
    duration_ms: int = 1_000,
    who: str = "customer",
    **fields: Any,
) -> AudioChunk:
    """A second of noise at 8 kHz µ-law; without an offset, right after the chunk before it."""
    defaults = {"call_id": CALL, "encoding": "mulaw", "sample_rate_hz": 8_000}
    given = {**defaults, **fields}
    offset_ms = sequence * duration_ms if offset_ms is None else offset_ms
    rate_hz = given["sample_rate_hz"]
    num_samples = samples_at_ms(offset_ms + duration_ms, rate_hz) - samples_at_ms(
        offset_ms, rate_hz
    )
    width = BYTES_PER_SAMPLE[given["encoding"]]
    given.setdefault("payload", noise(num_samples * width, seed=sequence + 1_000 * offset_ms))
    return AudioChunk(participant_id=who, sequence=sequence, offset_ms=offset_ms, **given)


def utterance(
    number: int = 0,
    start_ms: int = 0,
    end_ms: int | None = None,
    who: str = "customer",
    **fields: Any,
) -> Utterance:
    defaults = {
        "call_id": CALL,
        "utterance_id": f"{who}-{number}",
        "text": "good morning",
        "language": "en-US",
        "confidence": None,
        "is_partial": False,
    }
    end_ms = start_ms + 1_000 if end_ms is None else end_ms
    return Utterance(participant_id=who, start_ms=start_ms, end_ms=end_ms, **{**defaults, **fields})


def call_ended(
    after_ms: int = 60_000,
    chunks: dict[str, int] | None = None,
    utterances: int | None = None,
    call_id: str = CALL,
    started_at_ms: int = STARTED_AT_MS,
) -> CallEnded:
    expected = None if chunks is None else tuple(sorted(chunks.items()))
    return CallEnded(call_id, started_at_ms + after_ms, expected, utterances)


def consent_changed(
    at_ms: int = 0, who: str = "customer", call_id: str = CALL, **fields: Any
) -> ConsentChanged:
    """A withdrawal, from its call time on."""
    defaults = {"consent": False, "retroactive": False}
    return ConsentChanged(call_id, who, at_ms=at_ms, **{**defaults, **fields})


def arrival(arrival_ms: int = STARTED_AT_MS, number: int = 0, **fields: Any) -> Arrival:
    defaults = {"stream": "audio", "shard": "shardId-000000000000", "sequence_number": str(number)}
    return Arrival(arrival_ms=arrival_ms, **{**defaults, **fields})


# --- scored work --------------------------------------------------------------------------------


def window_cut(window: int = 0, who: str = "customer", **fields: Any) -> WindowCut:
    """Window of which five chunks begin in it and none before it."""
    defaults = {"chunks": WindowLedger(5, 0), "gap_ms": 0, "whole_at_ms": 0}
    return WindowCut(who, window, **{**defaults, **fields})


def window_score(triple: Triple | None = CALM, **fields: Any) -> WindowScore:
    """4 s of speech at -20 dBFS."""
    defaults = {
        "missing": None if triple else "no_speech",
        "model_id": "audio-1" if triple else None,
        "speech_ms": ((0, 4_000),) if triple else (),
        "speech_ratio": 0.8 if triple else 0.0,
        "loudness_dbfs": -20.0 if triple else None,
        "snr_db": 20.0 if triple else None,
    }
    return WindowScore(triple=triple, **{**defaults, **fields})


def scored_audio(
    window: int = 0, triple: Triple | None = CALM, who: str = "customer", **fields: Any
) -> ScoredAudio:
    cut_fields = {k: fields.pop(k) for k in ("chunks", "gap_ms", "whole_at_ms") if k in fields}
    return ScoredAudio(window_cut(window, who, **cut_fields), window_score(triple, **fields))


def scored_text(
    number: int = 0,
    start_ms: int = 0,
    end_ms: int | None = None,
    triple: Triple | None = CALM,
    who: str = "customer",
    **fields: Any,
) -> ScoredText:
    """An utterance of a second and five words."""
    missing = fields.pop("missing", None if triple else "no_words")
    model_id = fields.pop("model_id", "text-1" if triple else None)
    embedding = fields.pop("embedding", None)
    defaults = {
        "num_words": 5,
        "language": "en-US",
        "confidence": None,
        "accepted_at_ms": 0,
        "utterance_id": f"{who}-{number}",
    }
    end_ms = start_ms + 1_000 if end_ms is None else end_ms
    accepted = UtteranceAccepted(
        participant_id=who, start_ms=start_ms, end_ms=end_ms, **{**defaults, **fields}
    )
    return ScoredText(accepted, TextScore(triple, missing, model_id, embedding))


def window(audio: ScoredAudio | None = None, *texts: ScoredText) -> Window:
    return Window(audio=audio, texts=texts)


def participant_ledger(who: str = "customer", **fields: Any) -> ParticipantLedger:
    """20 s of audio in chunks of a second, all there."""
    defaults = {
        "chunks_expected": 20,
        "chunks_seen": 20,
        "chunks_duplicate": 0,
        "chunks_missing": 0,
        "chunks_rejected": 0,
        "chunks_withheld": 0,
        "missing_sequences": "",
        "utterances_seen": 0,
        "utterances_partial_only": 0,
        "windows_lost": 0,
        "audio_end_ms": 20_000,
    }
    return ParticipantLedger(participant=participant(who), **{**defaults, **fields})


def call_closed(*participants: ParticipantLedger, **fields: Any) -> CallClosed:
    """A call of 20 s that ended as told."""
    defaults = {
        "started_at_ms": STARTED_AT_MS,
        "ended_at_ms": STARTED_AT_MS + 20_000,
        "utterances_expected": None,
        "chunks_expected_of_others": 0,
        "chunks_rejected": 0,
        "distinct_records": 22,
        "all_expected_came": True,
        "closed_by": "call_ended",
    }
    given = participants or (participant_ledger(),)
    return CallClosed(participants=given, **{**defaults, **fields})
