"""Who speaks when, over a whole call: talk time, silence, interruptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from udfs.segments import Window
from udfs.windows import WINDOW_MS

MIN_SPEECH_MS = 250
"""Shorter speech neither interrupts nor is interrupted."""

Spans = list[tuple[int, int]]


def speech_of(windows: Mapping[int, Window]) -> Spans:
    """A participant's speech in call time: sorted, disjoint, joined across windows."""
    return union(
        (index * WINDOW_MS + start, index * WINDOW_MS + end)
        for index, window in windows.items()
        if window.audio
        for start, end in window.audio.score.speech_ms
    )


def union(spans: Iterable[tuple[int, int]]) -> Spans:
    """Sorted and disjoint; spans that touch become one."""
    joined: Spans = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def total_ms(spans: Iterable[tuple[int, int]]) -> int:
    return sum(end - start for start, end in spans)


def interruptions(of: Spans, others: Iterable[Spans]) -> int:
    """How often one begins to speak, for 250 ms or more, while another has been for 250 ms.

    other   ██████████████
    of            ████████████      counts: the other spoke 250 ms before, and still does
    """
    others = list(others)
    return sum(
        end - start >= MIN_SPEECH_MS
        and any(
            other_start + MIN_SPEECH_MS <= start < other_end
            for spans in others
            for other_start, other_end in spans
        )
        for start, end in of
    )
