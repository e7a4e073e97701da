"""Retention listed staged objects by the root's name alone, and a neighbour's begins like it.

With the root ``s3://bucket/rows`` it found, and would have removed, what lay under ``rows2/``.
"""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from connectors.retention import overdue_staged
from tests.retention_rules import RULES

STAGED = ["rows/call_ledger/b.parquet", "rows/call_segment/a.parquet"]
OTHERS = ["rows/call_segments/a.parquet", "rows/notes.txt", "rows2/call_segment/a.parquet"]


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield client


@pytest.mark.parametrize("root", ["s3://bucket/rows", "s3a://bucket/rows/"])
def test_a_neighbour_of_the_staging_root_is_left_alone(s3, root):
    for key in STAGED + OTHERS:
        s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    later = datetime.now(UTC) + timedelta(days=RULES.staged_days, minutes=1)

    for one in overdue_staged(root, "us-east-1", RULES, later):
        one.remove()

    assert [one["Key"] for one in s3.list_objects_v2(Bucket="bucket")["Contents"]] == OTHERS
