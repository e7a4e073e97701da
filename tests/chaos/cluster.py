"""A standalone Flink cluster as processes of this machine, from the scripts of PyFlink's wheel.

One job manager and some task managers flow out, each in a process group of its own, so that
``kill -9`` of a task manager takes its Python workers with it, as the loss of a host does. The job
is submitted as the service does: by the client, detached. A site says where the processes are: on
this machine as it is, or in surroundings of their own (``tests.rehearsal``).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psutil
import pyflink

from connectors.object_store import flink_options, install_plugin
from flink_job.local import free_port
from flink_job.local_job import ENVIRONMENT, JAR, START_FAST
from tests.chaos.calls import ROOT
from tests.chaos.object_store import environment_of

FLINK = Path(pyflink.__file__).parent
SLOTS = 2
"""Of a task manager."""
WORKER = "pyflink.fn_execution.beam.beam_boot"
TERMINAL = ("FAILED", "FINISHED", "CANCELED")
_BASH = "/bin/bash"
_POLL_S = 0.2
_WAIT_S = 180.0
_SUBMITTED = re.compile(r"JobID ([0-9a-f]{32})")


class ClusterError(RuntimeError):
    """The cluster does not do what was asked."""


Role = Literal["client", "jobmanager", "taskmanager"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a cluster's processes run, and what they see there."""

    flink: Path = FLINK
    """Flink's folder."""
    python: str = sys.executable
    """The interpreter of the client and of the workers."""
    jar: Path = JAR
    """The job's jar."""
    environment: Mapping[str, str] = field(
        default_factory=lambda: {**os.environ, "PYTHONPATH": str(ROOT)}
    )
    entered_by: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    """What a command begins with, to run there."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of Flink's, other than those below."""

    @property
    def program(self) -> tuple[str, ...]:
        """Our job from the sources, for the client."""
        return ("--pyModule", "flink_job.main", "--jarfile", str(self.jar.resolve()))


class FlinkCluster:
    """A running cluster; leaving the context ends all its processes."""

    def __init__(
        self, work_dir: Path, environment: Mapping[str, str], site: Site | None = None
    ) -> None:
        """Prepare it.

        Args:
            work_dir: for configuration, logs, checkpoints and savepoints; not there yet. Its
                processes see it at the same path.
            environment: what its processes get beside the site's, such as where S3 is.
            site: where they run; this machine as it is where None.
        """
        self.work_dir = work_dir.resolve()
        self._site = site or Site()
        self.rest_port = free_port()
        self._rpc_port = free_port()
        temporary = self.work_dir / "tmp"
        self._java_options = f"{_java_options()} -Djava.io.tmpdir={temporary}"
        self._environment = {
            **START_FAST,
            **self._site.environment,
            **ENVIRONMENT,
            **environment,
            "FLINK_CONF_DIR": str(self.work_dir / "conf"),
            "FLINK_PLUGINS_DIR": str(self.work_dir / "plugins"),
            "FLINK_LOG_DIR": str(self.work_dir / "logs"),
            "FLINK_PID_DIR": str(self.work_dir / "pids"),
            "TMPDIR": str(temporary),  # a killed manager leaves its copies of the jar
        }
        for folder in ("conf", "logs", "pids", "tmp"):
            (self.work_dir / folder).mkdir(parents=True)
        install_plugin(self._site.jar, self.work_dir / "plugins")
        self._write_configuration(environment)
        self._job_manager: subprocess.Popen[bytes] | None = None
        self._task_managers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes():
            _kill_group(process)

    def start(self, task_managers: int = 2) -> None:
        """Start a job manager and so many task managers, and wait until all are there."""
        self.start_job_manager()
        for _ in range(task_managers):
            self.start_task_manager()
        self.wait_for_slots(task_managers * int(self._options["taskmanager.numberOfTaskSlots"]))

    def start_job_manager(self) -> None:
        """Start one on the same ports as the one before."""
        self._job_manager = self._start("jobmanager")

    def start_task_manager(self) -> None:
        self._task_managers.append(self._start("taskmanager"))

    def kill_job_manager(self) -> None:
        """``kill -9``; what it knew of its jobs is gone."""
        assert self._job_manager is not None
        _kill_group(self._job_manager)

    def kill_task_manager(self, number: int) -> None:
        """``kill -9`` one and its Python workers."""
        _kill_group(self._task_managers.pop(number))

    @property
    def num_task_managers(self) -> int:
        return len(self._task_managers)

    def task_manager_pid(self, number: int) -> int:
        return self._task_managers[number].pid

    def workers(self) -> list[psutil.Process]:
        """The Python workers of all task managers."""
        return [
            child
            for manager in self._task_managers
            for child in _children(manager.pid)
            if _is_worker(child)
        ]

    def wait_for_slots(self, count: int) -> None:
        """Until so many slots are registered.

        Raises:
            ClusterError: they do not come.
        """
        for _ in _until(f"{count} slots"):
            if any(process.poll() is not None for process in self._processes()):
                msg = f"a process of the cluster ended, see {self.work_dir / 'logs'}"
                raise ClusterError(msg)
            with suppress(OSError):
                if self._get("/overview")["slots-total"] >= count:
                    return

    def submit(
        self,
        properties: Path | None,
        parallelism: int,
        restore_from: Path | None = None,
        program: tuple[str, ...] | None = None,
    ) -> str:
        """Start the job detached and return its id.

        Args:
            properties: the settings' file; None: where the service has it.
            parallelism: of the job.
            restore_from: a savepoint or a retained checkpoint.
            program: what the client is told to run; None: the job from the sources.

        Raises:
            ClusterError: the client refused it.
        """
        restore = ["--fromSavepoint", restore_from.as_uri()] if restore_from else []
        given = {"CALL_SENTIMENT_PROPERTIES": str(properties)} if properties else {}
        done = subprocess.run(
            [
                *self._site.entered_by.get("client", ()),
                _BASH, self._site.flink / "bin" / "flink", "run", "--detached",
                "--parallelism", str(parallelism), *restore,
                "--pyExecutable", self._site.python, "--pyClientExecutable", self._site.python,
                *(program or self._site.program),
            ],
            cwd=ROOT,
            env={**self._environment, **given},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        submitted = _SUBMITTED.search(done.stdout)
        if done.returncode or submitted is None:
            (self.work_dir / "logs" / "client.txt").write_text(done.stdout + done.stderr)
            msg = f"the client refused the job, see {self.work_dir / 'logs' / 'client.txt'}"
            raise ClusterError(msg)
        return submitted[1]

    def wait_until_running(self, job_id: str) -> None:
        """Until every task of a job runs.

        Raises:
            ClusterError: it ended, or does not come to run.
        """
        for _ in _until(f"job {job_id} to run"):
            with suppress(OSError):
                job = self._get(f"/jobs/{job_id}")
                self.check(job_id)
                if all(vertex["status"] == "RUNNING" for vertex in job["vertices"]):
                    return

    def check(self, job_id: str) -> None:
        """Raise if a job has ended.

        Raises:
            ClusterError: it has; says why.
            OSError: the job manager does not answer.
        """
        state = self._get(f"/jobs/{job_id}")["state"]
        if state in TERMINAL:
            exceptions = self._get(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
            trace = str(exceptions[0]["stacktrace"]) if exceptions else ""
            causes = [line for line in trace.splitlines() if "Caused by" in line]
            reason = (causes or trace.splitlines() or ["it said nothing"])[-1]
            msg = f"the job is {state}: {reason}"
            raise ClusterError(msg)

    def num_restarts(self, job_id: str) -> int:
        """How often a job has recovered under this job manager."""
        metrics = self._get(f"/jobs/{job_id}/metrics?get=numRestarts")
        return int(metrics[0]["value"]) if metrics else 0

    def num_checkpoints(self, job_id: str) -> int:
        """How many checkpoints a job has completed under this job manager."""
        return int(self._get(f"/jobs/{job_id}/checkpoints")["counts"]["completed"])

    def newest_checkpoint(self, job_id: str) -> Path:
        """The newest retained checkpoint of a job.

        Raises:
            ClusterError: it has none.
        """
        folders = (self.work_dir / "checkpoints" / job_id).glob("chk-*/_metadata")
        numbered = [(int(path.parent.name.removeprefix("chk-")), path.parent) for path in folders]
        if not numbered:
            msg = f"job {job_id} left no checkpoint"
            raise ClusterError(msg)
        return max(numbered)[1]

    def stop(self, job_id: str, savepoints: Path) -> Path:
        """Finish a job with a savepoint in the canonical format, and return where that is.

        A job that is just recovering is asked again.

        Raises:
            ClusterError: it ended without, or does not stop.
        """
        target = {
            "targetDirectory": savepoints.resolve().as_uri(),
            "drain": False,
            "formatType": "CANONICAL",
        }
        for _ in _until(f"job {job_id} to stop"):
            self.check(job_id)
            with suppress(OSError):
                trigger = self._post(f"/jobs/{job_id}/stop", target)["request-id"]
                if (location := self._savepoint(job_id, trigger)) is not None:
                    return Path(location.removeprefix("file:"))
        raise AssertionError

    def cancel(self, job_id: str) -> None:
        """End a job where it stands."""
        self._send(f"/jobs/{job_id}?mode=cancel", "PATCH", b"")
        for _ in _until(f"job {job_id} to end"):
            if self._get(f"/jobs/{job_id}")["state"] in TERMINAL:
                return

    def _processes(self) -> list[subprocess.Popen[bytes]]:
        return [*self._task_managers, *([self._job_manager] if self._job_manager else [])]

    def _savepoint(self, job_id: str, trigger: str) -> str | None:
        for _ in _until("the savepoint"):
            answer = self._get(f"/jobs/{job_id}/savepoints/{trigger}")
            if answer["status"]["id"] == "COMPLETED":
                location = answer["operation"].get("location")
                return None if location is None else str(location)
        raise AssertionError

    def _write_configuration(self, environment: Mapping[str, str]) -> None:
        conf = self.work_dir / "conf"
        with environment_of(environment):
            s3_options = flink_options()
        self._options = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": str(self._rpc_port),
            "jobmanager.bind-host": "127.0.0.1",
            "jobmanager.memory.process.size": "1g",
            "jobmanager.memory.jvm-metaspace.size": "200m",
            "taskmanager.host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.numberOfTaskSlots": str(SLOTS),
            "taskmanager.memory.process.size": "2000m",
            "taskmanager.memory.managed.size": "200m",
            "taskmanager.memory.network.max": "128m",
            # Each start of the job loads its classes anew, and something holds on to the old ones:
            # 17 starts and restarts filled 400 MB.
            "taskmanager.memory.jvm-metaspace.size": "1g",
            "cluster.evenly-spread-out-slots": "true",
            "heartbeat.interval": "1000",
            "heartbeat.timeout": "10000",
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": str(self.rest_port),
            "execution.checkpointing.interval": "2 s",
            "execution.checkpointing.dir": (self.work_dir / "checkpoints").as_uri(),
            "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
            "execution.checkpointing.num-retained": "2",
            "state.backend.type": "hashmap",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": "100000",
            "restart-strategy.fixed-delay.delay": "1 s",
            "metrics.fetcher.update-interval": "500",
            "python.executable": self._site.python,
            "env.java.opts.all": self._java_options,
            **s3_options,
            **self._site.options,
        }
        lines = [f"{key}: {json.dumps(value)}" for key, value in self._options.items()]
        (conf / "config.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name in ("log4j-console.properties", "log4j-cli.properties"):
            (conf / name).write_text((FLINK / "conf" / name).read_text())

    def _start(self, role: Role) -> subprocess.Popen[bytes]:
        script = self._site.flink / "bin" / f"{role}.sh"
        with (self.work_dir / "logs" / f"{script.name}.out").open("ab") as output:
            return subprocess.Popen(
                [*self._site.entered_by.get(role, ()), _BASH, script, "start-foreground"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _get(self, path: str) -> Any:
        return self._send(path, "GET", None)

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._send(path, "POST", json.dumps(body).encode())

    def _send(self, path: str, method: str, body: bytes | None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rest_port}{path}",
            data=body,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None


def _until(what: str) -> Iterator[None]:
    """Tries, a moment apart.

    Raises:
        ClusterError: when they have lasted too long.
    """
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s:
        yield
        time.sleep(_POLL_S)
    msg = f"waited {_WAIT_S:.0f} s in vain for {what}"
    raise ClusterError(msg)


def _java_options() -> str:
    """What Java 17 must open to Flink, from the wheel's own configuration."""
    for line in (FLINK / "conf" / "config.yaml").read_text().splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "all":
            return value
    msg = "PyFlink's config.yaml has no env.java.opts.all"
    raise ClusterError(msg)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """``kill -9`` a process and its children, those that left its group too."""
    children = _children(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def _children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return WORKER in process.cmdline()
    return False
