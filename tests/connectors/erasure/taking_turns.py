"""Two that work on one lake, each going on by so many of its steps at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from connectors.erasure.counted_lake import CountedLake
from connectors.lake_files import LakeError, Root
from udfs.rows import CALLS

PAUSES = ("files", "put", "remove", "_infos", "_publish", "_discard")
"""Before these requests to ``calls``; reading what does not change is part of the step."""


class KilledError(Exception):
    pass


class Worker:
    """Does some work on a lake, and pauses before each request that looks or changes."""

    def __init__(self, root: Root, work: Callable[[CountedLake], None]) -> None:
        self._may_go, self._waits = threading.Semaphore(0), threading.Semaphore(0)
        self._is_over = self._is_killed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(root, work), daemon=True)
        self._thread.start()
        self._waits.acquire()

    def advance(self, steps: int) -> None:
        """Let it take so many steps, or the rest of them."""
        for _ in range(steps):
            if self._is_over:
                break
            self._may_go.release()
            self._waits.acquire()
        if self._error is not None:
            raise self._error

    def finish(self) -> int:
        """Let it do all the rest; how many steps that were."""
        count = 0
        while not self._is_over:
            self.advance(1)
            count += 1
        return count

    def kill(self) -> None:
        """Its next step is never taken."""
        self._is_killed = True
        self.finish()

    def _run(self, root: Root, work: Callable[[CountedLake], None]) -> None:
        try:
            work(_paced(root, self._turn))
        except (KilledError, LakeError):
            pass  # as a command that is told to be run again
        except Exception as error:
            self._error = error
        finally:
            self._is_over = True
            self._waits.release()

    def _turn(self) -> None:
        self._waits.release()
        self._may_go.acquire()
        if self._is_killed:
            raise KilledError


def _paced(root: Root, turn: Callable[[], None]) -> CountedLake:
    lake = CountedLake(root)
    for name in PAUSES:
        setattr(lake, name, _after(turn, getattr(lake, name)))
    return lake


def _after(turn: Callable[[], None], request: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        if CALLS.folder in str(arguments[0]):
            turn()
        return request(*arguments, **named)

    return call
