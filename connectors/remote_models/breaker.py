"""Stops asking a service that fails, and tries it again after a while.

failures in a row              open_s later
closed ──────────────────────────► open ─────────────────► half-open: one call is let through
▲                                ▲                          │
└──── any success                └──── it failed            └─ it succeeded: closed
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Safe to use from several threads."""

    def __init__(
        self, failures: int, open_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin closed.

        Args:
            failures: so many in a row open it.
            open_s: how long it then stays open, and how long a call that was let through has
                before another one is.
            clock: seconds that never go back.
        """
        self._limit = failures
        self._open_s = open_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._shut_until_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._shut_until_s is not None

    def allows(self) -> bool:
        """Whether a call may be made now; who gets True must tell how it ended."""
        with self._lock:
            if self._shut_until_s is None:
                return True
            now_s = self._clock()
            if now_s < self._shut_until_s:
                return False
            self._shut_until_s = now_s + self._open_s  # one is let through
            return True

    def succeeded(self) -> bool:
        """A call ended well; whether it was open until now."""
        with self._lock:
            self._failures = 0
            was_open, self._shut_until_s = self._shut_until_s is not None, None
            return was_open

    def failed(self) -> bool:
        """A call failed; whether it was closed until now."""
        with self._lock:
            self._failures += 1
            if self._failures < self._limit:
                return False
            was_closed = self._shut_until_s is None
            self._shut_until_s = self._clock() + self._open_s
            return was_closed
