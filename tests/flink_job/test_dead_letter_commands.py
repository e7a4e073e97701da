"""Dead letters as a user handles them, against a Kinesis that loses answers and refuses."""

import re

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from typer.testing import CliRunner

import flink_job.dead_letter_commands as commands
from connectors.audit_log import AuditLog
from connectors.kinesis_client import KinesisClient
from connectors.lake_files import Lake
from connectors.lake_reader import write_rows
from flink_job.cli import app
from tests.row_builders import STARTED_AT, ledger, reject
from udfs.audit_chain import Replay
from udfs.record_json import record_json
from udfs.records import AudioChunk
from udfs.rows import LEDGER, REJECTS, partition_date

DATE = partition_date(STARTED_AT)
SHARD = "shardId-000000000000"
STREAMS = ("--audio-stream", "audio-in", "--text-stream", "text-in")


def chunk(number, call_id="call-1"):
    return record_json(AudioChunk(call_id, "c1", number, 0, "mulaw", 8_000, b"\xff" * 80))


class FakeKinesis:
    """Keeps what it takes; ``answers`` decides of each request."""

    def __init__(self):
        self.taken = []
        self.answers = []
        self.stored = {}

    def list_shards(self, **_request):
        return {"Shards": []}

    def put_records(self, *, StreamName, Records):  # noqa: N803
        answer = self.answers.pop(0) if self.answers else "take"
        if answer == "lost":
            self.taken += [(StreamName, entry) for entry in Records]
            raise ReadTimeoutError(endpoint_url="https://kinesis")
        if answer == "forbidden":
            raise ClientError(
                {
                    "Error": {"Code": "AccessDeniedException"},
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                },
                "PutRecords",
            )
        results = []
        for number, entry in enumerate(Records):
            if answer == "refuse odd" and number % 2:
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.taken.append((StreamName, entry))
                results.append({})
        failed = sum(bool(result) for result in results)
        return {"FailedRecordCount": failed, "Records": results}

    def get_shard_iterator(self, **request):
        if request["ShardId"] != SHARD:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetShardIterator")
        return {"ShardIterator": request["StartingSequenceNumber"]}

    def get_records(self, *, ShardIterator, Limit):  # noqa: N803
        assert Limit == 1
        data = self.stored.get(ShardIterator)
        # what was trimmed is not there, and a later one is first
        record = {"SequenceNumber": ShardIterator if data else "999", "Data": data or b"other"}
        return {"Records": [record], "MillisBehindLatest": 0}

    @property
    def data(self):
        return [entry["Data"] for _, entry in self.taken]


@pytest.fixture
def kinesis(monkeypatch):
    fake = FakeKinesis()
    monkeypatch.setattr(
        commands,
        "connect",
        lambda *_args, **_kwargs: KinesisClient(fake, 500, sleep=lambda _seconds: None),
    )
    return fake


def run(*arguments):
    return CliRunner().invoke(app, ["dead-letters", *map(str, arguments)])


def told(done):
    return [re.sub(r"\s+", " ", line).strip() for line in done.output.splitlines()]


def write(root, *rejects):
    write_rows(root, REJECTS, rejects, lambda _: DATE)


def refused(number, **fields):
    return reject(sequence_number=str(number), shard=SHARD, **{"payload": chunk(number), **fields})


def test_list_counts(tmp_path):
    write(tmp_path, refused(1), refused(2), refused(3, step="intake", reason="late"))
    done = run("list", tmp_path)
    assert done.exit_code == 0, done.output
    assert f"{DATE} audio open not_json 2" in told(done)
    assert f"{DATE} audio intake late 1" in told(done)
    assert told(done)[-1] == "3 rejects"
    assert told(run("list", tmp_path, "--reason", "late"))[-1] == "1 rejects"


def test_show_tells_where_a_reject_is_and_what_it_says_only_when_asked(tmp_path):
    write(tmp_path, refused(7, payload=b'{"text": "my card is 4111"}'), refused(8, payload=None))
    done = run("show", tmp_path)
    assert f"{SHARD} 7 27 bytes" in done.output
    assert "8 not stored" in done.output
    assert "4111" not in done.output
    assert "my card is 4111" in run("show", tmp_path, "--payload").output


def test_a_reason_that_is_none_is_wrong_use(tmp_path):
    assert run("replay", tmp_path, "--reason", "bad_luck").exit_code == 2


def test_rejects_go_back_once_to_their_stream_and_call(tmp_path, kinesis):
    write(tmp_path, refused(2), refused(1, call_id="call-1"), refused(3, payload=b"{"))
    done = run("replay", tmp_path, *STREAMS)
    assert done.exit_code == 0, done.output
    assert told(done)[0] == "before: 3 rejects, 2 to be sent"
    assert told(done)[-1] == "after: 2 sent, 0 left"
    assert kinesis.data == [chunk(1), chunk(2)]
    assert [(name, entry["PartitionKey"]) for name, entry in kinesis.taken] == [
        ("audio-in", "call-1"),
        ("audio-in", "2"),
    ]

    again = run("replay", tmp_path, *STREAMS)
    assert told(again)[:2] == ["before: 3 rejects, 0 to be sent", "2 sent before"]
    assert len(kinesis.taken) == 2


def test_a_dry_run_sends_nothing_and_writes_nothing(tmp_path, kinesis):
    write(tmp_path, refused(1))
    done = run("replay", tmp_path, "--dry-run")
    assert told(done) == ["before: 1 rejects, 1 to be sent"]
    assert not kinesis.taken
    assert not (tmp_path / "replays").exists()


def test_without_streams_nothing_is_sent(tmp_path, kinesis):
    write(tmp_path, refused(1))
    assert run("replay", tmp_path).exit_code == 2
    assert not kinesis.taken


def test_what_is_not_stored_is_fetched_or_told_to_be_gone(tmp_path, kinesis):
    kinesis.stored["1"] = chunk(1)
    unknown = {"step": "intake", "reason": "no_call_started", "payload": None}
    write(
        tmp_path,
        refused(1, call_id="call-1", **unknown),
        refused(2, call_id="call-1", **unknown),
        reject(shard="shardId-000000000009", call_id="call-1", **unknown),
    )
    done = run("replay", tmp_path, *STREAMS)
    assert kinesis.data == [chunk(1)]
    assert "3 of them not stored, to be fetched from their stream" in told(done)
    assert "2 can never succeed: not stored, and gone from the stream" in told(done)


def test_a_closed_call_gets_nothing_more(tmp_path, kinesis):
    write(tmp_path, refused(1, call_id="call-1"), refused(2, reason="late", call_id="call-2"))
    write_rows(tmp_path, LEDGER, [ledger(participant_id="all")], lambda _: DATE)
    done = run("replay", tmp_path, *STREAMS)
    assert "1 can never succeed: late for their call" in told(done)
    assert "1 can never succeed: their call is closed" in told(done)
    assert not kinesis.taken


def test_what_kinesis_refuses_is_sent_again(tmp_path, kinesis):
    kinesis.answers = ["refuse odd"]
    write(tmp_path, *(refused(number) for number in range(5)))
    assert told(run("replay", tmp_path, *STREAMS))[-1] == "after: 5 sent, 0 left"
    assert sorted(kinesis.data) == sorted(chunk(number) for number in range(5))


def test_an_answer_that_was_lost_leaves_a_doubt_and_no_second_record(tmp_path, kinesis):
    kinesis.answers = ["lost"]
    write(tmp_path, refused(1), refused(2))
    done = run("replay", tmp_path, *STREAMS)
    assert done.exit_code == 1
    assert "whether 2 records arrived is not known" in done.output
    again = run("replay", tmp_path, *STREAMS)
    assert told(again)[1].startswith("2 perhaps sent before")
    assert len(kinesis.taken) == 2


def test_what_was_refused_for_certain_stays_free(tmp_path, kinesis):
    kinesis.answers = ["forbidden"]
    write(tmp_path, refused(1))
    done = run("replay", tmp_path, *STREAMS)
    assert done.exit_code == 1
    assert "after: 0 sent, 1 left" in told(done)
    assert told(run("replay", tmp_path, *STREAMS))[-1] == "after: 1 sent, 0 left"


def test_killed_in_the_middle_nothing_is_sent_twice(tmp_path, kinesis, monkeypatch):
    write(tmp_path, refused(1))
    put = kinesis.put_records

    def killed(**request):
        put(**request)
        raise KeyboardInterrupt

    monkeypatch.setattr(kinesis, "put_records", killed)
    assert run("replay", tmp_path, *STREAMS).exit_code == 130
    monkeypatch.setattr(kinesis, "put_records", put)
    assert told(run("replay", tmp_path, *STREAMS))[1].startswith("1 perhaps sent before")
    assert kinesis.data == [chunk(1)]


def test_a_replay_leaves_its_counts_in_the_audit_log_and_a_dry_run_nothing(tmp_path, kinesis):
    kinesis.answers = ["take", "forbidden"]
    write(tmp_path, refused(1), refused(2, payload=b"{"))
    run("replay", tmp_path, "--dry-run")
    run("replay", tmp_path, *STREAMS)
    write_rows(tmp_path, REJECTS, [refused(3)], lambda _: DATE, "later")
    assert run("replay", tmp_path, *STREAMS).exit_code == 1
    assert [line.entry for line in AuditLog(Lake(tmp_path)).lines()] == [
        Replay(rejects=2, sent=1, left=0),
        Replay(rejects=3, sent=0, left=1),
    ]
