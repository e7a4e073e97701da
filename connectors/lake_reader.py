"""The lake: Parquet under ``<root>/<table>/dt=YYYY-MM-DD/``, read into rows and written from them.

In: files of the job's sink, of ``write_rows`` or of compaction. Out: the dataclasses of
``udfs.rows``, instants as integer epoch milliseconds, in the order in which the files were
finished. Not read: what a writer has not finished, that is names that begin with ``.`` or ``_``,
names with ``.inprogress`` in them, and empty files. Anything else that is no whole Parquet file of
this table is a ``LakeError``: data must not go missing in silence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from connectors.lake_files import Lake, LakeError, LakeFile, Root
from udfs.rows import Column, ColumnType, Table

_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    "bytes": pa.binary(),
}


def arrow_schema(table: Table) -> pa.Schema:
    """The Parquet schema of a table, without the partition ``dt``."""
    return pa.schema(
        [pa.field(c.name, _ARROW_TYPES[c.type], nullable=c.nullable) for c in table.columns]
    )


def arrow_table(table: Table, rows: Iterable[Any]) -> pa.Table:
    """Rows, which are instances of ``table.row``, as Arrow has them, in the order given."""
    kept = list(rows)
    schema = arrow_schema(table)
    columns = [
        pa.array([getattr(row, field.name) for row in kept], type=field.type) for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def finished_files(root: Root, tables: Iterable[Table]) -> frozenset[str]:
    """The paths of all finished files of some tables, as ``read_rows`` takes them to skip."""
    lake = Lake(root)
    return frozenset(file.path for table in tables for file in lake.files(table.folder))


def read_rows(root: Root, table: Table, skip: frozenset[str] = frozenset()) -> list[Any]:
    """All rows of a table, every revision, files in the order of their last change.

    Args:
        root: the output root; a table's folder that is not there has no rows.
        table: which rows; the list holds instances of ``table.row``.
        skip: files not to be read, such as those of an earlier run.

    Raises:
        LakeError: a finished file is not Parquet, or lacks a column that may not be null.
    """
    files = read_files(Lake(root), table, lambda file: file.path not in skip)
    return [row for _, rows in files for row in rows]


def read_files(
    lake: Lake, table: Table, is_wanted: Callable[[LakeFile], bool]
) -> Iterator[tuple[LakeFile, list[Any]]]:
    """The rows of each wanted file of a table, files in their order.

    Raises:
        LakeError: as ``read_rows``.
    """
    for file in lake.files(table.folder):
        if is_wanted(file):
            yield file, list(_rows(read_table(lake, file.path, table), table))


def read_table(lake: Lake, path: str, table: Table) -> pa.Table:
    """The columns of a table from one of its files, in their types.

    Raises:
        LakeError: as ``read_rows``.
    """
    return typed(lake.read(path), table, path)


def typed(stored: pa.Table, table: Table, path: str) -> pa.Table:
    """What a file holds, as the columns of a table in their types.

    Raises:
        LakeError: a column that may not be null is missing or has nulls.
    """
    columns = [_stored_column(stored, column, path) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=arrow_schema(table))


def write_rows(
    root: Root,
    table: Table,
    rows: Iterable[Any],
    dt_of: Callable[[Any], str],
    file_name: str = "part-0.parquet",
    kms_key_arn: str | None = None,
) -> int:
    """Writes rows as one Parquet file for each ``dt``; a file of that name there is replaced.

    Args:
        root: the output root; made when absent, as is the table's folder (even for no rows).
        table: which rows these are.
        rows: instances of ``table.row``.
        dt_of: the partition of a row, ``YYYY-MM-DD`` (``udfs.rows.partition_date``).
        file_name: the same name in every partition.
        kms_key_arn: the KMS key that objects are encrypted with; None leaves it to the bucket.

    Returns:
        How many rows were written.
    """
    lake = Lake(root, kms_key_arn)
    lake.make_folder(table.folder)
    by_date: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_date[dt_of(row)].append(row)
    for date, dated_rows in by_date.items():
        path = f"{lake.base}/{table.folder}/dt={date}/{file_name}"
        lake.put(path, arrow_table(table, dated_rows))
    return sum(map(len, by_date.values()))


def _stored_column(stored: pa.Table, column: Column, path: str) -> pa.ChunkedArray:
    arrow_type = _ARROW_TYPES[column.type]
    if column.name not in stored.column_names:
        if not column.nullable:
            msg = f"{path}: no column {column.name}"
            raise LakeError(msg)
        # a file from before the column was added
        return pa.chunked_array([pa.nulls(len(stored), arrow_type)])
    chunked = stored.column(column.name)
    if chunked.null_count and not column.nullable:
        msg = f"{path}: column {column.name} has nulls"
        raise LakeError(msg)
    if pa.types.is_timestamp(chunked.type):
        # the microseconds that a writer may add are below our unit
        milliseconds = chunked.cast(pa.timestamp("ms", tz=chunked.type.tz), safe=False)
        chunked = milliseconds.cast(pa.int64())
    return chunked.cast(arrow_type)


def _rows(stored: pa.Table, table: Table) -> Iterator[Any]:
    values = [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in stored.columns
    ]
    return (table.row(*row) for row in zip(*values, strict=True))
