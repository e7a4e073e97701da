"""COPY … FROM 's3://…' FORMAT AS PARQUET, as "COPY from columnar data formats" has it.

All objects whose keys begin with the prefix, values by position. As many columns as the table and
of fitting types, else the statement fails, as Redshift Spectrum's scan does. TIMESTAMPTZ is no type
of Spectrum's ("Data types" of "CREATE EXTERNAL TABLE"), nor are instants in nanoseconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import sql
from sqlglot import exp

from tests.aws_servers.redshift_data.grammar import SqlError

PARQUET_TYPES = {
    "bigint": "INT64",
    "integer": "INT32",
    "smallint": "INT32",
    "double precision": "DOUBLE",
    "real": "FLOAT",
    "boolean": "BOOLEAN",
    "character varying": "BYTE_ARRAY",
    "bytea": "BYTE_ARRAY",
    "date": "INT32",
}


def copy_parquet(connection: psycopg.Connection[Any], copy: exp.Copy, s3: Any) -> int:
    """Load the objects into the table; the number of rows.

    Raises:
        SqlError: the objects are not there or do not fit the table.
        psycopg.Error: PostgreSQL takes them not.
    """
    target = copy.this.this if isinstance(copy.this, exp.Schema) else copy.this
    named = [name.name for name in copy.this.expressions] if target is not copy.this else None
    columns = _columns(connection, target, named)
    bucket, _, prefix = copy.args["files"][0].name.removeprefix("s3://").partition("/")
    table = sql.Identifier(*filter(None, (target.db, target.name)))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        table, sql.SQL(", ").join(sql.Identifier(name) for name, _, _ in columns)
    )
    num_rows = 0
    for key, content in _objects(s3, bucket, prefix):
        rows = _rows(f"s3://{bucket}/{key}", content, columns)
        with connection.cursor() as cursor, cursor.copy(into) as stream:
            for row in rows:
                stream.write_row(row)
        num_rows += len(rows)
    return num_rows


def _columns(
    connection: psycopg.Connection[Any], table: exp.Table, named: list[str] | None
) -> list[tuple[str, str, int | None]]:
    """Name, type, and length if it has one."""
    columns = connection.execute(
        """
        SELECT attname, format_type(atttypid, NULL),
               CASE WHEN atttypid = 'varchar'::regtype AND atttypmod > 0 THEN atttypmod - 4 END
        FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """,
        [".".join(f'"{part}"' for part in (table.db, table.name) if part)],
    ).fetchall()
    by_name = {column[0]: column for column in columns}
    return columns if named is None else [by_name[name] for name in named]


def _objects(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
    try:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        if not listed:
            msg = f"ERROR: The specified S3 prefix '{prefix}' does not exist"
            raise SqlError(msg)
        for found in listed:
            yield found["Key"], s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
    except (ClientError, BotoCoreError) as error:
        msg = f"ERROR: S3ServiceException: {type(error).__name__}"
        raise SqlError(msg) from error


def _rows(
    uri: str, content: bytes, columns: list[tuple[str, str, int | None]]
) -> list[tuple[Any, ...]]:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
    except pa.ArrowInvalid:
        msg = f"ERROR: Spectrum Scan Error: File '{uri}' has an invalid format"
        raise SqlError(msg) from None
    if len(file.schema) != len(columns):
        msg = (
            "ERROR: Unmatched number of columns between table and file. "
            f"Table columns: {len(columns)}, Data columns: {len(file.schema)}"
        )
        raise SqlError(msg)
    for (name, type_name, _), stored in zip(columns, file.schema, strict=True):
        if not _fits(type_name, stored):
            msg = (
                "ERROR: Spectrum Scan Error DETAIL: code: 15007 context: "
                f"File '{uri}' has an incompatible Parquet schema for column '{name}'. "
                f"Column type: {type_name.upper()}, Parquet schema: {stored.physical_type}"
            )
            raise SqlError(msg)
    values = [column.to_pylist() for column in _with_datetimes(file.read()).columns]
    for (name, _, length), cells in zip(columns, values, strict=True):
        _check_lengths(name, length, cells)
    return list(zip(*values, strict=True))


def _fits(type_name: str, stored: Any) -> bool:
    physical: str = stored.physical_type
    if type_name != "timestamp without time zone":
        return PARQUET_TYPES.get(type_name) == physical
    is_instant = "timestamp" in str(stored.logical_type).lower()
    return physical == "INT96" or (is_instant and "nanoseconds" not in str(stored.logical_type))


def _with_datetimes(table: pa.Table) -> pa.Table:
    """Instants without their zone, in microseconds: what TIMESTAMP holds."""
    fields = [
        pa.field(field.name, pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _check_lengths(name: str, length: int | None, cells: list[Any]) -> None:
    longest = max((len(cell.encode()) for cell in cells if cell), default=0) if length else 0
    if length is not None and longest > length:
        msg = (
            f"ERROR: Spectrum Scan Error: The length of the data column {name} is longer than the "
            f"length defined in the table. Table: {length}, Data: {longest}"
        )
        raise SqlError(msg)
