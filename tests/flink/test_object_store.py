"""The same run with its output in S3, on moto's server."""

from __future__ import annotations

import shutil
from pathlib import Path

import boto3
import pytest

from connectors.lake_reader import read_rows
from tests.flink.conftest import SAMPLES, call_sentiment
from udfs.rows import LEDGER, SEGMENTS

BUCKET = "rows-in-s3"


@pytest.fixture
def bucket(aws_on_s3: str) -> str:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return BUCKET


def test_rows_go_to_s3(bucket: str, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "sample-3-chat", tmp_path / "calls" / "sample-3-chat")
    root = f"s3a://{bucket}/sentiment"

    done = call_sentiment(
        "local", "--calls", tmp_path / "calls", "--output", root, "--speed", "max"
    )

    assert done.returncode == 0, done.stderr + done.stdout
    assert len(read_rows(root, SEGMENTS)) >= 9
    assert {row.participant_id for row in read_rows(root, LEDGER)} == {"agent", "customer", "all"}
