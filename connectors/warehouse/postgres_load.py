"""One load into PostgreSQL: new rows straight into the table, the others by a MERGE.

    which keys are there? ─┬► not there: COPY into the table ────────────────────┬► a line in
                           └► there: COPY into a stage, MERGE of what is news ───┘  the ledger

What is there is what the transaction's snapshot shows. A key that another load has put in since
then refuses the COPY or the MERGE; the next attempt sees it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import psycopg

from connectors.warehouse.contract import Batch
from connectors.warehouse.load_sql import (
    copy_from_client,
    create_stage,
    drop_stage,
    find_keys,
    merge_news,
    note_in_ledger,
    stage_of,
    target_of,
)
from udfs.rows import ColumnType, Table

_SETTINGS = (
    # Some thousand keys are looked up by the index, not by reading the whole table, which is what
    # the planner does as long as it deems the table small.
    b"SET LOCAL enable_hashjoin = off",
    b"SET LOCAL enable_mergejoin = off",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIRE_TYPES: dict[ColumnType, str] = {
    "string": "text",
    "long": "int8",
    "double": "float8",
    "boolean": "bool",
    "timestamp": "timestamptz",
    "bytes": "bytea",
}

Connection = psycopg.Connection[Any]


def load_batch(connection: Connection, batch: Batch, schema: str) -> None:
    """Load a batch within a transaction of the caller's, REPEATABLE READ.

    Raises:
        psycopg.Error: it is not loaded, and the transaction is to be rolled back.
        WarehouseError: the schema is not a plain name.
    """
    for setting in _SETTINGS:
        connection.execute(setting)
    table = batch.table
    key_of = attrgetter(*table.key)
    there = _keys_there(connection, batch, schema)
    known: list[Any] = []
    new: list[Any] = []
    for row in batch.rows:
        (known if key_of(row) in there else new).append(row)
    num_merged = len(new)
    if new:
        copy_rows(connection, table, new, target_of(table, schema))
    if known:
        num_merged += _merge(connection, table, known, schema)
    connection.execute(note_in_ledger(batch, schema, str(num_merged)).encode())


def copy_rows(connection: Connection, table: Table, rows: Iterable[Any], into: str) -> None:
    """Send rows to a table that is there.

    Args:
        connection: in whichever transaction it is.
        table: which rows they are.
        rows: instances of ``table.row``.
        into: the table, as SQL names it.

    Raises:
        psycopg.Error: they were not taken.
    """
    with connection.cursor().copy(copy_from_client(table, into).encode()) as copy:
        copy.set_types([_WIRE_TYPES[column.type] for column in table.columns])
        for values in _wire_rows(table, rows):
            copy.write_row(values)


def _keys_there(connection: Connection, batch: Batch, schema: str) -> set[tuple[Any, ...]]:
    """The batch's keys that the table has, and maybe others of the table's between them."""
    *leading, _ = batch.table.key
    lasts: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for key in map(attrgetter(*batch.table.key), batch.rows):
        lasts[key[:-1]].append(key[-1])
    came = {name: [values[i] for values in lasts] for i, name in enumerate(leading)}
    came |= {"lowest": [*map(min, lasts.values())], "highest": [*map(max, lasts.values())]}
    return set(connection.execute(find_keys(batch.table, schema).encode(), came))


def _merge(connection: Connection, table: Table, rows: list[Any], schema: str) -> int:
    """How many of the rows were news."""
    connection.execute(create_stage(table, schema).encode())
    copy_rows(connection, table, rows, stage_of(table))
    merged = connection.execute(merge_news(table, schema).encode())
    connection.execute(drop_stage(table).encode())
    return merged.rowcount


def _wire_rows(table: Table, rows: Iterable[Any]) -> Iterator[list[Any]]:
    values_of = attrgetter(*(column.name for column in table.columns))
    instants = [i for i, column in enumerate(table.columns) if column.type == "timestamp"]
    for row in rows:
        values = list(values_of(row))
        for i in instants:
            values[i] = _instant(values[i])
        yield values


def _instant(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else _EPOCH + timedelta(milliseconds=epoch_ms)
