"""A plan's price a month by list: each line a product of what plan and prices name."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final, NamedTuple

from flink_job.capacity import service
from flink_job.capacity.plan import REQUESTS_A_FILE, Plan, Stream
from flink_job.capacity.prices import Prices

HOURS_A_MONTH: Final = 730
DAYS_A_MONTH: Final = HOURS_A_MONTH / 24
_GB: Final = 1e9


class Cost(NamedTuple):
    what: str
    formula: str
    dollars: float


def monthly_cost(plan: Plan, prices: Prices, *, has_warehouse: bool) -> list[Cost]:
    """Every line; what is provisioned runs all month, what comes in comes in the busy hours."""
    return [
        *_flink(plan, prices),
        *_streams(plan, prices),
        *_endpoint(plan, prices),
        *_lake(plan, prices),
        *(_warehouse(prices) if has_warehouse else ()),
    ]


def total(costs: list[Cost]) -> float:
    return sum(cost.dollars for cost in costs)


def _flink(plan: Plan, prices: Prices) -> Iterator[Cost]:
    kpus = plan.kpus + service.ORCHESTRATION_KPUS
    yield Cost(
        "Flink: KPUs",
        f"({plan.kpus} + {service.ORCHESTRATION_KPUS} for orchestration) KPU · {HOURS_A_MONTH} h "
        f"· {prices.kpu_hour}",
        kpus * HOURS_A_MONTH * prices.kpu_hour,
    )
    yield Cost(
        "Flink: running storage",
        f"{plan.kpus} KPU · 50 GB · {prices.running_storage_gb_month}",
        plan.kpus * 50 * prices.running_storage_gb_month,
    )
    yield Cost(
        "Flink: one snapshot kept",
        f"{plan.state_bytes / _GB:.2f} GB · {prices.snapshot_gb_month}",
        plan.state_bytes / _GB * prices.snapshot_gb_month,
    )


def _streams(plan: Plan, prices: Prices) -> Iterator[Cost]:
    hours = plan.traffic.busy_hours_a_month
    for name, stream in (("audio", plan.audio), ("text", plan.text)):
        records = stream.load.records_per_s * 3_600 * hours
        if plan.deployment.stream_mode == "provisioned":
            yield from _provisioned(name, stream, records, plan.deployment.retention_hours, prices)
        else:
            yield from _on_demand(name, stream, records, plan.deployment.retention_hours, prices)


def _provisioned(
    name: str, stream: Stream, records: float, retention_hours: int, prices: Prices
) -> Iterator[Cost]:
    yield Cost(
        f"Kinesis {name}: shards",
        f"{stream.shards} shards · {HOURS_A_MONTH} h · {prices.shard_hour}",
        stream.shards * HOURS_A_MONTH * prices.shard_hour,
    )
    units = ceil(stream.load.record_bytes / service.RECORD_UNIT_BYTES)
    yield Cost(
        f"Kinesis {name}: puts",
        f"{records / 1e6:,.0f} million records · {units} units · {prices.put_units_million}",
        records / 1e6 * units * prices.put_units_million,
    )
    if retention_hours > 24:  # noqa: PLR2004 - a day is included
        yield Cost(
            f"Kinesis {name}: kept for {retention_hours} h",
            f"{stream.shards} shards · {HOURS_A_MONTH} h · {prices.shard_hour_beyond_24h}",
            stream.shards * HOURS_A_MONTH * prices.shard_hour_beyond_24h,
        )


def _on_demand(
    name: str, stream: Stream, records: float, retention_hours: int, prices: Prices
) -> Iterator[Cost]:
    unit = service.ON_DEMAND_UNIT_BYTES
    gigabytes = records * ceil(stream.load.record_bytes / unit) * unit / _GB
    yield Cost(
        f"Kinesis {name}: the stream",
        f"{HOURS_A_MONTH} h · {prices.on_demand_stream_hour}",
        HOURS_A_MONTH * prices.on_demand_stream_hour,
    )
    yield Cost(
        f"Kinesis {name}: in and out",
        f"{gigabytes:,.0f} GB (records in whole kB) · "
        f"({prices.on_demand_gb_in} + {prices.on_demand_gb_out})",
        gigabytes * (prices.on_demand_gb_in + prices.on_demand_gb_out),
    )
    if retention_hours > 24:  # noqa: PLR2004 - a day is included
        held = gigabytes / HOURS_A_MONTH * (retention_hours - 24)
        yield Cost(
            f"Kinesis {name}: kept for {retention_hours} h",
            f"{held:,.0f} GB · {prices.on_demand_gb_month_beyond_24h}",
            held * prices.on_demand_gb_month_beyond_24h,
        )


def _endpoint(plan: Plan, prices: Prices) -> Iterator[Cost]:
    if plan.endpoint_instances:
        yield Cost(
            "SageMaker: endpoint",
            f"{plan.endpoint_instances} instances · {HOURS_A_MONTH} h "
            f"· {prices.endpoint_instance_hour}",
            plan.endpoint_instances * HOURS_A_MONTH * prices.endpoint_instance_hour,
        )


def _lake(plan: Plan, prices: Prices) -> Iterator[Cost]:
    busy = plan.traffic.busy_hours_a_month / HOURS_A_MONTH
    held = plan.lake_bytes_per_day * busy * plan.deployment.table_days / _GB
    yield Cost(
        f"S3: {plan.deployment.table_days} days of rows",
        f"{held:,.0f} GB · {prices.s3_gb_month}",
        held * prices.s3_gb_month,
    )
    requests = plan.lake_files_per_day * DAYS_A_MONTH * REQUESTS_A_FILE
    yield Cost(
        "S3: requests",
        f"{requests / 1_000:,.0f} thousand · {prices.s3_puts_thousand}",
        requests / 1_000 * prices.s3_puts_thousand,
    )


def _warehouse(prices: Prices) -> Iterator[Cost]:
    yield Cost(
        "Redshift Serverless",
        f"{prices.rpus:g} RPU · {HOURS_A_MONTH} h · {prices.rpu_hour}",
        prices.rpus * HOURS_A_MONTH * prices.rpu_hour,
    )
