"""Reads the lake, the warehouse and a reference, and has them compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from connectors.lake_files import Lake
from connectors.lake_reader import read_files
from connectors.warehouse.contract import Session, WarehouseSpec
from connectors.warehouse.reader import read_warehouse
from udfs.reconcile import (
    REFERENCE_TABLES,
    Difference,
    against,
    checksum,
    committed_twice,
    open_calls,
    within_lake,
)
from udfs.rows import CALLS, LEDGER, SEGMENTS, TABLES, WAREHOUSE_TABLES, Table, newest


@dataclass(frozen=True, slots=True)
class Side:
    """A table as one side has it."""

    rows: int
    checksum: str
    """Of the newest row of each key, without the time it was emitted."""


@dataclass(frozen=True, slots=True)
class TableCount:
    table: Table
    files: int
    revisions: int
    """Rows in the lake, every revision."""
    lake: Side
    warehouse: Side | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    counts: tuple[TableCount, ...]
    differences: tuple[Difference, ...]
    open_calls: frozenset[str]
    """Calls without a ledger, whose segments are held against nothing yet."""


@dataclass(frozen=True, slots=True)
class _LakeTable:
    table: Table
    files: int
    revisions: int
    newest: list[Any]
    twice: tuple[Difference, ...]


def reconcile(
    lake: Lake,
    since: date | None,
    warehouse: tuple[Session, WarehouseSpec] | None,
    reference: Lake | None,
) -> Reconciliation:
    """Compare what the calls left behind.

    Args:
        lake: the output root.
        since: only calls that started on this UTC date or later; all when None.
        warehouse: what is held against the lake, if anything.
        reference: an output root of the same calls without a stream, likewise.

    Raises:
        LakeError: a file cannot be read.
        WarehouseError: the warehouse cannot be read.
    """
    loaded = {
        table: read_warehouse(*warehouse, table, since) if warehouse else None
        for table in WAREHOUSE_TABLES
    }
    # after the warehouse, which a row may reach first
    tables = {table: _read(lake, table, since) for table in TABLES}
    segments, summaries, ledgers = (tables[table].newest for table in (SEGMENTS, CALLS, LEDGER))
    still_open = open_calls(
        [*segments, *(loaded[SEGMENTS] or ())], [*ledgers, *(loaded[LEDGER] or ())]
    )
    differences = [each for of_one in tables.values() for each in of_one.twice]
    differences.extend(within_lake(segments, summaries, ledgers))
    for table, theirs in loaded.items():
        if theirs is not None:
            ours, others = (_closed(rows, still_open) for rows in (tables[table].newest, theirs))
            differences.extend(against("warehouse", table, ours, others))
    if reference is not None:
        for table in REFERENCE_TABLES:
            theirs = _read(reference, table, since).newest
            differences.extend(against("reference", table, tables[table].newest, theirs))
    counts = (_count(tables[table], loaded.get(table), still_open) for table in TABLES)
    return Reconciliation(tuple(counts), tuple(differences), frozenset(still_open))


def _read(lake: Lake, table: Table, since: date | None) -> _LakeTable:
    wanted = read_files(lake, table, lambda file: since is None or (file.dt or "") >= str(since))
    rows: list[Any] = []
    by_job: list[Sequence[Any]] = []
    num_files = 0
    for file, of_file in wanted:
        num_files += 1
        rows.extend(of_file)
        if not file.is_compacted:
            by_job.append(of_file)
    twice = tuple(committed_twice(table, by_job))
    return _LakeTable(table, num_files, len(rows), newest(rows, table), twice)


def _closed(rows: Sequence[Any], still_open: set[str]) -> Iterator[Any]:
    return (row for row in rows if row.call_id not in still_open)


def _count(lake: _LakeTable, loaded: list[Any] | None, still_open: set[str]) -> TableCount:
    ours = [row for row in lake.newest if row.call_id not in still_open]
    theirs = None if loaded is None else list(_closed(loaded, still_open))
    return TableCount(
        lake.table,
        lake.files,
        lake.revisions,
        Side(len(ours), checksum(ours)),
        None if theirs is None else Side(len(theirs), checksum(theirs)),
    )
