"""Workers that are killed in the middle of calls lose nothing and double nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from connectors.lake_reader import read_rows
from tests.flink.conftest import ROOT
from tests.row_comparison import assert_same_rows, newest_rows
from udfs.rows import SEGMENTS

WORKER = "pyflink.fn_execution.beam.beam_boot"
LIMIT_S = 300


def kill_workers(run: subprocess.Popen[bytes]) -> None:
    """``kill -9`` every Python worker of a run, once it has some (again)."""
    deadline_s = time.monotonic() + LIMIT_S
    while not (workers := _workers(run.pid)):
        assert run.poll() is None, "the run ended before its workers were killed"
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
    for worker in workers:
        worker.kill()


def _workers(pid: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if WORKER in child.cmdline():
                found.append(child)
    return found


def test_workers_killed_twice_leave_the_reference_rows(
    tmp_path: Path, output: Path, calls: Path, reference: Path
) -> None:
    windows = len(newest_rows(reference, SEGMENTS))
    report = tmp_path / "report.json"
    command = [
        sys.executable, "-m", "flink_job.cli", "local", "--calls", calls, "--output", output,
        "--speed", "2", "--report", report,
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        for share in (0.3, 0.6):
            _wait_for_windows(run, output, share * windows)
            kill_workers(run)
        printed, _ = run.communicate(timeout=LIMIT_S)

    assert run.returncode == 0, printed.decode()
    assert json.loads(report.read_text())["restarts"] >= 2
    assert_same_rows(output, reference)
    rows = read_rows(output, SEGMENTS)
    keys = [
        (r.call_id, r.participant_id, r.window_start_ms, r.revision, r.emitted_at) for r in rows
    ]
    assert len(set(keys)) == len(keys), "a committed row stands twice"


def _wait_for_windows(run: subprocess.Popen[bytes], output: Path, count: float) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while len(newest_rows(output, SEGMENTS)) < count:
        assert run.poll() is None, "the run ended before its workers were killed"
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
