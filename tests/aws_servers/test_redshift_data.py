"""The stand-in for Redshift: what it refuses, and that boto3's own client can tell no difference.

What a test of a load proves is worth what the stand-in refuses, so that is pinned here.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from connectors.warehouse.contract import Batch, LoadError
from connectors.warehouse.migrations import migrate
from connectors.warehouse.reader import read_warehouse
from connectors.warehouse.redshift import RedshiftSession, RedshiftWarehouse
from tests.aws_servers.fixtures import STAGING_BUCKET, RedshiftPlace
from tests.connectors.warehouse.loads import load
from tests.row_builders import summary
from udfs.rows import CALLS

pytestmark = pytest.mark.slow


ROOT = Path(__file__).resolve().parents[2]
TARGET = {"ClusterIdentifier": "calls", "Database": "calls"}
MERGE = (
    "MERGE INTO t USING s ON t.k = s.k "
    "WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)"
)


@pytest.fixture
def client(redshift: RedshiftPlace) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client("redshift-data", endpoint_url=redshift.url, config=config)


def ended(client: Any, statement_id: str) -> dict[str, Any]:
    while True:
        described = client.describe_statement(Id=statement_id)
        if described["Status"] in ("FINISHED", "FAILED", "ABORTED"):
            return described
        time.sleep(0.002)


def run(client: Any, *sqls: str, **request: Any) -> dict[str, Any]:
    return ended(client, client.batch_execute_statement(Sqls=list(sqls), **TARGET, **request)["Id"])


def run_merge(client: Any, merge: str, *source: tuple[int, int]) -> dict[str, Any]:
    """A MERGE from a table with these rows into one that has the rows of keys 1 and 2."""
    rows = ", ".join(f"({key}, {value})" for key, value in source or [(1, 10)])
    return run(
        client,
        "CREATE TEMP TABLE t (k bigint NOT NULL, v bigint, PRIMARY KEY (k)) DISTKEY (k)",
        "INSERT INTO t VALUES (1, 1), (2, 2)",
        "CREATE TEMP TABLE s (LIKE t)",
        f"INSERT INTO s VALUES {rows}",
        merge,
        "SELECT k, v FROM t ORDER BY k, v",
    )


def result(client: Any, described: dict[str, Any]) -> list[tuple[int, ...]]:
    statement_id = described["SubStatements"][-1]["Id"]
    records = client.get_statement_result(Id=statement_id)["Records"]
    return [tuple(field["longValue"] for field in record) for record in records]


# --- MERGE ---------------------------------------------------------------------------------------


def test_a_documented_merge_is_carried_out(client) -> None:
    described = run_merge(client, MERGE, (2, 20), (3, 30))

    assert described["Status"] == "FINISHED", described.get("Error")
    assert result(client, described) == [(1, 1), (2, 20), (3, 30)]


def test_a_merge_may_delete(client) -> None:
    described = run_merge(client, MERGE.replace("UPDATE SET v = s.v", "DELETE"), (2, 20))

    assert result(client, described) == [(1, 1)]


def test_no_key_is_enforced(client) -> None:
    described = run_merge(client, MERGE, (3, 30), (3, 31))

    assert result(client, described) == [(1, 1), (2, 2), (3, 30), (3, 31)]


def test_a_source_with_two_matches_of_a_row_is_refused(client) -> None:
    described = run_merge(client, MERGE, (2, 20), (2, 21))

    assert described["Status"] == "FAILED"
    assert described["Error"] == (
        "Query #5 failed with ERROR: Found multiple matches to update the same tuple."
    )


@pytest.mark.parametrize(
    "merge",
    [
        MERGE.replace("INTO t ", "INTO t AS x ").replace("t.k", "x.k"),
        MERGE.replace("INTO t ", "INTO t x ").replace("t.k", "x.k"),
        MERGE.replace("USING s", "USING (SELECT * FROM s) AS s"),
        MERGE.replace("t.k = s.k", "t.k = s.k AND t.v < s.v"),
        MERGE.replace("t.k = s.k", "t.k = s.k OR t.v = s.v"),
        MERGE.replace("t.k = s.k", "t.k = s.k AND s.v = 20"),
        MERGE.replace("t.k = s.k", "t.k = s.k + 1"),
        MERGE.replace("t.k = s.k", "t.k = t.k"),
        MERGE.replace("WHEN MATCHED", "WHEN MATCHED AND s.v > t.v"),
        MERGE.replace("WHEN NOT MATCHED", "WHEN NOT MATCHED AND s.v > 1"),
        MERGE.replace("WHEN NOT MATCHED", "WHEN MATCHED THEN DELETE WHEN NOT MATCHED"),
        MERGE.replace("UPDATE SET v = s.v", "DO NOTHING"),
        MERGE.replace("SET v", "SET t.v"),
        MERGE.partition(" WHEN NOT")[0],
        MERGE.replace("WHEN MATCHED THEN UPDATE SET v = s.v ", ""),
        MERGE + " WHEN NOT MATCHED BY SOURCE THEN DELETE",
        MERGE + " RETURNING *",
    ],
)
def test_a_merge_outside_the_grammar_is_refused(client, merge) -> None:
    described = run_merge(client, merge, (2, 20))

    assert described["Status"] == "FAILED"
    assert [part["Status"] for part in described["SubStatements"]] == [
        *["FINISHED"] * 4,
        "FAILED",
        "ABORTED",
    ]


# --- other SQL -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1, 1) ON CONFLICT DO NOTHING",
        "DELETE FROM t RETURNING k",
        "UPDATE t SET v = 1 RETURNING k",
        "CREATE INDEX i ON t (k)",
        "CREATE SEQUENCE q",
        "CREATE TABLE u (k bigint CHECK (k > 0))",
        "CREATE TABLE u (k jsonb)",
        "CREATE TABLE u (k bigint) PARTITION BY RANGE (k)",
        "CREATE UNLOGGED TABLE u (k bigint)",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS w bigint",
        "ALTER TABLE t ADD COLUMN w bigint, ADD COLUMN x bigint",
        "SELECT COUNT(*) FILTER (WHERE k > 1) FROM t",
        "SELECT DISTINCT ON (k) k, v FROM t",
        "SELECT k FROM t FOR UPDATE",
        "SELECT k IS DISTINCT FROM v FROM t",
        "SELECT ARRAY[k] FROM t",
        "SELECT JSONB_BUILD_OBJECT('k', k) FROM t",
        "SELECT 1; SELECT 2",
        "LOCK TABLE t IN SHARE MODE",
        "COMMIT",
        "VACUUM t",
        "SELEKT 1",
    ],
)
def test_what_redshift_does_not_have_is_refused(client, statement) -> None:
    create = "CREATE TEMP TABLE t (k bigint, v bigint)"

    described = run(client, create, statement)

    assert described["Status"] == "FAILED"
    assert described["SubStatements"][0]["Status"] == "FINISHED"
    assert described["Error"].startswith("Query #2 failed with ERROR: ")


def test_what_only_redshift_has_is_carried_out(client) -> None:
    described = run(
        client,
        "CREATE TEMP TABLE t (k bigint NOT NULL ENCODE az64, at timestamp DEFAULT sysdate, "
        "name varchar, PRIMARY KEY (k)) DISTSTYLE KEY DISTKEY (k) COMPOUND SORTKEY (at, k)",
        "INSERT INTO t (k, name) VALUES (1, 'one'), (1, 'two')",
        "SELECT COUNT(*) FROM t WHERE at <= DATEADD(minute, 1, GETDATE())",
    )

    assert result(client, described) == [(2,)]


def test_truncate_commits(redshift, client) -> None:
    table = f"{redshift.spec.schema}.t"
    run(client, f"CREATE SCHEMA {redshift.spec.schema}", f"CREATE TABLE {table} (k bigint)")

    run(client, f"INSERT INTO {table} VALUES (1)", f"TRUNCATE {table}", "SELEKT 1")
    run(client, f"INSERT INTO {table} VALUES (1)", "SELEKT 1")

    assert result(client, run(client, f"SELECT COUNT(*) FROM {table}")) == [(0,)]


# --- COPY ----------------------------------------------------------------------------------------

OBJECT = {"k": pa.array([1, 2], pa.int64()), "name": pa.array(["one", None])}


def copied(
    redshift: RedshiftPlace,
    client: Any,
    columns: dict[str, pa.Array],
    options: str = "IAM_ROLE default FORMAT AS PARQUET",
) -> dict[str, Any]:
    """The end of a COPY of one object into a table of a number and a name of 4 bytes."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    key = f"{redshift.spec.schema}/copied.parquet"
    boto3.client("s3").put_object(Bucket=STAGING_BUCKET, Key=key, Body=buffer.getvalue())
    return run(
        client,
        "CREATE TEMP TABLE t (k bigint, name varchar(4))",
        f"COPY t FROM 's3://{STAGING_BUCKET}/{key}' {options}",
        "SELECT COUNT(*), SUM(k)::bigint FROM t",
    )


def test_copy_goes_by_position(redshift, client) -> None:
    described = copied(redshift, client, {"x": OBJECT["k"], "y": OBJECT["name"]})

    assert result(client, described) == [(2, 3)]


def test_copy_takes_all_objects_of_the_prefix(redshift, client) -> None:
    copied(redshift, client, OBJECT)

    described = run(
        client,
        "CREATE TEMP TABLE t (k bigint, name varchar(4))",
        f"COPY t FROM 's3://{STAGING_BUCKET}/{redshift.spec.schema}/cop' "
        "IAM_ROLE 'arn:aws:iam::123456789012:role/copy' FORMAT PARQUET STATUPDATE OFF",
        "SELECT COUNT(*) FROM t",
    )

    assert result(client, described) == [(2,)]


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"k": OBJECT["k"]}, "Unmatched number of columns"),
        ({**OBJECT, "more": OBJECT["k"]}, "Unmatched number of columns"),
        ({**OBJECT, "k": pa.array([1, 2], pa.int32())}, "incompatible Parquet schema"),
        ({**OBJECT, "k": pa.array(["1", "2"])}, "incompatible Parquet schema"),
        ({**OBJECT, "name": pa.array(["ä" * 3, ""])}, "longer than the length defined"),
    ],
)
def test_an_object_that_does_not_fit_is_refused(redshift, client, columns, error) -> None:
    assert error in copied(redshift, client, columns)["Error"]


@pytest.mark.parametrize(
    "options",
    [
        "FORMAT AS PARQUET",
        "IAM_ROLE default FORMAT AS CSV",
        "IAM_ROLE default REGION 'us-east-1' FORMAT AS PARQUET",
        "IAM_ROLE default FORMAT AS PARQUET COMPUPDATE OFF",
        "IAM_ROLE default FORMAT AS PARQUET MAXERROR 10",
        "IAM_ROLE default FORMAT AS PARQUET TRUNCATECOLUMNS",
    ],
)
def test_copy_options_that_parquet_has_not_are_refused(redshift, client, options) -> None:
    assert copied(redshift, client, OBJECT, options)["Status"] == "FAILED"


def test_an_object_that_is_not_there_is_refused(client) -> None:
    described = run(
        client,
        "CREATE TEMP TABLE t (k bigint)",
        f"COPY t FROM 's3://{STAGING_BUCKET}/nothing' IAM_ROLE default FORMAT AS PARQUET",
    )

    assert "does not exist" in described["Error"]


# --- the protocol --------------------------------------------------------------------------------


def code_of(client: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        client.batch_execute_statement(**request)
    return caught.value.response["Error"]["Code"]


@pytest.mark.parametrize(
    "request_",
    [
        {"Sqls": ["SELECT 1"] * 41, **TARGET},
        {"Sqls": ["SELECT '" + "x" * 102_400 + "'"], **TARGET},
        {"Sqls": ["SELECT 1"], "ClusterIdentifier": "calls"},
        {"Sqls": ["SELECT 1"], "Database": "calls"},
        {"Sqls": ["SELECT 1"], **TARGET, "WorkgroupName": "calls"},
        {"Sqls": ["SELECT 1"], **TARGET, "ClusterIdentifier": "other"},
        {"Sqls": ["SELECT 1"], **TARGET, "ClientToken": "x" * 65},
    ],
    ids=["statements", "size", "database", "cluster", "both", "unknown", "token"],
)
def test_requests_beyond_the_limits_are_invalid(client, request_) -> None:
    assert code_of(client, **request_) == "ValidationException"


def test_one_token_is_one_statement(redshift, client) -> None:
    sqls = [f"SELECT '{redshift.spec.schema}'"]
    request = {"Sqls": sqls, "ClientToken": redshift.spec.schema, **TARGET}
    first = client.batch_execute_statement(**request)["Id"]
    ended(client, first)

    assert client.batch_execute_statement(**request)["Id"] == first
    assert redshift.server.executed.count(sqls[0]) == 1
    assert code_of(client, **{**request, "Sqls": ["SELECT 2"]}) == "ValidationException"


def test_an_unknown_id_is_not_found(client) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_statement(Id="d9b6c0c9-0747-4bf4-b142-e8883122f766")


def test_a_statement_without_a_result_has_none(client) -> None:
    described = run(client, "CREATE TEMP TABLE t (k bigint)")

    assert not described["HasResultSet"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_statement_result(Id=described["Id"])


def test_a_cancelled_statement_is_aborted(redshift, client) -> None:
    redshift.server.faults.resuming = True
    statement_id = client.execute_statement(Sql="SELECT 1", **TARGET)["Id"]
    assert client.describe_statement(Id=statement_id)["Status"] == "SUBMITTED"

    client.cancel_statement(Id=statement_id)
    redshift.server.faults.resuming = False

    assert ended(client, statement_id)["Status"] == "ABORTED"


def put_faults(url: str, faults: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310
        f"{url}/_faults", json.dumps(faults).encode(), method="PUT"
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)


def test_faults_are_set_over_http(redshift, client) -> None:
    assert put_faults(redshift.url, {"throttled_requests": 1})["throttled_requests"] == 1

    assert code_of(client, Sqls=["SELECT 1"], **TARGET) == "ThrottlingException"
    assert run(client, "SELECT 1")["Status"] == "FINISHED"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        put_faults(redshift.url, {"no_such_fault": 1})


def test_a_process_that_dies_between_copy_and_merge_keeps_what_was_committed(
    redshift, tmp_path
) -> None:
    command = [
        *(sys.executable, "-m", "tests.aws_servers.redshift_data"),
        *("--data", str(tmp_path / "data")),
    ]

    def start() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://")
        return process, url

    process, url = start()
    spec = replace(redshift.spec, endpoint=url)
    migrate(RedshiftSession(spec), spec)
    load(RedshiftWarehouse(spec), kept := Batch(CALLS, (summary(revision=1),)))
    put_faults(url, {"dies_before_merge": "exits"})
    statement_id = RedshiftWarehouse(spec).submit(lost := Batch(CALLS, (summary(revision=2),)), 0)
    assert process.wait(timeout=60) == 137

    process, url = start()
    try:
        spec = replace(redshift.spec, endpoint=url)
        warehouse = RedshiftWarehouse(spec)
        with pytest.raises(LoadError, match="not known"):
            warehouse.is_loaded(lost, statement_id)
        assert read_warehouse(RedshiftSession(spec), spec, CALLS, None) == [*kept.rows]
        load(warehouse, lost, attempt=1)
        assert read_warehouse(RedshiftSession(spec), spec, CALLS, None) == [*lost.rows]
    finally:
        process.terminate()
        process.wait(timeout=60)
    assert not (tmp_path / "data" / "postmaster.pid").exists()  # PostgreSQL is stopped as well
