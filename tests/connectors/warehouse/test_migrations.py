"""Migrations lead to the tables that ``udfs.rows`` asks for, in both dialects."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
import sqlfluff
import sqlglot
from sqlglot import exp

from connectors.warehouse.contract import WarehouseError, WarehouseSpec
from connectors.warehouse.migrations import (
    Migration,
    current_version,
    migrate,
    migrations,
    newest_version,
)
from connectors.warehouse.postgres import PostgresSession
from connectors.warehouse.schema import warehouse_columns
from udfs.rows import WAREHOUSE_TABLES, Table

# Frozen once released: a database that has them will not run them again.
CONTENTS = {
    "0001_tables.postgresql.sql": "cf13a5786be1e4b0",
    "0001_tables.redshift.sql": "83cc62964232b471",
    "0002_views.sql": "8891f2e886c01273",
}
DIALECTS = ("postgresql", "redshift")

each_table = pytest.mark.parametrize(
    "table", WAREHOUSE_TABLES, ids=lambda table: table.warehouse_table
)


def redshift_trees() -> list[exp.Expression]:
    return [
        sqlglot.parse_one(statement, dialect="redshift", error_level="RAISE")
        for migration in migrations("redshift")
        for statement in migration.statements("calls")
    ]


def columns_in_redshift(table: Table) -> list[tuple[str, str, bool, str]]:
    """Name, type, nullable, encoding of a table's columns after all migrations."""
    found = []
    for tree in redshift_trees():
        if tree.find(exp.Table).name != table.warehouse_table:
            continue
        for column in tree.find_all(exp.ColumnDef):
            constraints = [constraint.kind for constraint in column.constraints]
            [encoding] = [
                kind.this.name.lower()
                for kind in constraints
                if isinstance(kind, exp.EncodeColumnConstraint)
            ]
            nullable = not any(isinstance(k, exp.NotNullColumnConstraint) for k in constraints)
            found.append((column.name, column.kind.sql("redshift").lower(), nullable, encoding))
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_versions_are_numbered_without_a_gap(dialect) -> None:
    assert [migration.version for migration in migrations(dialect)] == list(
        range(1, newest_version(dialect) + 1)
    )


def test_released_files_are_as_released() -> None:
    folder = files("connectors.warehouse").joinpath("migrations")

    assert {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    } == CONTENTS


def test_every_statement_parses_as_redshift() -> None:
    statements = [
        statement
        for migration in migrations("redshift")
        for statement in migration.statements("calls")
    ]

    for statement in statements:
        assert sqlglot.parse_one(statement, dialect="redshift", error_level="RAISE")
    assert sqlfluff.parse(";\n".join(statements), dialect="redshift")


@each_table
def test_postgresql_has_exactly_the_columns_of_the_rows(table, session, spec) -> None:
    # a new column of udfs.rows: ALTER TABLE … ADD COLUMN in a migration of its own
    found = session.query(
        "SELECT column_name, data_type, is_nullable = 'YES' FROM information_schema.columns "
        f"WHERE table_schema = '{spec.schema}' AND table_name = '{table.warehouse_table}'"
    )

    assert sorted(found) == sorted(
        (column.name, column.type, column.nullable)
        for column in warehouse_columns(table, "postgresql")
    )


@each_table
def test_redshift_has_exactly_the_columns_of_the_rows(table) -> None:
    assert sorted(columns_in_redshift(table)) == sorted(
        (column.name, column.type, column.nullable, column.encoding)
        for column in warehouse_columns(table, "redshift")
    )


@each_table
def test_the_key_is_the_primary_key(table, session, spec) -> None:
    found = session.query(
        "SELECT column_name FROM information_schema.key_column_usage "
        f"WHERE table_schema = '{spec.schema}' AND table_name = '{table.warehouse_table}' "
        "ORDER BY ordinal_position"
    )

    assert tuple(name for (name,) in found) == table.key


@each_table
def test_redshift_spreads_by_call(table) -> None:
    [create] = [
        tree
        for tree in redshift_trees()
        if isinstance(tree, exp.Create)
        and tree.kind == "TABLE"
        and tree.find(exp.Table).name == table.warehouse_table
    ]

    assert create.find(exp.DistKeyProperty).this.name == "call_id"
    assert create.find(exp.SortKeyProperty)


def test_applied_once_and_only_once(session, empty_spec) -> None:
    first = migrate(session, empty_spec)
    again = migrate(session, empty_spec)

    assert [migration.version for migration in first] == [1, 2]
    assert again == []
    assert current_version(session, empty_spec.schema) == 2
    assert session.query(
        f"SELECT version, name FROM {empty_spec.schema}.schema_version ORDER BY version"
    ) == [(1, "tables"), (2, "views")]


def test_an_older_schema_gets_what_it_lacks(session, spec) -> None:
    session.execute(
        [
            f"DROP VIEW {spec.schema}.falling_call",
            f"DROP VIEW {spec.schema}.sentiment_by_agent_hour",
            f"DROP VIEW {spec.schema}.voice_against_words",
            f"DELETE FROM {spec.schema}.schema_version WHERE version = 2",
        ]
    )

    assert [migration.version for migration in migrate(session, spec)] == [2]


def test_a_newer_schema_is_an_error(session, spec) -> None:
    session.execute(
        [f"INSERT INTO {spec.schema}.schema_version (version, name) VALUES (3, 'later')"]
    )

    with pytest.raises(WarehouseError, match=r"version 3, and this release knows 2"):
        migrate(session, spec)


def test_a_step_that_fails_leaves_nothing_of_itself(session, empty_spec: WarehouseSpec) -> None:
    schema = empty_spec.schema
    session.execute([f"CREATE SCHEMA {schema}", f"CREATE TABLE {schema}.falling_call (x integer)"])

    with pytest.raises(WarehouseError, match="falling_call"):
        migrate(session, empty_spec)

    assert current_version(session, schema) == 1
    assert not session.query(f"SELECT 1 FROM pg_views WHERE schemaname = '{schema}'")


def test_of_two_who_migrate_at_once_one_does_it(session, empty_spec) -> None:
    def attempt(_: int) -> list[Migration] | WarehouseError:
        own = PostgresSession(empty_spec)
        try:
            return migrate(own, empty_spec)
        except WarehouseError as error:
            return error
        finally:
            own.close()

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(attempt, range(2)))

    assert any(isinstance(result, list) for result in results)
    assert session.query(
        f"SELECT version FROM {empty_spec.schema}.schema_version ORDER BY version"
    ) == [(1,), (2,)]
