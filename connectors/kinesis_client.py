"""Records into Kinesis, or into what stands in for it on one machine.

Streams are created, their open shards listed, records and heartbeats put. PutRecords may refuse
some records of a batch and take later ones of the same partition key
(https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html: it "doesn't guarantee
the ordering of records"). So, towards AWS, a batch holds at most one record of a key, and the next
of that key waits until it was taken: a record is never put before its predecessor. kinesalite takes
a batch whole and in order, so at a local endpoint a batch holds as many of a key as fit in.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from udfs.record_json import record_json
from udfs.records import Heartbeat
from udfs.replay_plan import MAX_RECORD_BYTES

MAX_BATCH_RECORDS: Final = 500
MAX_BATCH_BYTES: Final = 5 * 1_048_576

BACKOFF_S: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0)
"""Waits while nothing is taken; Kinesis counts its limits by the second."""
_GET_RECORDS_INTERVAL_S: Final = 0.2
"""Kinesis answers five requests a second and shard."""
_MAX_EMPTY_ANSWERS: Final = 50
_GONE: Final = ("ResourceNotFoundException", "InvalidArgumentException")
_ACTIVE_POLL_S: Final = 0.05
_ACTIVE_WAIT_S: Final = 60.0


class KinesisError(Exception):
    """Kinesis does not do what was asked; the message says what to do."""


class KinesisDoubtError(KinesisError):
    """Kinesis did not answer: ``puts`` may be there or not."""

    def __init__(self, message: str, puts: Sequence[Put]) -> None:
        super().__init__(message)
        self.puts = puts


@dataclass(frozen=True, slots=True)
class Put:
    """One record to put."""

    partition_key: str
    data: bytes = field(repr=False)
    explicit_hash_key: str | None = None
    """Overrides the key's own hash in choosing the shard."""

    @property
    def num_bytes(self) -> int:
        """What Kinesis counts."""
        return len(self.data) + len(self.partition_key.encode())


@dataclass(frozen=True, slots=True)
class Shard:
    shard_id: str
    starting_hash_key: str


class BotoKinesis(Protocol):
    """The part of boto3's Kinesis client in use."""

    def create_stream(self, *, StreamName: str, ShardCount: int) -> Any: ...  # noqa: N803
    def describe_stream_summary(self, *, StreamName: str) -> Any: ...  # noqa: N803
    def decrease_stream_retention_period(
        self,
        *,
        StreamName: str,  # noqa: N803
        RetentionPeriodHours: int,  # noqa: N803
    ) -> Any: ...
    def list_shards(self, **request: str) -> Any: ...
    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> Any: ...  # noqa: N803
    def get_shard_iterator(self, **request: str) -> Any: ...
    def get_records(self, *, ShardIterator: str, Limit: int) -> Any: ...  # noqa: N803


class KinesisClient:
    """Puts records in order; safe to use from several threads."""

    def __init__(
        self,
        boto_client: BotoKinesis,
        records_per_key: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Use ``connect`` instead.

        Args:
            boto_client: boto3's client, or a stand-in for it.
            records_per_key: how many records of one key a batch may hold; more than one only
                where batches are taken whole.
            sleep: waits so many seconds.
        """
        self._boto = boto_client
        self._records_per_key = records_per_key
        self._sleep = sleep

    def create_stream(self, name: str, shards: int) -> None:
        """Create a stream and wait until it is active.

        Raises:
            KinesisError: it exists, may not be created, or is not active after a minute.
        """
        with _explained(name):
            self._boto.create_stream(StreamName=name, ShardCount=shards)
        for _ in range(int(_ACTIVE_WAIT_S / _ACTIVE_POLL_S)):
            summary = self._boto.describe_stream_summary(StreamName=name)
            if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            self._sleep(_ACTIVE_POLL_S)
        msg = f"stream {name} is not active after {_ACTIVE_WAIT_S:.0f} s; look at it in the console"
        raise KinesisError(msg)

    def retention_hours(self, name: str) -> int:
        """How long the stream keeps a record.

        Raises:
            KinesisError: the stream cannot be asked.
        """
        with _explained(name):
            summary = self._boto.describe_stream_summary(StreamName=name)
        return int(summary["StreamDescriptionSummary"]["RetentionPeriodHours"])

    def shorten_retention(self, name: str, hours: int) -> None:
        """Let the stream keep its records no longer than ``hours``; older ones go at once.

        Raises:
            KinesisError: it may not be changed.
        """
        with _explained(name):
            self._boto.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)

    def open_shards(self, name: str) -> tuple[Shard, ...]:
        """The shards that take records, in Kinesis' order.

        Raises:
            KinesisError: the stream cannot be asked.
        """
        shards: list[Shard] = []
        request = {"StreamName": name}
        while request:
            with _explained(name):
                page = self._boto.list_shards(**request)
            shards += [
                Shard(shard["ShardId"], shard["HashKeyRange"]["StartingHashKey"])
                for shard in page["Shards"]
                if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
            ]
            request = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
        return tuple(shards)

    def put_records(self, name: str, records: Iterable[Put]) -> None:
        """Put records, those of one key in their order; returns once all were taken.

        Raises:
            KinesisError: a record is too large, the stream cannot be written, or it takes
                nothing more for half a minute.
        """
        waiting = list(records)
        refusals_in_a_row = 0
        while waiting:
            batch, rest = take_batch(waiting, self._records_per_key)
            refused, error_code = self._put_batch(name, batch)
            waiting = [*refused, *rest]
            if not refused:
                refusals_in_a_row = 0
                continue
            if len(refused) < len(batch):
                refusals_in_a_row = 0
            if refusals_in_a_row == len(BACKOFF_S):
                msg = (
                    f"stream {name} refuses records ({error_code}) for "
                    f"{sum(BACKOFF_S):.0f} s; add shards or lower the speed"
                )
                raise KinesisError(msg)
            self._sleep(BACKOFF_S[refusals_in_a_row])
            refusals_in_a_row += 1

    def put_once(self, name: str, waiting: Sequence[Put]) -> tuple[list[Put], list[Put]]:
        """One request, never tried again: what of a prefix was taken, and all that was not.

        The client must not try again either: see ``connect``.

        Returns:
            The records taken, and the rest in their order.

        Raises:
            KinesisDoubtError: nobody knows whether the request's records were taken.
            KinesisError: none was.
        """
        batch, rest = take_batch(waiting, self._records_per_key)
        try:
            refused, _ = self._put_batch(name, batch)
        except KinesisError as err:
            if _nothing_was_taken(err.__cause__):
                raise
            msg = f"{err}; whether {len(batch)} records arrived is not known"
            raise KinesisDoubtError(msg, batch) from err
        not_taken = set(map(id, refused))
        return [put for put in batch if id(put) not in not_taken], [*refused, *rest]

    def fetch_record(self, name: str, shard_id: str, sequence_number: str) -> bytes | None:
        """One record's data from the stream; None when the stream has it no more.

        Raises:
            KinesisError: the stream cannot be read.
        """
        try:
            with _explained(name):
                iterator = self._boto.get_shard_iterator(
                    StreamName=name,
                    ShardId=shard_id,
                    ShardIteratorType="AT_SEQUENCE_NUMBER",
                    StartingSequenceNumber=sequence_number,
                )["ShardIterator"]
                for _ in range(_MAX_EMPTY_ANSWERS):
                    answer = self._boto.get_records(ShardIterator=iterator, Limit=1)
                    for record in answer["Records"]:
                        is_it = record["SequenceNumber"] == sequence_number
                        return bytes(record["Data"]) if is_it else None
                    iterator = answer.get("NextShardIterator")
                    if not iterator or not answer.get("MillisBehindLatest"):
                        return None
                    self._sleep(_GET_RECORDS_INTERVAL_S)
        except KinesisError as err:
            if _error_code(err.__cause__) in _GONE:
                return None
            raise
        return None

    def put_heartbeats(self, name: str) -> None:
        """One heartbeat to each open shard.

        Raises:
            KinesisError: as ``put_records``.
        """
        data = record_json(Heartbeat())
        self.put_records(
            name,
            [
                Put(shard.shard_id, data, shard.starting_hash_key)
                for shard in self.open_shards(name)
            ],
        )

    def _put_batch(self, name: str, batch: Sequence[Put]) -> tuple[list[Put], str | None]:
        """Put one batch; return what was refused, in order, and a refusal's code."""
        entries = [_entry(record) for record in batch]
        with _explained(name):
            answer = self._boto.put_records(StreamName=name, Records=entries)
        if not answer["FailedRecordCount"]:
            return [], None
        codes = [result.get("ErrorCode") for result in answer["Records"]]
        refused = [record for record, code in zip(batch, codes, strict=True) if code]
        return refused, next(code for code in codes if code)


def connect(region: str, endpoint: str | None = None, max_attempts: int = 5) -> KinesisClient:
    """A client of Kinesis in a region, or of what stands in for it at a local endpoint.

    Credentials come from where AWS' tools look for them; a local endpoint gets dummies.

    Args:
        region: of the streams.
        endpoint: of the stand-in.
        max_attempts: how often a request is sent when no answer comes; 1 for ``put_once``.
    """
    is_local = endpoint is not None and is_local_endpoint(endpoint)
    dummies = {"aws_access_key_id": "local", "aws_secret_access_key": "local"} if is_local else {}
    boto_client = boto3.client(
        "kinesis",
        region_name=region,
        endpoint_url=endpoint,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": max_attempts}, max_pool_connections=4
        ),
        **dummies,
    )
    return KinesisClient(boto_client, MAX_BATCH_RECORDS if is_local else 1)


def is_local_endpoint(endpoint: str) -> bool:
    """Whether an endpoint is on this machine, where there are no real credentials."""
    return urlsplit(endpoint).hostname in ("localhost", "127.0.0.1", "::1")


def take_batch(waiting: Sequence[Put], records_per_key: int) -> tuple[list[Put], list[Put]]:
    """Split what waits into one request's worth and the rest; keys keep their order.

    Raises:
        KinesisError: a record is larger than Kinesis takes.
    """
    batch: list[Put] = []
    rest: list[Put] = []
    taken_of_key: Counter[str] = Counter()
    closed_keys: set[str] = set()
    num_bytes = 0
    for position, record in enumerate(waiting):
        if len(batch) == MAX_BATCH_RECORDS:
            rest += waiting[position:]
            break
        if record.num_bytes > MAX_RECORD_BYTES:
            msg = f"a record of {record.num_bytes} bytes; Kinesis takes {MAX_RECORD_BYTES}"
            raise KinesisError(msg)
        key = record.partition_key
        is_full = taken_of_key[key] == records_per_key
        if key in closed_keys or is_full or num_bytes + record.num_bytes > MAX_BATCH_BYTES:
            closed_keys.add(key)  # what follows of this key must not overtake
            rest.append(record)
            continue
        batch.append(record)
        taken_of_key[key] += 1
        num_bytes += record.num_bytes
    return batch, rest


_REMEDIES: Final = {
    "ResourceNotFoundException": "there is no such stream; create it, or mend its name or region",
    "ResourceInUseException": "it exists already; use it, or delete it first",
    "LimitExceededException": "the account's limit of shards is reached; ask for fewer",
    "AccessDeniedException": "the credentials do not allow it; grant the kinesis action",
}


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn boto3's errors into ours, with what to do."""
    try:
        yield
    except ClientError as err:
        code = err.response["Error"]["Code"]
        msg = f"stream {name}: {code}: {_REMEDIES.get(code, 'see the code in the API reference')}"
        raise KinesisError(msg) from err
    except BotoCoreError as err:
        msg = f"stream {name}: {err}"
        raise KinesisError(msg) from err


def _error_code(cause: BaseException | None) -> str | None:
    return cause.response["Error"]["Code"] if isinstance(cause, ClientError) else None


def _nothing_was_taken(cause: BaseException | None) -> bool:
    """Whether a request that failed was refused as a whole, or never left."""
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(400 <= status < 500)  # noqa: PLR2004 - HTTP's client errors
    return isinstance(cause, ConnectTimeoutError | EndpointConnectionError | NoCredentialsError)


def _entry(record: Put) -> dict[str, Any]:
    entry: dict[str, Any] = {"PartitionKey": record.partition_key, "Data": record.data}
    if record.explicit_hash_key is not None:
        entry["ExplicitHashKey"] = record.explicit_hash_key
    return entry
