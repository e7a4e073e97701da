"""CPU time and memory of a job's processes, sampled from outside."""

from __future__ import annotations

import contextlib
import threading
import time
from types import TracebackType
from typing import Self

import psutil

SAMPLE_S = 0.5


class Usage:
    """The process tree under one process, sampled from entering the context to leaving it."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._used_s: dict[psutil.Process, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)
        self.cpu: list[tuple[float, float]] = []
        """Epoch seconds, and CPU seconds that the tree had used until then."""
        self.worker_rss_mb: list[tuple[float, float]] = []
        """Epoch seconds, and the memory of all Python workers."""
        self.num_workers = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_S):
            with contextlib.suppress(psutil.NoSuchProcess):
                self._sample()

    def _sample(self) -> None:
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
