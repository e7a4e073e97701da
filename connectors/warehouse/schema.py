"""What the warehouse's tables must look like, by dialect; derived from ``udfs.rows``.

The migrations lead there, and a test compares: a column that is new in ``udfs.rows`` needs a
migration. A table's job columns and nothing else; only the key and the revision are NOT NULL, so
that a migration can add a column under a job that does not know it yet.

PostgreSQL: ``text`` and ``timestamptz``; the key is the primary key; BRIN indexes on time, which
cost a load next to nothing because rows come in the order of time.

Redshift:

- **Time** is ``TIMESTAMP``, always UTC. COPY reads Parquet through Redshift Spectrum, whose types
  have no TIMESTAMPTZ; Spectrum misreads 64-bit instants of some units, so staged objects hold
  INT96, which is what Redshift's own tools write.
- **VARCHAR** counts bytes: an id of 256 characters needs 1,024. Wider than needed is not free:
  sorts and joins reserve memory by the declared width.
- **DISTKEY(call_id)**: a load's join, and every join of two of our tables, stays on its slice; ids
  of calls are many and even.
- **SORTKEY** is the time that people filter by; the ledger has none and is sorted by ``call_id``,
  by which it is joined to the summary.
- **Encodings**: the sort key is RAW, else a scan of few of its blocks would read many blocks of
  the other columns; AZ64 for integers and instants (small, and the fastest to read); ZSTD for
  text (ids repeat for a whole call, labels and model ids for ever; it never needs more room than
  RAW) and for doubles, whose mantissas hardly shrink but whose nulls do, as AZ64 takes no doubles;
  RAW for booleans, one bit of information in one byte.
- The **primary key** is declared, not enforced: it tells planner and tools what the loads keep.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.warehouse.contract import Dialect, WarehouseError
from udfs.rows import Column, ColumnType, Table

SORT_KEYS = {"call_segment": "window_start_at", "call_summary": "started_at"}
"""Redshift: what a table is sorted by, if by time."""

_ID_BYTES = 4 * 256
_VARCHAR_BYTES = {
    "call_id": _ID_BYTES,
    "participant_id": _ID_BYTES,
    "person_key": _ID_BYTES,
    "audio_model_id": _ID_BYTES,
    "text_model_id": _ID_BYTES,
    "fusion_model_id": _ID_BYTES,
    "role": 32,
    "fused_label": 32,
    "closed_by": 32,
    "language": 4 * 35,
    "missing": 1_024,
    "windows_missing": 4_096,
    "missing_sequences": 65_535,  # the widest there is
}

_POSTGRESQL: dict[ColumnType, str] = {
    "string": "text",
    "long": "bigint",
    "double": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamp with time zone",
    "bytes": "bytea",
}
_REDSHIFT: dict[ColumnType, str] = {
    "long": "bigint",
    "double": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "bytes": "varbyte(65535)",
}
_ENCODINGS: dict[ColumnType, str] = {
    "string": "zstd",
    "long": "az64",
    "double": "zstd",
    "boolean": "raw",
    "timestamp": "az64",
    "bytes": "zstd",
}

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class WarehouseColumn:
    """A column as a dialect has it."""

    name: str
    type: str
    nullable: bool
    encoding: str | None
    """Redshift only."""


def warehouse_name(table: Table) -> str:
    """The table's name in the warehouse.

    Raises:
        ValueError: its rows do not go there.
    """
    if table.warehouse_table is None:
        msg = f"{table.folder} has no table in the warehouse"
        raise ValueError(msg)
    return table.warehouse_table


def warehouse_columns(table: Table, dialect: Dialect) -> tuple[WarehouseColumn, ...]:
    """The columns that the table must have, in the order of its rows."""
    required = {*table.key, "revision"}
    return tuple(
        WarehouseColumn(
            column.name,
            _type(column, dialect),
            column.name not in required,
            _encoding(table, column) if dialect == "redshift" else None,
        )
        for column in table.columns
    )


def quoted(name: str) -> str:
    """A name of ours as an SQL identifier."""
    return f'"{name}"'


def quoted_schema(schema: str) -> str:
    """A schema's name, which a user chose, as an SQL identifier.

    Raises:
        WarehouseError: not a plain name in lower case; Redshift folds others.
    """
    if not _IDENTIFIER.fullmatch(schema):
        msg = (
            f"the warehouse's schema is {schema!r}; "
            "use lower-case letters, digits and _, at most 63, and no digit first"
        )
        raise WarehouseError(msg)
    return quoted(schema)


def qualified(schema: str, name: str) -> str:
    """``"schema"."name"``.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    return f"{quoted_schema(schema)}.{quoted(name)}"


def _type(column: Column, dialect: Dialect) -> str:
    if dialect == "postgresql":
        return _POSTGRESQL[column.type]
    if column.type == "string":
        return f"varchar({_VARCHAR_BYTES[column.name]})"
    return _REDSHIFT[column.type]


def _encoding(table: Table, column: Column) -> str:
    if column.name == SORT_KEYS.get(warehouse_name(table), "call_id"):
        return "raw"
    return _ENCODINGS[column.type]
