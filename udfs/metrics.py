"""Every metric of the job: its name, unit, meaning, and what to do about it.

Steps count and show by these constants alone, so a name that is not here cannot be told. The
metrics page, the dashboard and the alarms are made from the same constants
(``flink_job.monitoring``). ``udfs.flink_metrics`` hands them to Flink.

A *meter* counts events; Flink tells it as events a second, mean of the last minute. A *gauge* is a
whole number as it stands when a bundle of records ends. Names are letters and digits alone: the
service takes no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from udfs.models.scorer import MODEL_FAILURES, MissingReason, ModelFailure
from udfs.records import RejectReason

Kind = Literal["meter", "gauge"]
Unit = Literal["count", "ms", "us", "MiB", "nano-USD", "yes or no"]
Modality = Literal["audio", "text"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)


@dataclass(frozen=True, eq=False)
class Metric:
    """One name and all that is to be known of it."""

    name: str
    kind: Kind
    unit: Unit
    meaning: str
    action: str
    """What to do about it; or when there is nothing to do."""


class Metrics(Protocol):
    """Where a step tells its numbers; safe to use from several threads."""

    def count(self, metric: Metric, amount: int = 1) -> None:
        """Add to a meter."""
        ...

    def show(self, metric: Metric, read: Callable[[], int]) -> None:
        """Let a gauge be read whenever a bundle ends."""
        ...


class NoMetrics:
    """Where nobody looks."""

    def count(self, metric: Metric, amount: int = 1) -> None: ...

    def show(self, metric: Metric, read: Callable[[], int]) -> None: ...


def begin(metrics: Metrics, *meters: Metric) -> None:
    """Tell of meters at nothing: what was never told is missing, and an alarm cannot add it up."""
    for meter in meters:
        metrics.count(meter, 0)


def count_reject(metrics: Metrics, reason: RejectReason) -> None:
    """One record was refused."""
    metrics.count(REJECTED)
    metrics.count(REJECTED_FOR[reason])


def camel(*words: str) -> str:
    """``audio_missing``, ``no_speech`` to ``audioMissingNoSpeech``."""
    first, *rest = [part for word in words for part in word.split("_")]
    return first + "".join(part.capitalize() for part in rest)


def _meter(name: str, unit: Unit, meaning: str, action: str) -> Metric:
    return Metric(name, "meter", unit, meaning, action)


def _gauge(name: str, unit: Unit, meaning: str, action: str) -> Metric:
    return Metric(name, "gauge", unit, meaning, action)


_LOOK_ONLY = "Nothing by itself: the others are read against it."

# --- what comes in -----------------------------------------------------------------------------

RECORDS = _meter(
    "records",
    "count",
    "records read, refused ones too, heartbeats not",
    "None for minutes though calls go on: look at the producer, then at `heartbeats`.",
)
RECORDS_SUPPRESSED = _meter(
    "recordsSuppressed",
    "count",
    "records of an erased call or person, dropped at the door",
    "After a replay, nothing; else tell the producer that it sends what was erased.",
)
CALLS_FORGOTTEN = _meter(
    "callsForgotten",
    "count",
    "calls dropped from state since they were erased while open",
    "Nothing: an erasure reached them.",
)
HEARTBEATS = _meter(
    "heartbeats",
    "count",
    "heartbeats read",
    "None: the heartbeat function or the reading of the streams stands still; see its alarms.",
)
AUDIO_MS = _meter(
    "audioMs",
    "ms",
    "sound read; a thousandth of its rate is audio-seconds a second",
    "Rising towards what was measured for so many KPUs (`make bench`): add KPUs before it.",
)
STREAM_TIME_LAG_MS = _gauge(
    "streamTimeLagMs",
    "ms",
    "how far stream time, the job's watermark, is behind the clock; 0 until it is known",
    "Rising: the job reads slower than is written, or one shard is not read. See the alarm.",
)
SHARDS_SILENT = _gauge(
    "shardsSilent",
    "count",
    "shards that stream time no longer waits for: no record, no heartbeat since they were read",
    "Expected for ten minutes after a reshard; else a shard is stuck. See the alarm.",
)
REJECTED = _meter(
    "rejected",
    "count",
    "records refused, for any reason",
    "Query `rejects/` by reason and shard; mend the producer, then `call-sentiment dead-letters`.",
)
REJECTED_FOR: Mapping[RejectReason, Metric] = {
    reason: _meter(
        camel("rejected", reason),
        "count",
        f"records refused as `{reason}`",
        "As `rejected`; `late` can never succeed again, the rest can after a fix.",
    )
    for reason in get_args(RejectReason)
}

# --- calls -------------------------------------------------------------------------------------

CALLS_OPEN = _gauge(
    "callsOpen",
    "count",
    "calls that are open or awaited; after a restart it is whole within 10 s of stream time",
    "Rising without end: calls do not close. Look for missing `call_ended` and at stream time.",
)
CALLS_OPENED = _meter("callsOpened", "count", "calls whose start came", _LOOK_ONLY)
CALLS_CLOSED = _meter(
    "callsClosed",
    "count",
    "calls closed, and so summed up",
    "None for an hour though calls end: stream time stands still; see `streamTimeLagMs`.",
)
CALLS_INCOMPLETE = _meter(
    "callsIncomplete",
    "count",
    "of those, calls that lack something by their ledger",
    "Query `ledger/` where not `complete`: chunks missing, windows lost, or models that failed.",
)
CHUNKS_MISSING = _meter(
    "chunksMissing",
    "count",
    "pieces of audio that never came, told as their calls close",
    "The producer lost them or sent them too late: compare `missing_sequences` with its log.",
)
WINDOWS_LOST = _meter(
    "windowsLost",
    "count",
    "windows all of whose audio was lost, told as their calls close",
    "As `chunksMissing`.",
)
SEGMENTS_OUT = _meter("segmentsOut", "count", "rows of segments written, revisions too", _LOOK_ONLY)

# --- models ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelMetrics:
    """The metrics of one modality."""

    scored: Metric
    missing: Mapping[MissingReason, Metric]
    failed: Metric
    batches: Metric
    batch_inputs: Metric
    batch_us: Metric
    remote_calls: Metric
    remote_retries: Metric
    remote_ms: Metric
    remote_cost_nano_usd: Metric
    remote_failed: Mapping[MissingReason, Metric]
    breaker_open: Metric


def _model_metrics(modality: Modality) -> ModelMetrics:
    what = "windows" if modality == "audio" else "utterances"
    return ModelMetrics(
        scored=_meter(
            camel(modality, "scored"), "count", f"{what} with a score, again too", _LOOK_ONLY
        ),
        missing={
            reason: _meter(
                camel(modality, "missing", reason),
                "count",
                f"{what} without a score: `{reason}`",
                f"As `{camel(modality, 'failed')}`."
                if reason in MODEL_FAILURES
                else "Expected now and then; a jump tells of other audio, languages or policy.",
            )
            for reason in _reasons()
        },
        failed=_meter(
            camel(modality, "failed"),
            "count",
            f"{what} without a score because the model failed: their calls are incomplete",
            "See the reasons beside it and the log's `model_failed` and `remote_call_failed`.",
        ),
        batches=_meter(
            camel(modality, "batches"), "count", "batches given to the step", _LOOK_ONLY
        ),
        batch_inputs=_meter(
            camel(modality, "batch_inputs"),
            "count",
            f"{what} in them; by `{camel(modality, 'batches')}` it is the batch's size",
            "Always at `flink.arrow.batch.size`: the step is the slowest; add KPUs.",
        ),
        batch_us=_meter(
            camel(modality, "batch_us"),
            "us",
            f"time they took; by `{camel(modality, 'batch_inputs')}` it is the latency of one",
            "Rising at the same batch size: the KPU is shared with too much, or the model slowed.",
        ),
        remote_calls=_meter(
            camel(modality, "remote_calls"),
            "count",
            "requests to the remote model, each with all its retries",
            _LOOK_ONLY,
        ),
        remote_retries=_meter(
            camel(modality, "remote_retries"),
            "count",
            "attempts after the first",
            "A tenth of the calls or more: the service throttles; raise its quota or instances.",
        ),
        remote_ms=_meter(
            camel(modality, "remote_ms"),
            "ms",
            f"time they took; by `{camel(modality, 'remote_calls')}` it is the latency of a call",
            "Rising: the endpoint is too small or throttles. Add instances.",
        ),
        remote_cost_nano_usd=_meter(
            camel(modality, "remote_cost_nano_usd"),
            "nano-USD",
            "what they cost by the prices in the settings",
            "Above what was planned: see the alarm; a local model costs nothing a call.",
        ),
        remote_failed={
            reason: _meter(
                camel(modality, "remote_failed", reason),
                "count",
                f"{what} that the remote model left without a score: `{reason}`",
                "With a fallback the local model scored them; else see the alarm on models.",
            )
            for reason in get_args(ModelFailure)
        },
        breaker_open=_gauge(
            camel(modality, "breaker_open"),
            "yes or no",
            "1 while a worker asks the remote model no more, since it failed too often in a row",
            "See the alarm.",
        ),
    )


def _reasons() -> tuple[MissingReason, ...]:
    own, failures = get_args(MissingReason)
    return (*get_args(own), *get_args(failures))


MODELS: Mapping[Modality, ModelMetrics] = {
    modality: _model_metrics(modality) for modality in MODALITIES
}

# --- the warehouse -----------------------------------------------------------------------------

WAREHOUSE_ROWS_WAITING = _gauge(
    "warehouseRowsWaiting",
    "count",
    "rows gathered or loading, not yet known to be loaded",
    "Rising: see `warehouseRetries`; at 100,000 the job slows down to the warehouse's speed.",
)
WAREHOUSE_OLDEST_MS = _gauge(
    "warehouseOldestMs",
    "ms",
    "how long the oldest of them has waited; after a restart, since then",
    "See the alarm.",
)
WAREHOUSE_LOADS = _meter("warehouseLoads", "count", "batches loaded", _LOOK_ONLY)
WAREHOUSE_ROWS_LOADED = _meter("warehouseRowsLoaded", "count", "rows in them", _LOOK_ONLY)
WAREHOUSE_RETRIES = _meter(
    "warehouseRetries",
    "count",
    "attempts to load that failed; each is tried again",
    "The log's `load_failed` says why: rights, a paused cluster, a host that is away.",
)

# --- the worker --------------------------------------------------------------------------------

WORKER_MEMORY_MIB = _gauge(
    "workerMemoryMib",
    "MiB",
    "resident memory of a Python worker",
    "Towards 1 GB a KPU: fewer slots a KPU (`ParallelismPerKpu`), or a smaller model.",
)


def _all() -> dict[str, Metric]:
    found = [value for value in globals().values() if isinstance(value, Metric)]
    found += REJECTED_FOR.values()
    for model in MODELS.values():
        for value in vars(model).values():
            found += [value] if isinstance(value, Metric) else value.values()
    return {metric.name: metric for metric in found}


METRICS: Mapping[str, Metric] = _all()
"""By name."""
