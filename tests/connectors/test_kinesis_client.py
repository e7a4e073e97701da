"""Records reach Kinesis in the order of their key, whatever it refuses on the way."""

import random

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kinesis_client import (
    MAX_BATCH_BYTES,
    MAX_BATCH_RECORDS,
    KinesisClient,
    KinesisError,
    Put,
    connect,
    is_local_endpoint,
    take_batch,
)

THROTTLED = "ProvisionedThroughputExceededException"


class FakeKinesis:
    """Takes records, but for those that ``refuses`` says; two shards, one of them closed."""

    def __init__(self, refuses=lambda _entry: False):
        self.refuses = refuses
        self.taken = []
        self.batches = []

    def put_records(self, *, StreamName, Records):  # noqa: N803
        self.batches.append(Records)
        results = []
        for entry in Records:
            if self.refuses(entry):
                results.append({"ErrorCode": THROTTLED, "ErrorMessage": "slow down"})
            else:
                self.taken.append((StreamName, entry))
                results.append({"SequenceNumber": "1", "ShardId": "shardId-000000000000"})
        failed = sum("ErrorCode" in result for result in results)
        return {"FailedRecordCount": failed, "Records": results}

    def list_shards(self, **request):
        shards = [
            {
                "ShardId": "shardId-000000000000",
                "HashKeyRange": {"StartingHashKey": "0"},
                "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"},
            },
            {
                "ShardId": "shardId-000000000001",
                "HashKeyRange": {"StartingHashKey": "0"},
                "SequenceNumberRange": {"StartingSequenceNumber": "3"},
            },
            {
                "ShardId": "shardId-000000000002",
                "HashKeyRange": {"StartingHashKey": "99"},
                "SequenceNumberRange": {"StartingSequenceNumber": "3"},
            },
        ]
        if "NextToken" in request:
            assert "StreamName" not in request  # the API refuses both together
            return {"Shards": shards[2:]}
        return {"Shards": shards[:2], "NextToken": "more"}

    def keys_in_order(self):
        order = {}
        for _, entry in self.taken:
            order.setdefault(entry["PartitionKey"], []).append(int(entry["Data"]))
        return order


def records_of(keys):
    counts = {}
    puts = []
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
        puts.append(Put(key, str(counts[key]).encode()))
    return puts, {key: list(range(1, count + 1)) for key, count in counts.items()}


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=60), st.integers(0, 1_000))
def test_no_record_is_put_before_its_predecessor_though_some_are_refused(keys, seed):
    dice = random.Random(seed)
    fake = FakeKinesis(refuses=lambda _entry: dice.random() < 0.4)
    client = KinesisClient(fake, sleep=lambda _seconds: None)
    puts, expected = records_of(keys)
    client.put_records("audio", puts)
    assert fake.keys_in_order() == expected


def test_towards_aws_a_batch_holds_one_record_of_a_key():
    fake = FakeKinesis()
    puts, _ = records_of("aabca")
    KinesisClient(fake).put_records("audio", puts)
    batches = [[entry["PartitionKey"] for entry in batch] for batch in fake.batches]
    assert batches == [["a", "b", "c"], ["a"], ["a"]]


def test_a_stand_in_that_takes_batches_whole_gets_as_many_as_fit_in():
    fake = FakeKinesis()
    puts, expected = records_of("ab" * 600)
    KinesisClient(fake, records_per_key=MAX_BATCH_RECORDS).put_records("audio", puts)
    assert [len(batch) for batch in fake.batches] == [500, 500, 200]
    assert fake.keys_in_order() == expected


def test_only_what_was_refused_is_put_again_after_waits_that_grow():
    refusals = {"a": 2}

    def refuses(entry):
        refusals[entry["PartitionKey"]] = refusals.get(entry["PartitionKey"], 0) - 1
        return refusals[entry["PartitionKey"]] >= 0

    waits_s = []
    fake = FakeKinesis(refuses)
    puts, _ = records_of("abc")
    KinesisClient(fake, sleep=waits_s.append).put_records("audio", puts)
    batches = [[entry["PartitionKey"] for entry in batch] for batch in fake.batches]
    assert batches == [["a", "b", "c"], ["a"], ["a"]]
    assert waits_s == [0.1, 0.2]


def test_a_stream_that_takes_nothing_more_is_an_error_with_the_remedy():
    waits_s = []
    client = KinesisClient(FakeKinesis(lambda _entry: True), sleep=waits_s.append)
    with pytest.raises(KinesisError, match=f"stream audio .*{THROTTLED}.* add shards or lower"):
        client.put_records("audio", [Put("a", b"1")])
    assert 20 < sum(waits_s) < 60


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1_000_000)), max_size=20))
@settings(deadline=None, max_examples=30)
def test_a_batch_keeps_within_kinesis_limits_and_the_order_of_keys(sizes):
    waiting = [Put(key, bytes(size)) for key, size in sizes]
    batches = []
    rest = waiting
    while rest:
        batch, rest = take_batch(rest, MAX_BATCH_RECORDS)
        assert batch
        assert sum(record.num_bytes for record in batch) <= MAX_BATCH_BYTES
        batches += batch
    for key in "ab":
        assert [r for r in batches if r.partition_key == key] == [
            r for r in waiting if r.partition_key == key
        ]


def test_a_record_beyond_kinesis_limit_is_refused_without_its_content():
    with pytest.raises(KinesisError, match="1048577 bytes; Kinesis takes 1048576"):
        take_batch([Put("a", b"x" * 1_048_576)], 1)


def test_each_open_shard_gets_a_heartbeat_and_closed_ones_none():
    fake = FakeKinesis()
    KinesisClient(fake).put_heartbeats("audio")
    beats = [(entry["ExplicitHashKey"], entry["Data"]) for _, entry in fake.taken]
    assert beats == [("0", b'{"type":"heartbeat"}'), ("99", b'{"type":"heartbeat"}')]


def test_an_absent_stream_is_named_with_the_remedy():
    fake = FakeKinesis()
    absent = {"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}

    def put_records(**_request):
        raise ClientError(absent, "PutRecords")

    fake.put_records = put_records
    with pytest.raises(KinesisError, match=r"stream audio: .*there is no such stream; create it"):
        KinesisClient(fake).put_records("audio", [Put("a", b"1")])


@pytest.mark.parametrize(
    ("endpoint", "is_local"),
    [
        ("http://127.0.0.1:4567", True),
        ("http://localhost:4567", True),
        ("https://kinesis.eu-central-1.amazonaws.com", False),
        ("https://localhost.example.com", False),
    ],
)
def test_only_an_endpoint_on_this_machine_gets_dummy_credentials(endpoint, is_local, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "also mine")
    assert is_local_endpoint(endpoint) == is_local
    credentials = connect("eu-central-1", endpoint)._boto._request_signer._credentials
    assert (credentials.access_key == "local") == is_local
