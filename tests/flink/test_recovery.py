"""Workers that are held up or killed in the middle of calls lose nothing and double nothing.

And whoever watches the job learns of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from connectors.lake_reader import read_rows
from flink_job.local import write_properties
from tests.aws_servers.fixtures import Serve
from tests.aws_servers.model_server import ModelServer
from tests.flink.conftest import ROOT, SAMPLES, call_sentiment
from tests.flink.recorded import minutes_over_restarts, play
from tests.row_comparison import assert_same_rows, newest_rows
from udfs.rows import SEGMENTS

WORKER = "pyflink.fn_execution.beam.beam_boot"
LIMIT_S = 300
CAUSED = {"job-down", "job-restarts", "checkpoints-fail", "checkpoints-slow"}
"""The alarms that ring by it."""


def kill_workers(run: subprocess.Popen[bytes]) -> None:
    """``kill -9`` every Python worker of a run, once it has some (again); see them gone."""
    deadline_s = time.monotonic() + LIMIT_S
    while not (workers := _workers(run.pid)):
        assert run.poll() is None, "the run ended before its workers were killed"
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
    for worker in workers:
        worker.kill()
    while set(workers) & set(_workers(run.pid)):  # or the next kill would find them again
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def hold_up_workers(run: subprocess.Popen[bytes], seconds: float, times: int) -> None:
    """Stop every Python worker of a run for a while: no barrier comes through."""
    for _ in range(times):
        workers = _workers(run.pid)
        assert workers
        for worker in workers:
            worker.suspend()
        time.sleep(seconds)
        for worker in workers:
            worker.resume()
        time.sleep(0.3)


def _workers(pid: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if WORKER in child.cmdline():
                found.append(child)
    return found


def test_workers_killed_thrice_leave_the_reference_rows_and_alarms_ring(
    tmp_path: Path, output: Path, calls: Path, reference: Path
) -> None:
    windows = len(newest_rows(reference, SEGMENTS))
    report, kept = tmp_path / "report.json", tmp_path / "kept"
    command = [
        sys.executable, "-m", "flink_job.cli", "local", "--calls", calls, "--output", output,
        "--speed", "1", "--report", report, "--keep", kept,
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        _wait_for_windows(run, output, 0.1 * windows)
        hold_up_workers(run, seconds=4.0, times=2)
        for share in (0.2, 0.35, 0.5):  # calls go on while workers start anew
            _wait_for_windows(run, output, share * windows)
            kill_workers(run)
        printed, _ = run.communicate(timeout=LIMIT_S)

    assert run.returncode == 0, printed.decode()
    assert json.loads(report.read_text())["restarts"] >= 3
    assert_same_rows(output, reference)
    rows = read_rows(output, SEGMENTS)
    keys = [
        (r.call_id, r.participant_id, r.window_start_ms, r.revision, r.emitted_at) for r in rows
    ]
    assert len(set(keys)) == len(keys), "a committed row stands twice"
    assert_alarms_rang(kept)


def test_workers_killed_while_a_remote_model_is_asked_leave_the_same_rows(
    tmp_path: Path, output: Path, serve: Serve
) -> None:
    remote = {"backend": "sagemaker", "endpoint.name": "calls"}
    properties = write_properties({"models.audio": remote, "models.text": remote}, tmp_path)
    report, reference = tmp_path / "report.json", tmp_path / "reference"
    asked = ("--calls", SAMPLES, "--properties", properties)
    serve(ModelServer(latency_s=0.2))
    assert call_sentiment("offline", *asked, "--output", reference).returncode == 0
    windows = len(newest_rows(reference, SEGMENTS))
    command = [
        sys.executable, "-m", "flink_job.cli", "local", *asked, "--output", output,
        "--speed", "1", "--report", report,
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        _wait_for_windows(run, output, 0.3 * windows)
        kill_workers(run)
        printed, _ = run.communicate(timeout=LIMIT_S)

    assert run.returncode == 0, printed.decode()
    assert json.loads(report.read_text())["restarts"] >= 1
    assert_same_rows(output, reference)


def assert_alarms_rang(kept: Path) -> None:
    rang, watching = play(kept, second_s=minutes_over_restarts(kept, 10))
    assert watching.state("job-down") == "OK"
    watching.now_s += 240
    rang_at_its_end = watching.ringing()
    rang_by_default, rang_by_2_s = (
        play(kept, second_s=60, **thresholds)[0] for thresholds in ({}, {"CheckpointMs": 2_000})
    )
    assert "checkpoints-slow" not in rang_by_default
    assert (
        {"job-restarts", "checkpoints-fail"} & rang
        | {"checkpoints-slow"} & rang_by_2_s
        | {"job-down"} & rang_at_its_end
    ) == CAUSED


def _wait_for_windows(run: subprocess.Popen[bytes], output: Path, count: float) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while len(newest_rows(output, SEGMENTS)) < count:
        assert run.poll() is None, "the run ended before its workers were killed"
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
