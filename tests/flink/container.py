"""What the service tells of a job's container and KPUs, of a local run."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from statistics import fmean

import psutil

from connectors.deployment.templates import load_template
from tests.deploy.test_templates import FOLDER

CPU_SHARE, MEMORY_SHARE = 0.4, 0.75
"""Of its container, which a settled job uses."""
_LOOKS = 20
"""At a job that has settled."""


@dataclass(frozen=True)
class _Usage:
    cores: float
    mib: float


class Container:
    """The processes of a job, in a container that is as large as a settled job needs.

    Its size is no number of this file: a fast machine's job uses less of a core than a slow one's.
    """

    def __init__(self, pid: int) -> None:
        """Begin to look.

        Args:
            pid: of the process that has started all others.
        """
        self._pid = pid
        self._cpu_s = self._cpu_s_of_each()
        self._at_s = time.monotonic()
        self._seen: deque[_Usage] = deque(maxlen=_LOOKS)
        self._size: _Usage | None = None

    def size(self) -> None:
        """The job has settled: from now on its container has a size."""
        self._size = _Usage(
            fmean(one.cores for one in self._seen) / CPU_SHARE,
            fmean(one.mib for one in self._seen) / MEMORY_SHARE,
        )

    @property
    def size_mib(self) -> float:
        assert self._size is not None
        return self._size.mib

    def look(self) -> dict[str, list[float]]:
        """The service's metrics, CPU since the last look; none before it has a size."""
        usage = self._usage()
        self._seen.append(usage)
        if self._size is None:
            return {}
        return {
            "containerCPUUtilization": [min(100.0, 100 * usage.cores / self._size.cores)],
            "containerMemoryUtilization": [min(100.0, 100 * usage.mib / self._size.mib)],
        }

    def _usage(self) -> _Usage:
        cpu_s, at_s = self._cpu_s_of_each(), time.monotonic()
        used_s = sum(now_s - self._cpu_s.get(pid, 0.0) for pid, now_s in cpu_s.items())
        cores = used_s / (at_s - self._at_s)
        self._cpu_s, self._at_s = cpu_s, at_s
        return _Usage(cores, sum(self._mib_of_each()))

    def _cpu_s_of_each(self) -> dict[int, float]:
        found = {}
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
        return found

    def _mib_of_each(self) -> Iterator[float]:
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                yield process.memory_info().rss / 2**20

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self._pid)
        return [first, *first.children(recursive=True)]


def kpus(parallelism: int) -> int:
    """How many the service gives to a job, by the stack's default of slots to one."""
    parameters = load_template(FOLDER / "call-sentiment.yaml")["Parameters"]
    slots_of_one = int(parameters["ParallelismPerKpu"]["Default"])
    return math.ceil(parallelism / slots_of_one)
