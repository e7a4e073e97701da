"""What the service tells of a job's container and KPUs, of a local run."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import psutil

from connectors.deployment.templates import load_template
from tests.deploy.test_templates import FOLDER

CPU_SHARE, MEMORY_SHARE = 0.2, 0.75
"""Of its container, which a settled job needs."""
_LOOKS = 16
"""At a job that has settled; from them comes its container's size."""


@dataclass(frozen=True)
class _Need:
    cores: float
    mib: float


class Container:
    """The processes of a job, in a container that is as large as a settled job needs.

    Its size is no number of this file: a fast machine's job needs less of a core than a slow one's.
    A container's cores are its own, so time counts in which a thread ran, and in which it would
    have if other processes had let it.
    """

    def __init__(self, pid: int) -> None:
        """Begin to look.

        Args:
            pid: of the process that has started all others.
        """
        self._pid = pid
        self._cpu_ns = dict(self._cpu_ns_of_each())
        self._at_ns = time.monotonic_ns()
        self._seen: deque[_Need] = deque(maxlen=_LOOKS)
        self._size: _Need | None = None

    def size(self) -> None:
        """The job has settled: from now on its container has a size."""
        self._size = _Need(
            fmean(one.cores for one in self._seen) / CPU_SHARE,
            fmean(one.mib for one in self._seen) / MEMORY_SHARE,
        )

    @property
    def size_mib(self) -> float:
        assert self._size is not None
        return self._size.mib

    def look(self) -> dict[str, list[float]]:
        """The service's metrics, CPU since the last look; none before it has a size."""
        need = self._need()
        self._seen.append(need)
        if self._size is None:
            return {}
        return {
            "containerCPUUtilization": [min(100.0, 100 * need.cores / self._size.cores)],
            "containerMemoryUtilization": [min(100.0, 100 * need.mib / self._size.mib)],
        }

    def _need(self) -> _Need:
        cpu_ns, at_ns = dict(self._cpu_ns_of_each()), time.monotonic_ns()
        more_ns = sum(now_ns - self._cpu_ns.get(one, 0) for one, now_ns in cpu_ns.items())
        cores = more_ns / (at_ns - self._at_ns)
        self._cpu_ns, self._at_ns = cpu_ns, at_ns
        return _Need(cores, sum(self._mib_of_each()))

    def _cpu_ns_of_each(self) -> Iterator[tuple[Path, int]]:
        """By thread: on a core, and ready but in the queue for one."""
        for process in self._processes():
            for told in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                with suppress(OSError):  # it has ended
                    ran_ns, waited_ns, _ = told.read_text().split()
                    yield told, int(ran_ns) + int(waited_ns)

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
