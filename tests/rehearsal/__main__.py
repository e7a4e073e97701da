"""Run the job's zip as the service would, and look at its rows: ``python -m tests.rehearsal``.

``make rehearse`` makes the zip first. Exit code 0 when the rows are those of ``offline``, lake and
warehouse agree, and the workers' memory is within its limit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

from connectors.deployment.job_zip import MAX_BYTES, megabytes, sha256_of
from connectors.kinesalite import KinesaliteError
from tests.chaos.calls import make_reference
from tests.chaos.cluster import ClusterError
from tests.rehearsal.isolation import (
    IsolationError,
    raise_loopback,
    run_inside,
    work_dir_inside,
)
from tests.rehearsal.rehearsal import Outcome, RehearsalError, rehearse
from tests.rehearsal.service_root import PROJECT, make_environment
from udfs.call_folder import read_call_folders

MAX_WORKER_MB = 700
GOAL_WORKER_MB = 400
_SHARED = PROJECT.parent / "shared"
_SAMPLES = PROJECT / "samples"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal")
    parser.add_argument("--package", type=Path, default=PROJECT / "build/call-sentiment.zip")
    parser.add_argument("--calls", type=Path, help="call folders; else the eight real calls")
    parser.add_argument("--keep", action="store_true", help="leave logs and files behind")
    arguments = parser.parse_args()
    environment = PROJECT / "build" / "rehearsal" / "service"
    try:
        if work_dir := work_dir_inside():
            raise_loopback()
            return _run(arguments.package, environment, arguments.calls, work_dir)
        check_what_it_needs(arguments.package)
        make_environment(environment)
        with ExitStack() as stack:
            work_dir = Path(tempfile.mkdtemp(prefix="rehearsal-", dir="/tmp"))
            if arguments.keep:
                print(f"kept: {work_dir}", flush=True)
            else:
                stack.callback(shutil.rmtree, work_dir)
            return run_inside(sys.argv[1:], work_dir)
    except (IsolationError, RehearsalError, ClusterError, KinesaliteError) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1


def check_what_it_needs(package: Path) -> None:
    """Whether a zip and a Java are there.

    Raises:
        RehearsalError: one is missing; says how to get it.
    """
    if not zipfile.is_zipfile(package):
        msg = f"{package} is no zip of the job; run `make package`"
        raise RehearsalError(msg)
    if "JAVA_HOME" not in os.environ:
        msg = "JAVA_HOME is not set; use `make rehearse`, which finds a Java"
        raise RehearsalError(msg)


def _run(package: Path, environment: Path, given: Path | None, work_dir: Path) -> int:
    print(f"zip: {megabytes(package.stat().st_size)} of {megabytes(MAX_BYTES)}")
    print(f"SHA-256: {sha256_of(package)}", flush=True)
    work_dir.chmod(0o755)  # for a user without rights
    calls = given or _calls(work_dir)
    reference = make_reference(work_dir / "reference", calls)
    outcome = rehearse(work_dir, package, environment, read_call_folders(calls), reference)
    _print(outcome)
    return int(bool(outcome.problems) or outcome.worker_mb > MAX_WORKER_MB)


def _calls(work_dir: Path) -> Path:
    """The eight real calls as call folders; the samples where they are not there."""
    tool, data = _SHARED / "tools" / "harper_to_calls.py", _SHARED / "data" / "harper_valley"
    if not (tool.is_file() and data.is_dir()):
        print(f"the eight real calls are not in {data}: the four samples instead", flush=True)
        return _SAMPLES
    target = work_dir / "calls"
    subprocess.run([sys.executable, tool, data, target], check=True, stdout=subprocess.DEVNULL)
    return target


def _print(outcome: Outcome) -> None:
    kpu = "not counted" if outcome.kpu_mb is None else f"{outcome.kpu_mb:,.0f} MB with page cache"
    print(f"from flink run to all tasks running: {outcome.start_s:.0f} s")
    print(
        f"{outcome.num_calls} calls, {outcome.num_segments} segments: rows after "
        f"{outcome.rows_s:.0f} s"
    )
    print(
        f"Python worker, resident at most: {outcome.worker_mb:.0f} MB in {outcome.num_workers} "
        f"process(es) (limit {MAX_WORKER_MB}, goal {GOAL_WORKER_MB})"
    )
    print(f"task manager's KPU at most: {kpu}")
    print(f"not limited here: {', '.join(outcome.unlimited) or 'nothing'}")
    for problem in outcome.problems:
        print(f"WRONG: {problem}")
    print("rows: wrong" if outcome.problems else "rows: those of offline; reconcile is clean")


if __name__ == "__main__":
    sys.exit(main())
