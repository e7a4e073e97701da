"""Recorded calls to the records that live calls would have sent, in the order of sending.

Call folders and options flow in; a time-ordered schedule flows out, the same for the same seed.
Nothing is sent here. Live, a chunk can be sent when it ends, an utterance likewise::

    audio  S  J?  0 1 2 3 ...      E     S call_started  J participant_joined  E call_ended
    text   S  J?   u     u   u           repeated on the text stream if the call has words

Disturbances, each drawn by its own seeded dice so that one does not change another: ``drop`` leaves
out audio chunks (``call_ended`` still counts them), ``shuffle_ms`` delays every record by up to so
much, ``duplicate`` sends some records a second time, up to two seconds later. ``call_started``,
``participant_joined`` and ``consent_changed`` are never delayed, so nothing gets ahead of them;
records may come after ``call_ended``, as they do live.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from udfs import audio_codec
from udfs.call_folder import CallFolder, RecordedParticipant, read_coded_audio
from udfs.call_folder_schema import CallFolderError
from udfs.record_json import CallRecord, record_json
from udfs.records import AudioChunk, CallEnded, CallStarted, ParticipantJoined, StreamName

MAX_RECORD_BYTES: Final = 1_048_576
"""Data and partition key of one Kinesis record."""

MAX_CHUNK_MS: Final = 60_000
DUPLICATE_WITHIN_MS: Final = 2_000

Kind: TypeAlias = Literal[
    "call_started",
    "participant_joined",
    "audio",
    "utterance",
    "consent_changed",
    "call_ended",
    "injected",
]
_NEVER_DELAYED: Final = ("call_started", "participant_joined", "consent_changed")


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    chunk_ms: int = 200
    shuffle_ms: int = 0
    duplicate: float = 0.0
    """Share of the records that are sent twice."""
    drop: float = 0.0
    """Share of the audio chunks that are never sent."""
    seed: int = 0
    speed: float | None = None
    """Times the speed of speech; None is as fast as the streams take it."""
    spread_ms: int = 0
    """Between the starts of one call and the next."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: names the option, its value and what it may be.
        """
        for name, is_right, remedy in (
            ("chunk_ms", 1 <= self.chunk_ms <= MAX_CHUNK_MS, f"1 to {MAX_CHUNK_MS}"),
            ("shuffle_ms", self.shuffle_ms >= 0, "0 or more"),
            ("duplicate", 0 <= self.duplicate <= 1, "a share from 0 to 1"),
            ("drop", 0 <= self.drop <= 1, "a share from 0 to 1"),
            ("speed", self.speed is None or self.speed > 0, "more than 0, or max"),
            ("spread_ms", self.spread_ms >= 0, "0 or more"),
        ):
            if not is_right:
                msg = f"{name} is {getattr(self, name)}; use {remedy}"
                raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    at_ms: int
    """When to send it, at the speed of speech, from the start of the replay."""
    stream: StreamName
    partition_key: str
    data: bytes = field(repr=False)
    kind: Kind
    participant_id: str | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    records: tuple[PlannedRecord, ...]
    """By ``at_ms``; of one stream and call always in an order a producer could have sent."""
    dropped: Mapping[str, Mapping[str, tuple[int, ...]]]
    """Sequences never sent, by call and participant; empty where nothing was dropped."""


def plan_replay(calls: Iterable[CallFolder], options: ReplayOptions) -> ReplayPlan:
    """The schedule of all calls, which begin together unless ``spread_ms`` says otherwise.

    It holds every record's bytes, about 12 kB for a second of one participant at 8 kHz.

    Raises:
        CallFolderError: a sound file is damaged, or its chunks are too large for Kinesis.
    """
    records: list[PlannedRecord] = []
    dropped: dict[str, dict[str, tuple[int, ...]]] = {}
    for number, call in enumerate(sorted(calls, key=lambda call: call.call_id)):
        undisturbed = plan_call(call, options.chunk_ms)
        kept, lost = _drop(undisturbed, options.drop, _dice(options, call, "drop"))
        shuffled = _shuffle(kept, options.shuffle_ms, _dice(options, call, "shuffle"))
        sent = _duplicate(shuffled, options.duplicate, _dice(options, call, "duplicate"))
        starts_ms = number * options.spread_ms
        records += [replace(record, at_ms=record.at_ms + starts_ms) for record in sent]
        if lost:
            dropped[call.call_id] = lost
    return ReplayPlan(tuple(sorted(records, key=_at_ms)), dropped)


def plan_call(call: CallFolder, chunk_ms: int) -> list[PlannedRecord]:
    """One call's records as a faultless producer sends them; times from the call's start.

    Raises:
        CallFolderError: a sound file is damaged, or its chunks are too large for Kinesis.
    """
    meta_streams: list[StreamName] = ["audio"] if call.has_audio else []
    if call.utterances or not call.has_audio:
        meta_streams.append("text")

    started = call_started(call)
    first = [_planned(0, stream, "call_started", started) for stream in meta_streams]
    changes = [
        _planned(
            change.at_ms,
            meta_streams[0],
            "consent_changed",
            change,
            participant_id=change.participant_id,
        )
        for each in call.participants
        for change in each.consent_changes
    ]
    joins = [
        _planned(
            each.joined_ms,
            stream,
            "participant_joined",
            ParticipantJoined(call.call_id, each.participant),
            participant_id=each.participant.participant_id,
        )
        for each in call.participants
        if each.joined_ms is not None
        for stream in meta_streams
    ]
    chunks: list[PlannedRecord] = []
    num_chunks: list[tuple[str, int]] = []
    for each in call.participants:
        if each.audio is not None:
            theirs = [
                _planned_chunk(chunk, min(chunk.offset_ms + chunk_ms, each.audio.end_ms))
                for chunk in cut_chunks(call, each, chunk_ms)
            ]
            chunks += theirs
            num_chunks.append((each.participant.participant_id, len(theirs)))
    words = [
        _planned(
            utterance.end_ms,
            "text",
            "utterance",
            utterance,
            participant_id=utterance.participant_id,
        )
        for utterance in call.utterances
    ]
    ended = CallEnded(
        call.call_id,
        call.started_at_ms + call.end_ms,
        tuple(num_chunks),
        sum(not utterance.is_partial for utterance in call.utterances),
    )
    last = _planned(call.end_ms, meta_streams[0], "call_ended", ended)
    return [*first, *sorted([*joins, *changes, *chunks, *words], key=_at_ms), last]


def call_started(call: CallFolder) -> CallStarted:
    """The record that announces a call."""
    return CallStarted(
        call.call_id,
        call.started_at_ms,
        call.language,
        call.jurisdiction,
        tuple(each.participant for each in call.participants if each.joined_ms is None),
    )


def cut_chunks(
    call: CallFolder, recorded: RecordedParticipant, chunk_ms: int
) -> Iterator[AudioChunk]:
    """One participant's sound, cut every ``chunk_ms``; the last chunk may be shorter.

    The cuts lie on the call's grid of samples (``audio_codec.samples_at_ms``), so each chunk
    begins at the very sample where the one before ends, at any rate and any ``chunk_ms``.

    Raises:
        CallFolderError: the file is damaged.
    """
    if recorded.audio is None:
        return
    coded = read_coded_audio(recorded.audio)
    first_ms, rate_hz = recorded.audio.offset_ms, coded.sample_rate_hz
    grid_start = audio_codec.samples_at_ms(first_ms, rate_hz)
    bytes_per_sample = audio_codec.BYTES_PER_SAMPLE[coded.encoding]

    def byte_at(offset_ms: int) -> int:
        return (audio_codec.samples_at_ms(offset_ms, rate_hz) - grid_start) * bytes_per_sample

    offset_ms, sequence = first_ms, 0
    while payload := coded.payload[byte_at(offset_ms) : byte_at(offset_ms + chunk_ms)]:
        yield AudioChunk(
            call.call_id,
            recorded.participant.participant_id,
            sequence,
            offset_ms,
            coded.encoding,
            rate_hz,
            payload,
        )
        offset_ms, sequence = offset_ms + chunk_ms, sequence + 1


def _planned_chunk(chunk: AudioChunk, end_ms: int) -> PlannedRecord:
    planned = _planned(
        end_ms,
        "audio",
        "audio",
        chunk,
        participant_id=chunk.participant_id,
        sequence=chunk.sequence,
    )
    if len(planned.data) + len(planned.partition_key.encode()) > MAX_RECORD_BYTES:
        msg = (
            f"call {chunk.call_id}: a chunk at {chunk.sample_rate_hz} Hz makes a record of "
            f"{len(planned.data)} bytes, Kinesis takes {MAX_RECORD_BYTES}; use a lower chunk-ms"
        )
        raise CallFolderError(msg)
    return planned


def _planned(
    at_ms: int,
    stream: StreamName,
    kind: Kind,
    record: CallRecord,
    *,
    participant_id: str | None = None,
    sequence: int | None = None,
) -> PlannedRecord:
    data = record_json(record)
    return PlannedRecord(at_ms, stream, record.call_id, data, kind, participant_id, sequence)


def _drop(
    records: list[PlannedRecord], share: float, dice: random.Random
) -> tuple[list[PlannedRecord], dict[str, tuple[int, ...]]]:
    kept: list[PlannedRecord] = []
    lost: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        if record.kind == "audio" and dice.random() < share:
            lost[str(record.participant_id)].append(int(record.sequence or 0))
        else:
            kept.append(record)
    return kept, {participant_id: tuple(missing) for participant_id, missing in lost.items()}


def _shuffle(
    records: list[PlannedRecord], shuffle_ms: int, dice: random.Random
) -> list[PlannedRecord]:
    delays_ms = [dice.randint(0, shuffle_ms) for _ in records]
    delayed = [
        record if record.kind in _NEVER_DELAYED else replace(record, at_ms=record.at_ms + delay_ms)
        for record, delay_ms in zip(records, delays_ms, strict=True)
    ]
    return sorted(delayed, key=_at_ms)


def _duplicate(
    records: list[PlannedRecord], share: float, dice: random.Random
) -> list[PlannedRecord]:
    copies = [
        replace(record, at_ms=record.at_ms + dice.randint(1, DUPLICATE_WITHIN_MS))
        for record in records
        if dice.random() < share
    ]
    return sorted([*records, *copies], key=_at_ms)


def _dice(options: ReplayOptions, call: CallFolder, purpose: str) -> random.Random:
    # a text seeds the same dice in every process; nothing secret is drawn
    return random.Random(f"{options.seed}/{purpose}/{call.call_id}")  # noqa: S311


def _at_ms(record: PlannedRecord) -> int:
    return record.at_ms
