"""The running job obeys the suppression list: at the door, in state, and before the warehouse."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.loading import LoadRules, pack_row
from flink_job import call_assembly, call_intake, warehouse_writer
from flink_job.arrows import Opened, decode_work, encode
from flink_job.settings import CallSettings
from flink_job.warehouse_writer import WarehouseWriter
from tests.builders import (
    STARTED_AT_MS,
    arrival,
    call_started,
    chunk,
    joined,
    participant,
    utterance,
)
from tests.fake_warehouse import FakeWarehouse
from tests.harness import KeyedHarness
from tests.job_run import JobRun
from tests.row_builders import segment
from udfs.records import CallForgotten, PersonSuppressed
from udfs.suppression import SuppressionList, digester

KEY = b"k" * 32
SALT = b"s" * 32
CALL = "call-1"
PSEUDONYM = "a" * 64


class Listed:
    """A list that a test adds to; of what the job adds it keeps a note."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str | None]] = []
        self._list = SuppressionList((), ())

    @property
    def has_persons(self) -> bool:
        return self._list.has_persons

    def has_call(self, call_id: str) -> bool:
        return self._list.has_call(call_id)

    def person_before_ms(self, person_id: str | None, person_key: str | None) -> int | None:
        return self._list.person_before_ms(person_id, person_key)

    def add_call(self, call_id: str, dt: str | None) -> None:
        self.noted.append((call_id, dt))
        self.suppress_call(call_id)

    def suppress_call(self, call_id: str = CALL) -> None:
        entry = digester((KEY,), SALT).call(call_id, None)
        self._list = SuppressionList(self._list.entries | {entry}, (KEY,))

    def suppress_person(self, before_ms: int = STARTED_AT_MS + 1) -> None:
        entries = digester((KEY,), SALT).person("anna", [PSEUDONYM], before_ms)
        self._list = SuppressionList(self._list.entries | {*entries}, (KEY,))


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Listed:
    listed = Listed()
    for module in (call_intake, call_assembly, warehouse_writer):
        monkeypatch.setattr(module, "suppression_of", lambda _: listed)
    return listed


@pytest.fixture
def job(listed: Listed) -> JobRun:
    return JobRun(calls=CallSettings(text_wait_ms=0))


def of_anna() -> Any:
    return call_started(
        participants=(participant(person_id=None, person_key=PSEUDONYM), participant("agent"))
    )


def test_a_call_erased_while_open_is_forgotten_with_its_next_record(
    job: JobRun, listed: Listed
) -> None:
    job.send(call_started(), *(chunk(k) for k in range(6)), utterance(0))
    shown = len(job.segments)
    listed.suppress_call()

    job.send(chunk(6))

    assert job.held(CALL) == ({}, {})
    assert isinstance(job.work[-1], CallForgotten)
    assert len(job.segments) == shown
    assert job.rejects == []


def test_and_with_a_pulse(job: JobRun, listed: Listed) -> None:
    job.send(call_started(), *(chunk(k) for k in range(6)))
    listed.suppress_call()

    job.pulse(CALL)

    assert job.held(CALL) == ({}, {})


def test_and_where_nothing_comes_within_half_a_minute_of_the_clock(
    job: JobRun, listed: Listed
) -> None:
    """Pulses may be over: those of records that came before there was a stream time."""
    job.send(call_started(), *(chunk(k) for k in range(6)))
    for _ in range(3):
        job.advance_clock(30_000)
    assert job.held(CALL)[0]
    listed.suppress_call()

    job.advance_clock(30_000)

    assert job.held(CALL) == ({}, {})


def test_rows_that_wait_are_not_shown_any_more(listed: Listed) -> None:
    job = JobRun(calls=CallSettings(text_wait_ms=3_000))
    job.send(call_started(), *(chunk(k) for k in range(6)))
    listed.suppress_call()

    job.assembly.advance_clock_to(10_000)

    assert job.segments == []
    assert job.held(CALL)[1] == {}


def test_a_tombstone_of_an_erased_call_goes_too(job: JobRun, listed: Listed) -> None:
    job.send(call_started(), chunk(0))
    job.advance_watermark_to(STARTED_AT_MS + 700_000)
    assert job.closed
    listed.suppress_call()

    job.pulse(CALL)

    assert job.held(CALL) == ({}, {})


def test_an_open_call_of_an_erased_person_is_forgotten_and_noted(
    job: JobRun, listed: Listed
) -> None:
    """No row tells whose it is, so whoever erases must be told which it was."""
    job.send(of_anna(), *(chunk(k) for k in range(6)))
    listed.suppress_person()

    job.pulse(CALL)

    assert job.held(CALL) == ({}, {})
    assert listed.noted == [(CALL, "2026-11-23")]
    job.send(chunk(6))
    assert job.rejects == []


def test_a_replayed_call_of_an_erased_person_leaves_nothing(job: JobRun, listed: Listed) -> None:
    job.send(utterance(0))
    notice = PersonSuppressed(CALL, STARTED_AT_MS + 1, STARTED_AT_MS)
    job.intake.send(CALL, encode(Opened(notice, arrival(STARTED_AT_MS))))

    job.send(chunk(0), chunk(1))

    assert job.held(CALL)[0] == {}
    assert job.rejects == []
    assert listed.noted == [(CALL, "2026-11-23")]


def test_who_joins_a_later_call_is_let_in(job: JobRun, listed: Listed) -> None:
    job.send(call_started("customer"))
    notice = PersonSuppressed(CALL, STARTED_AT_MS, joined=joined("agent"))

    job.intake.send(CALL, encode(Opened(notice, arrival(STARTED_AT_MS))))

    [work] = [decode_work(row[1]) for row in job.intake.output]
    assert [one.participant_id for one in work.participants] == ["agent"]
    assert listed.noted == []


def test_others_go_on(job: JobRun, listed: Listed) -> None:
    listed.suppress_call("another-call")
    job.send(call_started(), *(chunk(k) for k in range(6)))

    assert job.segments


@pytest.fixture
def warehouse(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> FakeWarehouse:
    fake = FakeWarehouse()
    monkeypatch.setattr(warehouse_writer, "open_warehouse", lambda _: fake)
    return fake


@pytest.fixture
def writer(warehouse: FakeWarehouse) -> KeyedHarness:
    rules = LoadRules(batch_rows=2, first_retry_ms=100)
    spec = WarehouseSpec("postgresql://nowhere/none")
    return KeyedHarness(lambda: WarehouseWriter(spec, rules))


def test_rows_that_were_gathered_are_not_loaded(
    writer: KeyedHarness, warehouse: FakeWarehouse, listed: Listed
) -> None:
    writer.send("segments", pack_row(segment()))
    listed.suppress_call()

    writer.send("segments", pack_row(segment(call_id="call-2")))
    warehouse.finish()

    assert {key[1] for key in warehouse.rows} == {"call-2"}


def test_a_batch_that_failed_is_tried_again_without_them(
    writer: KeyedHarness, warehouse: FakeWarehouse, listed: Listed
) -> None:
    warehouse.is_away = True
    writer.send("segments", pack_row(segment()))
    writer.send("segments", pack_row(segment(call_id="call-2")))
    listed.suppress_call()
    warehouse.is_away = False

    writer.advance_clock(200)
    warehouse.finish()

    assert {key[1] for key in warehouse.rows} == {"call-2"}


def test_a_batch_of_nothing_else_is_done(
    writer: KeyedHarness, warehouse: FakeWarehouse, listed: Listed
) -> None:
    listed.suppress_call()

    for window in range(2):
        writer.send("segments", pack_row(segment(window)))

    assert warehouse.submitted == []
    assert set(writer.held("segments")) == {"load"}
