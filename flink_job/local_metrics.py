"""The metrics of a local job as CloudWatch would get them, from Flink's REST interface.

The service takes four snapshots a minute, and at its ``APPLICATION`` level the numbers of all steps
and subtasks are samples of one metric. So a snapshot here is a list of values under each name.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from connectors.repeating import Repeating
from udfs.flink_metrics import GROUP

OF_THE_JOB = (
    "downtime",
    "fullRestarts",
    "lastCheckpointDuration",
    "lastCheckpointSize",
    "numberOfFailedCheckpoints",
    "uptime",
)
"""Flink's own, which the service tells CloudWatch too."""
SNAPSHOT_S = 1.0
"""More often than the service's 15 s: a local run is short."""
_TIMEOUT_S = 10.0
_MAX_IDS = 50
"""In one request: an address must not grow too long."""

Snapshot = dict[str, list[float]]


class MetricsRecorder(Repeating):
    """Writes ``{"at_ms": …, "metrics": {name: [value, …]}}`` lines while its context lasts."""

    def __init__(self, rest_port: int, path: Path) -> None:
        super().__init__(self._record, SNAPSHOT_S, "metrics")
        self._rest_port = rest_port
        self._path = path

    def __enter__(self) -> Self:
        self._path.write_text("")
        return super().__enter__()

    def _record(self) -> None:
        try:
            metrics = read_snapshot(self._rest_port)
        except (OSError, ValueError):  # Flink is starting, or ending
            return
        at_ms = time.time_ns() // 1_000_000
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at_ms": at_ms, "metrics": metrics}) + "\n")


def read_snapshot(rest_port: int) -> Snapshot:
    """All that the service would tell CloudWatch now.

    Raises:
        OSError: Flink does not answer.
        ValueError: it answers what it should not.
    """
    ask = asking(f"http://127.0.0.1:{rest_port}")
    found: Snapshot = defaultdict(list)
    for job in ask("/jobs")["jobs"]:
        place = f"/jobs/{job['id']}"
        for one in ask(f"{place}/metrics?get={','.join(OF_THE_JOB)}"):
            found[one["id"]].append(float(one["value"]))
        for vertex in ask(place)["vertices"]:
            for name, value in _of_vertex(ask, f"{place}/vertices/{vertex['id']}/metrics"):
                found[name].append(value)
    return dict(found)


def _of_vertex(ask: Callable[[str], Any], place: str) -> Iterator[tuple[str, float]]:
    ids = [one["id"] for one in ask(place) if f".{GROUP}." in one["id"]]
    for start in range(0, len(ids), _MAX_IDS):
        wanted = urllib.parse.quote(",".join(ids[start : start + _MAX_IDS]))
        for one in ask(f"{place}?get={wanted}"):
            yield one["id"].rpartition(".")[2], float(one["value"])


def asking(address: str) -> Callable[[str], Any]:
    """What answers a path of the REST interface at an address; ``OSError`` where nobody does."""

    def ask(path: str) -> Any:
        with urllib.request.urlopen(address + path, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - http
            return json.load(answer)

    return ask
