"""One measurement each: jobs on a backlog, alone or side by side; calls at the speed of speech."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import KinesisClient, connect
from connectors.lake_reader import read_rows
from connectors.replay import Heartbeats
from flink_job.local import SHARDS, STREAMS, JobProcess, local_groups, write_properties
from flink_job.local_metrics import asking
from flink_job.settings import CallSettings
from tests.bench import live
from tests.bench.figures import (
    BenchError,
    Interval,
    cpu_within,
    first_shown_s,
    num_within,
    peak_within,
    percentile,
    steady_interval,
)
from tests.bench.processes import Usage
from tests.bench.workload import CHUNKS_A_WINDOW, VOICES, Bank, backlog, history, send
from udfs.records import StreamName
from udfs.rows import SEGMENTS
from udfs.windows import WINDOW_MS

JOB, NULL_JOB, IDENTITY_JOB = (
    "flink_job.local_job",
    "tests.bench.null_job",
    "tests.bench.identity_job",
)
DEFAULT_BUNDLES = {"bundle.size": "1000", "bundle.time.ms": "1000"}
CHECKPOINT_S = 10
_POLL_S = 0.5
_START_LIMIT_S = 180.0
_VISIBLE_LIMIT_S = 60.0

Groups = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Times:
    warm_up_s: float
    measure_s: float

    @property
    def backlog_s(self) -> float:
        """How long a backlog has to last, with room for workers that start late."""
        return self.warm_up_s + self.measure_s + 25


@dataclass(frozen=True, slots=True)
class Drained:
    """What a job did with a backlog in steady state."""

    windows_per_s: float
    cpu_s_per_chunk: float
    spoken_share: float
    worker_rss_mb: float
    worker_peak_rss_mb: float
    num_workers: int


@dataclass(frozen=True, slots=True)
class Lived:
    """How a job kept up with calls at the speed of speech."""

    p50_beyond_wait_s: float
    p99_beyond_wait_s: float
    max_beyond_wait_s: float
    num_rows: int
    windows_per_s: float
    state_bytes_per_call: float
    worker_rss_mb: float
    worker_peak_rss_mb: float
    num_workers: int
    cores_used: float


class Streams:
    """kinesalite with both streams."""

    def __init__(self, kinesalite: Kinesalite) -> None:
        self.endpoint = kinesalite.endpoint
        self.kinesis: KinesisClient = connect("us-east-1", kinesalite.endpoint)
        for kind, name in STREAMS.items():
            self.kinesis.create_stream(name, SHARDS[kind])

    @property
    def names(self) -> dict[StreamName, str]:
        return STREAMS


@contextmanager
def streams() -> Iterator[Streams]:
    with Kinesalite() as kinesalite:
        opened = Streams(kinesalite)
        with Heartbeats(opened.kinesis, list(STREAMS.values())):
            yield opened


def run_loop(seconds: float) -> dict[str, Any]:
    """The plain loop, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.loop", str(seconds)],
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def fill(opened: Streams, bank: Bank, num_calls: int, num_windows: int) -> int:
    return send(opened.kinesis, opened.names, backlog(bank, num_calls, num_windows))


def drain(
    opened: Streams, modules: Sequence[str], groups: Groups, times: Times
) -> dict[str, Drained]:
    """Let jobs read the same backlog at the same time, and measure each in steady state."""
    with ExitStack() as stack:
        jobs = {module: stack.enter_context(_started(opened, module, groups)) for module in modules}
        for job in jobs.values():
            _wait(job.process, job.has_rows, _START_LIMIT_S, "no window was scored")
        _rest(jobs, times.warm_up_s + times.measure_s)
        return {module: _drained(job, times) for module, job in jobs.items()}


@dataclass(frozen=True, slots=True)
class _Job:
    process: JobProcess
    usage: Usage
    root: Path

    def has_rows(self) -> bool:
        return bool(first_shown_s(self.rows()))

    def rows(self) -> list[Any]:
        return read_rows(self.root, SEGMENTS)


@contextmanager
def _started(opened: Streams, module: str, groups: Groups) -> Iterator[_Job]:
    with tempfile.TemporaryDirectory(prefix="call-sentiment-bench-") as folder:
        work_dir = Path(folder)
        root = work_dir / "lake"
        given = {group: dict(properties) for group, properties in groups.items()}
        given.setdefault("flink", {}).setdefault("checkpoint.interval.ms", f"{CHECKPOINT_S}000")
        local = local_groups(given, opened.endpoint, root.as_uri())
        with (
            JobProcess(write_properties(local, work_dir), work_dir, module) as process,
            Usage(process.pid) as usage,
        ):
            yield _Job(process, usage, root)


def _drained(job: _Job, times: Times) -> Drained:
    def is_over() -> bool:
        shown_s = first_shown_s(job.rows())
        return shown_s[-1] >= shown_s[0] + times.warm_up_s + times.measure_s

    # What was shown is visible with the next checkpoint.
    _wait(job.process, is_over, _VISIBLE_LIMIT_S, "the backlog was too short")
    rows = job.rows()
    shown_s = first_shown_s(rows)
    interval = steady_interval(shown_s, times.warm_up_s, times.measure_s)
    num_windows = num_within(shown_s, interval)
    cpu_s = cpu_within(job.usage.cpu, interval)
    return Drained(
        windows_per_s=num_windows / interval.seconds,
        cpu_s_per_chunk=cpu_s / (num_windows * CHUNKS_A_WINDOW),
        spoken_share=_spoken_share(rows),
        worker_rss_mb=peak_within(job.usage.worker_rss_mb, interval),
        worker_peak_rss_mb=max(mb for _, mb in job.usage.worker_rss_mb),
        num_workers=job.usage.num_workers,
    )


def _spoken_share(rows: list[Any]) -> float:
    """The share of the windows heard in which a model was asked."""
    heard = [row for row in rows if row.speech_ratio is not None]
    return sum(row.audio_negative is not None for row in heard) / len(heard)


def live_calls(bank: Bank, num_calls: int, seconds: float, groups: Groups) -> Lived:
    """Calls at the speed of speech, every one of them open from the start."""
    num_history = num_calls * len(VOICES) * live.HISTORY_WINDOWS
    with streams() as opened, _started(opened, JOB, groups) as job:
        now_ms = time.time_ns() // 1_000_000
        send(opened.kinesis, opened.names, history(num_calls, live.HISTORY_WINDOWS))

        def history_is_shown() -> bool:
            return len(first_shown_s(job.rows())) == num_history

        _wait(job.process, history_is_shown, _START_LIMIT_S, "the calls' beginning is missing")
        state_bytes = next_state_bytes(job.process)
        book = live.history_book(num_calls, now_ms)
        begun_s = time.time()
        due = live.schedule(num_calls, seconds)
        live.speak(opened.kinesis, opened.names, bank, due, book, job.process.check)
        spoken = Interval(begun_s + 5, time.time())
        text_wait_ms = CallSettings().text_wait_ms
        time.sleep(text_wait_ms / 1_000 + 3)
        job.process.stop()
        rows = [
            row for row in job.rows() if row.window_start_ms >= live.HISTORY_WINDOWS * WINDOW_MS
        ]
        cpu_s = cpu_within(job.usage.cpu, spoken)
    lateness_s = [
        (
            row.emitted_at
            - book[row.call_id, row.participant_id].possible_at_ms(
                row.window_start_ms // WINDOW_MS, row.revision, text_wait_ms
            )
        )
        / 1_000
        for row in rows
    ]
    expected = sum(one.piece == CHUNKS_A_WINDOW - 1 for one in due)
    shown = len(first_shown_s(rows))
    if shown != expected:
        msg = f"{shown} of {expected} windows were shown"
        raise BenchError(msg)
    return Lived(
        p50_beyond_wait_s=percentile(lateness_s, 50),
        p99_beyond_wait_s=percentile(lateness_s, 99),
        max_beyond_wait_s=max(lateness_s),
        num_rows=len(lateness_s),
        windows_per_s=shown / seconds,
        state_bytes_per_call=state_bytes / num_calls,
        worker_rss_mb=peak_within(job.usage.worker_rss_mb, spoken),
        worker_peak_rss_mb=max(mb for _, mb in job.usage.worker_rss_mb),
        num_workers=job.usage.num_workers,
        cores_used=cpu_s / spoken.seconds,
    )


def next_state_bytes(process: JobProcess) -> int:
    """The size of the state in the next checkpoint that begins, from Flink's own statistics."""
    ask = asking(f"http://127.0.0.1:{process.rest_port}")
    job_id = ask("/jobs")["jobs"][0]["id"]
    now_ms = time.time_ns() // 1_000_000
    found: list[int] = []

    def is_there() -> bool:
        latest = ask(f"/jobs/{job_id}/checkpoints")["latest"]["completed"]
        if latest is not None and latest["trigger_timestamp"] > now_ms:
            found.append(int(latest["state_size"]))
        return bool(found)

    _wait(process, is_there, 6 * CHECKPOINT_S, "no checkpoint was completed")
    return found[0]


def _wait(process: JobProcess, is_done: Callable[[], bool], limit_s: float, otherwise: str) -> None:
    deadline_s = time.monotonic() + limit_s
    while not is_done():
        process.check()
        if time.monotonic() > deadline_s:
            msg = f"{otherwise} within {limit_s:.0f} s"
            raise BenchError(msg)
        time.sleep(_POLL_S)


def _rest(jobs: dict[str, _Job], seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        for job in jobs.values():
            job.process.check()
        time.sleep(min(_POLL_S, left_s))
