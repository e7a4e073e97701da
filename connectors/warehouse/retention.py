"""Rows of the warehouse that are older than they may be, and how they go: by the hour.

A segment is dated by its own start, so that the sort key finds it: a call over midnight keeps its
last windows a day longer. A ledger has no date; the summary of its call has, and goes after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

from connectors.retention import Overdue, RetentionRules, first_kept
from connectors.warehouse.contract import Session, WarehouseSpec
from connectors.warehouse.load_sql import LOAD_LEDGER
from connectors.warehouse.schema import qualified, quoted, warehouse_name
from udfs.rows import ALL_PARTICIPANTS, CALLS, LEDGER, SEGMENTS

BATCH_ROWS: Final = 50_000
"""Hours are removed together up to so many rows; a fuller hour goes alone."""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Dated:
    """A table of ours, and what dates its rows."""

    name: str
    column: str
    dated_by: str | None = None
    """The table whose column it is; None: its own."""


@dataclass(frozen=True, slots=True)
class _Slice:
    start: datetime
    end: datetime
    num_rows: int


def overdue_in_warehouse(
    session: Session,
    spec: WarehouseSpec,
    rules: RetentionRules,
    today: date,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Overdue]:
    """Rows of dates that are over, in pieces that can go one after the other.

    Raises:
        WarehouseError: a question failed, or later a removal.
    """
    summaries = warehouse_name(CALLS)
    for dated, first in (
        (
            _Dated(warehouse_name(SEGMENTS), "window_start_at"),
            rules.oldest_allowed(SEGMENTS, today),
        ),
        (
            _Dated(warehouse_name(LEDGER), "started_at", summaries),
            rules.oldest_allowed(LEDGER, today),
        ),
        (_Dated(summaries, "started_at"), rules.oldest_allowed(CALLS, today)),
        (_Dated(LOAD_LEDGER, "loaded_at"), first_kept(today, rules.logs_days)),
    ):
        before = datetime.combine(first, time(), UTC)
        for piece in _pieces(_hours(session, spec, dated, before), before, batch_rows):
            yield Overdue(
                where="warehouse",
                what=dated.name,
                amount=piece.num_rows,
                unit="rows",
                oldest=piece.start.date().isoformat(),
                remove=partial(session.execute, [_delete(spec, dated, piece)]),
            )


def _pieces(
    hours: list[tuple[datetime, int]], before: datetime, batch_rows: int
) -> Iterator[_Slice]:
    """Neighbouring hours together, each piece up to the next one's start."""
    start: datetime | None = None
    num_rows = 0
    for hour, rows in hours:
        if start is not None and num_rows + rows > batch_rows:
            yield _Slice(start, hour, num_rows)
            start, num_rows = None, 0
        start = hour if start is None else start
        num_rows += rows
    if start is not None:
        yield _Slice(start, min(before, hours[-1][0] + _HOUR), num_rows)


def _hours(
    session: Session, spec: WarehouseSpec, dated: _Dated, before: datetime
) -> list[tuple[datetime, int]]:
    """How many rows each hour has, the oldest first."""
    column = quoted(dated.column)
    if dated.dated_by is None:
        rows = f"{qualified(spec.schema, dated.name)} AS dated"
    else:
        rows = (
            f"{qualified(spec.schema, dated.name)} AS mine JOIN "
            f"{qualified(spec.schema, dated.dated_by)} AS dated "
            f"""ON mine."call_id" = dated."call_id" """
            f"""AND dated."participant_id" = '{ALL_PARTICIPANTS}'"""
        )
    answer = session.query(
        f"SELECT DATE_TRUNC('hour', dated.{column}), COUNT(*) FROM {rows} "
        f"WHERE dated.{column} < {_literal(before)} GROUP BY 1 ORDER BY 1"
    )
    return [(_instant(hour), int(rows)) for hour, rows in answer]


def _delete(spec: WarehouseSpec, dated: _Dated, piece: _Slice) -> str:
    column = quoted(dated.column)
    within = f"{column} >= {_literal(piece.start)} AND {column} < {_literal(piece.end)}"
    table = qualified(spec.schema, dated.name)
    if dated.dated_by is None:
        return f"DELETE FROM {table} WHERE {within}"
    calls = f'SELECT "call_id" FROM {qualified(spec.schema, dated.dated_by)} WHERE {within}'
    return f'DELETE FROM {table} WHERE "call_id" IN ({calls})'


def _literal(instant: datetime) -> str:
    return f"'{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'"


def _instant(value: Any) -> datetime:
    """PostgreSQL gives instants with a zone, the Data API text without one, which is UTC."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=UTC)
