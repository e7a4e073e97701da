"""What the real kinesalite does with our records, and how it starts and ends."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import boto3
import pytest

from connectors import kinesalite
from connectors.kinesalite import Kinesalite, KinesaliteError
from connectors.kinesis_client import KinesisError, Put, connect
from connectors.replay import Heartbeats, Replayer
from tests.call_folder_builders import write_chat, write_transfer
from udfs.call_folder import read_call_folders
from udfs.replay_plan import ReplayOptions, plan_replay

pytestmark = pytest.mark.slow

REGION = "us-east-1"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def server(kinesalite_package):
    with Kinesalite(kinesalite_package) as running:
        yield running


@pytest.fixture
def kinesis(server):
    return connect(REGION, server.endpoint)


def records_in(server, name):
    """All records of a stream by shard, in their order."""
    reader = boto3.client(
        "kinesis",
        region_name=REGION,
        endpoint_url=server.endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
    )
    records = {}
    for shard in reader.list_shards(StreamName=name)["Shards"]:
        iterator = reader.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records[shard["ShardId"]] = reader.get_records(ShardIterator=iterator)["Records"]
    return records


def test_a_replay_arrives_whole_in_the_order_of_each_call(server, kinesis, tmp_path):
    write_transfer(tmp_path / "transfer")
    write_chat(tmp_path / "chat")
    for stream, shards in (("order-audio", 3), ("order-text", 1)):
        kinesis.create_stream(stream, shards)
    options = ReplayOptions(chunk_ms=20, shuffle_ms=500, duplicate=0.1)
    planned = plan_replay(read_call_folders(tmp_path), options).records
    names = {"audio": "order-audio", "text": "order-text"}
    assert Replayer(kinesis, names).send(planned, speed=None) == len(planned)

    for stream, name in names.items():
        expected, arrived = defaultdict(list), defaultdict(list)
        for each in planned:
            if each.stream == stream:
                expected[each.partition_key].append(each.data)
        for records in records_in(server, name).values():
            for record in records:
                arrived[record["PartitionKey"]].append(record["Data"])
        assert arrived == expected


def test_one_record_is_fetched_by_its_number_and_sent_once_more(server, kinesis):
    kinesis.create_stream("refused", 1)
    kinesis.put_records("refused", [Put("call-1", data) for data in (b"one", b"two", b"three")])
    ((shard, records),) = records_in(server, "refused").items()
    number = records[1]["SequenceNumber"]

    assert kinesis.fetch_record("refused", shard, number) == b"two"
    assert kinesis.fetch_record("refused", shard, str(int(number) + 1)) is None
    assert kinesis.fetch_record("refused", "shardId-000000000009", number) is None

    taken, rest = kinesis.put_once("refused", [Put("call-1", b"two")])
    assert (taken, rest) == ([Put("call-1", b"two")], [])
    ((_, records),) = records_in(server, "refused").items()
    assert [record["Data"] for record in records] == [b"one", b"two", b"three", b"two"]


def test_each_shard_gets_heartbeats(server, kinesis):
    kinesis.create_stream("beats", 4)
    waits = iter([False, True])
    with Heartbeats(kinesis, ["beats"], lambda _seconds: next(waits)):
        pass
    arrived = records_in(server, "beats")
    assert len(arrived) == 4
    for records in arrived.values():
        assert [record["Data"] for record in records] == [b'{"type":"heartbeat"}'] * 2


def test_records_of_900_kb_arrive_whole_and_in_order(server, kinesis):
    kinesis.create_stream("large", 1)
    puts = [Put("k", bytes([number]) * 900_000) for number in range(12)]
    kinesis.put_records("large", puts)
    (records,) = records_in(server, "large").values()
    assert [record["Data"] for record in records] == [put.data for put in puts]


def test_a_stream_that_exists_or_does_not_is_told_with_the_remedy(kinesis):
    kinesis.create_stream("once", 1)
    with pytest.raises(KinesisError, match=r"stream once: .*it exists already"):
        kinesis.create_stream("once", 1)
    with pytest.raises(KinesisError, match=r"stream never: .*there is no such stream"):
        kinesis.put_heartbeats("never")


def test_it_listens_on_this_machine_alone(server):
    port = int(server.endpoint.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)):
        pass
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", port)):
        pass


def test_its_clock_stamps_a_backlog_of_an_hour_and_moves_forward_only(kinesalite_package):
    start_ms = 1_700_000_000_000
    with Kinesalite(kinesalite_package, clock_start_ms=start_ms) as server:
        kinesis = connect(REGION, server.endpoint)
        kinesis.create_stream("backlog", 1)
        for minutes in (1, 30, 60):
            server.freeze_clock(start_ms + minutes * HOUR_MS // 60)
            kinesis.put_records("backlog", [Put("k", str(minutes).encode())])
        with pytest.raises(KinesaliteError, match="moves forward only"):
            server.set_clock(start_ms)
        (records,) = records_in(server, "backlog").values()
        stamps_ms = [
            round(record["ApproximateArrivalTimestamp"].timestamp() * 1000) for record in records
        ]
        assert stamps_ms == [start_ms + minutes * HOUR_MS // 60 for minutes in (1, 30, 60)]
        assert server.clock_ms() == start_ms + HOUR_MS
        assert server.use_real_clock() > start_ms + HOUR_MS


def test_it_ends_when_it_is_stopped(kinesalite_package):
    server = Kinesalite(kinesalite_package)
    assert server.is_running
    server.stop()
    server.stop()
    assert not server.is_running
    with pytest.raises(KinesaliteError, match="was stopped"):
        server.clock_ms()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent_however_that_dies(kinesalite_package, how):
    code = (
        "import sys; from pathlib import Path; from connectors.kinesalite import Kinesalite\n"
        "running = Kinesalite(Path(sys.argv[1])); print(running.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, kinesalite_package],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        pid = int(parent.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        parent.send_signal(how)
    wait_until_gone(pid)


def wait_until_gone(pid):
    """Wait for a process that is nobody's child here to end."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([handle], [], [], 20)
        assert ended
    finally:
        os.close(handle)


def test_without_the_package_it_says_what_to_do(tmp_path):
    with pytest.raises(KinesaliteError, match=r"not installed in .*; run `make setup`"):
        Kinesalite(tmp_path)


def test_without_node_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(kinesalite, "find_node", lambda: None)
    with pytest.raises(KinesaliteError, match="Node is missing; install Node"):
        Kinesalite(tmp_path)


def test_a_package_that_does_not_start_is_quoted(tmp_path, kinesalite_package):
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(KinesaliteError, match=r"kinesalite ended: Error: Cannot find module"):
        Kinesalite(tmp_path)


def test_its_streams_outlive_it_where_they_have_a_folder(kinesalite_package, tmp_path):
    with Kinesalite(kinesalite_package, path=tmp_path / "streams") as before:
        kinesis = connect(REGION, before.endpoint)
        kinesis.create_stream("kept", 1)
        kinesis.put_records("kept", [Put("call", b"one")])
    port = int(before.endpoint.rpartition(":")[2])

    with Kinesalite(kinesalite_package, path=tmp_path / "streams", port=port) as after:
        assert after.endpoint == before.endpoint
        connect(REGION, after.endpoint).put_records("kept", [Put("call", b"two")])
        [records] = records_in(after, "kept").values()

    assert [record["Data"] for record in records] == [b"one", b"two"]
