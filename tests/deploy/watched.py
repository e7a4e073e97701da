"""Steps driven by hand, watched as the service watches the job: four snapshots a minute."""

from __future__ import annotations

from collections.abc import Callable

from connectors.deployment.templates import load_template
from flink_job.monitoring.alarms import PARAMETERS
from flink_job.monitoring.sources import SNAPSHOT_S
from tests.captured_metrics import CapturedGroup
from tests.deploy.cloudwatch import CloudWatch
from tests.deploy.test_templates import FOLDER
from udfs.flink_metrics import SPAN_S
from udfs.metrics import METRICS

DEFAULTS = {one.name: one.default for one in PARAMETERS}


def cloudwatch(**thresholds: float) -> CloudWatch:
    """Our alarms, without samples."""
    return CloudWatch(load_template(FOLDER / "alarms.yaml"), DEFAULTS | thresholds)


class Watched:
    """Some steps and the alarms on them."""

    def __init__(self, *groups: Callable[[], CapturedGroup], **thresholds: float) -> None:
        """Begin to watch.

        Args:
            groups: where each step's numbers are; a restart begins a new one.
            thresholds: others than the stack's defaults.
        """
        self.cloudwatch = cloudwatch(**thresholds)
        self._groups = groups
        self._told = [[dict(group().counts)] for group in groups]

    @property
    def now_s(self) -> float:
        return self.cloudwatch.now_s

    def minute(self, do: Callable[[], None] = lambda: None) -> None:
        """A minute in which something is done before each snapshot."""
        for _ in range(60 // SNAPSHOT_S):
            do()
            self._snapshot()
            self.cloudwatch.now_s += SNAPSHOT_S

    def minutes(self, number: int, do: Callable[[], None] = lambda: None) -> None:
        for _ in range(number):
            self.minute(do)

    def ringing(self) -> set[str]:
        """The alarms that ring after the minute that is just over, of those that are told of."""
        self.cloudwatch.now_s -= 1
        found = self.cloudwatch.ringing() - _without_data(self.cloudwatch)
        self.cloudwatch.now_s += 1
        return found

    def _snapshot(self) -> None:
        """As Flink's meters: the mean of the last minute."""
        for group, told in zip((one() for one in self._groups), self._told, strict=True):
            group.end_bundle()
            told.append(dict(group.counts))
            before = told[max(0, len(told) - 1 - SPAN_S // SNAPSHOT_S)]
            for name, count in group.counts.items():
                rate = max(0, count - before.get(name, 0)) / SPAN_S  # less: a restart
                self.cloudwatch.put("Application", name, [rate])
            for name, value in group.gauges.items():
                assert name in METRICS
                self.cloudwatch.put("Application", name, [value])


def _without_data(watching: CloudWatch) -> set[str]:
    """Alarms that ring for want of any sample: what they watch is not driven here."""
    return cloudwatch().ringing() & {
        name for name in watching.alarms if not watching.has_samples(name)
    }
