"""The scheduled function against moto's Kinesis."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from udfs.record_json import record_json
from udfs.records import Heartbeat

FILE = Path(__file__).resolve().parents[2] / "deploy" / "heartbeat" / "heartbeat.py"
SPEC = importlib.util.spec_from_file_location("heartbeat", FILE)
assert SPEC is not None
assert SPEC.loader is not None
heartbeat: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(heartbeat)


class HandClock:
    """Sleeping is what moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("kinesis", region_name="eu-west-1")
        client.create_stream(StreamName="audio", ShardCount=3)
        client.create_stream(StreamName="text", ShardCount=1)
        yield client


def records_by_shard(kinesis: Any, stream: str) -> dict[str, list[bytes]]:
    found = {}
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator)["Records"]
        found[shard["ShardId"]] = [record["Data"] for record in records]
    return found


def test_each_shard_gets_one(kinesis: Any) -> None:
    assert heartbeat.beat(kinesis, "audio") == 3
    assert set(map(len, records_by_shard(kinesis, "audio").values())) == {1}


def test_it_is_the_record_that_the_job_knows() -> None:
    assert json.loads(heartbeat.RECORD) == json.loads(record_json(Heartbeat()))


def test_a_closed_shard_gets_none(kinesis: Any) -> None:
    kinesis.merge_shards(
        StreamName="audio",
        ShardToMerge="shardId-000000000000",
        AdjacentShardToMerge="shardId-000000000001",
    )

    open_shards = [shard_id for shard_id, _ in heartbeat.open_shards(kinesis, "audio")]
    assert open_shards == ["shardId-000000000002", "shardId-000000000003"]
    assert heartbeat.beat(kinesis, "audio") == 2


def test_it_beats_until_the_next_call_is_due(kinesis: Any) -> None:
    clock = HandClock()

    heartbeat.beat_for(kinesis, ["audio", "text"], 5.0, 60.0, clock)

    assert clock.now_s == 155.0
    assert len(records_by_shard(kinesis, "text")["shardId-000000000000"]) == 12


def test_a_stream_that_fails_does_not_keep_the_other_waiting(
    kinesis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    num_failed = heartbeat.beat_for(kinesis, ["gone", "text"], 30.0, 60.0, HandClock())

    assert num_failed == 2
    assert len(records_by_shard(kinesis, "text")["shardId-000000000000"]) == 2
    told = {"event": "heartbeat_failed", "stream": "gone", "error": "ResourceNotFoundException"}
    assert [json.loads(record.message) for record in caplog.records] == [told] * 2


def test_a_call_with_a_failed_beat_fails_so_that_lambda_counts_an_error(
    kinesis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMS", "gone")
    monkeypatch.setenv("INTERVAL_S", "60")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    with pytest.raises(heartbeat.HeartbeatError, match="heartbeats failed"):
        heartbeat.handler({}, None)
