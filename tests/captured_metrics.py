"""A metric group as PyFlink gives one to a step, read by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from udfs.flink_metrics import GROUP, FlinkMetrics
from udfs.metrics import METRICS, Metric


class CapturedGroup:
    """What a step told: gauges as read when a bundle ended, and all events of its meters."""

    def __init__(self) -> None:
        self.gauges: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._read: dict[str, Callable[[], int]] = {}

    def metrics(self) -> FlinkMetrics:
        return FlinkMetrics(self)

    def get_metric_group(self) -> CapturedGroup:
        """So that it is a UDF's context too."""
        return self

    def get_metrics_group(self) -> CapturedGroup:
        """And a function's."""
        return self

    def add_group(self, name: str) -> CapturedGroup:
        assert name == GROUP, "the service tells CloudWatch of no other group"
        return self

    def gauge(self, name: str, obj: Callable[[], int]) -> None:
        assert METRICS[name].kind == "gauge"
        self._read[name] = obj

    def meter(self, name: str, time_span_in_seconds: int) -> _Meter:
        assert METRICS[name].kind == "meter"
        assert time_span_in_seconds == 60
        return _Meter(name, self.counts)

    def end_bundle(self) -> None:
        """As PyFlink does: read the gauges, in the order of their names' registration."""
        self.gauges = {name: read() for name, read in self._read.items()}
        assert all(type(value) is int for value in self.gauges.values()), "Beam takes ints"

    def count(self, metric: Metric) -> int:
        """Events of a meter until the last bundle's end."""
        return self.counts[metric.name]

    def gauge_of(self, metric: Metric) -> int:
        return self.gauges[metric.name]


class _Meter:
    def __init__(self, name: str, counts: Counter[str]) -> None:
        self._name = name
        self._counts = counts

    def mark_event(self, value: int = 1) -> None:
        assert type(value) is int, "Beam takes ints"
        assert value >= 0
        self._counts[self._name] += value
