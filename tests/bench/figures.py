"""The benchmark's arithmetic: rates, shares of CPU, lateness of rows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from udfs.rows import Segment
from udfs.segments import ROLLING_WINDOWS


class BenchError(RuntimeError):
    """A figure that could not be measured; none is shown in its place."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Steady state, epoch seconds."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


def first_shown_s(rows: Iterable[Segment]) -> list[float]:
    """When each window was shown the first time with its audio scored, ascending."""
    shown: dict[tuple[str, str, int], float] = {}
    for row in rows:
        if row.speech_ratio is None:
            continue  # words that came ahead of the audio
        key = (row.call_id, row.participant_id, row.window_start_ms)
        at_s = row.emitted_at / 1_000
        shown[key] = min(at_s, shown.get(key, at_s))
    return sorted(shown.values())


def steady_interval(shown_s: Sequence[float], warm_up_s: float, measure_s: float) -> Interval:
    """The interval that begins ``warm_up_s`` after the first window.

    Raises:
        BenchError: windows ended before it did.
    """
    if not shown_s:
        msg = "no window was shown"
        raise BenchError(msg)
    start_s = shown_s[0] + warm_up_s
    interval = Interval(start_s, start_s + measure_s)
    if shown_s[-1] < interval.end_s:
        lasted_s = shown_s[-1] - start_s
        msg = f"the backlog lasted {lasted_s:.0f} s of {measure_s:.0f} s"
        raise BenchError(msg)
    return interval


def num_within(times_s: Sequence[float], interval: Interval) -> int:
    """How many of ascending times lie in an interval."""
    return bisect_left(times_s, interval.end_s) - bisect_left(times_s, interval.start_s)


def cpu_within(samples: Sequence[tuple[float, float]], interval: Interval) -> float:
    """CPU seconds used in an interval, from (epoch s, CPU s until then), between samples linear.

    Raises:
        BenchError: the samples do not reach over the interval.
    """
    times_s, used_s = zip(*samples, strict=True)
    if times_s[0] > interval.start_s or times_s[-1] < interval.end_s:
        msg = "CPU was not sampled over the whole interval"
        raise BenchError(msg)
    start, end = np.interp([interval.start_s, interval.end_s], times_s, used_s)
    return float(end - start)


def peak_within(samples: Sequence[tuple[float, float]], interval: Interval) -> float:
    """The highest value sampled in an interval, from (epoch s, value).

    Raises:
        BenchError: no sample lies in the interval.
    """
    within = [value for at_s, value in samples if interval.start_s <= at_s <= interval.end_s]
    if not within:
        msg = "nothing was sampled in the interval"
        raise BenchError(msg)
    return max(within)


@dataclass
class Arrivals:
    """When the records of one voice arrived, each put down under the window it lies in."""

    whole_ms: dict[int, int] = field(default_factory=dict)
    """By window: arrival of the chunk that made its audio whole."""
    _records: list[tuple[int, int]] = field(default_factory=list)

    def note(self, window: int, arrival_ms: int) -> None:
        self._records.append((arrival_ms, window))

    def possible_at_ms(self, window: int, revision: int, text_wait_ms: int) -> int:
        """When a row could first be shown.

        A row's revision counts the records it rests on, the call's start included; the newest of
        them made it possible, but none is shown before its window's text wait is over.

        Raises:
            BenchError: the row rests on more records than were sent.
        """
        rests_on = sorted(
            arrival_ms
            for arrival_ms, at in self._records
            if window - ROLLING_WINDOWS < at <= window
        )
        if not 2 <= revision <= len(rests_on) + 1:
            msg = f"revision {revision} of a row that {len(rests_on)} records can make"
            raise BenchError(msg)
        return max(rests_on[revision - 2], self.whole_ms[window] + text_wait_ms)


def percentile(values: Sequence[float], percent: float) -> float:
    """Raises BenchError where there is nothing to rank."""
    if not values:
        msg = "no row to measure"
        raise BenchError(msg)
    return float(np.percentile(values, percent))
