"""The statements of one load: rows into a table, the newest of each key stays.

    Redshift     turn   stage, COPY of an object, what is no news leaves the stage, MERGE   ledger
    PostgreSQL   which of the keys are there?  rows of the others: COPY into the table
                 rows of these: stage, COPY, MERGE of what is news                          ledger

Nearly all rows that come are of keys that the table has never seen. PostgreSQL's primary key and
REPEATABLE READ refuse a second load that puts in such a row, or changes one, at the same time, so
they may go straight into the table, by the fastest way there is; its MERGE takes a condition.

Redshift's takes none, so what is no news leaves the stage before it. It enforces no key, and under
its default, snapshot isolation, two loads at the same time (one of them left behind by a process
that died) could insert the same key twice: hence the turn, the ledger's lock, which a load takes
before its snapshot is made.

The statements are one transaction; BEGIN and COMMIT are the client's. The same batch gives the
same text, which the Data API's ``ClientToken`` asks for: the clock is the warehouse's.

The stage has the columns that this code knows, in its order (COPY of Parquet goes by position), not
those of the table, which a later migration may have extended. No two of its rows have the same key,
since no two of a batch have.
"""

from __future__ import annotations

import re

from connectors.warehouse.contract import Batch
from connectors.warehouse.schema import qualified, quoted, warehouse_columns, warehouse_name
from udfs.rows import Table

LOAD_LEDGER = "load_ledger"
_NO_NEWS = ("emitted_at",)

_OBJECT = re.compile(r"s3://[a-z0-9][a-z0-9.-]+/[\w!.*()/=+-]+", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)


def redshift_load(batch: Batch, schema: str, staged_uri: str, copy_role_arn: str) -> list[str]:
    """The statements that load one staged Parquet object into Redshift.

    There is no region among them: COPY of columnar formats takes none, the bucket must be in the
    region of the warehouse.

    Args:
        batch: what the object holds, in the columns of its table and their order.
        schema: where the tables are.
        staged_uri: ``s3://bucket/key``.
        copy_role_arn: the role that reads the object; ``default`` is the cluster's own.

    Raises:
        WarehouseError: the schema is not a plain name.
        ValueError: object or role is not what it should be.
    """
    if not _OBJECT.fullmatch(staged_uri):
        msg = f"staged object {staged_uri!r}; use s3://bucket/key of plain characters"
        raise ValueError(msg)
    if copy_role_arn != "default" and not _ROLE.fullmatch(copy_role_arn):
        msg = f"copy_role_arn is {copy_role_arn!r}; use the ARN of an IAM role, or default"
        raise ValueError(msg)
    table = batch.table
    role = "default" if copy_role_arn == "default" else f"'{copy_role_arn}'"
    return [
        f"LOCK TABLE {qualified(schema, LOAD_LEDGER)}",
        create_stage(table, schema),
        f"COPY {stage_of(table)} FROM '{staged_uri}' IAM_ROLE {role} FORMAT AS PARQUET",
        _drop_what_is_no_news(table, schema),
        _merge(table, schema, "WHEN MATCHED"),
        note_in_ledger(batch, schema, f"(SELECT COUNT(*) FROM {stage_of(table)})"),
        drop_stage(table),
    ]


def create_stage(table: Table, schema: str) -> str:
    """The statement that makes the temporary stage, with the types of the table.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    return (
        f"CREATE TEMP TABLE {stage_of(table)} AS "
        f"SELECT {_names(table)} FROM {target_of(table, schema)} WHERE 1 = 0"
    )


def find_keys(table: Table, schema: str) -> str:
    """PostgreSQL: the query for the keys that the table has where a batch's are.

    Rows whose keys differ in the last column only, as a voice's windows do, are looked for at once:
    the parameters are lists, by the names of the other columns of the key, and by ``lowest`` and
    ``highest`` the bounds of the last. Those bind it where it is a number; the order of texts is
    the database's affair, and few rows share the rest of such a key.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    types = {column.name: column.type for column in warehouse_columns(table, "postgresql")}
    *leading, last = table.key
    came = {name: types[name] for name in leading}
    where = [f"there.{quoted(name)} = came.{quoted(name)}" for name in leading]
    if types[last] == "bigint":
        came |= {"lowest": types[last], "highest": types[last]}
        where.append(f'there.{quoted(last)} BETWEEN came."lowest" AND came."highest"')
    lists = ", ".join(f"%({name})b::{type_name}[]" for name, type_name in came.items())
    return (
        f"SELECT {', '.join(f'there.{quoted(name)}' for name in table.key)} "
        f"FROM unnest({lists}) AS came ({', '.join(map(quoted, came))}) "
        f"JOIN {target_of(table, schema)} AS there ON {' AND '.join(where)}"
    )


def copy_from_client(table: Table, into: str) -> str:
    """PostgreSQL: the statement after which the client sends the rows.

    Args:
        table: which columns they have.
        into: the table, as SQL names it.
    """
    return f"COPY {into} ({_names(table)}) FROM STDIN (FORMAT BINARY)"


def merge_news(table: Table, schema: str) -> str:
    """PostgreSQL: the statement that merges of the stage what ``_drop_what_is_no_news`` leaves.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    stage, target = stage_of(table), quoted(warehouse_name(table))
    came, there = (
        ", ".join(f"{of}.{quoted(name)}" for name in _told(table)) for of in (stage, target)
    )
    return _merge(
        table,
        schema,
        f'WHEN MATCHED AND {stage}."revision" >= {target}."revision" '
        f"AND ({came}) IS DISTINCT FROM ({there})",
    )


def note_in_ledger(batch: Batch, schema: str, num_merged: str) -> str:
    """The statement that notes a load.

    ``loaded_at`` is the column's default, since no text for now() is good in both dialects.

    Args:
        batch: what came; ``max_revision`` is its highest.
        schema: where the tables are.
        num_merged: SQL for how many of its rows were news.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    highest = max((row.revision for row in batch.rows), default="NULL")
    return (
        f"INSERT INTO {qualified(schema, LOAD_LEDGER)} "
        f'("batch_id", "table_name", "num_rows", "num_merged", "max_revision") VALUES '
        f"('{batch.batch_id}', '{warehouse_name(batch.table)}', {len(batch.rows)}, "
        f"{num_merged}, {highest})"
    )


def target_of(table: Table, schema: str) -> str:
    """The table as SQL names it.

    Raises:
        WarehouseError: the schema is not a plain name.
    """
    return qualified(schema, warehouse_name(table))


def stage_of(table: Table) -> str:
    """The temporary stage as SQL names it."""
    return quoted(f"{warehouse_name(table)}_stage")


def drop_stage(table: Table) -> str:
    return f"DROP TABLE {stage_of(table)}"


def _drop_what_is_no_news(table: Table, schema: str) -> str:
    """Rows older than the table's, and rows that say the same as it does.

    Another row of an equal revision stays and replaces: after a restart a failed model may have
    answered. When a row was emitted is not what it says, so calls that are replayed change nothing.
    """
    stage, target = stage_of(table), quoted(warehouse_name(table))
    same = " AND ".join(
        _equal_or_both_null(f"{stage}.{quoted(name)}", f"{target}.{quoted(name)}")
        for name in _told(table)
    )
    return (
        f"DELETE FROM {stage} USING {target_of(table, schema)} WHERE {_same_key(table)} "
        f'AND ({stage}."revision" < {target}."revision" OR ({same}))'
    )


def _told(table: Table) -> list[str]:
    """The columns in which one row of a key tells something else than another."""
    return [column.name for column in table.columns if column.name not in (*table.key, *_NO_NEWS)]


def _equal_or_both_null(one: str, other: str) -> str:
    """Redshift has no IS NOT DISTINCT FROM."""
    return f"({one} = {other} OR ({one} IS NULL AND {other} IS NULL))"


def _merge(table: Table, schema: str, when_matched: str) -> str:
    """In Redshift's grammar but for what may follow MATCHED: no alias of the target, equality."""
    stage = stage_of(table)
    names = [column.name for column in table.columns]
    updates = ", ".join(
        f"{quoted(name)} = {stage}.{quoted(name)}" for name in names if name not in table.key
    )
    values = ", ".join(f"{stage}.{quoted(name)}" for name in names)
    return (
        f"MERGE INTO {target_of(table, schema)} USING {stage} ON {_same_key(table)} "
        f"{when_matched} THEN UPDATE SET {updates} "
        f"WHEN NOT MATCHED THEN INSERT ({_names(table)}) VALUES ({values})"
    )


def _same_key(table: Table) -> str:
    target, stage = quoted(warehouse_name(table)), stage_of(table)
    return " AND ".join(f"{target}.{quoted(name)} = {stage}.{quoted(name)}" for name in table.key)


def _names(table: Table) -> str:
    return ", ".join(quoted(column.name) for column in table.columns)
