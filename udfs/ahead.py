"""Work done ahead in threads, handed on in order, for functions that let go of the GIL."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def map_ahead(
    function: Callable[[Given], Made], items: Iterable[Given], threads: Executor, depth: int
) -> Iterator[Made]:
    """Like ``map``, with up to ``depth`` results begun before they are asked for."""
    begun: deque[Future[Made]] = deque()
    for item in items:
        begun.append(threads.submit(function, item))
        if len(begun) > depth:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
