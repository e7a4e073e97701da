"""Tuning of the process that runs a slot's steps: PyFlink's worker, which is Apache Beam's.

All steps of a slot are threads of one process. Four of its habits cost them time or memory:

*   A model comes back for Python's lock dozens of times a window. At Python's own 5 ms each time it
    waits for whichever step holds the lock.
*   Beam starts a thread a bundle that samples which state the bundle is in, for Beam's own runners.
    Nothing here reads it, but each bundle ends by waiting until that thread wakes up: after up to
    0.2 s, a sixth of the bundle's length.
*   Its short steps wake up hundreds of times a second, and each time Linux lets them push a model
    off its core, even where another core is free: a third of a model's time on two cores. Threads
    of the batch policy wait for their turn instead.
*   The C library gives many threads an arena of memory each, and seldom gives one back.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

SWITCH_INTERVAL_S = 0.0005
MAX_ARENAS = 2
_M_ARENA_MAX = -8  # glibc's malloc.h


@functools.cache
def tune_worker() -> None:
    """Once a process, by whichever step opens first."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _sample_no_states()
    _limit_arenas()
    for thread in Path("/proc/self/task").glob("*"):  # none where there is no /proc
        run_as_batch(int(thread.name))


def run_as_batch(thread_id: int = 0) -> None:
    """Give a thread, and those that it will start, Linux' batch policy.

    Args:
        thread_id: 0 is the calling thread.
    """
    # Not Linux, a thread that is gone, or one that may not.
    with suppress(AttributeError, ProcessLookupError, PermissionError):
        os.sched_setscheduler(thread_id, os.SCHED_BATCH, os.sched_param(0))


def _limit_arenas() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # the C library is glibc
        mallopt(_M_ARENA_MAX, MAX_ARENAS)


def _sample_no_states() -> None:
    from apache_beam.runners.worker.statesampler import (  # noqa: PLC0415 - a worker has loaded it
        StateSampler,
        set_current_tracker,
    )

    stop_with_thread = StateSampler.stop

    def start(sampler: Any) -> None:
        set_current_tracker(sampler)
        sampler.tracked_thread = threading.current_thread()
        sampler.started = True
        sampler.has_no_thread = True

    def stop(sampler: Any) -> None:
        if not getattr(sampler, "has_no_thread", False):
            stop_with_thread(sampler)
            return
        set_current_tracker(None)
        sampler.finished = True

    StateSampler.start = start
    StateSampler.stop = stop
