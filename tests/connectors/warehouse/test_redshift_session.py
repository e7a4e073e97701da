"""People's statements through the Data API: typed values, all pages, plain errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectors.warehouse.check import check_warehouse
from connectors.warehouse.contract import WarehouseError
from connectors.warehouse.data_api import reason_of
from connectors.warehouse.migrations import current_version, migrate, newest_version
from connectors.warehouse.redshift import RedshiftSession
from tests.aws_servers.fixtures import RedshiftPlace
from tests.aws_servers.redshift_data import serving

pytestmark = pytest.mark.slow


@pytest.fixture
def session(redshift: RedshiftPlace) -> Iterator[RedshiftSession]:
    session = RedshiftSession(redshift.spec)
    session.execute([f"CREATE SCHEMA {redshift.spec.schema}"])
    yield session
    session.close()


def test_values_have_their_types(session) -> None:
    [row] = session.query(
        "SELECT CAST(1 AS bigint), CAST(0.5 AS double precision), 1 = 1, 'one', NULL, "
        "CAST('2026-11-23 13:30:00.12' AS timestamp), "
        "CAST('2026-11-23 13:30:00+01' AS timestamptz), "
        "CAST('2026-11-23' AS date), CAST(2.50 AS decimal(10, 2))"
    )

    assert row == (
        1,
        0.5,
        True,
        "one",
        None,
        datetime(2026, 11, 23, 13, 30, 0, 120_000, tzinfo=UTC),
        datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
        date(2026, 11, 23),
        Decimal("2.50"),
    )
    assert [type(value) for value in row[:4]] == [int, float, bool, str]


@pytest.mark.parametrize("num_rows", [0, 1, 2, 3, 7])
def test_all_pages_are_read(redshift, session, num_rows) -> None:
    values = ", ".join(f"({number})" for number in range(num_rows))
    table = f"{redshift.spec.schema}.numbers"
    session.execute([f"CREATE TABLE {table} (n integer)"])
    if values:
        session.execute([f"INSERT INTO {table} VALUES {values}"])

    with serving(redshift.server, page_rows=2) as url:
        paged = RedshiftSession(replace(redshift.spec, endpoint=url))
        rows = paged.query(f"SELECT n FROM {table} ORDER BY n")

    assert rows == [(number,) for number in range(num_rows)]


def test_of_a_transaction_that_fails_nothing_stays(redshift, session) -> None:
    table = f"{redshift.spec.schema}.t"

    with pytest.raises(WarehouseError, match="statement 2: there is no nothing"):
        session.execute([f"CREATE TABLE {table} (n integer)", "DROP TABLE nothing"])

    with pytest.raises(WarehouseError, match=f"there is no {table}"):
        session.query(f"SELECT * FROM {table}")


def test_more_statements_than_one_transaction_takes_are_refused(session) -> None:
    with pytest.raises(WarehouseError, match="41 statements in one transaction"):
        session.execute(["SELECT 1"] * 41)


def test_migrations_apply_once(redshift) -> None:
    session = RedshiftSession(redshift.spec)

    assert [step.version for step in migrate(session, redshift.spec)]
    assert migrate(session, redshift.spec) == []
    assert current_version(session, redshift.spec.schema) == newest_version("redshift")
    check_warehouse(session, redshift.spec)


def test_a_user_without_rights_is_told_so(redshift, session) -> None:
    redshift.server.create_user(f"user_of_{redshift.spec.schema}")
    spec = replace(redshift.spec, db_user=f"user_of_{redshift.spec.schema}")

    with pytest.raises(WarehouseError, match=f"has no rights on .* {spec.schema}; GRANT"):
        check_warehouse(RedshiftSession(spec), spec)
    with pytest.raises(WarehouseError, match=f"no rights on {spec.schema}"):
        RedshiftSession(spec).execute([f"CREATE TABLE {spec.schema}.t (n integer)"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "redshift://cluster/other/calls"}, "no such cluster or workgroup"),
        ({"url": "redshift://cluster/calls/other"}, "there is no other"),
        ({"db_user": "nobody"}, "there is no nobody"),
    ],
)
def test_a_wrong_warehouse_is_one_plain_line(redshift, changes, message) -> None:
    session = RedshiftSession(replace(redshift.spec, **changes))

    with pytest.raises(WarehouseError, match=message) as caught:
        session.query("SELECT 1")
    assert "\n" not in str(caught.value)


def test_an_endpoint_where_nobody_listens_is_one_plain_line(redshift, monkeypatch) -> None:
    monkeypatch.setattr("connectors.warehouse.redshift.SESSION_ATTEMPTS", 1)
    session = RedshiftSession(replace(redshift.spec, endpoint="http://127.0.0.1:9"))

    with pytest.raises(WarehouseError, match="cannot be reached"):
        session.query("SELECT 1")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ERROR: 1023 DETAIL: Serializable isolation violation on table - 7", "1023, "),
        ("Query #7 failed with ERROR: 1023 DETAIL: x", "statement 7: 1023, "),
        ('ERROR: relation "calls.call_segment" does not exist', "there is no calls.call_segment"),
        ("ERROR: permission denied for schema calls", "no rights on calls"),
        ('FATAL: database "calls" does not exist', "there is no calls"),
    ],
)
def test_known_errors_are_told_in_our_words(error, reason) -> None:
    assert reason_of(error).startswith(reason)


@pytest.mark.parametrize(
    "error",
    [
        'ERROR: invalid input syntax for integer: "secret"',
        "ERROR: null value in column x\n  Detail: Failing row contains (secret, 1).",
        'ERROR: something else\n  Detail: ERROR: relation "secret" does not exist',
        "secret",
    ],
)
def test_unknown_errors_quote_nothing(error) -> None:
    assert "secret" not in reason_of(error)
