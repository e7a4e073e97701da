"""What a remote model was asked, what it cost, how long it took: plain numbers, ever growing."""

from __future__ import annotations

import threading
from collections import defaultdict
from functools import partial
from typing import get_args

from udfs.models.scorer import Gauges, ModelFailure


class Usage:
    """Counts of one remote model in one worker; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, float] = defaultdict(float)

    def count(self, **amounts: float) -> None:
        """Add to some of the numbers; all begin at 0."""
        with self._lock:
            for name, amount in amounts.items():
                self._sums[name] += amount

    def __getitem__(self, name: str) -> int:
        """A number as it stands, cut to a whole one."""
        return int(self._sums[name])

    def show(self, gauges: Gauges) -> None:
        """Let a metrics system read every number."""
        for name in NUMBERS:
            gauges.gauge(name, partial(self.__getitem__, name))


NUMBERS = (
    "calls",  # requests answered or given up, each with all its retries
    "retries",
    "answers",  # triples
    "latency_ms",  # of all calls; by calls it is the mean
    "cost_micro_usd",  # by the prices in the settings
    *get_args(ModelFailure),  # inputs left without a triple, by reason
)
"""The names of the numbers."""
