"""Tuning of the process that runs a slot's steps: PyFlink's worker, which is Apache Beam's.

All steps of a slot are threads of one process. Three of its habits cost them time or memory:

*   A model comes back for Python's lock dozens of times a window. At Python's own 5 ms each time it
    waits for whichever step holds the lock.
*   Beam starts a thread a bundle that samples which state the bundle is in, for Beam's own runners.
    Nothing here reads it, but each bundle ends by waiting until that thread wakes up: after up to
    0.2 s, a sixth of the bundle's length.
*   The C library gives many threads an arena of memory each, and seldom gives one back.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
from typing import Any

from apache_beam.runners.worker.statesampler import StateSampler, set_current_tracker

SWITCH_INTERVAL_S = 0.0005
MAX_ARENAS = 2
_M_ARENA_MAX = -8  # glibc's malloc.h


@functools.cache
def tune_worker() -> None:
    """Once a process, by whichever step opens first."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _limit_arenas()
    _sample_no_states()


def _limit_arenas() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # the C library is glibc
        mallopt(_M_ARENA_MAX, MAX_ARENAS)


def _sample_no_states() -> None:
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
