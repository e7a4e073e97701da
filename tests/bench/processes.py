"""CPU time and memory of a job's processes, sampled from outside."""

from __future__ import annotations

import contextlib
import time

import psutil

from connectors.repeating import Repeating

SAMPLE_S = 0.5


class Usage(Repeating):
    """The process tree under one process, sampled from entering the context to leaving it."""

    def __init__(self, pid: int) -> None:
        super().__init__(self._sample, SAMPLE_S, "usage")
        self._root = psutil.Process(pid)
        self._used_s: dict[psutil.Process, float] = {}
        self.cpu: list[tuple[float, float]] = []
        """Epoch seconds, and CPU seconds that the tree had used until then."""
        self.worker_rss_mb: list[tuple[float, float]] = []
        """Epoch seconds, and the memory of all Python workers."""
        self.num_workers = 0

    def _sample(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self._sample_tree()

    def _sample_tree(self) -> None:
        workers_rss = []
        for process in [self._root, *self._root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self._used_s[process] = times.user + times.system
                if process != self._root and _is_worker(process):
                    workers_rss.append(process.memory_info().rss)
        now_s = time.time()
        self.cpu.append((now_s, sum(self._used_s.values())))
        self.worker_rss_mb.append((now_s, sum(workers_rss) / 2**20))
        self.num_workers = max(self.num_workers, len(workers_rss))


def _is_worker(process: psutil.Process) -> bool:
    return "pyflink.fn_execution" in " ".join(process.cmdline())
