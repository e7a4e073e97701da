"""The rows that leave the job: the one definition of each.

Parquet schema, Flink types, DDL and the README's column tables are derived from these classes by
``Table``. A column's type is its annotation, its meaning the string beside it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    TypeAlias,
    get_args,
    get_origin,
    get_type_hints,
)

EpochMs = NewType("EpochMs", int)
"""Milliseconds since 1970 in the code; a UTC timestamp in Parquet and the warehouse."""

ColumnType: TypeAlias = Literal["string", "long", "double", "boolean", "timestamp", "bytes"]

ALL_PARTICIPANTS = "all"
"""``participant_id`` of the row that stands for the whole call."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The fused row of one window of one participant."""

    call_id: Annotated[str, "the call"]
    participant_id: Annotated[str, "who spoke or wrote"]
    window_start_ms: Annotated[int, "start of the window, from the call's start"]
    role: Annotated[str, "agent or customer"]
    window_end_ms: Annotated[int, "end of the window, from the call's start"]
    window_start_at: Annotated[EpochMs, "start of the window on the clock"]
    revision: Annotated[int, "number of distinct records the row rests on; the highest is newest"]
    text_negative: Annotated[float | None, "probability from the words"]
    text_neutral: Annotated[float | None, "probability from the words"]
    text_positive: Annotated[float | None, "probability from the words"]
    audio_negative: Annotated[float | None, "probability from the voice"]
    audio_neutral: Annotated[float | None, "probability from the voice"]
    audio_positive: Annotated[float | None, "probability from the voice"]
    fused_negative: Annotated[float | None, "probability from both"]
    fused_neutral: Annotated[float | None, "probability from both"]
    fused_positive: Annotated[float | None, "probability from both"]
    fused_label: Annotated[str | None, "the likeliest of negative, neutral, positive"]
    score: Annotated[float | None, "5 x (fused_positive - fused_negative), -5 to +5"]
    rolling_30s_score: Annotated[float | None, "mean score of this window and the five before"]
    text_weight: Annotated[float | None, "share of the words in the fused triple, 0 to 1"]
    audio_weight: Annotated[float | None, "share of the voice in the fused triple, 0 to 1"]
    disagreement: Annotated[
        float | None, "Jensen-Shannon distance of voice and words, base 2, 0 to 1"
    ]
    missing: Annotated[str, "what has no score and why, sorted, comma-separated"]
    speech_ratio: Annotated[float | None, "share of the window in which the participant speaks"]
    loudness_dbfs: Annotated[float | None, "RMS of the spoken samples"]
    snr_db: Annotated[float | None, "spoken against unspoken samples"]
    gap_ms: Annotated[int | None, "audio that never came, heard as silence"]
    word_count: Annotated[float, "words, an utterance's shared out by overlap"]
    audio_model_id: Annotated[str | None, "the model that scored the voice"]
    text_model_id: Annotated[str | None, "the model that scored most of the words"]
    fusion_model_id: Annotated[str | None, "the rule that fused them"]
    language: Annotated[str | None, "language of most of the words"]
    emitted_at: Annotated[EpochMs, "when the row was handed to the sink"]


@dataclass(frozen=True, slots=True)
class Summary:
    """A call's end: one row for each participant and one for all."""

    call_id: Annotated[str, "the call"]
    participant_id: Annotated[str, "a participant, or all"]
    role: Annotated[str | None, "agent or customer; null for all"]
    started_at: Annotated[EpochMs, "start of the call"]
    ended_at: Annotated[EpochMs | None, "end of the call as told by call_ended"]
    revision: Annotated[int, "number of distinct records the row rests on"]
    person_key: Annotated[str | None, "pseudonym of the person; null without a key"]
    score: Annotated[float | None, "mean score of the windows"]
    score_q1: Annotated[float | None, "mean score of the call's first quarter"]
    score_q2: Annotated[float | None, "mean score of the second quarter"]
    score_q3: Annotated[float | None, "mean score of the third quarter"]
    score_q4: Annotated[float | None, "mean score of the last quarter"]
    score_change: Annotated[float | None, "score_q4 - score_q1"]
    windows_negative: Annotated[int, "windows labelled negative"]
    windows_neutral: Annotated[int, "windows labelled neutral"]
    windows_positive: Annotated[int, "windows labelled positive"]
    talk_ms: Annotated[int | None, "time the participant speaks; for all: time somebody speaks"]
    non_talk_ms: Annotated[int | None, "time nobody speaks; on the row of all"]
    interruptions: Annotated[int | None, "times the participant begins while another speaks"]
    talk_speed_wpm: Annotated[float | None, "words a minute while speaking"]
    loudness_dbfs: Annotated[float | None, "RMS of the spoken samples"]
    disagreement: Annotated[float | None, "mean disagreement of the windows that have both"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a call should have had, had, and lacks; same keys as the summary."""

    call_id: Annotated[str, "the call"]
    participant_id: Annotated[str, "a participant, or all"]
    revision: Annotated[int, "number of distinct records the row rests on"]
    chunks_expected: Annotated[int | None, "as told by call_ended"]
    chunks_seen: Annotated[int, "distinct chunks that came, withheld ones too"]
    chunks_duplicate: Annotated[int, "the same chunk again"]
    chunks_missing: Annotated[int, "sequences that never came"]
    chunks_rejected: Annotated[int, "audio records refused"]
    chunks_withheld: Annotated[int, "of those, chunks whose audio policy forbids to use"]
    missing_sequences: Annotated[str, "such as 41-43,57"]
    utterances_expected: Annotated[int | None, "as told by call_ended; on the row of all"]
    utterances_seen: Annotated[int, "final utterances accepted"]
    utterances_partial_only: Annotated[int, "partial utterances whose final one never came"]
    windows_scored: Annotated[int, "windows with a fused score"]
    windows_missing: Annotated[str, "windows by reason, such as audio:no_speech=3"]
    windows_lost: Annotated[int, "windows all of whose audio was lost"]
    complete: Annotated[bool, "ended, nothing missing, lost or failed"]
    closed_by: Annotated[str, "call_ended or timeout"]


@dataclass(frozen=True, slots=True)
class Reject:
    """Input that could not be used, with enough to replay it."""

    step: Annotated[str, "open or intake"]
    reason: Annotated[str, "one of the typed list"]
    call_id: Annotated[str | None, "if known"]
    stream: Annotated[str, "audio or text"]
    shard: Annotated[str, "Kinesis shard id"]
    sequence_number: Annotated[str, "Kinesis sequence number"]
    arrival: Annotated[EpochMs, "when Kinesis got it"]
    payload: Annotated[
        bytes | None,
        "the record, persons by pseudonym; null where policy withholds it or has not spoken",
    ]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: ColumnType
    nullable: bool
    meaning: str


_TYPES: dict[Any, ColumnType] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    EpochMs: "timestamp",
    bytes: "bytes",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of row: its folder in the lake, its table in the warehouse, its columns."""

    folder: str
    warehouse_table: str | None
    row: type[Any]
    key: tuple[str, ...]
    dated_by: str
    """The timestamp column (or, for rows within a call, the call's start) that gives ``dt``."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns in order, without the partition ``dt``."""
        return _columns(self)

    def key_of(self, row: Any) -> tuple[Any, ...]:
        """The values that tell a row of this table from the others."""
        return tuple(getattr(row, name) for name in self.key)


@functools.cache
def _columns(table: Table) -> tuple[Column, ...]:
    return tuple(_columns_of_fields(table.row))


def _columns_of_fields(row: type[Any]) -> Iterator[Column]:
    hints = get_type_hints(row, include_extras=True)
    for field in dataclasses.fields(row):
        annotation, meaning = get_args(hints[field.name])
        members = get_args(annotation) if get_origin(annotation) else (annotation,)
        kinds = [member for member in members if member is not NoneType]
        yield Column(field.name, _TYPES[kinds[0]], NoneType in members, meaning)


SEGMENTS = Table(
    "segments",
    "call_segment",
    Segment,
    ("call_id", "participant_id", "window_start_ms"),
    "started_at",
)
CALLS = Table("calls", "call_summary", Summary, ("call_id", "participant_id"), "started_at")
LEDGER = Table("ledger", "call_ledger", Ledger, ("call_id", "participant_id"), "started_at")
REJECTS = Table("rejects", None, Reject, ("stream", "shard", "sequence_number"), "arrival")
TABLES = (SEGMENTS, CALLS, LEDGER, REJECTS)
WAREHOUSE_TABLES = tuple(table for table in TABLES if table.warehouse_table is not None)


def partition_date(epoch_ms: int) -> str:
    """The UTC date of an instant, as the partition column ``dt`` holds it: ``2026-11-23``."""
    return datetime.fromtimestamp(epoch_ms / 1000, tz=UTC).strftime("%Y-%m-%d")


def newest(rows: Iterable[Any], table: Table) -> list[Any]:
    """One row for each key: the highest revision, of equal ones the last; in the order of keys met.

    Rejects have no revisions: of two with one key the last is kept.
    """
    kept: dict[tuple[Any, ...], Any] = {}
    for row in rows:
        key = table.key_of(row)
        before = kept.get(key)
        if before is None or getattr(row, "revision", 0) >= getattr(before, "revision", 0):
            kept[key] = row
    return list(kept.values())
