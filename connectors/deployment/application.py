"""The application on Managed Service for Apache Flink: state, snapshots, health, the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from connectors.deployment.errors import DeployError, explained, is_missing
from connectors.deployment.stack import POLL_S, Clock

HEALTHY_AFTER_S: Final = 120.0
"""A job that runs so long without a restart has restored its state and made checkpoints."""
_SNAPSHOT_WAIT_S: Final = 600.0
_LOOK_BACK: Final = timedelta(minutes=5)
_METRICS: Final = {
    "uptime_ms": ("AWS/KinesisAnalytics", "uptime"),
    "downtime_ms": ("AWS/KinesisAnalytics", "downtime"),
    "restarts": ("AWS/KinesisAnalytics", "fullRestarts"),
    "checkpoint_ms": ("AWS/KinesisAnalytics", "lastCheckpointDuration"),
    "failed_checkpoints": ("AWS/KinesisAnalytics", "numberOfFailedCheckpoints"),
    "kpus": ("AWS/KinesisAnalytics", "KPUs"),
}
_LAG: Final = ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds")


@dataclass(frozen=True, slots=True)
class ApplicationState:
    status: str
    version: int
    runtime: str
    code_key: str
    groups: Mapping[str, Mapping[str, str]]


class Application:
    """One application."""

    def __init__(self, flink: Any, cloudwatch: Any, name: str, clock: Clock) -> None:
        self._boto = flink
        self._cloudwatch = cloudwatch
        self.name = name
        self.what = f"application {name}"
        self._clock = clock

    def state(self) -> ApplicationState | None:
        """What it is now; None where there is none.

        Raises:
            DeployError: it cannot be asked.
        """
        with explained(self.what):
            try:
                detail = self._boto.describe_application(ApplicationName=self.name)
            except ClientError as error:
                if is_missing(error):
                    return None
                raise
        return _state_of(detail["ApplicationDetail"])

    def start(self) -> None:
        """Start it, from its latest snapshot where it has one.

        Raises:
            DeployError: it cannot be started.
        """
        with explained(self.what):
            self._boto.start_application(ApplicationName=self.name, RunConfiguration={})

    def take_snapshot(self, snapshot: str) -> None:
        """Take a snapshot and wait until it can be restored.

        Raises:
            DeployError: it failed, or is not ready after ten minutes.
        """
        what = f"snapshot {snapshot}"
        with explained(what):
            self._boto.create_application_snapshot(ApplicationName=self.name, SnapshotName=snapshot)
            end_s = self._clock.now_s() + _SNAPSHOT_WAIT_S
            while True:
                details = self._boto.describe_application_snapshot(
                    ApplicationName=self.name, SnapshotName=snapshot
                )["SnapshotDetails"]
                if details["SnapshotStatus"] == "READY":
                    return
                if details["SnapshotStatus"] == "FAILED":
                    raise DeployError(what, "failed; look at failed checkpoints, then try again")
                if self._clock.now_s() >= end_s:
                    raise DeployError(what, "not ready after 10 min; look at its checkpoints")
                self._clock.sleep(POLL_S)

    def snapshots(self) -> list[str]:
        """Names of the newest ten, newest first.

        Raises:
            DeployError: they cannot be listed.
        """
        with explained(self.what):
            answer = self._boto.list_application_snapshots(ApplicationName=self.name, Limit=10)
        found = sorted(
            answer["SnapshotSummaries"],
            key=lambda one: one["SnapshotCreationTimestamp"],
            reverse=True,
        )
        return [one["SnapshotName"] for one in found]

    def go_back(self) -> None:
        """Return to the version that ran before, from its last snapshot.

        Raises:
            DeployError: the service refuses.
        """
        state = self.state()
        if state is None:
            raise DeployError(self.what, "is gone")
        with explained(self.what):
            self._boto.rollback_application(
                ApplicationName=self.name, CurrentApplicationVersionId=state.version
            )

    def await_healthy(self, limit_s: float) -> str | None:
        """Wait until the job runs, has run for two minutes, and did not restart meanwhile.

        Args:
            limit_s: so long at most.

        Returns:
            What is wrong after that time; None: it is healthy.

        Raises:
            DeployError: it cannot be asked.
        """
        end_s = self._clock.now_s() + limit_s
        while True:
            problem = self.problem()
            if problem is None or self._clock.now_s() >= end_s:
                return problem
            self._clock.sleep(POLL_S)

    def problem(self) -> str | None:
        """Why it is not healthy now; None: it is.

        Raises:
            DeployError: it cannot be asked.
        """
        state = self.state()
        if state is None:
            return "is gone"
        if state.status != "RUNNING":
            return f"is {state.status}"
        figures = self.figures(())
        uptime_ms = figures.get("uptime_ms")
        if uptime_ms is None:
            return "tells no metrics yet"
        if uptime_ms < HEALTHY_AFTER_S * 1_000:
            return f"has run for {uptime_ms / 1_000:.0f} s; it may be restarting"
        if figures.get("failed_checkpoints"):
            return "cannot make checkpoints"
        return None

    def figures(self, streams: tuple[str, ...]) -> dict[str, float]:
        """The newest of each metric within five minutes; what nobody told is left out.

        Args:
            streams: whose lag is wanted, as ``lag_ms.NAME``.

        Raises:
            DeployError: CloudWatch cannot be asked.
        """
        dimensions = [("Application", self.name)] * len(_METRICS)
        dimensions += [("StreamName", stream) for stream in streams]
        metrics = [*_METRICS.values(), *[_LAG] * len(streams)]
        names = [*_METRICS, *(f"lag_ms.{stream}" for stream in streams)]
        now = datetime.now(tz=UTC)
        with explained(f"metrics of {self.name}"):
            answer = self._cloudwatch.get_metric_data(
                StartTime=now - _LOOK_BACK,
                EndTime=now,
                ScanBy="TimestampDescending",
                MetricDataQueries=[
                    {
                        "Id": f"m{place}",
                        "MetricStat": {
                            "Metric": {
                                "Namespace": namespace,
                                "MetricName": metric,
                                "Dimensions": [{"Name": dimension[0], "Value": dimension[1]}],
                            },
                            "Period": 60,
                            "Stat": "Maximum",
                        },
                    }
                    for place, ((namespace, metric), dimension) in enumerate(
                        zip(metrics, dimensions, strict=True)
                    )
                ],
            )
        return {
            names[int(result["Id"].removeprefix("m"))]: float(result["Values"][0])
            for result in answer["MetricDataResults"]
            if result["Values"]
        }


def _state_of(detail: Mapping[str, Any]) -> ApplicationState:
    configuration = detail.get("ApplicationConfigurationDescription", {})
    code = configuration.get("ApplicationCodeConfigurationDescription", {})
    place = code.get("CodeContentDescription", {}).get("S3ApplicationCodeLocationDescription", {})
    properties = configuration.get("EnvironmentPropertyDescriptions", {})
    return ApplicationState(
        status=detail["ApplicationStatus"],
        version=detail["ApplicationVersionId"],
        runtime=detail["RuntimeEnvironment"],
        code_key=place.get("FileKey", ""),
        groups={
            group["PropertyGroupId"]: group["PropertyMap"]
            for group in properties.get("PropertyGroupDescriptions", ())
            if group
        },
    )
