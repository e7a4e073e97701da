"""A local run watched as the service watches a job, by the stack's own alarms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple

from flink_job.monitoring.sources import SNAPSHOT_S
from tests.deploy.watched import cloudwatch
from tests.flink.surroundings import Surroundings

OF_THE_CONTAINER = {"memory-high", "cpu-high"}
CALM_MINUTES = 4
_EVERY_S = 0.5
"""Between two snapshots."""
_LIMIT_S = 240.0
"""For whatever is waited for."""


class Trouble(NamedTuple):
    """What goes wrong while a context lasts, and the alarms that must tell of it."""

    happens: AbstractContextManager[object]
    alarms: set[str]


class Watch:
    """The alarms of a run; a minute of theirs is four snapshots, however fast the machine is."""

    def __init__(self, run: Surroundings, **thresholds: float) -> None:
        """Begin without samples.

        Args:
            run: what is watched.
            thresholds: of the alarms, others than the stack's defaults.
        """
        self._run = run
        self._cloudwatch = cloudwatch(**thresholds)
        self._ringing: set[str] = set()
        self._next_s = time.monotonic()
        self.rang: set[str] = set()
        """The alarms that rang at some time since the run had settled."""
        self.caused: set[str] = set()
        """Those of them that had to."""

    def settle(self) -> None:
        """Watch until all is silent, and see it stay so; that is the container's measure."""
        others = self._cloudwatch.alarms - OF_THE_CONTAINER
        self._watch_until(
            lambda: all(map(self._cloudwatch.has_samples, others)) and not self._ringing & others
        )
        self.rang.clear()
        for _ in range(CALM_MINUTES):
            self._watch_minute()
        self._run.container.size()
        self._watch_minute()
        assert self.rang == set()
        assert all(map(self._cloudwatch.has_samples, self._cloudwatch.alarms))

    @contextmanager
    def suffering(self, *troubles: Trouble) -> Iterator[None]:
        """Let things go wrong, one and all, until each of their alarms has rung.

        What is done in the context is done meanwhile.
        """
        alarms = set[str]().union(*(one.alarms for one in troubles))
        early = self.rang & alarms
        assert not early, f"{sorted(early)} rang before their fault"
        with ExitStack() as stack:
            for trouble in troubles:
                stack.enter_context(trouble.happens)
            yield
            self._watch_until(lambda: alarms <= self.rang)
        self.caused |= alarms

    def suffer(self, *troubles: Trouble) -> None:
        """As ``suffering``, with nothing done meanwhile."""
        with self.suffering(*troubles):
            pass

    def _watch_until(self, is_over: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _LIMIT_S
        while not is_over():
            assert time.monotonic() < deadline_s, f"of all {sorted(self.rang)} rang"
            self._watch_minute()

    def _watch_minute(self) -> None:
        for _ in range(60 // SNAPSHOT_S):
            self._next_s = max(self._next_s + _EVERY_S, time.monotonic())
            time.sleep(max(0.0, self._next_s - time.monotonic()))
            for thing, told in self._run.snapshot().items():
                for metric, values in told.items():
                    self._cloudwatch.put(thing, metric, values)
            self._cloudwatch.now_s = self._run.now_s
        self._cloudwatch.now_s -= 1  # the minute that is just over
        self._ringing = self._cloudwatch.ringing()
        self._cloudwatch.now_s += 1
        self.rang |= self._ringing
