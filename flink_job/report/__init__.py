"""The picture: one self-contained HTML page of all calls, from the Parquet.

In: the output root of ``local``, ``run`` or ``offline``. Out: a page that asks nothing of any
server: Plotly's script, every figure and all styles are in it, and its content security policy
forbids the rest, other scripts too. Plotly and the figures are packed (gzip, base64), and a figure
is drawn when one scrolls to it.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connectors.lake_reader import read_rows
from flink_job.report import wording
from flink_job.report.calls import Call, gather
from flink_job.report.figure import call_figure
from flink_job.report.index import index_line, index_scale
from flink_job.report.page import pack, render_page
from flink_job.report.tables import Table, ledger_table, summary_table
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, Reject, newest

OPEN_UP_TO_CALLS = 10
"""With more calls only the worst is open at first."""


class ReportError(Exception):
    """There is nothing to report."""


@dataclass(frozen=True, slots=True)
class ReportStats:
    calls: int
    segments: int


@dataclass(frozen=True, slots=True)
class CallSection:
    """A call as the page shows it."""

    call: Call
    title: str
    started: str
    length: str
    figure: str
    """The packed figure; empty for a call without windows."""
    figure_height_px: int
    tables: tuple[Table, ...]


def write_report(root: Path, output: Path) -> ReportStats:
    """Writes the page of all calls under an output root.

    Args:
        root: the folder with ``segments/``, ``calls/``, ``ledger/`` and ``rejects/``.
        output: the HTML file; replaced if there, its folder made if not.

    Raises:
        ReportError: no call has left a row there.
        LakeError: a finished file there is broken.
    """
    segments = newest(read_rows(root, SEGMENTS), SEGMENTS)
    summaries = newest(read_rows(root, CALLS), CALLS)
    ledgers = newest(read_rows(root, LEDGER), LEDGER)
    rejects = newest(read_rows(root, REJECTS), REJECTS)
    calls = gather(segments, summaries, ledgers, rejects)
    if not calls:
        msg = f"{root}: no rows of any call (expected Parquet files in segments/ or calls/)"
        raise ReportError(msg)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(render(calls, rejects), encoding="utf-8")
    return ReportStats(calls=len(calls), segments=len(segments))


def render(calls: list[Call], rejects: list[Reject]) -> str:
    """The page, its calls in the order given."""
    scale = index_scale(calls)
    return render_page(
        "flink_job.report",
        "page.html.jinja",
        sections=[_section(call) for call in calls],
        index=[index_line(call, scale) for call in calls],
        scale=wording.plain(scale, 1),
        rejects=Counter((row.step, row.reason) for row in rejects).most_common(),
        open_up_to=OPEN_UP_TO_CALLS,
        totals=_totals(calls),
        words=wording,
        made=wording.moment(int(datetime.now(UTC).timestamp() * 1000)),
    )


def _section(call: Call) -> CallSection:
    figure = call_figure(call)
    return CallSection(
        call=call,
        title=wording.readable_id(call.call_id),
        started=wording.moment(call.started_at_ms),
        length=wording.clock(call.length_ms),
        figure=""
        if figure is None
        else pack(json.dumps(figure, separators=(",", ":"), allow_nan=False)),
        figure_height_px=0 if figure is None else figure["layout"]["height"],
        tables=tuple(t for t in (summary_table(call), ledger_table(call)) if t is not None),
    )


def _totals(calls: list[Call]) -> str:
    complete = sum(call.is_complete for call in calls)
    parts = [wording.count(len(calls), "call"), f"{complete} complete"]
    if waiting := sum(not call.is_closed for call in calls):
        parts.append(f"{waiting} not closed yet")
    return ", ".join(parts)
