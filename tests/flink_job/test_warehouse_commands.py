"""warehouse migrate, check and ddl, as somebody calls them."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from typer.testing import CliRunner

from flink_job.cli import app
from flink_job.local import write_properties


def call(*arguments) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["warehouse", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def schema() -> str:
    return f"cli_{uuid.uuid4().hex}"


@pytest.fixture
def properties(tmp_path, postgres_url, schema):
    """Settings with a warehouse, as the job has them."""
    groups = {
        "streams": {"audio.stream": "audio", "text.stream": "text"},
        "lake": {"root": str(tmp_path / "lake")},
        "warehouse": {"url": postgres_url, "db.schema": schema},
    }
    return write_properties(groups, tmp_path)


def test_migrate_applies_once_and_says_what(properties, schema) -> None:
    before = call("check", "--properties", properties)
    first = call("migrate", "--properties", properties)
    again = call("migrate", "--properties", properties)
    after = call("check", "--properties", properties)

    assert before == (
        2,
        f"the warehouse has no schema {schema}; run call-sentiment warehouse migrate\n",
    )
    assert first == (
        0,
        f"applied 0001 tables\napplied 0002 views\nschema {schema} has version 2\n",
    )
    assert again == (0, f"schema {schema} has version 2\n")
    assert after == (0, f"schema {schema} is as the job needs it\n")


def test_options_stand_for_the_settings(postgres_url, properties, schema) -> None:
    alone = call("migrate", "--url", postgres_url, "--schema", schema)
    over = call("check", "--properties", properties, "--url", "postgresql://nowhere.invalid/x")

    assert alone[0] == 0
    assert over == (2, "unknown host nowhere.invalid of the warehouse; correct its url\n")


def test_settings_without_a_warehouse_are_wrong_use(tmp_path) -> None:
    groups = {
        "streams": {"audio.stream": "audio", "text.stream": "text"},
        "lake": {"root": str(tmp_path)},
    }
    code, said = call("migrate", "--properties", write_properties(groups, tmp_path))

    assert code == 2
    assert "--url" in said


def test_the_printed_sql_does_what_migrate_does(postgres_url, schema) -> None:
    code, sql = call("ddl", "--dialect", "postgresql", "--schema", schema)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(sql.encode())
    checked = call("check", "--url", postgres_url, "--schema", schema)

    assert code == 0
    assert checked[0] == 0


def test_redshifts_sql_is_the_default() -> None:
    code, sql = call("ddl")

    assert code == 0
    assert "DISTKEY (call_id)" in sql
