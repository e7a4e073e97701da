"""What is in the warehouse is what the calls say, by either dialect, however often they come."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from connectors.lake_reader import read_rows
from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.embedded import embedded_postgres
from connectors.warehouse.opening import open_session
from connectors.warehouse.reader import read_warehouse
from flink_job.local import write_properties
from tests.aws_servers.redshift_data import Redshift, serving
from tests.flink.conftest import SAMPLES, call_sentiment
from tests.row_comparison import newest_rows
from udfs.rows import SEGMENTS, WAREHOUSE_TABLES

Rows = dict[tuple[Any, ...], Any]


def loaded(spec: WarehouseSpec) -> dict[str, Rows]:
    session = open_session(spec)
    found = {
        table.folder: {table.key_of(row): row for row in read_warehouse(session, spec, table, None)}
        for table in WAREHOUSE_TABLES
    }
    session.close()
    return found


def in_the_lake(root: str | Path) -> dict[str, Rows]:
    return {table.folder: newest_rows(root, table) for table in WAREHOUSE_TABLES}


def without_emission(rows: Rows) -> Rows:
    return {
        key: replace(row, emitted_at=0) if hasattr(row, "emitted_at") else row
        for key, row in rows.items()
    }


def test_calls_that_come_again_change_no_row(tmp_path: Path) -> None:
    """Late words raise revisions: the lake keeps all of them, the warehouse the newest."""
    settings = write_properties({"calls": {"text.wait.ms": "0"}}, tmp_path)
    command = ("local", "--calls", SAMPLES, "--speed", "4", "--shuffle-ms", "4000")
    command += ("--properties", settings)
    with embedded_postgres(tmp_path / "postgres") as url:
        first = call_sentiment(*command, "--output", tmp_path / "one", "--warehouse", url)
        assert first.returncode == 0, first.stderr
        spec = WarehouseSpec(url)
        after_one = loaded(spec)
        again = call_sentiment(
            *command, "--output", tmp_path / "two", "--warehouse", url, "--duplicate", "1"
        )
        assert again.returncode == 0, again.stderr
        after_two = loaded(spec)
        compared = call_sentiment("reconcile", "--output", tmp_path / "two", "--warehouse", url)
        assert compared.returncode == 0, compared.stdout

    revisions = Counter(map(SEGMENTS.key_of, read_rows(tmp_path / "one", SEGMENTS)))
    assert max(revisions.values()) > 1
    for table, rows in in_the_lake(tmp_path / "one").items():
        assert without_emission(after_one[table]) == without_emission(rows)
    assert "call_segment 71" in first.stdout
    assert after_two["segments"] == after_one["segments"]
    assert after_two["calls"] == after_one["calls"]
    for key, ledger in after_two["ledger"].items():  # that they came again is counted there
        before = after_one["ledger"][key]
        assert replace(ledger, chunks_duplicate=before.chunks_duplicate) == before


@pytest.fixture
def s3(aws_on_s3: str) -> str:
    boto3.client("s3").create_bucket(Bucket="lake-and-staging")
    return "s3a://lake-and-staging"


def test_redshift_by_the_data_api_has_what_the_lake_in_s3_has(s3: str, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "sample-3-chat", tmp_path / "calls" / "sample-3-chat")
    url = "redshift://workgroup/calls/calls"
    with Redshift(tmp_path / "redshift").running() as redshift, serving(redshift) as endpoint:
        warehouse = {"endpoint": endpoint, "staging.root": f"{s3}/staging"}
        settings = write_properties(
            {
                "streams": {"audio.stream": "audio", "text.stream": "text"},
                "lake": {"root": f"{s3}/lake"},
                "warehouse": {"url": url, **warehouse},
            },
            tmp_path,
        )
        done = call_sentiment(
            "local", "--calls", tmp_path / "calls", "--output", f"{s3}/lake", "--speed", "max",
            "--warehouse", url, "--properties", settings,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        compared = call_sentiment("reconcile", "--output", f"{s3}/lake", "--properties", settings)
        assert compared.returncode == 0, compared.stdout
        rows = loaded(WarehouseSpec(url, endpoint=endpoint, staging_root=f"{s3}/staging"))

    for table, in_lake in in_the_lake(f"{s3}/lake").items():
        assert without_emission(rows[table]) == without_emission(in_lake)
    staged = boto3.client("s3").list_objects_v2(Bucket="lake-and-staging", Prefix="staging/")
    assert staged["KeyCount"] == 0, "what is loaded is not left in the staging area"
