"""A clock that only a test moves."""

from __future__ import annotations

from connectors.deployment.stack import Clock


class HandClock(Clock):
    """Sleeping is what moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_s(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
