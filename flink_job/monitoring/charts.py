"""The dashboard's charts, by the question that each helps to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flink_job.monitoring.alarms import AUDIO, TEXT, Question
from flink_job.monitoring.sources import SNAPSHOT_S, Source, flink, heartbeat, ours, stream
from udfs.metrics import (
    AUDIO_MS,
    CALLS_CLOSED,
    CALLS_FORGOTTEN,
    CALLS_INCOMPLETE,
    CALLS_OPEN,
    CALLS_OPENED,
    CHUNKS_MISSING,
    HEARTBEATS,
    RECORDS,
    RECORDS_SUPPRESSED,
    REJECTED,
    REJECTED_FOR,
    SEGMENTS_OUT,
    SHARDS_SILENT,
    STREAM_TIME_LAG_MS,
    WAREHOUSE_LOADS,
    WAREHOUSE_OLDEST_MS,
    WAREHOUSE_RETRIES,
    WAREHOUSE_ROWS_LOADED,
    WAREHOUSE_ROWS_WAITING,
    WINDOWS_LOST,
    WORKER_MEMORY_MIB,
    Metric,
)


@dataclass(frozen=True)
class Line:
    """One line: a source itself, or an expression over several."""

    label: str
    sources: Mapping[str, Source]
    expression: str | None = None
    on_the_right: bool = False


@dataclass(frozen=True)
class Chart:
    question: Question
    title: str
    lines: tuple[Line, ...]
    period_s: int = 60
    is_stacked: bool = False


def _plain(label: str, source: Source, *, on_the_right: bool = False) -> Line:
    return Line(label, {"m": source}, on_the_right=on_the_right)


def _gauge(label: str, metric: Metric, *, on_the_right: bool = False) -> Line:
    return _plain(label, ours(metric), on_the_right=on_the_right)


def _events(label: str, metric: Metric, factor: str = "") -> Line:
    return Line(label, {"m": ours(metric)}, f"m * {SNAPSHOT_S}{factor}")


def _ratio(label: str, above: Metric, below: Metric, factor: str = "") -> Line:
    return Line(label, {"a": ours(above), "b": ours(below)}, f"a / b{factor}")


CHARTS = (
    Chart(
        "Is it running?",
        "Running",
        (
            _plain("up ms", flink("uptime")),
            _plain("down ms", flink("downtime")),
            _plain("restarts", flink("fullRestarts"), on_the_right=True),
        ),
    ),
    Chart(
        "Is it running?",
        "Checkpoints",
        (
            _plain("ms", flink("lastCheckpointDuration")),
            _plain("bytes", flink("lastCheckpointSize"), on_the_right=True),
            _plain("failed", flink("numberOfFailedCheckpoints")),
        ),
    ),
    Chart(
        "Is it running?",
        "Records a minute",
        (
            _events("records", RECORDS),
            _events("of them refused", REJECTED),
            _events("of erased calls, dropped", RECORDS_SUPPRESSED),
            _events("heartbeats", HEARTBEATS),
            _events("segments out", SEGMENTS_OUT),
            _plain("heartbeat errors", heartbeat("Errors"), on_the_right=True),
        ),
    ),
    Chart(
        "Is it behind?",
        "Behind, ms",
        (
            _plain(
                "audio stream",
                stream("AudioStream", "GetRecords.IteratorAgeMilliseconds", "Maximum"),
            ),
            _plain(
                "text stream", stream("TextStream", "GetRecords.IteratorAgeMilliseconds", "Maximum")
            ),
            _gauge("stream time", STREAM_TIME_LAG_MS),
            _gauge("silent shards", SHARDS_SILENT, on_the_right=True),
        ),
    ),
    Chart(
        "Is it behind?",
        "Audio-seconds a second",
        (Line("read", {"m": ours(AUDIO_MS)}, f"m * {SNAPSHOT_S} / 1000 / PERIOD(m)"),),
    ),
    Chart(
        "Is it behind?",
        "Warehouse",
        (
            _gauge("rows waiting", WAREHOUSE_ROWS_WAITING),
            _gauge("oldest, ms", WAREHOUSE_OLDEST_MS, on_the_right=True),
            _events("rows loaded a minute", WAREHOUSE_ROWS_LOADED),
            _events("loads a minute", WAREHOUSE_LOADS),
            _events("failed attempts a minute", WAREHOUSE_RETRIES),
        ),
    ),
    Chart(
        "Is it losing?",
        "Refused by reason, a minute",
        tuple(_events(reason, metric) for reason, metric in REJECTED_FOR.items()),
        is_stacked=True,
    ),
    Chart(
        "Is it losing?",
        "Refused by the streams, a minute",
        (
            _plain("audio", stream("AudioStream", "WriteProvisionedThroughputExceeded", "Sum")),
            _plain("text", stream("TextStream", "WriteProvisionedThroughputExceeded", "Sum")),
        ),
    ),
    Chart(
        "Is it losing?",
        "Calls",
        (
            _gauge("open, of one subtask at most", CALLS_OPEN, on_the_right=True),
            _events("opened a minute", CALLS_OPENED),
            _events("closed a minute", CALLS_CLOSED),
            _events("incomplete a minute", CALLS_INCOMPLETE),
            _events("forgotten a minute, erased", CALLS_FORGOTTEN),
            _events("chunks missing a minute", CHUNKS_MISSING),
            _events("windows lost a minute", WINDOWS_LOST),
        ),
    ),
    Chart(
        "Is it degraded?",
        "Scored and without a score, by reason, a minute",
        tuple(
            line
            for kind, model in (("audio", AUDIO), ("text", TEXT))
            for line in (
                _events(f"{kind} scored", model.scored),
                _events(f"{kind} failed", model.failed),
                *(_events(f"{kind} {why}", metric) for why, metric in model.missing.items()),
            )
        ),
    ),
    Chart(
        "Is it degraded?",
        "Models: latency of one, ms",
        (
            _ratio("window", AUDIO.batch_us, AUDIO.batch_inputs, " / 1000"),
            _ratio("utterance", TEXT.batch_us, TEXT.batch_inputs, " / 1000"),
            _ratio("remote call, audio", AUDIO.remote_ms, AUDIO.remote_calls),
            _ratio("remote call, text", TEXT.remote_ms, TEXT.remote_calls),
        ),
    ),
    Chart(
        "Is it degraded?",
        "Models: batch size",
        (
            _ratio("windows", AUDIO.batch_inputs, AUDIO.batches),
            _ratio("utterances", TEXT.batch_inputs, TEXT.batches),
        ),
    ),
    Chart(
        "Is it degraded?",
        "Remote models, a minute",
        tuple(
            line
            for kind, model in (("audio", AUDIO), ("text", TEXT))
            for line in (
                _events(f"{kind} calls", model.remote_calls),
                _events(f"{kind} retries", model.remote_retries),
                _gauge(f"{kind} breaker", model.breaker_open, on_the_right=True),
                *(_events(f"{kind} {why}", one) for why, one in model.remote_failed.items()),
            )
        ),
    ),
    Chart(
        "Is it degraded?",
        "Load",
        (
            _plain("CPU %", flink("containerCPUUtilization", "Average")),
            _plain("memory %", flink("containerMemoryUtilization")),
            _plain("heap %", flink("heapMemoryUtilization")),
            _gauge("a Python worker, MiB", WORKER_MEMORY_MIB, on_the_right=True),
        ),
    ),
    Chart(
        "What does it cost?",
        "Remote models, USD an hour",
        (
            _events("audio", AUDIO.remote_cost_nano_usd, " / 1000000000"),
            _events("text", TEXT.remote_cost_nano_usd, " / 1000000000"),
        ),
        period_s=3_600,
    ),
    Chart("What does it cost?", "KPUs", (_plain("KPUs", flink("KPUs")),), period_s=3_600),
)
