"""A wrong warehouse: one plain line that says what is wrong and what to do."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from connectors.warehouse.check import check_warehouse
from connectors.warehouse.contract import WarehouseError, WarehouseSpec
from connectors.warehouse.migrations import migrations
from connectors.warehouse.postgres import PostgresSession

STRANGER = "stranger"


@pytest.fixture(scope="session")
def stranger_url(postgres_url) -> str:
    """Somebody whom nobody has granted anything."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {STRANGER} LOGIN")
    return f"postgresql://{STRANGER}@/postgres?host={conninfo_to_dict(postgres_url)['host']}"


def problem(spec) -> str:
    session = PostgresSession(spec)
    try:
        with pytest.raises(WarehouseError) as caught:
            check_warehouse(session, spec)
    finally:
        session.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def grant(session, what: str) -> None:
    session.execute([f"GRANT {what} TO {STRANGER}"])


def test_a_warehouse_with_all_migrations_is_right(session, spec) -> None:
    check_warehouse(session, spec)


def test_an_unknown_host(spec) -> None:
    spec = replace(spec, url="postgresql://job@nowhere.invalid/calls")

    assert problem(spec) == "unknown host nowhere.invalid of the warehouse; correct its url"


def test_nobody_answers(spec) -> None:
    spec = replace(spec, url="postgresql://job@127.0.0.1:1/calls")

    assert problem(spec) == "no warehouse answers at 127.0.0.1, port 1; is it running?"


def test_no_such_database(spec, postgres_url) -> None:
    host = conninfo_to_dict(postgres_url)["host"]
    spec = replace(spec, url=f"postgresql://postgres@/calls?host={host}")

    assert problem(spec) == (
        f"no database calls in the warehouse at {host}; create it, or correct the url"
    )


def test_no_such_user(spec, postgres_url) -> None:
    host = conninfo_to_dict(postgres_url)["host"]
    spec = replace(spec, url=f"postgresql://nobody@/postgres?host={host}")

    assert problem(spec) == f"no user nobody in the warehouse at {host}; correct the url"


def test_postgresql_14_has_no_merge(spec) -> None:
    class Fourteen(PostgresSession):
        def query(self, statement: str) -> list[tuple[object, ...]]:
            if statement == "SHOW server_version_num":
                return [("140011",)]
            return super().query(statement)

    session = Fourteen(spec)
    with pytest.raises(WarehouseError) as caught:
        check_warehouse(session, spec)
    session.close()

    assert str(caught.value) == (
        "the warehouse is PostgreSQL 14, which has no MERGE; use 15 or later"
    )


def test_no_schema(empty_spec) -> None:
    assert problem(empty_spec) == (
        f"the warehouse has no schema {empty_spec.schema}; run call-sentiment warehouse migrate"
    )


def test_a_schema_without_tables(session, empty_spec) -> None:
    session.execute([f"CREATE SCHEMA {empty_spec.schema}"])

    assert problem(empty_spec) == (
        f"the warehouse's schema {empty_spec.schema} has no tables of ours; "
        "run call-sentiment warehouse migrate"
    )


def test_an_older_version(session, spec) -> None:
    session.execute([f"DELETE FROM {spec.schema}.schema_version WHERE version = 2"])

    assert problem(spec) == (
        f"the warehouse's schema {spec.schema} has version 1, and this release needs 2; "
        "run call-sentiment warehouse migrate"
    )


def test_a_newer_version(session, spec) -> None:
    session.execute([f"UPDATE {spec.schema}.schema_version SET version = 3 WHERE version = 2"])

    assert problem(spec) == (
        f"the warehouse's schema {spec.schema} has version 3, and this release knows 2; "
        "use the release that migrated it, or a later one"
    )


def test_no_rights_on_the_schema(spec, stranger_url) -> None:
    assert problem(replace(spec, url=stranger_url)) == (
        f"stranger has no rights on the warehouse's schema {spec.schema}; GRANT USAGE on it"
    )


def test_no_rights_on_the_version(session, spec, stranger_url) -> None:
    grant(session, f"USAGE ON SCHEMA {spec.schema}")

    assert problem(replace(spec, url=stranger_url)) == (
        "the warehouse refused: permission denied for table schema_version"
    )


def test_rights_that_lack_are_named_and_suffice(session, spec, stranger_url) -> None:
    strangers = replace(spec, url=stranger_url)
    grant(session, f"USAGE ON SCHEMA {spec.schema}")
    for table in ("call_segment", "call_summary", "schema_version"):
        grant(session, f"SELECT, INSERT, UPDATE ON {spec.schema}.{table}")

    assert problem(strangers) == (
        f"stranger lacks rights in the warehouse's schema {spec.schema}: GRANT "
        "select on call_ledger, insert on call_ledger, update on call_ledger, "
        "insert on load_ledger"
    )

    grant(session, f"SELECT, INSERT, UPDATE ON {spec.schema}.call_ledger")
    grant(session, f"INSERT ON {spec.schema}.load_ledger")
    own = PostgresSession(strangers)
    check_warehouse(own, strangers)
    own.close()


def test_redshift_is_asked_in_its_own_words() -> None:
    """What Redshift cannot answer, a PostgreSQL's version, is not asked."""
    asked = []

    class Redshift:
        def query(self, statement: str) -> list[tuple[object, ...]]:
            asked.append(statement)
            if "HAS_TABLE_PRIVILEGE" in statement:
                return [("job", *[True] * (1 + statement.count("HAS_TABLE_PRIVILEGE")))]
            if "HAS_SCHEMA_PRIVILEGE" in statement:
                return [("job", True)]
            if "MAX" in statement:
                return [(migrations("redshift")[-1].version,)]
            return [(1,)]

        def execute(self, statements: list[str]) -> None:
            raise AssertionError(statements)

        def close(self) -> None: ...

    check_warehouse(Redshift(), WarehouseSpec("redshift://cluster/calls/dev"))

    assert not any("server_version" in statement for statement in asked)
    assert any("'public.call_segment', 'delete'" in statement for statement in asked)
