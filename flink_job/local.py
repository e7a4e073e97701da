"""``call-sentiment local``: kinesalite, the job and a replay, until every call is closed."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import connect
from connectors.lake_reader import finished_files, read_rows
from connectors.object_store import is_object_store
from connectors.replay import Heartbeats, Replayer
from flink_job.audit import record_policy
from flink_job.local_job import ENVIRONMENT, START_FAST
from flink_job.local_metrics import MetricsRecorder
from flink_job.local_warehouse import EMBEDDED, LocalWarehouse, local_warehouse
from flink_job.settings import Settings, parse_settings
from udfs.envelope import Door, Limits, Refused
from udfs.records import Arrival, CallStarted, Heartbeat, StreamName
from udfs.replay_plan import PlannedRecord
from udfs.rows import (
    ALL_PARTICIPANTS,
    CALLS,
    LEDGER,
    REJECTS,
    SEGMENTS,
    TABLES,
    Ledger,
    Summary,
    newest,
)

STREAMS: dict[StreamName, str] = {"audio": "audio", "text": "text"}
SHARDS: dict[StreamName, int] = {"audio": 2, "text": 1}
ANY_AGE_DAYS = "14600"
"""A recording may be of any age: 40 years, which still tells seconds taken for milliseconds."""
METRICS_FILE = "metrics.jsonl"
_POLL_S = 0.5
_STOP_TIMEOUT_S = 90.0


class LocalJobError(RuntimeError):
    """The job ended before its calls were closed."""


class Progress(Protocol):
    """What is told while it runs."""

    def sent(self, num_sent: int, num_total: int) -> None: ...

    def closed(self, num_closed: int, num_calls: int) -> None: ...

    def step(self, what: str) -> None: ...


@dataclass(frozen=True, slots=True)
class LocalResult:
    """What a local run left behind."""

    ledgers: list[Ledger]
    summaries: list[Summary]
    num_segments: int
    num_rejects: int
    restarts: int
    seconds: float
    warehouse: Mapping[str, int] = field(default_factory=dict)
    """Rows of these calls by table."""
    dropped: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)

    def calls(self) -> list[Ledger]:
        """The ledger row of each whole call."""
        return [row for row in self.ledgers if row.participant_id == ALL_PARTICIPANTS]

    def report(self) -> dict[str, Any]:
        """What ``--report`` writes."""
        calls = self.calls()
        return {
            "calls": len(calls),
            "complete": sum(row.complete for row in calls),
            "segments": self.num_segments,
            "rejects": self.num_rejects,
            "restarts": self.restarts,
            "seconds": round(self.seconds, 1),
            "warehouse": dict(self.warehouse),
            "dropped": {call: dict(lost) for call, lost in self.dropped.items()},
        }


def local_groups(
    given: Mapping[str, Mapping[str, str]],
    endpoint: str,
    root: str,
    warehouse: str | None = None,
) -> dict[str, dict[str, str]]:
    """The settings of a local run: what is given, with streams, lake and warehouse of this run."""
    groups = {group: dict(properties) for group, properties in given.items()}
    groups.setdefault("limits", {}).setdefault("started.at.past.days", ANY_AGE_DAYS)
    groups.setdefault("streams", {}).update(
        {
            "audio.stream": STREAMS["audio"],
            "text.stream": STREAMS["text"],
            "endpoint": endpoint,
            "initial.position": "TRIM_HORIZON",
        }
    )
    groups["streams"].setdefault("shard.discovery.interval.ms", "3000")
    groups.setdefault("lake", {})["root"] = root
    if warehouse is not None:
        groups.setdefault("warehouse", {})["url"] = warehouse
        groups["warehouse"].setdefault("batch.wait.ms", "1000")
    return groups


def run_local(
    call_ids: list[str],
    records: tuple[PlannedRecord, ...],
    speed: float | None,
    output: str,
    warehouse: str,
    given: Mapping[str, Mapping[str, str]],
    progress: Progress,
    dropped: Mapping[str, Mapping[str, tuple[int, ...]]],
    keep: Path | None = None,
) -> LocalResult:
    """Run the job on planned records until every call is closed.

    ``keep`` is a new folder in which logs, checkpoints and ``METRICS_FILE`` are left.

    Raises:
        LocalJobError: the job ended by itself.
        KinesaliteError: kinesalite or Node is missing.
        SettingsError: a given setting cannot be used.
        WarehouseError: the warehouse cannot be used, or lacks rows.
    """
    began_s = time.monotonic()
    root = output if is_object_store(output) else Path(output).resolve().as_uri()
    earlier = finished_files(root, TABLES)
    with ExitStack() as stack:
        work_dir = keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="call-sentiment-"))
        )
        work_dir.mkdir(parents=True, exist_ok=True)
        progress.step("starting kinesalite")
        kinesalite = stack.enter_context(Kinesalite())
        if warehouse == EMBEDDED:
            progress.step("starting PostgreSQL")
        url = stack.enter_context(local_warehouse(warehouse, output))
        groups = local_groups(given, kinesalite.endpoint, root, url)
        settings = parse_settings(groups)
        loaded = _prepared_warehouse(settings, stack)
        kinesis = connect(settings.streams.region, kinesalite.endpoint)
        for kind, name in STREAMS.items():
            kinesis.create_stream(name, SHARDS[kind])
        record_policy(settings, time.time_ns() // 1_000_000)
        progress.step("starting the job")
        job = stack.enter_context(JobProcess(write_properties(groups, work_dir), work_dir))
        if keep:
            stack.enter_context(MetricsRecorder(job.rest_port, keep / METRICS_FILE))
        stack.enter_context(Heartbeats(kinesis, list(STREAMS.values())))
        Replayer(kinesis, STREAMS).send(
            records, speed, on_progress=progress.sent, is_stopped=job.has_ended
        )
        progress.step("waiting until every call is closed")
        _wait_until_closed(job, root, earlier, set(call_ids), progress)
        _wait_for_strangers(job, root, earlier, num_strangers(records, set(call_ids)), progress)
        counts: Mapping[str, int] = {}
        if loaded is not None:
            progress.step("waiting until the warehouse has every row")
            if lacking := loaded.wait_for(root, earlier, job.check):
                msg = f"the warehouse lacks {lacking} rows of the lake; see the job's log"
                raise LocalJobError(msg)
            counts = loaded.counts(set(call_ids))
        progress.step("stopping with a savepoint")
        restarts = job.stop()
    ledgers = newest(read_rows(root, LEDGER, skip=earlier), LEDGER)
    return LocalResult(
        ledgers=[row for row in ledgers if row.call_id in set(call_ids)],
        summaries=newest(read_rows(root, CALLS, skip=earlier), CALLS),
        num_segments=len(newest(read_rows(root, SEGMENTS, skip=earlier), SEGMENTS)),
        num_rejects=len(read_rows(root, REJECTS, skip=earlier)),
        restarts=restarts,
        seconds=time.monotonic() - began_s,
        warehouse=counts,
        dropped=dropped,
    )


def _prepared_warehouse(settings: Settings, stack: ExitStack) -> LocalWarehouse | None:
    spec = settings.warehouse_spec()
    if spec is None:
        return None
    warehouse = stack.enter_context(LocalWarehouse(spec))
    warehouse.prepare()
    return warehouse


def write_properties(groups: Mapping[str, Mapping[str, str]], work_dir: Path) -> Path:
    """The settings in the service's format."""
    path = work_dir / "application_properties.json"
    entries = [
        {"PropertyGroupId": group, "PropertyMap": properties}
        for group, properties in groups.items()
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def _wait_until_closed(
    job: JobProcess,
    root: str,
    earlier: frozenset[str],
    call_ids: set[str],
    progress: Progress,
) -> None:
    while True:
        rows = read_rows(root, LEDGER, skip=earlier)
        closed = {row.call_id for row in rows if row.participant_id == ALL_PARTICIPANTS}
        progress.closed(len(closed & call_ids), len(call_ids))
        if call_ids <= closed:
            return
        job.check()
        time.sleep(_POLL_S)


def num_strangers(records: Iterable[PlannedRecord], call_ids: set[str]) -> int:
    """How many injected records belong to a call that nobody starts.

    All but audio are refused only when the wait for an announcement is over; a run that ended
    before would leave them in its savepoint, and nobody told.
    """
    door = Door(Limits(started_at_past_days=int(ANY_AGE_DAYS)))
    strangers: list[str] = []
    started = set(call_ids)
    for planned in records:
        if planned.kind != "injected":
            continue
        arrival = Arrival(planned.stream, "", "", time.time_ns() // 1_000_000)
        with suppress(Refused):
            match door.open(planned.data, arrival):
                case CallStarted() as record:
                    started.add(record.call_id)
                case Heartbeat():
                    pass
                case record:
                    strangers.append(record.call_id)
    return sum(call_id not in started for call_id in strangers)


def _wait_for_strangers(
    job: JobProcess, root: str, earlier: frozenset[str], count: int, progress: Progress
) -> None:
    if not count:
        return
    progress.step("waiting until records of calls that never started are refused")
    while True:
        rejects = read_rows(root, REJECTS, skip=earlier)
        if sum(reject.reason == "no_call_started" for reject in rejects) >= count:
            return
        job.check()
        time.sleep(_POLL_S)


class JobProcess:
    """The job as a child process with workers of its own; leaving the context ends them all."""

    def __init__(
        self, properties: Path, work_dir: Path, module: str = "flink_job.local_job"
    ) -> None:
        """Start it.

        Args:
            properties: the settings' file.
            work_dir: for its logs, checkpoints and savepoints.
            module: what is run; one that calls ``flink_job.local_job.start``.
        """
        self._work_dir = work_dir
        self._logs = work_dir / "logs"
        self._logs.mkdir()
        # Flink unpacks its own parts, the jar and the Python files anew for each job, some 165 MB,
        # and a killed one leaves them.
        self._temporary = tempfile.TemporaryDirectory(
            prefix="call-sentiment-job-",
            ignore_cleanup_errors=True,  # the killed may still be dying
        )
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._ended: dict[str, Any] | None = None
        self.rest_port = free_port()
        with (self._logs / "job.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [
                    sys.executable,
                    "-m",
                    module,
                    str(properties),
                    str(work_dir),
                    str(self.rest_port),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env={
                    **START_FAST,
                    **os.environ,
                    **ENVIRONMENT,
                    "FLINK_LOG_DIR": str(self._logs),
                    **temporary_files(Path(self._temporary.name)),
                },
            )
        threading.Thread(target=self._listen, name="job events", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._kill()

    def has_ended(self) -> bool:
        self._take_events()
        return self._ended is not None

    def check(self) -> None:
        """Raise if the job has ended by itself.

        Raises:
            LocalJobError: says why, as far as Flink told.
        """
        if self.has_ended():
            raise LocalJobError(self._why())

    def stop(self) -> int:
        """Finish with a savepoint; how often the job had recovered until then.

        Raises:
            LocalJobError: it could not.
        """
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe
        self._process.stdin.write("stop\n")
        self._process.stdin.flush()
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if self.has_ended():
                ended = self._ended or {}
                if ended.get("event") == "stopped":
                    return int(ended["restarts"])
                raise LocalJobError(self._why())
            time.sleep(0.05)
        msg = f"the job did not stop within {_STOP_TIMEOUT_S:.0f} s"
        raise LocalJobError(msg)

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe
        for line in self._process.stdout:
            if line.startswith("{"):
                self._events.put(json.loads(line))
        self._events.put(None)

    def _take_events(self) -> None:
        while not self._events.empty():
            event = self._events.get_nowait()
            if event is None:
                self._ended = self._ended or {"event": "ended", "reason": ""}
            elif event["event"] != "started":
                self._ended = event

    def _why(self) -> str:
        reason = (self._ended or {}).get("reason") or _last_line(self._logs / "job.log")
        return f"the job ended: {reason}"

    def _kill(self) -> None:
        """End the driver, its JVM and the workers: all in one process group of their own."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._temporary.cleanup()


def temporary_files(folder: Path) -> dict[str, str]:
    """The environment in which a JVM and its Python workers leave nothing outside a folder."""
    java = os.environ.get("JVM_ARGS", START_FAST["JVM_ARGS"])
    return {"TMPDIR": str(folder), "JVM_ARGS": f"-Djava.io.tmpdir={folder} {java}"}


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
