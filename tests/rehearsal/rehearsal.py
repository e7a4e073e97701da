"""One rehearsal: the zip, the service's root, one KPU, and recorded calls to correct rows.

calls ─► kinesalite ─► the job, from its zip, by `flink run` ─► S3 on moto, PostgreSQL
                                                                 └► held against `offline`
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from connectors.deployment.templates import APPLICATION, load_template, stack_groups
from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import connect
from connectors.lake_reader import read_rows
from connectors.replay import Heartbeats, Replayer
from flink_job.deployment import TEMPLATES
from flink_job.local import SHARDS, STREAMS, local_groups
from tests.bench.processes import Usage
from tests.chaos.calls import COMPARED, Reference
from tests.chaos.cluster import FlinkCluster
from tests.chaos.judge import reconciled, row_problems
from tests.chaos.object_store import ObjectStore, environment_of
from tests.chaos.warehouse import Warehouse
from tests.rehearsal.kpu import Kpu, one_kpu
from tests.rehearsal.service_root import APP, ServiceRoot
from udfs.call_folder import CallFolder
from udfs.replay_plan import ReplayOptions, plan_replay
from udfs.rows import ALL_PARTICIPANTS, LEDGER, REJECTS

RUN_OPTIONS = "kinesis.analytics.flink.run.options"
_FLAGS = {"python": "--python", "jarfile": "--jarfile", "pyFiles": "--pyFiles"}
_BUCKET = "calls"
_LIMIT_S = 900.0
_POLL_S = 1.0
_MB = 2**20

# A KPU has 4 GB: 3 for Flink's process, and what is left for Python's.
_OPTIONS = {
    "jobmanager.memory.process.size": "1600m",
    "taskmanager.memory.process.size": "3g",
    "taskmanager.memory.managed.size": "512m",
    "taskmanager.memory.jvm-metaspace.size": "512m",
    "taskmanager.numberOfTaskSlots": "1",
    "state.backend.type": "rocksdb",
    "execution.checkpointing.interval": "10 s",
}

_PROBE = f"""
import pathlib, socket, sys
for folder in ("/", "{APP}", "/etc", "/usr"):
    try:
        pathlib.Path(folder, "probe").touch()
    except OSError:
        continue
    sys.exit(folder + " can be written")
pathlib.Path("/tmp/probe").touch()
for module in ("torch", "onnxruntime", "boto3", "flink_job"):
    try:
        __import__(module)
    except ImportError:
        continue
    sys.exit(module + " is there without the zip")
others = [name for _, name in socket.if_nameindex() if name != "lo"]
sys.exit("there is a network: " + ", ".join(others) if others else 0)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rehearsal showed."""

    problems: tuple[str, ...]
    unlimited: tuple[str, ...]
    """Limits of the service that this machine does not set."""
    num_calls: int
    num_segments: int
    start_s: float
    """From ``flink run`` to all tasks running."""
    rows_s: float
    """From the first record to the last call's rows."""
    worker_mb: float
    """The most that the Python workers had resident at once."""
    num_workers: int
    kpu_mb: float | None
    """The most that the task manager's KPU used, page cache included."""


class RehearsalError(RuntimeError):
    """The rehearsal did not come to its end."""


def rehearse(
    work_dir: Path,
    package: Path,
    environment: Path,
    calls: tuple[CallFolder, ...],
    reference: Reference,
) -> Outcome:
    """Run the zip's job over recorded calls and judge its rows.

    Args:
        work_dir: below ``/tmp``, empty.
        package: the zip.
        environment: the service's Python environment.
        calls: what is replayed.
        reference: the rows that it must leave.

    Raises:
        RehearsalError: the surroundings are not what they should be, or calls stay open.
        ClusterError: the job did not start, or ended.
    """
    with ExitStack() as stack:
        root = ServiceRoot(work_dir, package, environment)
        kpus = [stack.enter_context(one_kpu(f"rehearsal-{name}")) for name in ("job", "tasks")]
        s3 = stack.enter_context(ObjectStore(_BUCKET))
        stack.enter_context(environment_of(s3.judges_environment))
        kinesalite = stack.enter_context(Kinesalite())
        kinesis = connect("us-east-1", kinesalite.endpoint)
        for kind, name in STREAMS.items():
            kinesis.create_stream(name, SHARDS[kind])
        warehouse = stack.enter_context(Warehouse(work_dir / "warehouse"))
        lake = f"s3a://{_BUCKET}/sentiment"
        groups = local_groups({}, kinesalite.endpoint, lake, warehouse.url)
        groups[RUN_OPTIONS] = run_options()
        root.close(groups)
        site = root.site(
            {"client": kpus[0], "jobmanager": kpus[0], "taskmanager": kpus[1]}, _OPTIONS
        )
        _probe(root, kpus[0], site.python)
        cluster = stack.enter_context(FlinkCluster(work_dir / "flink", s3.environment, site))
        root.share(cluster.work_dir)
        cluster.start(task_managers=1)
        usage = stack.enter_context(Usage(cluster.task_manager_pid(0)))
        began_s = time.monotonic()
        job_id = cluster.submit(None, 1, program=program(groups[RUN_OPTIONS]))
        stack.enter_context(Heartbeats(kinesis, list(STREAMS.values())))
        cluster.wait_until_running(job_id)
        start_s = time.monotonic() - began_s
        began_s = time.monotonic()
        Replayer(kinesis, STREAMS).send(plan_replay(calls, ReplayOptions()).records, None)
        _wait_until_closed(cluster, job_id, lake, {call.call_id for call in calls})
        rows_s = time.monotonic() - began_s
        peak = kpus[1].peak_memory_bytes()
        return Outcome(
            problems=tuple(_problems(cluster, job_id, lake, warehouse.judges_url, reference)),
            unlimited=tuple(dict.fromkeys(what for kpu in kpus for what in kpu.unlimited)),
            num_calls=len(calls),
            num_segments=len(reference.all_rows(COMPARED[0])),
            start_s=start_s,
            rows_s=rows_s,
            worker_mb=max((rss for _, rss in usage.worker_rss_mb), default=0.0),
            num_workers=usage.num_workers,
            kpu_mb=None if peak is None else peak / _MB,
        )


def run_options() -> dict[str, str]:
    """Those that the stack sets."""
    return dict(stack_groups(load_template(TEMPLATES / APPLICATION))[RUN_OPTIONS])


def program(options: Mapping[str, str]) -> tuple[str, ...]:
    """What the client is told to run, as the service reads its run options.

    Raises:
        RehearsalError: there is one that the service does not know.
    """
    if unknown := options.keys() - _FLAGS:
        msg = f"the service knows no run option {', '.join(sorted(unknown))}"
        raise RehearsalError(msg)
    return tuple(
        word for name, value in options.items() for word in (_FLAGS[name], str(APP / value))
    )


def _probe(root: ServiceRoot, kpu: Kpu, python: str) -> None:
    done = subprocess.run(
        [*root.enter(kpu), python, "-c", _PROBE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"the root is not as the service's: {' '.join(done.stderr.split())}"
        raise RehearsalError(msg)


def _wait_until_closed(cluster: FlinkCluster, job_id: str, lake: str, call_ids: set[str]) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while True:
        rows = read_rows(lake, LEDGER)
        closed = {row.call_id for row in rows if row.participant_id == ALL_PARTICIPANTS}
        if call_ids <= closed:
            return
        cluster.check(job_id)
        if time.monotonic() > deadline_s:
            msg = f"{len(call_ids - closed)} calls are still open after {_LIMIT_S:.0f} s"
            raise RehearsalError(msg)
        time.sleep(_POLL_S)


def _problems(
    cluster: FlinkCluster, job_id: str, lake: str, warehouse: str, reference: Reference
) -> Iterator[str]:
    for table in COMPARED:
        yield from row_problems(table, read_rows(lake, table), reference.all_rows(table))
    for reject in read_rows(lake, REJECTS):
        yield f"reject {reject.reason} at {reject.stream} {reject.sequence_number}"
    yield from reconciled(lake, warehouse)
    if restarts := cluster.num_restarts(job_id):
        yield f"the job restarted {restarts} times"
