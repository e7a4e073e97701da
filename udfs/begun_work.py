"""Work that one step begins and a later step of the same process waits for.

    begin ─► ticket ─► rows go on ─► finish ─► result
      └─► a thread ─────────────────────┘

PyFlink hands a step a bundle of rows and lets no other in until all of it is done, so a step that
waits for answers would have nothing in flight while it gathers the next bundle. Begun, the answers
of one bundle are awaited while the next is gathered. All steps of a task slot are threads of one
process; a ticket is of no use in another.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

Result = bytes | None
MOST_BATCHES: Final = 64
"""Of one step, in threads at once."""
_KEY_BYTES: Final = 16
_PLACE_BYTES: Final = 4


class UnknownTicketError(Exception):
    """Another process gave the ticket, or its result was taken already."""


@dataclass(slots=True)
class _Batch:
    results: Future[Sequence[Result]]
    to_take: int


_begun: Final[dict[bytes, _Batch]] = {}
"""Of all steps of this process, by the first part of their tickets."""


class BegunWork:
    """The work of one step."""

    def __init__(self, most_inputs: int) -> None:
        """Begin with none.

        Args:
            most_inputs: that may be unfinished before another batch has to wait; a larger batch is
                begun when no other is unfinished.
        """
        self._most = most_inputs
        self._unfinished = 0
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(MOST_BATCHES, thread_name_prefix="begun")

    def begin(self, work: Callable[[], Sequence[Result]], places: Sequence[int]) -> list[bytes]:
        """A ticket for each place; waits while too much is unfinished.

        Args:
            work: its results are found by their places.
            places: of the results that will be asked for, each once.
        """
        count = len(places)
        if not count:
            return []
        with self._changed:
            self._changed.wait_for(
                lambda: not self._unfinished or self._unfinished + count <= self._most
            )
            self._unfinished += count
        key = uuid.uuid4().bytes
        results = self._threads.submit(work)
        _begun[key] = _Batch(results, count)
        results.add_done_callback(lambda _: self._finished(count))
        return [key + place.to_bytes(_PLACE_BYTES, "big") for place in places]

    def close(self) -> None:
        """Wait until all that was begun is finished: somebody has its tickets."""
        self._threads.shutdown(wait=True)

    def _finished(self, count: int) -> None:
        with self._changed:
            self._unfinished -= count
            self._changed.notify_all()


def finish(ticket: bytes) -> Result:
    """The result, once it is there.

    Raises:
        UnknownTicketError: there will be none.
        Exception: whatever the work raised.
    """
    key, place = ticket[:_KEY_BYTES], int.from_bytes(ticket[_KEY_BYTES:], "big")
    batch = _begun.get(key)
    if batch is None:
        msg = "a ticket of another process, or one that was used"
        raise UnknownTicketError(msg)
    result = batch.results.result()[place]
    batch.to_take -= 1
    if not batch.to_take:
        del _begun[key]
    return result
