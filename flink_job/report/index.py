"""The index: one line a call, with the figures by which one decides which call to open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from flink_job.report import wording
from flink_job.report.calls import Call
from flink_job.report.panels import SCORE_LIMIT

SPARK_WIDTH, SPARK_HEIGHT = 84, 26
BAR_HALF_WIDTH = 40


@dataclass(frozen=True, slots=True)
class IndexLine:
    title: str
    full_id: str
    started: str
    length: str
    score: str
    bar_x: float
    """Left edge of the score's bar, px; its middle is at ``BAR_HALF_WIDTH``."""
    bar_width: float
    is_negative: bool
    change: str
    spark: str
    """The four quarters as an SVG path; empty without any."""
    counts: tuple[tuple[str, int], ...]
    """Windows by label: negative, neutral, positive."""
    state: str
    """``complete``, ``incomplete`` or ``open``."""
    problems: tuple[str, ...]


def index_scale(calls: Iterable[Call]) -> float:
    """What the bars and quarters of all lines reach to: the largest score, rounded up to halves."""
    largest = max((abs(s) for call in calls for s in _customer_scores(call)), default=0.0)
    return min(SCORE_LIMIT, max(1.0, math.ceil(largest * 2) / 2))


def index_line(call: Call, scale: float) -> IndexLine:
    """A call's line; ``scale`` is that of ``index_scale``, the same for all."""
    customer = call.customer
    score = customer.score if customer else None
    extent = BAR_HALF_WIDTH * abs(score or 0.0) / scale
    is_negative = (score or 0.0) < 0
    return IndexLine(
        title=wording.readable_id(call.call_id),
        full_id=wording.readable_id(call.call_id, most=256),
        started=wording.moment(call.started_at_ms),
        length=wording.clock(call.length_ms),
        score=wording.signed(score, 2),
        bar_x=round(BAR_HALF_WIDTH - (extent if is_negative else 0.0), 1),
        bar_width=round(extent, 1),
        is_negative=is_negative,
        change=wording.signed(customer.score_change if customer else None),
        spark=_spark(call, scale),
        counts=_counts(call),
        state="complete" if call.is_complete else "incomplete" if call.is_closed else "open",
        problems=call.problems,
    )


def _counts(call: Call) -> tuple[tuple[str, int], ...]:
    labels = [
        row.fused_label
        for participant in call.participants
        if participant.role == "customer"
        for row in participant.segments
    ]
    return tuple((label, labels.count(label)) for label in ("negative", "neutral", "positive"))


def _customer_scores(call: Call) -> list[float]:
    """Score and quarters, as far as known."""
    score = call.customer.score if call.customer else None
    return [s for s in (score, *_quarters(call)) if s is not None]


def _quarters(call: Call) -> tuple[float | None, ...]:
    summary = call.customer.summary if call.customer else None
    if summary is None:
        return ()
    quarters = (summary.score_q1, summary.score_q2, summary.score_q3, summary.score_q4)
    return tuple(map(wording.known, quarters))


def _spark(call: Call, scale: float) -> str:
    """The customer's quarters as ``M x y L x y …``; a quarter without a score breaks the line."""
    path, pen_is_down = [], False
    for number, quarter in enumerate(_quarters(call)):
        if quarter is None:
            pen_is_down = False
            continue
        x = (number + 0.5) * SPARK_WIDTH / 4
        y = 2 + (SPARK_HEIGHT - 4) / 2 * (1 - quarter / scale)
        # "h0" draws a dot where a quarter stands alone
        path.append(f"{'L' if pen_is_down else 'M'}{x:.1f} {y:.1f}h0")
        pen_is_down = True
    return "".join(path)
