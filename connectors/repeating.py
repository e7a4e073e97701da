"""Something that is done again and again beside the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Repeating:
    """Does something every so often on a thread of its own, while its context lasts.

    What stops it too early is raised when the context ends, or by ``check``.
    """

    def __init__(
        self,
        do: Callable[[], None],
        every_s: float,
        name: str,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Do nothing yet.

        Args:
            do: what is done.
            every_s: the pause before each time.
            name: the thread's.
            wait: waits so many seconds, True when it is over; by default until the context ends.
        """
        self._do = do
        self._every_s = every_s
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

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
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise what stopped it, if anything did."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._wait(self._every_s):
                self._do()
        except Exception as error:  # raised again by check() in the caller's thread
            self._error = error
