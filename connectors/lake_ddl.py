"""How Athena reads the lake: external tables for the Glue catalogue, made from the rows' classes.

Partition projection tells Athena which dates there are, so no crawler and no ``MSCK REPAIR`` is
needed (https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html). A view beside each
table has the newest revision of each key. All that is in the lake is history: of rows of one
revision the view takes the one emitted last, and where a table does not say, any.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

from udfs.rows import TABLES as ALL_TABLES
from udfs.rows import ColumnType, Table

HIVE_TYPES: Final[dict[ColumnType, str]] = {
    "string": "string",
    "long": "bigint",
    "double": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "bytes": "binary",
}
Value = TypeVar("Value")
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,127}")
_LOCATION: Final = re.compile(r"s3a?://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w!.*()/=-]*)?)")


class DdlError(ValueError):
    """Root or database cannot stand in a statement; says what to write instead."""


def athena_ddl(root: str, database: str, first_date: str) -> list[str]:
    """One CREATE statement for each table, and one for each view.

    Args:
        root: the output root, in S3.
        database: of the Glue catalogue.
        first_date: the earliest ``dt`` that queries look for, ``YYYY-MM-DD``.

    Raises:
        DdlError: the root is not in S3, or the database's name is none that Athena takes.
    """
    location = _LOCATION.fullmatch(root.rstrip("/"))
    if location is None:
        msg = f"root {root}: Athena reads S3 only; write s3://bucket/prefix"
        raise DdlError(msg)
    if not _IDENTIFIER.fullmatch(database):
        msg = f"database {database}: write small letters, digits and underscores"
        raise DdlError(msg)
    statements = [
        _create_table(table, f"s3://{location[1]}", database, first_date) for table in ALL_TABLES
    ]
    return statements + [_create_view(table, database) for table in ALL_TABLES]


def projection(dates: Value, location: Value) -> dict[str, str | Value]:
    """The properties by which Athena works out a table's partitions.

    Args:
        dates: the range of ``dt``. A call may start on the other side of midnight, so it ends a
            day ahead.
        location: where a partition lies, with ``${dt}`` in it.
    """
    return {
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": dates,
        "projection.dt.interval": "1",
        "projection.dt.interval.unit": "DAYS",
        "storage.location.template": location,
    }


def _create_table(table: Table, root: str, database: str, first_date: str) -> str:
    columns = ",\n  ".join(
        f"`{column.name}` {HIVE_TYPES[column.type]} COMMENT '{column.meaning.replace(chr(39), '')}'"
        for column in table.columns
    )
    folder = f"{root}/{table.folder}"
    properties = projection(f"{first_date},NOW+1DAYS", f"{folder}/dt=${{dt}}/")
    written = ",\n  ".join(f"'{key}' = '{value}'" for key, value in properties.items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{table.folder}` (\n  {columns}\n)\n"
        "PARTITIONED BY (`dt` string)\n"
        "STORED AS PARQUET\n"
        f"LOCATION '{folder}/'\n"
        f"TBLPROPERTIES (\n  {written}\n)"
    )


def _create_view(table: Table, database: str) -> str:
    names = [column.name for column in table.columns]
    columns = ", ".join([*names, "dt"])
    newest_first = [f"{name} DESC" for name in ("revision", "emitted_at") if name in names]
    order = ", ".join(newest_first or [f"{table.dated_by} DESC"])
    newness = f"row_number() OVER (\n    PARTITION BY {', '.join(table.key)} ORDER BY {order}\n  )"
    return "\n".join(
        [
            f'CREATE OR REPLACE VIEW "{database}"."{table.folder}_newest" AS',
            f"SELECT {columns}",
            "FROM (",
            f"  SELECT {columns}, {newness} AS newness",
            f'  FROM "{database}"."{table.folder}"',
            ")",
            "WHERE newness = 1",
        ]
    )
