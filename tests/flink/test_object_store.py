"""The same run with its output in S3, on moto's server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from connectors.lake_reader import read_rows
from connectors.object_store import ENDPOINT_VARIABLE
from tests.flink.conftest import SAMPLES, call_sentiment
from udfs.rows import LEDGER, SEGMENTS

BUCKET = "rows-in-s3"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv(ENDPOINT_VARIABLE, f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield BUCKET
    server.stop()


def test_rows_go_to_s3(bucket: str, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "sample-3-chat", tmp_path / "calls" / "sample-3-chat")
    root = f"s3a://{bucket}/sentiment"

    done = call_sentiment(
        "local", "--calls", tmp_path / "calls", "--output", root, "--speed", "max"
    )

    assert done.returncode == 0, done.stderr + done.stdout
    assert len(read_rows(root, SEGMENTS)) >= 9
    assert {row.participant_id for row in read_rows(root, LEDGER)} == {"agent", "customer", "all"}
