"""Heartbeats to each open shard of the streams, so that their time passes on a quiet night.

Called once a minute by a schedule, which knows no shorter time; beats every few seconds until the
next call is due. One failed beat is logged and the next one tried; at the end the call fails, so
that Lambda's own ``Errors`` tells of it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

MINUTE_S = 60.0
MAX_BATCH = 500
"""Records that PutRecords takes."""
RECORD = json.dumps({"type": "heartbeat"}, separators=(",", ":")).encode()

LOG = logging.getLogger(__name__)
LOG.setLevel(logging.INFO)


class HeartbeatError(Exception):
    """Some heartbeats of this minute were not written."""


def handler(event: Any, context: Any) -> None:
    """Lambda's entry: a minute of heartbeats.

    Raises:
        HeartbeatError: some failed.
    """
    num_failed = beat_for(
        boto3.client("kinesis"),
        os.environ["STREAMS"].split(","),
        float(os.environ["INTERVAL_S"]),
    )
    if num_failed:
        msg = f"{num_failed} heartbeats failed"
        raise HeartbeatError(msg)


def beat_for(
    kinesis: Any,
    streams: list[str],
    interval_s: float,
    span_s: float = MINUTE_S,
    clock: Any = time,
) -> int:
    """Beat now and every ``interval_s`` seconds, as long as ``span_s`` is not over.

    Returns:
        How many beats failed.
    """
    num_failed = 0
    next_s = clock.monotonic()
    end_s = next_s + span_s
    while next_s < end_s:
        clock.sleep(max(0.0, next_s - clock.monotonic()))
        for stream in streams:
            try:
                beat(kinesis, stream)
            except (BotoCoreError, ClientError) as error:
                num_failed += 1
                told = {"event": "heartbeat_failed", "stream": stream, "error": code_of(error)}
                LOG.warning("%s", json.dumps(told))
        next_s += interval_s
    return num_failed


def code_of(error: BotoCoreError | ClientError) -> str:
    """The service's code, or the error's kind where it said none."""
    answer = getattr(error, "response", {})
    return str(answer.get("Error", {}).get("Code", type(error).__name__))


def beat(kinesis: Any, stream: str) -> int:
    """One heartbeat to each open shard; how many the stream took."""
    records = [
        {"Data": RECORD, "PartitionKey": shard_id, "ExplicitHashKey": hash_key}
        for shard_id, hash_key in open_shards(kinesis, stream)
    ]
    taken = 0
    for start in range(0, len(records), MAX_BATCH):
        batch = records[start : start + MAX_BATCH]
        answer = kinesis.put_records(StreamName=stream, Records=batch)
        taken += len(batch) - answer["FailedRecordCount"]
    return taken


def open_shards(kinesis: Any, stream: str) -> Iterator[tuple[str, str]]:
    """Each shard that takes records: its id, and a hash key of its own."""
    for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream):
        for shard in page["Shards"]:
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
                yield shard["ShardId"], shard["HashKeyRange"]["StartingHashKey"]
