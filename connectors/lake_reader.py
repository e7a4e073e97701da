"""The lake: Parquet under ``<root>/<table>/dt=YYYY-MM-DD/``, read into rows and written from them.

In: files of the job's sink (timestamps as INT96) or of ``write_rows`` (timestamps in ms, UTC).
Out: the dataclasses of ``udfs.rows``, instants as integer epoch milliseconds, in the order in which
the files were finished. Not read: what a writer has not finished, that is names that begin with
``.`` or ``_``, names with ``.inprogress`` in them, and empty files. Anything else that is no whole
Parquet file of this table is a ``LakeError``: data must not go missing in silence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from connectors.object_store import arrow_filesystem, is_object_store
from udfs.rows import Column, ColumnType, Table

Root: TypeAlias = str | Path
"""A local folder, or a URI that pyarrow knows (``file:///…``, ``s3://bucket/prefix``)."""

_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    "bytes": pa.binary(),
}


class LakeError(Exception):
    """A file under the output root is not what its folder promises."""


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
    filesystem, base = _open_root(root)
    return frozenset(
        info.path
        for table in tables
        for info in _finished_files(filesystem, f"{base}/{table.folder}")
    )


def read_rows(root: Root, table: Table, skip: frozenset[str] = frozenset()) -> list[Any]:
    """All rows of a table, every revision, files in the order of their last change.

    Args:
        root: the output root; a table's folder that is not there has no rows.
        table: which rows; the list holds instances of ``table.row``.
        skip: files not to be read, such as those of an earlier run.

    Raises:
        LakeError: a finished file is not Parquet, or lacks a column that may not be null.
    """
    filesystem, base = _open_root(root)
    rows: list[Any] = []
    for info in _finished_files(filesystem, f"{base}/{table.folder}"):
        if info.path not in skip:
            rows.extend(_read_file(filesystem, info.path, table))
    return rows


def newest(rows: Iterable[Any], table: Table) -> list[Any]:
    """One row for each key: the highest revision, of equal ones the last; in the order of keys met.

    Rejects have no revisions: of two with one key the last is kept.
    """
    kept: dict[tuple[Any, ...], Any] = {}
    for row in rows:
        key = tuple(getattr(row, name) for name in table.key)
        before = kept.get(key)
        if before is None or getattr(row, "revision", 0) >= getattr(before, "revision", 0):
            kept[key] = row
    return list(kept.values())


def write_rows(
    root: Root,
    table: Table,
    rows: Iterable[Any],
    dt_of: Callable[[Any], str],
    file_name: str = "part-0.parquet",
) -> int:
    """Writes rows as one Parquet file for each ``dt``; a file of that name there is replaced.

    Args:
        root: the output root; made when absent, as is the table's folder (even for no rows).
        table: which rows these are.
        rows: instances of ``table.row``.
        dt_of: the partition of a row, ``YYYY-MM-DD`` (``udfs.rows.partition_date``).
        file_name: the same name in every partition.

    Returns:
        How many rows were written.
    """
    filesystem, base = _open_root(root)
    filesystem.create_dir(f"{base}/{table.folder}", recursive=True)
    by_date: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_date[dt_of(row)].append(row)
    for date, dated_rows in by_date.items():
        folder = f"{base}/{table.folder}/dt={date}"
        filesystem.create_dir(folder, recursive=True)
        unfinished = f"{folder}/.{file_name}.inprogress"
        with filesystem.open_output_stream(unfinished) as stream:
            pq.write_table(arrow_table(table, dated_rows), stream)
        filesystem.move(unfinished, f"{folder}/{file_name}")
    return sum(map(len, by_date.values()))


def _open_root(root: Root) -> tuple[fs.FileSystem, str]:
    if is_object_store(str(root)):
        return arrow_filesystem(), str(root).partition("://")[2].rstrip("/")
    if "://" in str(root):
        filesystem, path = fs.FileSystem.from_uri(str(root))
        return filesystem, path.rstrip("/")
    return fs.LocalFileSystem(), str(Path(root).absolute())


def _finished_files(filesystem: fs.FileSystem, folder: str) -> list[fs.FileInfo]:
    selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
    found = [
        info
        for info in filesystem.get_file_info(selector)
        if info.type == fs.FileType.File
        and info.size > 0
        and not _is_unfinished(PurePosixPath(info.path).relative_to(folder))
    ]
    return sorted(found, key=lambda info: (info.mtime_ns or 0, info.path))


def _is_unfinished(path_in_table: PurePosixPath) -> bool:
    return ".inprogress" in path_in_table.name or any(
        part.startswith((".", "_")) for part in path_in_table.parts
    )


def _read_file(filesystem: fs.FileSystem, path: str, table: Table) -> Iterator[Any]:
    names = [column.name for column in table.columns]
    with filesystem.open_input_file(path) as source:
        try:
            stored = pq.ParquetFile(source, coerce_int96_timestamp_unit="ms").read(columns=names)
        except pa.ArrowInvalid as error:
            msg = f"{path}: not a whole Parquet file"
            raise LakeError(msg) from error
    values = [_column_values(stored, column, path) for column in table.columns]
    return (table.row(*row) for row in zip(*values, strict=True))


def _column_values(stored: pa.Table, column: Column, path: str) -> list[Any]:
    if column.name not in stored.column_names:
        if not column.nullable:
            msg = f"{path}: no column {column.name}"
            raise LakeError(msg)
        return [None] * len(stored)  # a file from before the column was added
    chunked = stored.column(column.name)
    if chunked.null_count and not column.nullable:
        msg = f"{path}: column {column.name} has nulls"
        raise LakeError(msg)
    if pa.types.is_timestamp(chunked.type):
        # the microseconds that a writer may add are below our unit
        milliseconds = chunked.cast(pa.timestamp("ms", tz=chunked.type.tz), safe=False)
        chunked = milliseconds.cast(pa.int64())
    return list(chunked.to_pylist())
