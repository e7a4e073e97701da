"""The job's metrics as Flink's, in the group that the service hands on to CloudWatch.

Managed Service for Apache Flink tells CloudWatch what is registered under a group of this name, and
nothing else. It knows no histograms, and PyFlink's gauges are whole numbers.

PyFlink reads gauges as a bundle ends, in the bundle's own thread, and then tells Flink of every
metric that was ever touched, about 13 us each. So steps count in plain numbers; whenever the first
gauge is read, what was counted since goes to Flink's meters, and what was told with bundles before
is not told again.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from udfs.metrics import WORKER_MEMORY_MIB, Metric, Metrics, NoMetrics

GROUP = "kinesisanalytics"
SPAN_S = 60
"""A meter tells the mean of so long."""
_STATM = Path("/proc/self/statm")
_PAGES_PER_MIB = 2**20 // os.sysconf("SC_PAGE_SIZE")


def metrics_in(group: Any | None) -> Metrics:
    """Where a step tells its numbers.

    Args:
        group: Flink's ``MetricGroup`` of the step; None where ``python.metric.enabled`` is false.
    """
    return NoMetrics() if group is None else FlinkMetrics(group)


class FlinkMetrics:
    """The metrics of one step in one subtask."""

    def __init__(self, group: Any) -> None:
        """Begin at nothing.

        Args:
            group: Flink's ``MetricGroup`` of the step.
        """
        self._group = group.add_group(GROUP)
        self._lock = threading.Lock()
        self._counted: dict[str, int] = defaultdict(int)
        self._meters: dict[str, Any] = {}
        self._memory = _Memory()
        self.show(WORKER_MEMORY_MIB, self._end_bundle)  # the first: others must not be told yet

    def count(self, metric: Metric, amount: int = 1) -> None:
        with self._lock:
            self._counted[metric.name] += amount

    def show(self, metric: Metric, read: Callable[[], int]) -> None:
        self._group.gauge(metric.name, read)

    def _end_bundle(self) -> int:
        _forget_told()
        with self._lock:
            counted, self._counted = self._counted, defaultdict(int)
        for name, amount in counted.items():
            if name not in self._meters:
                self._meters[name] = self._group.meter(name, SPAN_S)
            self._meters[name].mark_event(amount)
        return self._memory.mib()


def _forget_told() -> None:
    """Take the metrics of earlier bundles out of this bundle's answer."""
    from apache_beam.metrics.execution import (  # noqa: PLC0415 - a worker has loaded it
        MetricsEnvironment,
    )

    container = MetricsEnvironment.current_container()
    if container is not None:
        container.metrics.clear()


class _Memory:
    """The process's resident memory, looked up once a second."""

    def __init__(self) -> None:
        self._looked_s = -math.inf
        self._mib = 0

    def mib(self) -> int:
        now_s = time.monotonic()
        if now_s - self._looked_s >= 1 and _STATM.exists():  # on Linux
            self._looked_s = now_s
            self._mib = int(_STATM.read_text().split()[1]) // _PAGES_PER_MIB
        return self._mib
