"""Every alarm: what it reads, when it rings, and what whoever it wakes should do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flink_job.monitoring.sources import SNAPSHOT_S, Source, flink, heartbeat, ours, stream
from udfs.metrics import (
    CALLS_CLOSED,
    CALLS_INCOMPLETE,
    HEARTBEATS,
    MODELS,
    RECORDS,
    REJECTED,
    SHARDS_SILENT,
    STREAM_TIME_LAG_MS,
    WAREHOUSE_OLDEST_MS,
    WAREHOUSE_RETRIES,
)

Question = Literal[
    "Is it running?", "Is it behind?", "Is it losing?", "Is it degraded?", "What does it cost?"
]
AUDIO, TEXT = MODELS["audio"], MODELS["text"]


@dataclass(frozen=True)
class Parameter:
    """A threshold that the stack's user may set."""

    name: str
    default: float
    meaning: str


BEHIND_MS = Parameter("BehindMs", 60_000, "so far behind the newest record, for five minutes")
CHECKPOINT_MS = Parameter("CheckpointMs", 60_000, "a checkpoint takes so long, for five minutes")
WAREHOUSE_BEHIND_MS = Parameter(
    "WarehouseBehindMs", 300_000, "a row waits so long for the warehouse, for five minutes"
)
REFUSED_PERCENT = Parameter("RefusedPercent", 1, "so many records refused, for five minutes")
INCOMPLETE_PERCENT = Parameter(
    "IncompletePercent", 5, "so many calls incomplete, for a quarter of an hour"
)
FAILED_PERCENT = Parameter(
    "FailedPercent", 1, "so many windows and utterances failed by a model, for five minutes"
)
REMOTE_MS = Parameter("RemoteMs", 2_000, "a remote model's call takes so long, for five minutes")
COST_USD_AN_HOUR = Parameter("CostUsdAnHour", 10, "remote models cost so much an hour")
MAX_KPUS = Parameter("MaxKpus", 32, "the job uses more KPUs")
PARAMETERS = (
    BEHIND_MS,
    CHECKPOINT_MS,
    WAREHOUSE_BEHIND_MS,
    REFUSED_PERCENT,
    INCOMPLETE_PERCENT,
    FAILED_PERCENT,
    REMOTE_MS,
    COST_USD_AN_HOUR,
    MAX_KPUS,
)


@dataclass(frozen=True)
class Alarm:
    """One alarm."""

    name: str
    question: Question
    sees: str
    """What is to be seen, in one line."""
    why: str
    do: tuple[str, ...]
    sources: Mapping[str, Source]
    """By the name that the expression gives it."""
    threshold: Parameter | float
    expression: str | None = None
    """CloudWatch's metric math; None: the only source itself."""
    rings: Literal["above", "below"] = "above"
    period_s: int = 60
    periods: int = 5
    datapoints: int | None = None
    """Of so many periods so many must break the threshold; None: all."""
    missing: Literal["breaching", "notBreaching"] = "notBreaching"
    """What a period without samples counts for."""


_RUNNING: Question = "Is it running?"
_BEHIND: Question = "Is it behind?"
_LOSING: Question = "Is it losing?"
_DEGRADED: Question = "Is it degraded?"
_COST: Question = "What does it cost?"

ALARMS = (
    Alarm(
        "job-down",
        _RUNNING,
        "the job is not running",
        "It is stopped, or fails and has not come up for three minutes; no row is written. Kinesis "
        "keeps the records, so nothing is lost before the streams' retention is over.",
        (
            "`call-sentiment status`: is it stopped? Then somebody stopped it; start it.",
            "Else the log group, `ERROR`: the first `Caused by` is the reason.",
            "After an update: `call-sentiment update` goes back by itself; else deploy the zip "
            "before.",
        ),
        {"down": flink("downtime")},
        0,
        periods=3,
        missing="breaching",
    ),
    Alarm(
        "job-restarts",
        _RUNNING,
        "the job restarts again and again",
        "A step fails, or a worker ends for want of memory. Each restart goes back to the last "
        "checkpoint: rows come late, none is lost or doubled.",
        (
            "The log group, first `Caused by` after `switched from RUNNING to FAILED`.",
            "`Process died with exit code 137`, or `memory-high` too: fewer slots a KPU.",
            "An error of ours on one record: stop the job, report the record's shard and sequence "
            "number, go on with the zip before.",
        ),
        {"restarts": flink("fullRestarts")},
        0,
        "DIFF(restarts)",
        periods=15,
        datapoints=3,
    ),
    Alarm(
        "checkpoints-fail",
        _RUNNING,
        "checkpoints fail; nothing new is seen in the lake",
        "Rows are seen after a checkpoint alone. Some fail while the job starts or restarts; more "
        "fail where S3 or KMS refuse, or a step holds up the barrier beyond its time limit.",
        (
            "The log group, `Checkpoint` at `WARN`: *declined* names the step and its error, "
            "*expired* means too slow.",
            "Declined with `AccessDenied`: the job's role, the bucket's policy or the key changed.",
            "Expired: see `cpu-high` and `remote-slow`; add KPUs.",
        ),
        {"failed": flink("numberOfFailedCheckpoints")},
        0,
        "DIFF(failed)",
        periods=35,
        datapoints=3,
    ),
    Alarm(
        "checkpoints-slow",
        _RUNNING,
        "checkpoints take long; rows are seen late, and a restart will take long too",
        "A barrier waits behind the records in front of it: a model or the warehouse holds it up.",
        (
            "Are `cpu-high`, `remote-slow` or `warehouse-behind` ringing? Theirs is the cause.",
            "Else the size of the last checkpoint: growing without end, calls do not close; see "
            "`callsOpen`.",
        ),
        {"took": flink("lastCheckpointDuration")},
        CHECKPOINT_MS,
    ),
    Alarm(
        "job-hears-nothing",
        _RUNNING,
        "the job runs but reads not even heartbeats",
        "Heartbeats come to each open shard every few seconds, so silence is never quiet trade: "
        "they are not written, or the job cannot read the streams.",
        (
            "`heartbeat-fails` or `heartbeat-stopped` ringing? Begin there.",
            "The log group, `GetRecords` or `AccessDenied`: role, key policy, VPC endpoint.",
            "Neither: restart the job (`call-sentiment update` with the same zip).",
        ),
        {"heartbeats": ours(HEARTBEATS)},
        1,
        f"FILL(heartbeats, 0) * {SNAPSHOT_S}",
        rings="below",
        missing="breaching",
    ),
    Alarm(
        "heartbeat-fails",
        _RUNNING,
        "heartbeats fail; on a quiet night calls stay open",
        "The function could not write to a stream: rights, key, or the stream throttles.",
        (
            "The function's log group, `heartbeat_failed`: it has the stream and the error.",
            "Throttled: see `audio-refused` and `text-refused`.",
        ),
        {"errors": heartbeat("Errors")},
        0,
        periods=3,
    ),
    Alarm(
        "heartbeat-stopped",
        _RUNNING,
        "the heartbeat is called no more; on a quiet night calls stay open",
        "The schedule is disabled, or may not call the function, or Lambda's concurrency is used "
        "up.",
        (
            "EventBridge: is the rule enabled? Lambda: does the function have reserved "
            "concurrency 0?",
            "Else `call-sentiment deploy` puts both right.",
        ),
        {"calls": heartbeat("Invocations")},
        1,
        rings="below",
        periods=3,
        missing="breaching",
    ),
    *(
        Alarm(
            f"{kind}-behind",
            _BEHIND,
            f"scores of {what} come late",
            "The job reads slower than is written, or has been down and makes up for it.",
            (
                "Falling since the job came up: wait; it makes up about as fast as `make bench` "
                "says.",
                "Rising with `cpu-high`: add KPUs. Rising with `remote-slow` or `breaker-open`: "
                "the model holds it up. Rising with `warehouse-behind`: the warehouse does.",
                "Rising with none of them: too few shards for the parallelism, or one hot shard.",
            ),
            {"age": stream(parameter, "GetRecords.IteratorAgeMilliseconds", "Maximum")},
            BEHIND_MS,
            missing="breaching",
        )
        for kind, what, parameter in (
            ("audio", "voices", "AudioStream"),
            ("text", "words", "TextStream"),
        )
    ),
    Alarm(
        "stream-time-behind",
        _BEHIND,
        "stream time is far behind the clock; calls close late",
        "Stream time is the arrival of the slowest shard's last record: a shard is read "
        "slower than it is written, or not at all.",
        (
            "`audio-behind` or `text-behind` ringing too: see there.",
            "Neither: one shard alone. `shard-silent` will say so within a minute.",
        ),
        {"lag": ours(STREAM_TIME_LAG_MS)},
        BEHIND_MS,
    ),
    Alarm(
        "shard-silent",
        _BEHIND,
        "a shard brings neither records nor heartbeats; its calls are not scored",
        "After a reshard the old shards are closed, and this is expected for ten minutes. Else the "
        "job has lost a shard, or the heartbeat does not know it; ten minutes later the shard is "
        "taken for a closed one and this falls silent too, whatever its cause.",
        (
            "Was the stream just resharded (Kinesis console, *Monitoring*)? Then wait.",
            "Else restart the job (`call-sentiment update` with the same zip): it reads every "
            "shard from where its snapshot was; nothing is lost.",
        ),
        {"silent": ours(SHARDS_SILENT)},
        0,
        periods=2,
    ),
    Alarm(
        "warehouse-behind",
        _BEHIND,
        "rows wait long for the warehouse",
        "It does not answer, or loads slower than rows come. They wait in the job's state; from "
        "100,000 on the job slows down to the warehouse's speed.",
        (
            "`warehouse-fails` ringing too: see there.",
            "Else look into Redshift's query monitoring for what runs beside the loads; raise "
            "`WarehouseCapacity`, or `batch.rows`.",
        ),
        {"oldest": ours(WAREHOUSE_OLDEST_MS)},
        WAREHOUSE_BEHIND_MS,
    ),
    Alarm(
        "records-refused",
        _LOSING,
        "many records are refused",
        "A producer sends what cannot be used, or audio before its `call_started`.",
        (
            "The dashboard's *Refused by reason*, then `call-sentiment dead-letters list`.",
            "`no_call_started`, `unknown_participant`: the order of a producer's writes.",
            "Mend the producer; then `call-sentiment dead-letters replay`, which brings in all but "
            "`late`.",
        ),
        {"rejected": ours(REJECTED), "records": ours(RECORDS)},
        REFUSED_PERCENT,
        "IF(records > 0, 100 * FILL(rejected, 0) / records, 0)",
    ),
    *(
        Alarm(
            f"{kind}-refused",
            _LOSING,
            f"the {kind} stream refuses records; it has too few shards",
            "A shard takes 1 MB and 1,000 records a second. What the producer does not send again "
            "is lost.",
            (
                "Provisioned: raise the shards (`call-sentiment deploy` with more). On demand: it "
                "doubles by itself within a quarter of an hour.",
                "Chunks of 20 ms: let the producer send 200 ms.",
                "Then look for `chunksMissing`: were they sent again?",
            ),
            {"refused": stream(parameter, "WriteProvisionedThroughputExceeded", "Sum")},
            0,
            datapoints=3,
        )
        for kind, parameter in (("audio", "AudioStream"), ("text", "TextStream"))
    ),
    Alarm(
        "calls-incomplete",
        _LOSING,
        "many calls are incomplete by their ledger",
        "Chunks never came, windows were lost, a model failed, or the call's end was never told.",
        (
            "`models-fail` or `audio-refused` ringing too: see there.",
            "Query `ledger/` of today where not `complete`: `chunks_missing` and "
            "`missing_sequences` name what the producer lost, `closed_by` = `timeout` that it "
            "never sent `call_ended`.",
        ),
        {"incomplete": ours(CALLS_INCOMPLETE), "closed": ours(CALLS_CLOSED)},
        INCOMPLETE_PERCENT,
        "IF(closed > 0, 100 * FILL(incomplete, 0) / closed, 0)",
        period_s=300,
        periods=3,
    ),
    Alarm(
        "models-fail",
        _DEGRADED,
        "a model fails on many windows or utterances; they have no score",
        "The model raised, or the remote one throttled, timed out or refused, and there is no "
        "fallback. The rows are written as missing, with the reason, never as neutral.",
        (
            "The dashboard's *Without a score, by reason*; the log's `model_failed`, "
            "`remote_call_failed`, `remote_answer_broken`.",
            "`throttled`, `timeout`: quota or instances. `refused`: rights or the endpoint's name. "
            "`bad_answer`: the container changed.",
            "For the time being: `models.*` `fallback` = `local`.",
        ),
        {
            "audiofailed": ours(AUDIO.failed),
            "textfailed": ours(TEXT.failed),
            "audioscored": ours(AUDIO.scored),
            "textscored": ours(TEXT.scored),
        },
        FAILED_PERCENT,
        "IF(audiofailed + textfailed + audioscored + textscored > 0, "
        "100 * (audiofailed + textfailed) / (audiofailed + textfailed + audioscored + textscored), "
        "0)",
    ),
    Alarm(
        "breaker-open",
        _DEGRADED,
        "a worker has stopped asking a remote model, which failed too often in a row",
        "It is tried again by itself every `breaker.open.ms`; until then all is missing as "
        "`breaker_open`, or scored by the fallback.",
        (
            "Is the endpoint there and `InService`? `call-sentiment check` asks it once.",
            "The log's `remote_call_failed` before `breaker_opened` has the service's code.",
        ),
        {"audio": ours(AUDIO.breaker_open), "text": ours(TEXT.breaker_open)},
        0,
        "MAX([audio, text])",
        datapoints=3,
    ),
    Alarm(
        "remote-slow",
        _DEGRADED,
        "a remote model answers slowly",
        "The endpoint is too small for the calls in flight, or throttles and is asked again.",
        (
            "`audioRemoteRetries` high: it throttles; raise quota or instances.",
            "Else SageMaker's `ModelLatency` against `OverheadLatency`: the model, or the network.",
        ),
        {
            "audioms": ours(AUDIO.remote_ms),
            "textms": ours(TEXT.remote_ms),
            "audiocalls": ours(AUDIO.remote_calls),
            "textcalls": ours(TEXT.remote_calls),
        },
        REMOTE_MS,
        "IF(audiocalls + textcalls > 0, (audioms + textms) / (audiocalls + textcalls), 0)",
    ),
    Alarm(
        "warehouse-fails",
        _DEGRADED,
        "loads into the warehouse fail, minute after minute",
        "Rights, a paused cluster, a host that is away, or tables of an older version. Each "
        "batch is tried again until it is loaded; the lake has its rows all the while.",
        (
            "The log's `load_failed` has the reason.",
            "*no such table* or *column*: `call-sentiment warehouse migrate`.",
            "*no rights*, *not let in*: the secret, the role, `call-sentiment warehouse check`.",
        ),
        {"retries": ours(WAREHOUSE_RETRIES)},
        0,
        f"FILL(retries, 0) * {SNAPSHOT_S}",
    ),
    Alarm(
        "memory-high",
        _DEGRADED,
        "Java or the Python workers are near their memory's end",
        "A KPU has 4 GB for both; beyond it the container is killed, and the job restarts.",
        (
            "`workerMemoryMib` high: lower `ParallelismPerKpu` to 1, or take a smaller model.",
            "Else Java's: more KPUs (raise `Parallelism`), since state is shared among them.",
        ),
        {"memory": flink("containerMemoryUtilization")},
        90,
    ),
    Alarm(
        "cpu-high",
        _DEGRADED,
        "the job has too few KPUs",
        "The models take all there is; the job will fall behind, if it has not yet.",
        (
            "Raise `Parallelism` by half, or set `AutoScaling`.",
            "Or move the model away from the job: `models.audio` `backend` = `sagemaker`.",
        ),
        {"cpu": flink("containerCPUUtilization", "Average")},
        90,
        periods=15,
    ),
    Alarm(
        "cost-high",
        _COST,
        "remote models cost more than was planned",
        "More calls than planned, each attempt paid anew, or a dearer model. By the prices in the "
        "settings, so an estimate.",
        (
            "The dashboard's *Remote models, USD an hour*: audio or text?",
            "Retries high: mend what throttles. Calls high: more speech; a local model costs "
            "nothing a call.",
        ),
        {
            "audio": ours(AUDIO.remote_cost_nano_usd),
            "text": ours(TEXT.remote_cost_nano_usd),
        },
        COST_USD_AN_HOUR,
        f"(audio + text) * {SNAPSHOT_S} / 1000000000",
        period_s=3_600,
        periods=1,
    ),
    Alarm(
        "kpus-high",
        _COST,
        "the job uses more KPUs than was planned",
        "The service's autoscaling raised the parallelism, or somebody did.",
        (
            "Is `cpu-high` silent and nothing behind? Then lower `Parallelism`.",
            "Else the load has grown; raise `MaxKpus` with the plan. The service's own limit is "
            "64.",
        ),
        {"kpus": flink("KPUs")},
        MAX_KPUS,
        period_s=3_600,
        periods=1,
    ),
)
