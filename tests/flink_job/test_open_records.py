"""The door as a Flink step: records on, heartbeats on without a call, rejects beside."""

from __future__ import annotations

import base64

import pytest
from pyflink.common import Row
from pyflink.datastream import OutputTag

from connectors.secret_key import KeySource
from flink_job import open_records
from flink_job.arrows import decode_opened
from flink_job.open_records import OpenRecords
from flink_job.settings import TimeSettings
from flink_job.stream_time import NO_CALL
from tests.builders import (
    STARTED_AT_MS,
    arrival,
    call_ended,
    call_started,
    chunk,
    utterance,
)
from tests.captured_metrics import CapturedGroup
from tests.job_run import rows_of
from udfs.envelope import Limits
from udfs.metrics import RECORDS_SUPPRESSED
from udfs.pseudonyms import Pseudonyms
from udfs.record_json import record_json
from udfs.records import Heartbeat, RejectNotice
from udfs.rows import REJECTS
from udfs.suppression import SuppressionList, digester

T0 = STARTED_AT_MS


class Clock:
    """Stands in for the time module."""

    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic_ns(self) -> int:
        return self.now_ms * 1_000_000


@pytest.fixture
def clock(monkeypatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(open_records, "time", found)
    return found


@pytest.fixture
def step(clock) -> OpenRecords:
    function = OpenRecords("audio", Limits(), TimeSettings())
    function.open(CapturedGroup())
    return function


def send(step: OpenRecords, data: bytes, arrival_ms: int = T0, shard: str = "a"):
    """What comes out: accepted rows and rejects."""
    out = list(step.process_element(Row(data, arrival_ms, "17", shard), None))
    accepted = [value for value in out if not isinstance(value, tuple)]
    refused = [v[1] for v in out if isinstance(v, tuple) and isinstance(v[0], OutputTag)]
    return accepted, rows_of(REJECTS, refused)


def test_a_record_goes_on_under_its_call_with_where_it_came_from(step):
    ((call_id, stream_ms, arrival_ms, data),), rejects = send(step, record_json(chunk(0)))

    opened = decode_opened(data)
    assert (call_id, stream_ms, arrival_ms) == ("call-1", 0, T0)
    assert opened.record == chunk(0)
    assert opened.arrival == arrival(T0, 17, shard="a")
    assert rejects == []


def test_a_heartbeat_moves_stream_time_under_no_call(step, clock):
    send(step, record_json(Heartbeat()))
    clock.now_ms = 30_000

    ((call_id, stream_ms, arrival_ms, data),), _ = send(step, record_json(Heartbeat()), T0 + 30_000)

    told = (call_id, stream_ms, arrival_ms, data)
    assert told == (NO_CALL, T0 + 30_000, T0 + 30_000, b"")


def test_a_refused_record_is_a_reject_with_its_payload_and_tells_the_calls_ledger(step):
    data = record_json(call_ended()).replace(b"1795440660000", b"9795440660000")

    ((call_id, _, _, notice),), (reject,) = send(step, data, T0 + 5)

    assert (call_id, decode_opened(notice).record) == (
        "call-1",
        RejectNotice("call-1", None, is_audio=False),
    )
    assert reject == {
        "step": "open",
        "reason": "offset_out_of_range",
        "call_id": "call-1",
        "stream": "audio",
        "shard": "a",
        "sequence_number": "17",
        "arrival": T0 + 5,
        "payload": data,
        "dt": "2026-11-23",
    }


@pytest.mark.parametrize(
    ("record", "reason", "is_audio"),
    [
        (record_json(chunk(0)).replace(b"mulaw", b"opus!"), "unknown_encoding", True),
        (record_json(utterance(0)), "wrong_stream", False),
    ],
)
def test_what_was_said_is_left_to_the_call_whose_policy_is_known(step, record, reason, is_audio):
    ((call_id, _, _, notice),), rejects = send(step, record)

    told = decode_opened(notice).record
    assert call_id == "call-1"
    assert (told.reason, told.participant_id, told.is_audio) == (reason, "customer", is_audio)
    assert told.payload == record
    assert rejects == []


def test_what_was_said_in_no_call_is_a_reject_without_payload(step):
    accepted, (reject,) = send(step, record_json(chunk(0)).replace(b"call-1", b""))

    assert accepted == []
    assert (reject["reason"], reject["payload"]) == ("invalid_field", None)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"{", b'{"type":"audoi","payload":"AAAA"}'])
def test_what_cannot_be_read_is_a_reject_without_payload(step, data):
    accepted, (reject,) = send(step, data)

    assert accepted == []
    assert (reject["call_id"], reject["payload"]) == (None, None)


def test_persons_go_on_by_pseudonym(clock, tmp_path):
    key_file = tmp_path / "key"
    key_file.write_bytes(base64.b64encode(b"k" * 32) + b"\n")
    step = OpenRecords("audio", Limits(), TimeSettings(), KeySource(str(key_file), None, ""))
    step.open(CapturedGroup())

    ((_, _, _, data),), _ = send(step, record_json(call_started()))

    assert b"person-customer" not in data
    people = decode_opened(data).record.participants
    assert people[0].person_key == Pseudonyms(b"k" * 32).person_key("person-customer")


def test_no_field_of_a_record_moves_stream_time(step, clock):
    send(step, record_json(call_started()), T0)
    clock.now_ms = 40_000
    far = call_started(started_at_ms=T0 + 86_000_000)

    ((_, stream_ms, _, _),), _ = send(step, record_json(far), T0 + 1)

    assert stream_ms == T0 + 1


def test_refused_records_move_stream_time_too(step, clock):
    """A shard on which only rubbish comes is not silent."""
    send(step, record_json(Heartbeat()), T0)
    clock.now_ms = 40_000
    send(step, b"rubbish", T0 + 9)

    ((_, stream_ms, _, _),), _ = send(step, record_json(Heartbeat()), T0 + 3)

    assert stream_ms == T0 + 9


def test_a_record_of_an_erased_call_moves_stream_time_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    erased = SuppressionList([digester((), b"s" * 32).call(chunk().call_id, None)], ())
    monkeypatch.setattr(open_records, "suppression_of", lambda _: erased)
    function = OpenRecords("audio", Limits(), TimeSettings())
    group = CapturedGroup()
    function.open(group)

    accepted, rejects = send(function, record_json(chunk()))
    group.end_bundle()

    assert [row[0] for row in accepted] == [NO_CALL]
    assert rejects == []
    assert group.count(RECORDS_SUPPRESSED) == 1
