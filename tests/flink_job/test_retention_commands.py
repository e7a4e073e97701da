"""retention report and apply, as somebody calls them."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from typer.testing import CliRunner

from connectors.lake_reader import write_rows
from connectors.warehouse.contract import Batch, WarehouseSpec
from connectors.warehouse.migrations import migrate
from connectors.warehouse.postgres import PostgresSession, PostgresWarehouse
from flink_job.cli import app
from flink_job.local import write_properties
from tests.connectors.warehouse.loads import load
from tests.row_builders import segment
from udfs.rows import SEGMENTS, EpochMs

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)


def call(*arguments) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["retention", *map(str, arguments)], env={"COLUMNS": "140"})
    assert isinstance(result.exception, SystemExit | None)
    return result.exit_code, result.output


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def lake(tmp_path):
    """Segments of today and of 500 days ago."""
    root = tmp_path / "lake"
    for days in (0, 500):
        at = days_ago(days)
        dt = at.date().isoformat()
        write_rows(root, SEGMENTS, [segment()], lambda _, dt=dt: dt, file_name="part-0.parquet")
        os.utime(root / "segments" / f"dt={dt}" / "part-0.parquet", (at.timestamp(),) * 2)
    return root


@pytest.fixture
def groups(lake, aws_on_s3):
    kinesis = boto3.client("kinesis", endpoint_url=aws_on_s3)
    names = {kind: f"{kind}-{uuid.uuid4().hex}" for kind in ("audio", "text")}
    for name in names.values():
        kinesis.create_stream(StreamName=name, ShardCount=1)
    return {
        "streams": {
            "audio.stream": names["audio"],
            "text.stream": names["text"],
            "endpoint": aws_on_s3,
        },
        "lake": {"root": str(lake)},
    }


def test_report_finds_and_apply_removes(groups, lake, tmp_path, aws_on_s3):
    name = groups["streams"]["audio.stream"]
    kinesis = boto3.client("kinesis", endpoint_url=aws_on_s3)
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=168)
    properties = write_properties(groups, tmp_path)
    old = f"segments/dt={days_ago(500).date().isoformat()}"

    before = call("report", "--properties", properties)
    applied = call("apply", "--properties", properties, "--yes")
    after = call("report", "--properties", properties)

    assert before[0] == 1
    assert old in before[1]
    assert "168 hours, allowed 48" in before[1]
    assert applied[0] == 0
    assert f"lake {old}: done, 1 files" in applied[1]
    assert after == (0, "nothing is older than allowed\n")
    assert [path.name for path in lake.glob("segments/*/*.parquet")] == ["part-0.parquet"]
    assert call("apply", "--properties", properties)[0] == 0


def test_without_a_yes_nothing_goes(groups, lake, tmp_path):
    properties = write_properties(groups, tmp_path)

    CliRunner().invoke(app, ["retention", "apply", "--properties", str(properties)], input="n\n")

    assert len(list(lake.glob("segments/*/*.parquet"))) == 2


def test_the_settings_say_how_long(groups, tmp_path):
    properties = write_properties({**groups, "retention": {"segments.days": "501"}}, tmp_path)

    assert call("report", "--properties", properties, "--only", "lake")[0] == 0


def test_the_warehouse_is_looked_through_too(groups, tmp_path, postgres_url):
    spec = WarehouseSpec(postgres_url, schema=f"test_{uuid.uuid4().hex}")
    session, warehouse = PostgresSession(spec), PostgresWarehouse(spec)
    migrate(session, spec)
    for days in (1, 500):
        at = EpochMs(int(days_ago(days).timestamp() * 1_000))
        row = segment(call_id=f"{days}", window_start_at=at)
        load(warehouse, Batch(SEGMENTS, (row,)))
    warehouse.close()
    with_warehouse = {**groups, "warehouse": {"url": postgres_url, "db.schema": spec.schema}}
    properties = write_properties(with_warehouse, tmp_path)

    code, output = call("apply", "--properties", properties, "--only", "warehouse", "--yes")

    left = session.query(f'SELECT call_id FROM "{spec.schema}".call_segment')
    session.close()
    assert code == 0
    assert "warehouse call_segment: done, 1 rows" in output
    assert left == [("1",)]


def test_a_stream_that_is_not_there_is_one_line(groups, tmp_path):
    groups["streams"]["audio.stream"] = "nowhere"
    properties = write_properties(groups, tmp_path)

    code, output = call("report", "--properties", properties, "--only", "streams")

    assert code == 1
    assert output.startswith("stream nowhere: ResourceNotFoundException: there is no such stream")
    assert output.count("\n") == 1
