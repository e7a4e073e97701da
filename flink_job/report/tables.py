"""A call's summary and ledger as tables: one line a measure, one column a participant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flink_job.report import wording
from flink_job.report.calls import Call
from udfs.rows import Ledger, Summary


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    """A measure's name, then its value for each head."""


def summary_table(call: Call) -> Table | None:
    rows = [p.summary for p in call.participants if p.summary is not None]
    heads = [p.label for p in call.participants if p.summary is not None]
    return _table("Summary", heads, rows, call.overall, _SUMMARY)


def ledger_table(call: Call) -> Table | None:
    rows = [p.ledger for p in call.participants if p.ledger is not None]
    heads = [p.label for p in call.participants if p.ledger is not None]
    return _table("Ledger", heads, rows, call.overall_ledger, _LEDGER)


def _table(
    title: str,
    heads: list[str],
    rows: list[Any],
    overall: Any,
    measures: dict[str, Callable[[Any], str]],
) -> Table | None:
    if overall is not None:
        rows, heads = [*rows, overall], [*heads, "all"]
    if not rows:
        return None
    lines = [(name, *(show(row) for row in rows)) for name, show in measures.items()]
    told = [line for line in lines if any(value != wording.DASH for value in line[1:])]
    return Table(title, tuple(heads), tuple(told))


def _missing(row: Ledger) -> str:
    """``126: chunks 225–349 and 382``."""
    ranges = wording.sequences(row.missing_sequences)
    return f"{row.chunks_missing:,}: {ranges}" if ranges else wording.plain(row.chunks_missing)


def _of(seen: int, expected: int | None) -> str:
    return wording.plain(seen) if expected is None else f"{seen:,} / {expected:,}"


_SUMMARY: dict[str, Callable[[Summary], str]] = {
    "Score": lambda s: wording.signed(s.score, 2),
    "Score q1": lambda s: wording.signed(s.score_q1, 2),
    "Score q2": lambda s: wording.signed(s.score_q2, 2),
    "Score q3": lambda s: wording.signed(s.score_q3, 2),
    "Score q4": lambda s: wording.signed(s.score_q4, 2),
    "Change q1→q4": lambda s: wording.signed(s.score_change, 2),
    "Windows − / 0 / +": lambda s: (
        f"{s.windows_negative} / {s.windows_neutral} / {s.windows_positive}"
    ),
    "Talk time": lambda s: wording.clock(s.talk_ms),
    "Nobody speaks": lambda s: wording.clock(s.non_talk_ms),
    "Interruptions": lambda s: wording.plain(s.interruptions),
    "Talk speed": lambda s: wording.plain(s.talk_speed_wpm, 0, "wpm"),
    "Loudness": lambda s: wording.plain(s.loudness_dbfs, 1, "dBFS"),
    "Disagreement": lambda s: wording.plain(s.disagreement, 2),
}

_LEDGER: dict[str, Callable[[Ledger], str]] = {
    "Complete": lambda r: "yes" if r.complete else "no",
    "Closed by": lambda r: wording.reason(r.closed_by),
    "Chunks seen / expected": lambda r: _of(r.chunks_seen, r.chunks_expected),
    "Chunks missing": _missing,
    "Chunks duplicate": lambda r: wording.plain(r.chunks_duplicate),
    "Chunks rejected / withheld": lambda r: f"{r.chunks_rejected} / {r.chunks_withheld}",
    "Utterances seen / expected": lambda r: _of(r.utterances_seen, r.utterances_expected),
    "Utterances partial only": lambda r: wording.plain(r.utterances_partial_only),
    "Windows scored / lost": lambda r: f"{r.windows_scored} / {r.windows_lost}",
    "Windows without": lambda r: (
        "\n".join(wording.counted_reasons(r.windows_missing)) or wording.DASH
    ),
}
