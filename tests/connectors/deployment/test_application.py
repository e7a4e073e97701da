"""The application's API, by botocore's own stubs: each request is checked against its model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from connectors.deployment.application import Application
from connectors.deployment.errors import DeployError
from tests.deploy.hand_clock import HandClock

ARN = "arn:aws:kinesisanalytics:eu-west-1:123456789012:application/calls"


def client(service: str) -> Any:
    return boto3.client(service, region_name="eu-west-1")


def detail(status: str, version: int = 3) -> dict[str, Any]:
    return {
        "ApplicationDetail": {
            "ApplicationARN": ARN,
            "ApplicationName": "calls",
            "RuntimeEnvironment": "FLINK-1_20",
            "ApplicationStatus": status,
            "ApplicationVersionId": version,
        }
    }


class Told:
    """An application whose answers a test gives."""

    def __init__(self) -> None:
        flink, cloudwatch = client("kinesisanalyticsv2"), client("cloudwatch")
        self.flink, self.cloudwatch = Stubber(flink), Stubber(cloudwatch)
        self.flink.activate()
        self.cloudwatch.activate()
        self.application = Application(flink, cloudwatch, "calls", HandClock())

    def is_(self, status: str) -> None:
        self.flink.add_response(
            "describe_application", detail(status), {"ApplicationName": "calls"}
        )

    def measures(self, **values: float) -> None:
        names = ["uptime_ms", "downtime_ms", "restarts", "checkpoint_ms", "failed_checkpoints"]
        results = [
            {"Id": f"m{names.index(name)}", "Values": [value]} for name, value in values.items()
        ]
        self.cloudwatch.add_response(
            "get_metric_data",
            {"MetricDataResults": results},
            {"StartTime": ANY, "EndTime": ANY, "ScanBy": ANY, "MetricDataQueries": ANY},
        )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return Told()


def test_none_is_no_error(told: Told) -> None:
    told.flink.add_client_error("describe_application", "ResourceNotFoundException")

    assert told.application.state() is None


def test_denied_names_the_action(told: Told) -> None:
    told.flink.add_client_error("describe_application", "AccessDeniedException")

    with pytest.raises(DeployError, match="calls: access denied; grant the action Describe"):
        told.application.state()


def test_a_snapshot_is_awaited(told: Told) -> None:
    name = {"ApplicationName": "calls", "SnapshotName": "s"}
    told.flink.add_response("create_application_snapshot", {}, name)
    for status in ("CREATING", "READY"):
        details = {"SnapshotName": "s", "SnapshotStatus": status, "ApplicationVersionId": 3}
        told.flink.add_response("describe_application_snapshot", {"SnapshotDetails": details}, name)

    told.application.take_snapshot("s")

    told.flink.assert_no_pending_responses()


def test_a_failed_snapshot_is_told(told: Told) -> None:
    name = {"ApplicationName": "calls", "SnapshotName": "s"}
    told.flink.add_response("create_application_snapshot", {}, name)
    details = {"SnapshotName": "s", "SnapshotStatus": "FAILED", "ApplicationVersionId": 3}
    told.flink.add_response("describe_application_snapshot", {"SnapshotDetails": details}, name)

    with pytest.raises(DeployError, match="snapshot s: failed"):
        told.application.take_snapshot("s")


def test_going_back_names_the_version_that_is_left(told: Told) -> None:
    told.is_("UPDATING")
    told.flink.add_response(
        "rollback_application",
        detail("ROLLING_BACK"),
        {"ApplicationName": "calls", "CurrentApplicationVersionId": 3},
    )

    told.application.go_back()

    told.flink.assert_no_pending_responses()


def test_snapshots_are_listed_newest_first(told: Told) -> None:
    summaries = [
        {
            "SnapshotName": f"s{day}",
            "SnapshotStatus": "READY",
            "ApplicationVersionId": 1,
            "SnapshotCreationTimestamp": datetime(2026, 11, day, tzinfo=UTC),
        }
        for day in (2, 9, 5)
    ]
    told.flink.add_response("list_application_snapshots", {"SnapshotSummaries": summaries})

    assert told.application.snapshots() == ["s9", "s5", "s2"]


def test_healthy_is_running_for_two_minutes_with_checkpoints(told: Told) -> None:
    told.is_("RUNNING")
    told.measures(uptime_ms=120_000, failed_checkpoints=0)

    assert told.application.problem() is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "tells no metrics yet"),
        ({"uptime_ms": 30_000.0}, "has run for 30 s; it may be restarting"),
        ({"uptime_ms": 600_000.0, "failed_checkpoints": 2.0}, "cannot make checkpoints"),
    ],
)
def test_what_runs_may_be_ill(told: Told, values: dict[str, float], problem: str) -> None:
    told.is_("RUNNING")
    told.measures(**values)

    assert told.application.problem() == problem


def test_health_is_awaited_and_then_given_up(told: Told) -> None:
    for _ in range(3):
        told.is_("STARTING")

    assert told.application.await_healthy(10.0) == "is STARTING"


def test_lag_is_told_by_stream(told: Told) -> None:
    told.cloudwatch.add_response(
        "get_metric_data", {"MetricDataResults": [{"Id": "m6", "Values": [1_500.0]}]}
    )

    assert told.application.figures(("calls-audio",)) == {"lag_ms.calls-audio": 1_500.0}
