"""Where an alarm or a chart reads: one CloudWatch metric and how its samples are put together.

The service takes four snapshots of each of Flink's metrics a minute, from each subtask, and at its
``APPLICATION`` level all of them are samples of one metric. So of a gauge ``Maximum`` is the worst
subtask's, and of a meter, which is told as events a second, ``Sum`` times ``SNAPSHOT_S`` is how
many events there were in the period, whatever its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from udfs.metrics import Metric

Statistic = Literal["Average", "Maximum", "Minimum", "Sum"]
SNAPSHOT_S = 15


@dataclass(frozen=True)
class Source:
    """One metric of one thing in the stack."""

    namespace: str
    metric: str
    dimension: str
    parameter: str
    """The template's parameter that names the thing."""
    statistic: Statistic


def flink(metric: str, statistic: Statistic = "Maximum") -> Source:
    """One that the service itself tells of the job."""
    return Source("AWS/KinesisAnalytics", metric, "Application", "Application", statistic)


def ours(metric: Metric) -> Source:
    """One of ours: events of a meter, or the worst of a gauge."""
    return flink(metric.name, "Sum" if metric.kind == "meter" else "Maximum")


def stream(parameter: str, metric: str, statistic: Statistic) -> Source:
    return Source("AWS/Kinesis", metric, "StreamName", parameter, statistic)


def heartbeat(metric: str) -> Source:
    return Source("AWS/Lambda", metric, "FunctionName", "HeartbeatFunction", "Sum")
