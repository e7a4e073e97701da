"""What a local run shows on the terminal: progress, then calls, ledgers and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from flink_job.local import LocalResult
from udfs.models.scorer import MODEL_FAILURES
from udfs.rows import ALL_PARTICIPANTS, Ledger, Summary


class ConsoleProgress:
    """Progress bars on a terminal; plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._sent = self._progress.add_task("records sent", total=None)
        self._closed = self._progress.add_task("calls closed", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def sent(self, num_sent: int, num_total: int) -> None:
        self._progress.update(self._sent, completed=num_sent, total=num_total)

    def closed(self, num_closed: int, num_calls: int) -> None:
        self._progress.update(self._closed, completed=num_closed, total=num_calls)

    def step(self, what: str) -> None:
        self._console.print(what, style="dim", highlight=False)


def print_result(console: Console, result: LocalResult) -> None:
    """The calls, their ledgers, and a line for everything that is missing."""
    console.print(_table(result))
    calls = result.calls()
    complete = sum(row.complete for row in calls)
    console.print(
        f"{complete} of {len(calls)} calls complete, {result.num_segments} segments, "
        f"{result.num_rejects} rejects, {result.restarts} restarts, {result.seconds:.0f} s",
        highlight=False,
    )
    if result.warehouse:
        rows = ", ".join(f"{table} {count}" for table, count in result.warehouse.items())
        console.print(f"rows in the warehouse: {rows}", highlight=False)
    for line in advice(result.ledgers):
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _table(result: LocalResult) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("call", no_wrap=True, overflow="ellipsis")
    for heading in ("score", "q1→q4", "−/0/+", "chunks", "texts", "windows"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("complete", no_wrap=True)
    summaries = {(row.call_id, row.participant_id): row for row in result.summaries}
    ledgers = sorted(
        result.ledgers,
        key=lambda row: (row.call_id, row.participant_id == ALL_PARTICIPANTS, row.participant_id),
    )
    for call_id, rows in groupby(ledgers, key=lambda row: row.call_id):
        table.add_row(f"[bold]{escape(call_id)}[/]")
        for row in rows:
            table.add_row(
                f"  {escape(row.participant_id)}",
                *_feeling(summaries.get((row.call_id, row.participant_id))),
                _of(row.chunks_seen, row.chunks_expected),
                _of(row.utterances_seen, row.utterances_expected),
                _windows(row),
                "[green]yes[/]" if row.complete else "[red]no[/]",
            )
    return table


def _windows(row: Ledger) -> str:
    return (
        f"{row.windows_scored}, {row.windows_lost} lost"
        if row.windows_lost
        else str(row.windows_scored)
    )


def _feeling(summary: Summary | None) -> tuple[str, str, str]:
    if summary is None:
        return "", "", ""
    labels = (summary.windows_negative, summary.windows_neutral, summary.windows_positive)
    return (
        _signed(summary.score),
        _signed(summary.score_change),
        "/".join(map(str, labels)),
    )


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


def _of(seen: int, expected: int | None) -> str:
    return str(seen) if expected is None else f"{seen}/{expected}"


def advice(ledgers: list[Ledger]) -> Iterator[str]:
    """What a call lacks, in words, and what to do about it."""
    for row in sorted(ledgers, key=lambda row: (row.call_id, row.participant_id)):
        if row.complete:
            continue
        where = f"{row.call_id}, {row.participant_id}"
        if row.missing_sequences:
            sequences = row.missing_sequences.replace("-", "–").replace(",", ", ")
            one = row.chunks_missing == 1
            yield (
                f"{where}: {'chunk' if one else 'chunks'} {sequences} never came; "
                f"send {'it' if one else 'them'} again before the call closes, or look for the "
                "loss at the producer"
            )
        if any(f":{failure}=" in row.windows_missing for failure in MODEL_FAILURES):
            yield f"{where}: a model failed ({row.windows_missing}); see the job's log"
        if row.participant_id != ALL_PARTICIPANTS:
            continue
        if row.closed_by == "timeout":
            yield f"{where}: call_ended never came; the producer must send it"
        if row.utterances_expected is not None and row.utterances_seen < row.utterances_expected:
            lacking = row.utterances_expected - row.utterances_seen
            yield f"{where}: {lacking} of {row.utterances_expected} utterances never came"
