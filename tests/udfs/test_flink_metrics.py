"""Counts become Flink's meters as PyFlink and Beam hand them on, bundle by bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from apache_beam.metrics.execution import MetricsContainer
from apache_beam.runners.worker import statesampler
from pyflink.fn_execution.datastream.process.operations import Operation
from pyflink.fn_execution.metrics.process.metric_impl import GenericMetricGroup

from udfs.flink_metrics import FlinkMetrics, metrics_in
from udfs.metrics import CALLS_OPEN, METRICS, RECORDS, REJECTED, WORKER_MEMORY_MIB, NoMetrics


class Worker:
    """The part of Beam's worker and of PyFlink's step that knows of metrics."""

    def __init__(self) -> None:
        self.container = MetricsContainer("step")
        self.group = GenericMetricGroup(None, None)

    def current_state(self) -> Worker:
        return self

    @property
    def metrics_container(self) -> MetricsContainer:
        return self.container

    def update_metric(self, name: object, value: int) -> None:
        self.container.get_metric_cell(name).update(value)

    def end_bundle(self) -> dict[str, tuple[list[str], int]]:
        """What Flink is told: by name the group it is in, and the amount."""
        self._update_gauge(self.group)
        told = {
            key.metric_name.name: (json.loads(key.metric_name.namespace), cell.get_cumulative())
            for key, cell in self.container.metrics.items()
        }
        self.container.reset()
        return told

    def _update_gauge(self, group: GenericMetricGroup) -> None:
        Operation._update_gauge(self, group)


@pytest.fixture
def worker() -> Iterator[Worker]:
    found = Worker()
    statesampler.set_current_tracker(found)
    yield found
    statesampler.set_current_tracker(None)


def test_a_meter_gets_what_was_counted_in_the_group_that_goes_to_cloudwatch(
    worker: Worker,
) -> None:
    metrics = FlinkMetrics(worker.group)
    metrics.count(RECORDS)
    metrics.count(RECORDS, 4)

    group, amount = worker.end_bundle()["records"]

    assert group == ["kinesisanalytics", "MetricGroupType.generic", "60"]
    assert amount == 5


def test_what_was_not_counted_in_a_bundle_costs_it_nothing(worker: Worker) -> None:
    metrics = FlinkMetrics(worker.group)
    metrics.count(RECORDS)
    worker.end_bundle()
    metrics.count(REJECTED)

    told = worker.end_bundle()

    assert set(told) == {"rejected", "workerMemoryMib"}
    assert told["rejected"][1] == 1


def test_a_gauge_is_told_with_each_bundle_as_it_stands(worker: Worker) -> None:
    metrics = FlinkMetrics(worker.group)
    calls = ["a", "b"]
    metrics.show(CALLS_OPEN, lambda: len(calls))

    first = worker.end_bundle()["callsOpen"][1].value
    calls.pop()
    second = worker.end_bundle()["callsOpen"][1].value

    assert (first, second) == (2, 1)
    assert worker.end_bundle()[WORKER_MEMORY_MIB.name][1].value > 10


def test_counts_of_other_threads_are_not_lost(worker: Worker) -> None:
    metrics = FlinkMetrics(worker.group)
    with ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(lambda: [metrics.count(RECORDS) for _ in range(1_000)])

    assert worker.end_bundle()["records"][1] == 8_000


def test_without_flinks_metrics_nothing_is_counted() -> None:
    assert isinstance(metrics_in(None), NoMetrics)


def test_names_are_such_as_the_service_takes() -> None:
    assert all(name.isalnum() and name.isascii() for name in METRICS)
    assert all(metric.meaning and metric.action for metric in METRICS.values())
