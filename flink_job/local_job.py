"""The job on a laptop, as a child process: the service's part is played by this module.

    python -m flink_job.local_job PROPERTIES WORK_DIR

On its standard output it tells, one JSON object a line, what becomes of the job; on its standard
input it takes the one word ``stop`` (finish with a savepoint). When its input ends, because its
parent is gone, it ends too. The Python workers are processes of their own, as on the service.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connectors.object_store import (
    flink_options,
    install_plugin,
    is_object_store,
    load_plugin,
)
from flink_job.local_metrics import asking
from flink_job.settings import Settings, parse_settings, read_properties
from udfs.worker_process import run_as_batch

JAR = Path("build") / "pyflink-dependencies.jar"
_TERMINAL = ("FAILED", "FINISHED", "CANCELED")
_POLL_S = 0.5

# Read by PyFlink and by the JVM when they start, so set before pyflink is imported:
ENVIRONMENT = {
    # Worker processes and not threads of the driver, which would share its interpreter.
    "_python_worker_execution_mode": "process",
    # kinesalite's CBOR breaks on binary data.
    "AWS_CBOR_DISABLE": "true",
}

# Defaults, which the user's environment overrides. A JVM that compiles once and collects on one
# thread starts a job on two cores in two thirds of the time.
START_FAST = {"JVM_ARGS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def local_options(settings: Settings, work_dir: Path, rest_port: int) -> dict[str, str]:
    """What belongs to the service where there is one."""
    flink = settings.flink
    return {
        "pipeline.jars": JAR.resolve().as_uri(),
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "parallelism.default": str(flink.parallelism),
        "state.backend.type": "hashmap",
        "execution.checkpointing.interval": f"{flink.checkpoint_interval_ms} ms",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.dir": (work_dir / "checkpoints").resolve().as_uri(),
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": "20",
        "restart-strategy.fixed-delay.delay": "500 ms",
        "rest.bind-port": str(rest_port),
        "rest.bind-address": "127.0.0.1",
        # An answer of the REST endpoint is as old as its last fetch.
        "metrics.fetcher.update-interval": "500",
    }


def main(
    properties: Path, work_dir: Path, rest_port: int, build: Callable[..., Any] | None = None
) -> int:
    """Run the job until it is told to stop; 0 when it stopped with a savepoint.

    Args:
        properties: the settings' file.
        work_dir: for checkpoints and savepoints.
        rest_port: for Flink's REST interface.
        build: builds another job in place of ours, as ``flink_job.main.build_job`` does.
    """
    os.environ.update(ENVIRONMENT)
    run_as_batch()  # the JVM too, which shares the cores with its workers here
    from pyflink.java_gateway import get_gateway  # noqa: PLC0415 - see ENVIRONMENT

    from flink_job.main import JOB_NAME, build_job, job_configuration  # noqa: PLC0415 - see ENVIRONMENT

    settings = parse_settings(read_properties(properties))
    configuration = job_configuration(settings)
    options = local_options(settings, work_dir, rest_port)
    if is_object_store(settings.lake.root):
        install_plugin(JAR, work_dir / "plugins")
        os.environ["FLINK_PLUGINS_DIR"] = str(work_dir / "plugins")
        options |= flink_options(settings.lake.kms_key_arn)
    for key, value in options.items():
        configuration.set_string(key, value)
    if is_object_store(settings.lake.root):
        load_plugin(get_gateway(), configuration)
    job = (build or build_job)(settings, configuration)
    client = job.env.execute_async(JOB_NAME)
    job_id = str(client.get_job_id())
    _tell(event="started", job_id=job_id)
    stop = _stop_requested()
    while True:
        time.sleep(_POLL_S)
        status = client.get_job_status().result().name
        if status in _TERMINAL:
            _tell(event="ended", status=status, reason=_failure(client))
            return 1
        if stop.is_set():
            restarts = num_restarts(rest_port, job_id)
            if savepoint := _stop(client, work_dir):
                _tell(event="stopped", savepoint=savepoint, restarts=restarts)
                return 0


def _stop(client: Any, work_dir: Path) -> str | None:
    """Finish with a savepoint; None if the job was just recovering, and must be asked again."""
    savepoints = (work_dir / "savepoints").resolve().as_uri()
    try:
        return str(client.stop_with_savepoint(False, savepoints).result())
    except Exception as error:  # Flink's own kind is a Java exception behind the gateway
        # Standard error is the job's log.
        print(f"no savepoint yet: {str(error).splitlines()[0]}", file=sys.stderr)
        return None


def num_restarts(rest_port: int, job_id: str) -> int:
    """How often the job has recovered, from Flink's own metric.

    Asked once a run: each time Flink gathers every metric of every step.
    """
    ask = asking(f"http://127.0.0.1:{rest_port}")
    while not (metrics := ask(f"/jobs/{job_id}/metrics?get=numRestarts")):
        time.sleep(_POLL_S)  # nothing until the first fetch, which a request only sets off
    return int(metrics[0]["value"])


def _failure(client: Any) -> str:
    try:
        client.get_job_execution_result().result()
    except Exception as error:  # whatever ended the job is what we are asked for
        causes = [line for line in str(error).splitlines() if "Caused by" in line]
        return (causes[-1] if causes else str(error).splitlines()[0]).strip()
    return ""


def _stop_requested() -> threading.Event:
    """Set when the parent says stop; the end of the input ends this process at once."""
    stop = threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                stop.set()
        if not stop.is_set():
            os._exit(1)

    threading.Thread(target=listen, name="stop", daemon=True).start()
    return stop


def _tell(**event: Any) -> None:
    print(json.dumps(event), flush=True)


def start(build: Callable[..., Any] | None = None) -> None:
    """Run with the arguments of the command line, and end the process."""
    code = main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), build)
    sys.stdout.flush()
    # The gateway's threads would keep the process.
    os._exit(code)


if __name__ == "__main__":
    start()
