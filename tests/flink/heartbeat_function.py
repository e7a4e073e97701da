"""The heartbeat function as Lambda runs it: called once a minute, its calls and errors counted.

The minutes are those of a clock that is handed in.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Self
from unittest import mock

from connectors.repeating import Repeating
from tests.deploy.test_heartbeat import heartbeat

_POLL_S = 0.02
_MOST_CALLS = 8
"""At once."""


class HeartbeatFunction:
    """Called by its schedule while its context lasts; it finds all in the environment.

    A call that takes longer than its minute does not keep the next one waiting.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Not called yet.

        Args:
            now_s: the clock.
        """
        self._now_s = now_s
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._samples: dict[str, list[float]] = defaultdict(list)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        by_this_clock = partial(heartbeat.beat_for, clock=self)
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(heartbeat, "beat_for", by_this_clock))
            self._calls = stack.enter_context(ThreadPoolExecutor(_MOST_CALLS))
            stack.enter_context(Repeating(self._begin_call, 0.0, "heartbeat schedule"))
            stack.callback(self._over.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """It is called no more; what was begun is over."""
        self._stack.close()

    def take_samples(self) -> dict[str, list[float]]:
        """By Lambda's metric, what was told since the last time."""
        with self._lock:
            taken, self._samples = self._samples, defaultdict(list)
        return taken

    def monotonic(self) -> float:
        return self._now_s()

    def sleep(self, seconds: float) -> None:
        until_s = self._now_s() + seconds
        while self._now_s() < until_s and not self._over.is_set():
            time.sleep(_POLL_S)

    def _begin_call(self) -> None:
        self._tell("Invocations", 1)
        self._calls.submit(self._call)
        self.sleep(heartbeat.MINUTE_S)

    def _call(self) -> None:
        """As Lambda counts it: whatever it raises is an error."""
        try:
            heartbeat.handler({}, None)
        except Exception:
            self._tell("Errors", 1)
            raise
        self._tell("Errors", 0)

    def _tell(self, metric: str, value: float) -> None:
        with self._lock:
            self._samples[metric].append(value)
