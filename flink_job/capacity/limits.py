"""A plan held against the services' limits: what is used of each, and what bends first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flink_job.capacity import service
from flink_job.capacity.plan import REQUESTS_A_FILE, TABLES, Plan


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, and how far a plan goes to it."""

    name: str
    used: float
    limit: float
    unit: str
    channels_at_limit: float | None
    """Where it bends, all else as planned; None where more shards or KPUs move it."""
    remedy: str

    @property
    def share(self) -> float:
        return self.used / self.limit


def limits_of(plan: Plan) -> Iterator[Limit]:
    """All limits, in the order of the data's way."""
    yield from _stream_limits(plan)
    yield from _job_limits(plan)
    yield from _store_limits(plan)


def first_to_bend(plan: Plan) -> Limit:
    """Of the limits that grow with the channels, the one that is reached first."""
    growing = [limit for limit in limits_of(plan) if limit.channels_at_limit is not None]
    return min(growing, key=lambda limit: limit.channels_at_limit or 0.0)


def _growing(plan: Plan, name: str, used: float, limit: float, unit: str, remedy: str) -> Limit:
    at = plan.traffic.channels * limit / used if used else None
    return Limit(name, used, limit, unit, at, remedy)


def _stream_limits(plan: Plan) -> Iterator[Limit]:
    audio, text = plan.audio, plan.text
    if plan.deployment.stream_mode == "provisioned":
        yield _growing(
            plan,
            "shards of the account",
            audio.shards + text.shards,
            service.DEFAULT_SHARDS,
            "shards",
            "a quota: ask for more, or send longer chunks",
        )
    else:
        yield _growing(
            plan,
            "audio stream on demand",
            audio.load.bytes_per_s / 1e6,
            service.ON_DEMAND_BYTES_PER_S / 1e6,
            "MB/s in",
            "a quota: ask for more, or provision shards",
        )
    per_call = audio.load.records_per_s / audio.load.calls
    yield Limit(
        "one call in its shard",
        max(
            per_call / service.SHARD_RECORDS_PER_S,
            per_call * audio.load.record_bytes / service.SHARD_BYTES_PER_S,
        ),
        1.0,
        "of a shard",
        None,
        "longer chunks, or a leaner encoding: a call's id is its partition key",
    )
    yield Limit(
        "fullest audio shard",
        audio.fill,
        1.0,
        "of 1,000 records/s or 1 MB/s in",
        None,
        "more shards; calls fall on them unevenly",
    )
    fullest_records = audio.fill * min(
        service.SHARD_RECORDS_PER_S, service.SHARD_BYTES_PER_S / audio.load.record_bytes
    )
    yield Limit(
        "records read from the fullest shard",
        fullest_records,
        plan.deployment.records_per_poll * service.SHARD_READS_PER_S,
        "records/s",
        None,
        "raise streams.get.records.max: the rest is what a backlog is caught up by",
    )
    yield Limit(
        "bytes read from the fullest shard",
        fullest_records * audio.load.record_bytes / 1e6,
        service.SHARD_BYTES_OUT_PER_S / 1e6,
        "MB/s out",
        None,
        "more shards, or enhanced fan-out beside another reader",
    )
    yield Limit(
        "polls of a shard",
        service.SHARD_READS_PER_S,
        service.SHARD_READS_PER_S,
        "reads/s",
        None,
        "all are the job's; a second reader needs enhanced fan-out",
    )
    yield _growing(
        plan,
        "ListShards of a stream",
        plan.slots / 10,
        service.LIST_SHARDS_PER_S,
        "calls/s",
        "raise streams.shard.discovery.interval.ms",
    )


def _job_limits(plan: Plan) -> Iterator[Limit]:
    yield Limit(
        "KPUs of the application",
        plan.kpus,
        service.DEFAULT_KPUS,
        "KPUs",
        plan.traffic.channels * service.DEFAULT_KPUS / plan.exact_kpus,
        "a quota: ask for more, or score voices by SageMaker",
    )
    if plan.figures.worker_rss_mb is not None:
        yield Limit(
            "native memory of a KPU",
            plan.figures.worker_rss_mb * plan.deployment.parallelism_per_kpu,
            service.KPU_NATIVE_MB,
            "MB",
            None,
            "lower ParallelismPerKPU: each slot has a worker of its own",
        )
    yield Limit(
        "state on the KPUs' disks",
        plan.state_bytes / 1e9,
        plan.kpus * service.KPU_DISK_BYTES / 1e9,
        "GB",
        None,
        "more KPUs, or a shorter calls.tombstone.ms",
    )
    if plan.deployment.backend == "sagemaker":
        in_flight = plan.traffic.windows_per_s * plan.spoken_share
        yield Limit(
            "calls in flight to the endpoint",
            in_flight * plan.deployment.remote_latency_ms / 1_000,
            plan.slots * plan.deployment.remote_concurrency,
            "calls",
            None,
            "raise models.audio.concurrency, or more slots",
        )


def _store_limits(plan: Plan) -> Iterator[Limit]:
    yield Limit(
        "requests to the lake's bucket",
        TABLES * REQUESTS_A_FILE / plan.deployment.checkpoint_s,
        service.PREFIX_PUTS_PER_S,
        "PUT/s",
        None,
        "checkpoint less often",
    )
    yield _growing(
        plan,
        "segments into the warehouse",
        plan.segment_rows_per_s,
        plan.deployment.batch_rows / plan.deployment.load_s,
        "rows/s",
        "one writer a table loads batch after batch: raise warehouse.batch.rows and batch.bytes",
    )
