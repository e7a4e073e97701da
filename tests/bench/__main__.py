"""Measure the job's speed: ``python -m tests.bench --output build/bench.json`` (``make bench``).

Every figure is of what was run, beside what it is compared with, on this machine and in this run;
one that could not be measured stops the benchmark.

``throughput``  The job drains a backlog of the sample calls' windows (``workload``), as many calls
                open as the size says. From some seconds after the first scored window, windows are
                counted for a minute; start-up is not. The plain loop scores the same windows by the
                same function in one process and one thread, before and after.
                ``job_over_model`` is the ratio. The job also scores words, the loop does not.
``overhead``    The job with models that cost nothing (``null_job``) and a job that only keys and
                counts (``identity_job``) drain one backlog side by side, at the same rate (1,000
                chunks a second, set by the source). ``cpu_over_identity`` is the ratio of their
                process trees' CPU time a chunk, each JVM and worker counted; kinesalite and the
                benchmark are not.
``latency``     Calls at the speed of speech, with the models (``live``). Twenty voices speak at any
                moment at every size, so windows a second are the same, and most of 1,000 calls are
                open and quiet: neither two cores nor one kinesalite could carry 1,000 calls that
                all speak. ``p50_beyond_wait_s``, ``p99_beyond_wait_s``: a row's ``emitted_at`` less
                the arrival of the record that made it possible, less the text wait.
                ``state_bytes_per_call``: a checkpoint while each call holds 15 s of both voices
                (in chunks of 1 s), by open calls.
``default_bundles``  Throughput and latency of the smallest size once more, with PyFlink's own
                bundles of 1,000 records or 1 s.

``worker_rss_mb`` is the highest memory of the Python workers while throughput and latency are
measured; ``worker_peak_rss_mb`` includes their start, when PyPI's CUDA build of torch reads through
libraries that no CPU job needs again (a CPU build has none).

The checkpoint interval is 10 s throughout; the service's is 60 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from tests.bench import runs
from tests.bench.figures import BenchError
from tests.bench.table import table
from tests.bench.workload import Bank, read_bank

SIZES = (10, 100, 1_000)
PEAKS = ("worker_rss_mb", "worker_peak_rss_mb")
MEASUREMENTS = ("throughput", "overhead", "latency", "default_bundles")
FULL = runs.Times(warm_up_s=10, measure_s=60)
QUICK = runs.Times(warm_up_s=3, measure_s=8)
OVERHEAD_WINDOWS_PER_S = 40
OVERHEAD_SOURCE = {"streams": {"get.records.max": "100", "get.records.interval.ms": "200"}}
"""Of two shards: 1,000 chunks, or 40 windows, a second."""
_FAST_SOURCE = {"streams": {"get.records.max": "500"}}


class Bench:
    """The measurements of one run, gathered by size."""

    def __init__(self, times: runs.Times, tell: Callable[[str], None]) -> None:
        self._times = times
        self._tell = tell
        self._bank: Bank = read_bank()
        self.loops: list[dict[str, Any]] = []
        self.sizes: dict[str, dict[str, Any]] = {}
        self.default_bundles: dict[str, Any] = {}

    def loop(self) -> None:
        self._tell("the plain loop")
        self.loops.append(runs.run_loop(self._times.measure_s / 2))

    @property
    def loop_windows_per_s(self) -> float:
        return sum(loop["windows_per_s"] for loop in self.loops) / len(self.loops)

    def throughput(self, num_calls: int) -> None:
        self._note(num_calls, self._throughput(num_calls, {}))

    def overhead(self, num_calls: int) -> None:
        self._tell(f"{num_calls} calls: the job without models beside one that only counts")
        num_windows = int(OVERHEAD_WINDOWS_PER_S * self._times.backlog_s)
        with runs.streams() as opened:
            runs.fill(opened, self._bank, num_calls, num_windows)
            modules = (runs.NULL_JOB, runs.IDENTITY_JOB)
            drained = runs.drain(opened, modules, OVERHEAD_SOURCE, self._times)
        null, identity = (drained[module] for module in modules)
        self._note(
            num_calls,
            {
                "null_cpu_ms_per_chunk": 1_000 * null.cpu_s_per_chunk,
                "identity_cpu_ms_per_chunk": 1_000 * identity.cpu_s_per_chunk,
                "null_windows_per_s": null.windows_per_s,
                "identity_windows_per_s": identity.windows_per_s,
                "cpu_over_identity": null.cpu_s_per_chunk / identity.cpu_s_per_chunk,
            },
        )

    def latency(self, num_calls: int) -> None:
        self._note(num_calls, self._latency(num_calls, {}))

    def with_default_bundles(self, num_calls: int) -> None:
        groups = {"flink": runs.DEFAULT_BUNDLES}
        self.default_bundles = {
            "calls": num_calls,
            **self._throughput(num_calls, groups),
            **self._latency(num_calls, groups),
        }

    def _throughput(self, num_calls: int, groups: runs.Groups) -> dict[str, Any]:
        self._tell(f"{num_calls} calls: the job on a backlog")
        num_windows = int(1.2 * self.loop_windows_per_s * self._times.backlog_s)
        with runs.streams() as opened:
            runs.fill(opened, self._bank, num_calls, num_windows)
            drained = runs.drain(opened, (runs.JOB,), {**_FAST_SOURCE, **groups}, self._times)
        job = drained[runs.JOB]
        return {
            "job_windows_per_s": job.windows_per_s,
            "job_cpu_ms_per_window": 25_000 * job.cpu_s_per_chunk,
            "job_spoken_share": job.spoken_share,
            "worker_rss_mb": job.worker_rss_mb,
            "worker_peak_rss_mb": job.worker_peak_rss_mb,
            "num_workers": job.num_workers,
        }

    def _latency(self, num_calls: int, groups: runs.Groups) -> dict[str, Any]:
        self._tell(f"{num_calls} calls: at the speed of speech")
        lived = asdict(runs.live_calls(self._bank, num_calls, self._times.measure_s, groups))
        return {
            "live_windows_per_s": lived.pop("windows_per_s"),
            "live_rows": lived.pop("num_rows"),
            "live_cores_used": lived.pop("cores_used"),
            **lived,
        }

    def _note(self, num_calls: int, figures: dict[str, Any]) -> None:
        size = self.sizes.setdefault(str(num_calls), {})
        told = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
        self._tell(f"{num_calls} calls: {told}")
        before = {key: size[key] for key in PEAKS if key in size}
        size.update(figures)
        size.update({key: max(value, size[key]) for key, value in before.items()})

    def result(self, seconds: float) -> dict[str, Any]:
        """All figures, with the ratios to the loop."""
        for size in [*self.sizes.values(), self.default_bundles]:
            if "job_windows_per_s" in size:
                size["loop_windows_per_s"] = self.loop_windows_per_s
                size["job_over_model"] = size["job_windows_per_s"] / self.loop_windows_per_s
        return {
            "design": __doc__,
            "machine": machine(),
            "seconds": seconds,
            "steady_state_s": self._times.measure_s,
            "loops": self.loops,
            "sizes": self.sizes,
            "default_bundles": self.default_bundles,
        }


def machine() -> dict[str, Any]:
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load_at_start": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def main() -> int:
    options = _options()
    # The workers of our own jobs import them from here.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    console = Console(stderr=True)
    begun_s = time.monotonic()

    def tell(what: str) -> None:
        console.print(f"{time.monotonic() - begun_s:5.0f} s  {what}", highlight=False)

    bench = Bench(QUICK if options.quick else FULL, tell)
    wanted = options.only or MEASUREMENTS
    sizes = options.calls or SIZES
    try:
        needs_loop = {"throughput", "default_bundles"} & set(wanted)
        if needs_loop:
            bench.loop()
        for num_calls in sizes:
            for name in ("throughput", "overhead", "latency"):
                if name in wanted:
                    getattr(bench, name)(num_calls)
        if "default_bundles" in wanted:
            bench.with_default_bundles(min(sizes))
        if needs_loop:
            bench.loop()
    except BenchError as error:
        console.print(f"not measured: {error}", style="red")
        return 1
    result = bench.result(time.monotonic() - begun_s)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    Console().print(table(result))
    tell(f"written to {options.output}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the job.")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="may be repeated")
    parser.add_argument("--calls", type=int, action="append", help="a size; may be repeated")
    parser.add_argument("--quick", action="store_true", help="8 s each: does it work?")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
