"""The statements of one load: staged rows into a table, the newest of each key stays.

    (turn)  stage  fill  reduce  drop what changes nothing  MERGE  ledger  drop

One text serves both dialects, but for how the stage is filled (Redshift reads an object in S3,
PostgreSQL is sent the rows by its client) and for the turn: Redshift enforces no key, and under its
default, snapshot isolation, two loads at the same time (one of them left behind by a process that
died) could insert the same key twice; so a load takes the ledger's lock before its snapshot is
made. PostgreSQL's primary key and REPEATABLE READ refuse the second.

The statements are one transaction; BEGIN and COMMIT are the client's. The same arguments give the
same text, which the Data API's ``ClientToken`` asks for: the clock is the warehouse's.

The stage has the columns that this code knows, in its order (COPY of Parquet goes by position), not
those of the table, which a later migration may have extended.
"""

from __future__ import annotations

import re

from connectors.warehouse.schema import qualified, quoted, warehouse_name
from udfs.rows import Table

LOAD_LEDGER = "load_ledger"
_NO_NEWS = ("emitted_at",)

_BATCH_ID = re.compile(r"[0-9a-f]{64}")
_OBJECT = re.compile(r"s3://[a-z0-9][a-z0-9.-]+/[\w!.*()/=+-]+", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)


def redshift_load(
    table: Table, schema: str, batch_id: str, num_rows: int, staged_uri: str, copy_role_arn: str
) -> list[str]:
    """The statements that load one staged Parquet object into Redshift.

    There is no region among them: COPY of columnar formats takes none, the bucket must be in the
    region of the warehouse.

    Args:
        table: what its rows are; the object has the columns of ``table.columns``, in that order.
        schema: where the tables are.
        batch_id: ``Batch.batch_id``.
        num_rows: rows in the object.
        staged_uri: ``s3://bucket/key``.
        copy_role_arn: the role that reads the object; ``default`` is the cluster's own.

    Raises:
        WarehouseError: the schema is not a plain name.
        ValueError: batch, object or role is not what it should be.
    """
    if not _OBJECT.fullmatch(staged_uri):
        msg = f"staged object {staged_uri!r}; use s3://bucket/key of plain characters"
        raise ValueError(msg)
    if copy_role_arn != "default" and not _ROLE.fullmatch(copy_role_arn):
        msg = f"copy_role_arn is {copy_role_arn!r}; use the ARN of an IAM role, or default"
        raise ValueError(msg)
    role = "default" if copy_role_arn == "default" else f"'{copy_role_arn}'"
    return [
        f"LOCK TABLE {qualified(schema, LOAD_LEDGER)}",
        create_stage(table, schema),
        f"COPY {_stage(table)} FROM '{staged_uri}' IAM_ROLE {role} FORMAT AS PARQUET",
        *merge_stage(table, schema, batch_id, num_rows),
    ]


def create_stage(table: Table, schema: str) -> str:
    """The statement that makes the temporary stage, with the types of the table.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    return (
        f"CREATE TEMP TABLE {_stage(table)} AS "
        f"SELECT {_names(table)} FROM {_target(table, schema)} WHERE 1 = 0"
    )


def stage_name(table: Table) -> str:
    return f"{warehouse_name(table)}_stage"


def copy_from_client(table: Table, into: str) -> str:
    """PostgreSQL: the statement after which the client sends the rows."""
    return f"COPY {quoted(into)} ({_names(table)}) FROM STDIN (FORMAT BINARY)"


def merge_stage(table: Table, schema: str, batch_id: str, num_rows: int) -> list[str]:
    """The statements from the filled stage to the end.

    Raises:
        WarehouseError: the schema is not a plain name.
        ValueError: the batch's id is not one.
    """
    if not _BATCH_ID.fullmatch(batch_id):
        msg = f"batch id {batch_id!r}; use 64 hexadecimal digits"
        raise ValueError(msg)
    return [
        *_reduce_to_newest(table),
        _delete_what_changes_nothing(table, schema),
        _merge(table, schema),
        _note_in_ledger(table, schema, batch_id, num_rows),
        f"DROP TABLE {_stage(table)}",
    ]


def _reduce_to_newest(table: Table) -> list[str]:
    """Of several revisions of a key in the stage the highest; a batch has no row twice.

    By a table of its own, since Redshift documents no subquery in USING.
    """
    stage, repeated = _stage(table), quoted(f"{warehouse_name(table)}_repeated")
    key = [quoted(name) for name in table.key]
    same_key = " AND ".join(f"{stage}.{name} = {repeated}.{name}" for name in key)
    return [
        f'CREATE TEMP TABLE {repeated} AS SELECT {", ".join(key)}, MAX("revision") AS "newest" '
        f"FROM {stage} GROUP BY {', '.join(key)} HAVING COUNT(*) > 1",
        f"DELETE FROM {stage} USING {repeated} "
        f'WHERE {same_key} AND {stage}."revision" < {repeated}."newest"',
        f"DROP TABLE {repeated}",
    ]


def _delete_what_changes_nothing(table: Table, schema: str) -> str:
    """Rows older than the table's, and rows that say the same as it does.

    Another row of an equal revision stays and replaces: after a restart a failed model may have
    answered. When a row was emitted is not what it says, so calls that are replayed change nothing.
    """
    stage, target = _stage(table), quoted(warehouse_name(table))
    told = [column.name for column in table.columns if column.name not in (*table.key, *_NO_NEWS)]
    same = " AND ".join(
        _equal_or_both_null(f"{stage}.{quoted(name)}", f"{target}.{quoted(name)}") for name in told
    )
    return (
        f"DELETE FROM {stage} USING {_target(table, schema)} WHERE {_same_key(table)} "
        f'AND ({stage}."revision" < {target}."revision" OR ({same}))'
    )


def _equal_or_both_null(one: str, other: str) -> str:
    """Redshift has no IS NOT DISTINCT FROM."""
    return f"({one} = {other} OR ({one} IS NULL AND {other} IS NULL))"


def _merge(table: Table, schema: str) -> str:
    """In Redshift's grammar: no alias of the target, equality only, no AND after MATCHED."""
    stage = _stage(table)
    names = [column.name for column in table.columns]
    updates = ", ".join(
        f"{quoted(name)} = {stage}.{quoted(name)}" for name in names if name not in table.key
    )
    values = ", ".join(f"{stage}.{quoted(name)}" for name in names)
    return (
        f"MERGE INTO {_target(table, schema)} USING {stage} ON {_same_key(table)} "
        f"WHEN MATCHED THEN UPDATE SET {updates} "
        f"WHEN NOT MATCHED THEN INSERT ({_names(table)}) VALUES ({values})"
    )


def _note_in_ledger(table: Table, schema: str, batch_id: str, num_rows: int) -> str:
    """``loaded_at`` is the column's default, since no text for now() is good in both dialects."""
    return (
        f"INSERT INTO {qualified(schema, LOAD_LEDGER)} "
        f'("batch_id", "table_name", "num_rows", "num_merged", "max_revision") '
        f"SELECT '{batch_id}', '{warehouse_name(table)}', {num_rows:d}, COUNT(*), "
        f'MAX("revision") FROM {_stage(table)}'
    )


def _same_key(table: Table) -> str:
    target, stage = quoted(warehouse_name(table)), _stage(table)
    return " AND ".join(f"{target}.{quoted(name)} = {stage}.{quoted(name)}" for name in table.key)


def _target(table: Table, schema: str) -> str:
    return qualified(schema, warehouse_name(table))


def _stage(table: Table) -> str:
    return quoted(stage_name(table))


def _names(table: Table) -> str:
    return ", ".join(quoted(column.name) for column in table.columns)
