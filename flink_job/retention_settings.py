"""How long each class of data is kept: one group, from which everything that deletes takes it.

group retention ─┬─► deploy, update: the stack's parameters (lifecycle of S3, streams, log group)
                 └─► retention report, retention apply: lake, warehouse, staging, streams, logs
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field

from connectors.retention import RetentionRules
from flink_job.setting_types import Days, Group, SettingsError, key_of

LOG_GROUP_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""CloudWatch keeps a log group's events for one of these, and no other."""


def _log_group_days(days: int) -> int:
    if days not in LOG_GROUP_DAYS:
        msg = f"write what CloudWatch keeps logs for: {', '.join(map(str, LOG_GROUP_DAYS))} days"
        raise ValueError(msg)
    return days


StreamHours = Annotated[int, Field(ge=24, le=8_760)]
"""What Kinesis allows."""


class RetentionSettings(Group):
    """How long what is kept."""

    segments_days: Annotated[
        Days, Field(description="rows of windows: lake by the call's date, warehouse by their own")
    ] = 400
    summaries_days: Annotated[Days, Field(description="rows of calls, by the call's start")] = 400
    ledgers_days: Annotated[
        Days,
        Field(
            description="ledgers, by the call's start; no longer than summaries, which date them"
        ),
    ] = 400
    rejects_days: Annotated[
        Days, Field(description="rejects, which may hold words, and what was replayed of them")
    ] = 30
    staged_days: Annotated[
        Days, Field(description="rows on their way to Redshift that a crash left in S3")
    ] = 3
    logs_days: Annotated[
        Days,
        AfterValidator(_log_group_days),
        Field(description="the log group, the warehouse's load_ledger, access logs of the buckets"),
    ] = 400
    audio_stream_hours: Annotated[
        StreamHours, Field(description="audio in Kinesis: so far back a replay can reach")
    ] = 48
    text_stream_hours: Annotated[StreamHours, Field(description="words in Kinesis")] = 48

    def rules(self) -> RetentionRules:
        return RetentionRules(**self.model_dump())


class RetentionClass(NamedTuple):
    """One class of data, its setting, and the stack's parameter that follows from it."""

    name: str
    setting: str
    unit: str
    parameter: str
    where: str

    @property
    def key(self) -> str:
        return key_of(self.setting)


CLASSES: Final = (
    RetentionClass(
        "segments",
        "segments_days",
        "days",
        "SegmentDays",
        "`lake/segments/`, table `call_segment`",
    ),
    RetentionClass(
        "summaries", "summaries_days", "days", "SummaryDays", "`lake/calls/`, table `call_summary`"
    ),
    RetentionClass(
        "ledgers", "ledgers_days", "days", "LedgerDays", "`lake/ledger/`, table `call_ledger`"
    ),
    RetentionClass(
        "rejects", "rejects_days", "days", "RejectDays", "`lake/rejects/`, `lake/replays/`"
    ),
    RetentionClass(
        "staged rows", "staged_days", "days", "StagedDays", "the staging bucket, until loaded"
    ),
    RetentionClass(
        "logs",
        "logs_days",
        "days",
        "LogDays",
        "the log group, table `load_ledger`, the buckets' access logs",
    ),
    RetentionClass(
        "audio stream", "audio_stream_hours", "hours", "AudioStreamHours", "Kinesis, audio"
    ),
    RetentionClass("text stream", "text_stream_hours", "hours", "TextStreamHours", "Kinesis, text"),
)


def check_retention(retention: RetentionSettings) -> None:
    """Whether the classes go together.

    Raises:
        SettingsError: they do not.
    """
    if retention.ledgers_days > retention.summaries_days:
        raise SettingsError(
            "retention",
            "ledgers.days",
            retention.ledgers_days,
            "is above summaries.days, by which the warehouse dates a ledger; lower it",
        )


def retention_parameters(retention: RetentionSettings, given: Mapping[str, str]) -> dict[str, str]:
    """The stack's parameters.

    Args:
        retention: the settings.
        given: parameters that the user gave.

    Raises:
        SettingsError: a parameter was given that says something else.
    """
    parameters = {one.parameter: str(getattr(retention, one.setting)) for one in CLASSES}
    for one in CLASSES:
        value = parameters[one.parameter]
        if given.get(one.parameter, value) != value:
            raise SettingsError(
                "retention",
                one.key,
                value,
                f"parameter {one.parameter} says {given[one.parameter]}; set this alone",
            )
    return parameters


def retention_table(retention: RetentionSettings) -> Iterator[str]:
    """The classes as a table in Markdown, for documents."""
    yield "| class | where | kept | setting |"
    yield "|---|---|---:|---|"
    for one in CLASSES:
        kept = f"{getattr(retention, one.setting)} {one.unit}"
        yield f"| {one.name} | {one.where} | {kept} | `retention.{one.key}` |"
