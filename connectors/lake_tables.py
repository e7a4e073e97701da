"""The lake's sinks: partitioned Parquet, committed with checkpoints.

DDL and Flink types are derived from ``udfs.rows``. Nothing is visible before a checkpoint;
stop-with-savepoint finishes all files. Exactly-once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyflink.common import Row, Types
from pyflink.common.typeinfo import TypeInformation
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.table import StatementSet, StreamTableEnvironment

from udfs.rows import Column, ColumnType, Table

_SQL: dict[ColumnType, str] = {
    "string": "STRING",
    "long": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP_LTZ(3)",
    "bytes": "BYTES",
}


def row_type(table: Table) -> TypeInformation:
    """The Flink type of a table's rows on their way to the sink; instants are epoch ms."""
    types = {
        "string": Types.STRING(),
        "long": Types.LONG(),
        "double": Types.DOUBLE(),
        "boolean": Types.BOOLEAN(),
        "timestamp": Types.LONG(),
        "bytes": Types.PRIMITIVE_ARRAY(Types.BYTE()),
    }
    return Types.ROW_NAMED(
        [*(column.name for column in table.columns), "dt"],
        [*(types[column.type] for column in table.columns), Types.STRING()],
    )


def to_flink_row(row: Any, columns: tuple[str, ...], dt: str) -> Row:
    """A row of ``udfs.rows`` as Flink's, with its partition."""
    return Row(*[getattr(row, name) for name in columns], dt)


def create_table_sql(table: Table, root: str, *, auto_compaction: bool) -> str:
    """The sink's DDL."""
    columns = ",\n  ".join(f"`{column.name}` {_SQL[column.type]}" for column in table.columns)
    options = {
        "connector": "filesystem",
        "path": f"{root}/{table.folder}",
        "format": "parquet",
        # Without it times are off by the machine's zone.
        "parquet.utc-timezone": "true",
        # With more than one writer, compaction fails when the job is scaled up.
        "sink.parallelism": "1",
        "auto-compaction": str(auto_compaction).lower(),
    }
    properties = ",\n  ".join(f"'{key}' = '{_quoted(value)}'" for key, value in options.items())
    return (
        f"CREATE TEMPORARY TABLE {table.folder} (\n  {columns},\n  `dt` STRING\n) "
        f"PARTITIONED BY (`dt`) WITH (\n  {properties}\n)"
    )


def insert_sql(table: Table) -> str:
    """From the stream's view to the sink."""
    columns = ", ".join(_select(column) for column in table.columns)
    return f"INSERT INTO {table.folder} SELECT {columns}, `dt` FROM {table.folder}_rows"  # noqa: S608


def _select(column: Column) -> str:
    if column.type == "timestamp":
        return f"TO_TIMESTAMP_LTZ(`{column.name}`, 3)"
    return f"`{column.name}`"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def write_to_lake(
    tables: StreamTableEnvironment,
    streams: Iterable[tuple[Table, DataStream]],
    root: str,
    *,
    auto_compaction: bool,
) -> None:
    """Attach one sink a table, all in one statement set."""
    statements: StatementSet = tables.create_statement_set()
    for table, stream in streams:
        tables.create_temporary_view(f"{table.folder}_rows", tables.from_data_stream(stream))
        tables.execute_sql(create_table_sql(table, root, auto_compaction=auto_compaction))
        statements.add_insert_sql(insert_sql(table))
    statements.attach_as_datastream()


SINK_OPERATORS = (
    "StreamingFileWriter",
    "streaming-writer",
    "PartitionCommitter",
    "compact-coordinator",
    "compact-operator",
    "end",
)


def pin_sink_uids(env: StreamExecutionEnvironment, tables: Iterable[Table]) -> list[str]:
    """Give the sinks' stateful operators uids of their own; the uids given.

    The planner gives them none, or counts them: one sink more and a savepoint's files would go to
    another table.
    """
    java_env = env._j_stream_execution_environment  # noqa: SLF001 - no public way
    ends = [
        transformation
        for transformation in java_env.getTransformations().toArray()
        if transformation.getName().lower().startswith("end")
        or transformation.getClass().getSimpleName().endswith("SinkTransformation")
    ]
    given: list[str] = []
    for table, end in zip(tables, ends, strict=True):
        given.extend(_pin(table.folder, end))
    return given


def _pin(folder: str, end: Any) -> Iterable[str]:
    pending = [end]
    while pending:
        transformation = pending.pop()
        kind = transformation.getName().split("[")[0].strip()
        if kind in SINK_OPERATORS or kind.lower().startswith("end"):
            uid = f"{folder}-{kind.lower().split(':')[0]}"
            transformation.setUid(uid)
            yield uid
        if kind not in ("StreamingFileWriter", "streaming-writer"):
            pending.extend(transformation.getInputs().toArray())
