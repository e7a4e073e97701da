"""What is kept longer than allowed is found in every store, and goes; nothing else does."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from connectors.kinesis_client import KinesisClient
from connectors.lake_files import Lake
from connectors.lake_reader import read_rows, write_rows
from connectors.retention import (
    RetentionError,
    RetentionRules,
    overdue_in_lake,
    overdue_in_log_group,
    overdue_in_stream,
    overdue_staged,
)
from tests.retention_rules import RULES, TODAY
from tests.row_builders import ledger, reject, segment, summary
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROWS = {SEGMENTS: segment, CALLS: summary, LEDGER: ledger, REJECTS: reject}


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def write(root: Path, table, dt: str, at: datetime) -> None:
    write_rows(root, table, [ROWS[table]()], lambda _: dt, file_name="part-0.parquet")
    os.utime(root / table.folder / f"dt={dt}" / "part-0.parquet", (at.timestamp(),) * 2)


def newest_file(root: Path) -> None:
    """A file of today's, so that older ones are not the job's last."""
    write(root, SEGMENTS, TODAY.isoformat(), NOW)


def partitions(root: Path) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in root.glob("*/dt=*")}


def with_files(root: Path) -> set[str]:
    return {f"{path.parts[-3]}/{path.parts[-2]}" for path in root.glob("*/dt=*/*.parquet")}


# --- the lake ----------------------------------------------------------------------------------


def test_each_table_has_its_own_days(tmp_path):
    newest_file(tmp_path)
    for table in ROWS:
        for days in (5, 6, 10, 11, 20, 21, 30, 31):
            write(tmp_path, table, days_ago(days), NOW - timedelta(days=days))

    overdue = list(overdue_in_lake(Lake(tmp_path), RULES, TODAY))

    assert {one.what for one in overdue} == {
        *(f"segments/dt={days_ago(days)}" for days in (11, 20, 21, 30, 31)),
        f"calls/dt={days_ago(31)}",
        *(f"ledger/dt={days_ago(days)}" for days in (21, 30, 31)),
        *(f"rejects/dt={days_ago(days)}" for days in (6, 10, 11, 20, 21, 30, 31)),
    }
    assert not any(one.left_alone for one in overdue)


def test_what_goes_is_gone_and_the_rest_can_be_read(tmp_path):
    newest_file(tmp_path)
    for days in (10, 11):
        write(tmp_path, SEGMENTS, days_ago(days), NOW - timedelta(days=days))

    for one in overdue_in_lake(Lake(tmp_path), RULES, TODAY):
        one.remove()
        one.remove()  # broken off and run again

    assert with_files(tmp_path) == {
        f"segments/dt={TODAY.isoformat()}",
        f"segments/dt={days_ago(10)}",
    }
    assert len(read_rows(tmp_path, SEGMENTS)) == 2
    assert list(overdue_in_lake(Lake(tmp_path), RULES, TODAY)) == []


def test_files_that_a_restart_may_look_for_are_left_alone(tmp_path):
    write(tmp_path, SEGMENTS, days_ago(400), NOW - timedelta(seconds=100))
    newest_file(tmp_path)

    [one] = overdue_in_lake(Lake(tmp_path), RULES, TODAY)

    assert one.left_alone == "among the job's last files"


@settings(max_examples=30)
@given(
    ages=st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True),
    days=st.integers(1, 40),
)
def test_what_is_left_is_what_is_allowed(tmp_path_factory, ages, days):
    root = tmp_path_factory.mktemp("lake")
    newest_file(root)
    for age in ages:
        write(root, CALLS, days_ago(age), NOW - timedelta(days=60))
    rules = RetentionRules(**{**vars_of(RULES), "summaries_days": days})

    for one in overdue_in_lake(Lake(root), rules, TODAY):
        one.remove()

    kept = {name for name in with_files(root) if name.startswith("calls/")}
    assert kept == {f"calls/dt={days_ago(age)}" for age in ages if age <= days}


def vars_of(rules: RetentionRules) -> dict[str, int]:
    return {name: getattr(rules, name) for name in rules.__dataclass_fields__}


def test_notes_of_replays_go_with_the_rejects(tmp_path):
    lake = Lake(tmp_path)
    for name, days in (("old.intent.jsonl", 6), ("new.intent.jsonl", 4)):
        lake.put_bytes(f"{lake.base}/replays/{name}", b"{}\n")
        at_s = (NOW - timedelta(days=days)).timestamp()
        os.utime(tmp_path / "replays" / name, (at_s, at_s))

    [one] = overdue_in_lake(lake, RULES, TODAY)
    one.remove()

    assert (one.what, one.amount) == ("replays", 1)
    assert [path.name for path in (tmp_path / "replays").iterdir()] == ["new.intent.jsonl"]


def test_an_empty_lake_has_nothing_old(tmp_path):
    assert list(overdue_in_lake(Lake(tmp_path / "nowhere"), RULES, TODAY)) == []


# --- on AWS ------------------------------------------------------------------------------------


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def test_staged_objects_that_nobody_fetched_are_found(aws):
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="bucket")
    for key in ("staging/call_segment/a.parquet", "elsewhere/b.parquet"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    later = datetime.now(UTC) + timedelta(days=3, minutes=1)

    assert list(overdue_staged("s3://bucket/staging", "us-east-1", RULES, datetime.now(UTC))) == []
    [one] = overdue_staged("s3://bucket/staging", "us-east-1", RULES, later)
    one.remove()

    left = [found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]]
    assert (one.amount, left) == (1, ["elsewhere/b.parquet"])


def test_a_bucket_that_may_not_be_seen_is_told(aws):
    with pytest.raises(RetentionError, match=r"s3://nowhere/x: NoSuchBucket; .*s3:ListBucket"):
        list(overdue_staged("s3://nowhere/x", "us-east-1", RULES, NOW))


@pytest.mark.parametrize(("days", "told"), [(None, 0), (3653, 3653), (400, None), (30, None)])
def test_a_log_group_that_keeps_more_is_shortened(aws, days, told):
    logs = boto3.client("logs", region_name="us-east-1")
    logs.create_log_group(logGroupName="/job")
    logs.create_log_group(logGroupName="/job-of-others")
    if days:
        logs.put_retention_policy(logGroupName="/job", retentionInDays=days)

    overdue = list(overdue_in_log_group("/job", "us-east-1", RULES))
    for one in overdue:
        one.remove()

    found = {group["logGroupName"]: group for group in logs.describe_log_groups()["logGroups"]}
    assert [one.amount for one in overdue] == ([] if told is None else [told])
    assert found["/job"]["retentionInDays"] == (days if told is None else 400)
    assert "retentionInDays" not in found["/job-of-others"]


def test_a_log_group_that_is_not_there_is_told(aws):
    with pytest.raises(RetentionError, match="/job: there is none in us-east-1"):
        list(overdue_in_log_group("/job", "us-east-1", RULES))


@pytest.mark.parametrize(("hours", "is_over"), [(24, False), (25, True), (168, True)])
def test_a_stream_that_keeps_more_is_shortened(aws, hours, is_over):
    boto_client = boto3.client("kinesis", region_name="us-east-1")
    boto_client.create_stream(StreamName="audio", ShardCount=1)
    if hours > 24:
        boto_client.increase_stream_retention_period(StreamName="audio", RetentionPeriodHours=hours)
    kinesis = KinesisClient(boto_client)

    overdue = list(overdue_in_stream(kinesis, "audio", RULES.audio_stream_hours))
    for one in overdue:
        one.remove()

    assert [one.amount for one in overdue] == [hours] * is_over
    assert kinesis.retention_hours("audio") == 24
