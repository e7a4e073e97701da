"""The metrics that a local run has kept, played to the alarms as if they were the service's."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from flink_job.local import METRICS_FILE
from flink_job.monitoring.sources import SNAPSHOT_S
from tests.deploy.cloudwatch import CloudWatch
from tests.deploy.watched import cloudwatch


def minutes_over_restarts(kept: Path, minutes: float) -> float:
    """The ``second_s`` at which a run's first and last restart are so many minutes apart.

    A machine's speed decides how far apart they are in truth.
    """
    seen = [
        (line["at_ms"], line["metrics"]["fullRestarts"][0])
        for line in _snapshots(kept)
        if line["metrics"].get("fullRestarts")
    ]
    at_ms = [after for (_, few), (after, more) in pairwise(seen) if more > few]
    return minutes * 60_000 / (at_ms[-1] - at_ms[0])


def play(kept: Path, second_s: float = 1.0, **thresholds: float) -> tuple[set[str], CloudWatch]:
    """The alarms that rang at some time, of those that the job's metrics tell of.

    Args:
        kept: what ``local --keep`` left.
        second_s: so long is a second of the run: an alarm waits minutes, a test does not.
        thresholds: others than the stack's defaults.
    """
    watching = cloudwatch(**thresholds)
    rang: set[str] = set()

    def tell(at_s: float, metrics: dict[str, list[float]]) -> None:
        nonlocal rang
        if at_s // 60 > watching.now_s // 60:
            rang |= {name for name in watching.ringing() if watching.has_samples(name)}
        watching.now_s = at_s
        for name, values in metrics.items():
            watching.put("Application", name, values)

    lines = _snapshots(kept)
    for before, line in pairwise([lines[0], *lines]):
        at_s = (line["at_ms"] - lines[0]["at_ms"]) / 1_000 * second_s
        # The service's snapshots keep its clock's time; a busy machine's recorder comes late.
        while watching.now_s + SNAPSHOT_S < at_s:
            tell(watching.now_s + SNAPSHOT_S, before["metrics"])
        tell(at_s, line["metrics"])
    return rang, watching


def _snapshots(kept: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (kept / METRICS_FILE).read_text().splitlines()]
