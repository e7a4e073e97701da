"""What stands in the warehouse, as the rows that went in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from connectors.warehouse.contract import Session, WarehouseSpec
from connectors.warehouse.schema import qualified, quoted, warehouse_name
from udfs.rows import CALLS, LEDGER, SEGMENTS, Segment, Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def read_warehouse(
    session: Session, spec: WarehouseSpec, table: Table, since: date | None
) -> list[Any]:
    """All rows of a table, one for each key, in no order.

    Args:
        session: where to ask.
        spec: which warehouse.
        table: which rows; the list holds instances of ``table.row``, instants as epoch ms.
        since: only rows of calls that started on this UTC date or later, as the lake's ``dt`` has
            it. Of the ledger: of calls that have a summary.

    Raises:
        WarehouseError: the schema is not a plain name, or the question failed.
    """
    names = ", ".join(quoted(column.name) for column in table.columns)
    answer = session.query(
        f"SELECT {names} FROM {qualified(spec.schema, warehouse_name(table))}"
        + ("" if since is None else f" WHERE {_starts_since(spec, table, since)}")
    )
    instants = [column.type == "timestamp" for column in table.columns]
    rows = [table.row(*map(_value, values, instants)) for values in answer]
    if table is SEGMENTS and since is not None:
        start_ms = _epoch_ms(datetime.combine(since, time(), UTC))
        return [row for row in rows if _call_start_ms(row) >= start_ms]
    return rows


def _starts_since(spec: WarehouseSpec, table: Table, since: date) -> str:
    """For segments too much: a window may start the day after its call."""
    midnight = f"'{since.isoformat()} 00:00:00+00'"
    if table is SEGMENTS:
        return f'"window_start_at" >= {midnight}'
    if table is LEDGER:
        summaries = qualified(spec.schema, warehouse_name(CALLS))
        return f'"call_id" IN (SELECT "call_id" FROM {summaries} WHERE "started_at" >= {midnight})'
    return f'"started_at" >= {midnight}'


def _call_start_ms(row: Segment) -> int:
    return row.window_start_at - row.window_start_ms


def _value(value: Any, is_instant: bool) -> Any:
    return _epoch_ms(value) if is_instant and value is not None else value


def _epoch_ms(instant: datetime | str) -> int:
    """PostgreSQL gives instants with a zone, the Data API text without one, which is UTC."""
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // _MILLISECOND
