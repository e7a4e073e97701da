"""A front before kinesalite: it has a shard's limits, and tells what Kinesis tells CloudWatch.

kinesalite takes whatever comes and keeps no metrics. What passes here is counted as
https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html has it: of what is
read how old it was, of what is written how many records a shard had no room for. A test may have a
shard read in vain, or a caller be without rights.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.aws_servers.http_server import Handler, Server, running

SHARD_RECORDS_S, SHARD_BYTES_S = 1_000, 2**20
"""What a shard takes in a second."""
ITERATOR_AGE_MS = "GetRecords.IteratorAgeMilliseconds"
REFUSED = "WriteProvisionedThroughputExceeded"
_CALLER = re.compile(r"Credential=([^/]+)/")
_PASSED_ON = ("Content-Type", "X-Amz-Target", "Authorization", "X-Amz-Date")

Shard = tuple[str, str]
"""Stream and shard id."""


class _Read(msgspec.Struct):
    ApproximateArrivalTimestamp: float


class _Answer(msgspec.Struct):
    """Of an answer to GetRecords, what is looked at."""

    Records: list[_Read]
    NextShardIterator: str | None = None


class KinesisFront:
    """Ask its ``url`` in place of kinesalite's."""

    def __init__(self, endpoint: str) -> None:
        """Pass all on to kinesalite at this endpoint."""
        self._address = urlsplit(endpoint).netloc
        self.read_in_vain: set[Shard] = set()
        """Their records stay where they are, as if there were none."""
        self.without_rights: set[str] = set()
        """Access keys of callers."""
        self._lock = threading.Lock()
        self._samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._shard_of_iterator: dict[str, Shard] = {}
        self._shards: dict[str, list[tuple[int, str]]] = {}
        self._taken: dict[tuple[Shard, int], tuple[int, int]] = {}

    def take_samples(self) -> dict[str, dict[str, list[float]]]:
        """By stream and metric, what was told since the last time."""
        with self._lock:
            taken, self._samples = self._samples, defaultdict(lambda: defaultdict(list))
        return taken

    def pass_on(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """kinesalite's answer."""
        connection = http.client.HTTPConnection(self._address)
        try:
            connection.request("POST", "/", body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    # --- reading -------------------------------------------------------------------------------

    def iterator_given(self, shard: Shard, answer: bytes) -> None:
        self._shard_of_iterator[json.loads(answer)["ShardIterator"]] = shard

    def empty_answer(self, iterator: str) -> bytes | None:
        """What there is of a shard that is read in vain; None of any other."""
        if self._shard_of_iterator[iterator] not in self.read_in_vain:
            return None
        empty = {"Records": [], "NextShardIterator": iterator, "MillisBehindLatest": 0}
        return json.dumps(empty).encode()

    def records_read(self, iterator: str, answer: bytes) -> None:
        shard = self._shard_of_iterator[iterator]
        read = msgspec.json.decode(answer, type=_Answer)
        if read.NextShardIterator is not None:
            self._shard_of_iterator[read.NextShardIterator] = shard
        age_ms = 0.0
        if read.Records:
            age_ms = 1_000 * (time.time() - read.Records[-1].ApproximateArrivalTimestamp)
        with self._lock:
            self._samples[shard[0]][ITERATOR_AGE_MS].append(max(0.0, age_ms))

    # --- writing -------------------------------------------------------------------------------

    def has_room(self, headers: Mapping[str, str], stream: str, record: Mapping[str, Any]) -> bool:
        """Whether its shard takes one more record in this second."""
        num_bytes = len(record["Data"]) * 3 // 4 + len(record["PartitionKey"])
        shard = stream, self._shard_of_record(headers, stream, record)
        second = int(time.monotonic())
        with self._lock:
            records, so_far = self._taken.get((shard, second), (0, 0))
            if records >= SHARD_RECORDS_S or so_far + num_bytes > SHARD_BYTES_S:
                return False
            self._taken[shard, second] = records + 1, so_far + num_bytes
        return True

    def refused(self, stream: str, count: int) -> None:
        with self._lock:
            self._samples[stream][REFUSED].append(count)

    def _shard_of_record(
        self, headers: Mapping[str, str], stream: str, record: Mapping[str, Any]
    ) -> str:
        if stream not in self._shards:
            asking = {**headers, "X-Amz-Target": "Kinesis_20131202.ListShards"}
            _, answer = self.pass_on(asking, json.dumps({"StreamName": stream}).encode())
            self._shards[stream] = sorted(
                (int(one["HashKeyRange"]["StartingHashKey"]), one["ShardId"])
                for one in json.loads(answer)["Shards"]
            )
        hashed = record.get("ExplicitHashKey")
        if hashed is None:
            key = record["PartitionKey"].encode()
            hashed = int(hashlib.md5(key, usedforsecurity=False).hexdigest(), 16)
        return [shard for start, shard in self._shards[stream] if start <= int(hashed)][-1]


class _Handler(Handler):
    server: _Http

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        front, body = self.server.front, self.body()
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        caller = _CALLER.search(headers["Authorization"])
        if caller is not None and caller[1] in front.without_rights:
            return self._json(400, {"__type": "AccessDeniedException", "message": "no rights"})
        match headers["X-Amz-Target"].rpartition(".")[2]:
            case "GetShardIterator":
                asked = json.loads(body)
                if asked["ShardIteratorType"] == "AT_TIMESTAMP":
                    # The consumer's way to ask for the latest; kinesalite would give the first.
                    asked |= {"ShardIteratorType": "LATEST", "Timestamp": None}
                status, answer = front.pass_on(headers, json.dumps(asked).encode())
                if status == http.client.OK:
                    front.iterator_given((asked["StreamName"], asked["ShardId"]), answer)
            case "GetRecords":
                iterator = json.loads(body)["ShardIterator"]
                empty = front.empty_answer(iterator)
                status, answer = (200, empty) if empty else front.pass_on(headers, body)
                if status == http.client.OK and empty is None:
                    front.records_read(iterator, answer)
            case "PutRecords":
                return self._put(headers, json.loads(body))
            case _:
                status, answer = front.pass_on(headers, body)
        return self._send(status, answer)

    def _put(self, headers: Mapping[str, str], asked: dict[str, Any]) -> None:
        """Pass on what its shards take; the answer names the rest."""
        front, stream = self.server.front, asked["StreamName"]
        fits = [front.has_room(headers, stream, one) for one in asked["Records"]]
        refused = {
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": "Rate exceeded for shard",
        }
        results: list[Any] = []
        if any(fits):
            records = [one for one, fit in zip(asked["Records"], fits, strict=True) if fit]
            status, answer = front.pass_on(
                headers, json.dumps({"StreamName": stream, "Records": records}).encode()
            )
            if status != http.client.OK:
                return self._send(status, answer)
            results = json.loads(answer)["Records"]
        taken = iter(results)
        front.refused(stream, fits.count(False))
        return self._json(
            200,
            {
                "FailedRecordCount": fits.count(False),
                "Records": [next(taken) if fit else refused for fit in fits],
            },
        )

    def _json(self, status: int, answer: Mapping[str, Any]) -> None:
        self._send(status, json.dumps(answer).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send(status, body, "application/x-amz-json-1.1")


class _Http(Server):
    def __init__(self, front: KinesisFront) -> None:
        super().__init__(0, _Handler)
        self.front = front


@contextmanager
def before(endpoint: str) -> Iterator[tuple[KinesisFront, str]]:
    """A front before kinesalite while it runs, and its URL."""
    front = KinesisFront(endpoint)
    with running(_Http(front)) as url:
        yield front, url
