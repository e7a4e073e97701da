"""Intake under Flink: state, timers, restarts. What is accepted is tested in tests/udfs."""

from __future__ import annotations

import json

import pytest

from flink_job import call_intake
from flink_job.arrows import decode_work
from flink_job.settings import CallSettings, TimeSettings
from tests.builders import CALL, STARTED_AT_MS, call_ended, call_started, chunk, joined, utterance
from tests.harness import KeyedHarness
from tests.job_run import intake_harness, opened, rows_of
from udfs.call_state import Tombstone, decode_state
from udfs.record_json import record_json
from udfs.records import CallClosed, RejectNotice, WindowCut
from udfs.rows import REJECTS

DAY_MS = 86_400_000
T0 = STARTED_AT_MS


@pytest.fixture(autouse=True)
def monotonic_ms(monkeypatch):
    """The worker's own clock, in the test's hand."""
    now = [0]
    monkeypatch.setattr(call_intake, "_monotonic_ms", lambda: now[0])
    return now


@pytest.fixture
def intake() -> KeyedHarness:
    return intake_harness(CallSettings(), TimeSettings())


def send(intake: KeyedHarness, *records, arrival_ms: int = T0) -> None:
    for record in records:
        intake.send(record.call_id, opened(record, arrival_ms))


def closes(intake: KeyedHarness) -> list[CallClosed]:
    works = [decode_work(row[1]) for row in intake.output]
    return [work for work in works if isinstance(work, CallClosed)]


def rejects(intake: KeyedHarness):
    return rows_of(REJECTS, intake.side_output.get("rejects", []))


def reasons(intake: KeyedHarness) -> list[str]:
    return [row["reason"] for row in rejects(intake)]


def is_buried(intake: KeyedHarness, *, complete: bool) -> bool:
    held = intake.held(CALL)
    if [*held] != ["kept"] or [*held["kept"]] != ["call"]:
        return False
    state = decode_state(held["kept"]["call"])
    return isinstance(state, Tombstone) and state.complete == complete


def test_a_pulse_that_changes_nothing_writes_nothing(intake):
    send(intake, call_started("customer"), chunk(0))
    intake.end_bundle()
    before = intake.num_writes

    intake.send(CALL, None)

    assert intake.num_writes == before
    send(intake, chunk(1))
    assert intake.num_writes > before


# --- every way a call can end ------------------------------------------------------------------


def ends_complete(intake):
    send(intake, call_started("customer"), chunk(0), utterance(0))
    send(intake, call_ended(chunks={"customer": 1}, utterances=1))


def ends_when_the_missing_record_comes(intake):
    send(intake, call_started("customer"), call_ended(chunks={"customer": 1}, utterances=0))
    send(intake, chunk(0))


def ends_with_something_missing(intake):
    send(intake, call_started("customer"), chunk(0), chunk(2))
    send(intake, call_ended(chunks={"customer": 3}, utterances=0))
    intake.advance_watermark_to(T0 + 61_000)


def ends_without_expectations(intake):
    send(intake, call_started("customer"), chunk(0), utterance(0, is_partial=True), call_ended())
    intake.advance_watermark_to(T0 + 61_000)


def ends_with_text_of_a_stranger_waiting(intake):
    send(intake, call_started("customer"), utterance(0, who="stranger"))
    send(intake, call_ended(chunks={}, utterances=0))
    intake.advance_watermark_to(T0 + 61_000)


def times_out(intake):
    send(intake, call_started("customer"), chunk(0), utterance(0))
    intake.advance_watermark_to(T0 + 601_000)


def times_out_after_a_start_and_nothing_else(intake):
    send(intake, call_started())
    intake.advance_watermark_to(T0 + 601_000)


def is_a_chat(intake):
    send(intake, utterance(0), call_ended(chunks={}, utterances=1), call_started("customer"))


def had_a_transfer(intake):
    send(intake, call_started("customer"), joined("agent"), joined("agent-2"))
    send(intake, chunk(0, who="agent-2"), call_ended(chunks={"agent-2": 1}, utterances=0))


WAYS = [
    (ends_complete, True),
    (ends_when_the_missing_record_comes, True),
    (ends_with_something_missing, False),
    (ends_without_expectations, False),
    (ends_with_text_of_a_stranger_waiting, False),
    (times_out, False),
    (times_out_after_a_start_and_nothing_else, False),
    (is_a_chat, True),
    (had_a_transfer, True),
]


@pytest.mark.parametrize(("end", "complete"), WAYS)
def test_after_a_close_only_the_tombstone_is_left_and_after_a_day_nothing(intake, end, complete):
    end(intake)

    assert len(closes(intake)) == 1
    assert is_buried(intake, complete=complete)
    closed_at_ms = max(T0, intake.watermark_ms)
    intake.advance_watermark_to(closed_at_ms + DAY_MS - 1)
    assert is_buried(intake, complete=complete)
    intake.advance_watermark_to(closed_at_ms + DAY_MS + 1_000)
    assert intake.held(CALL) == {}
    assert intake.timers(CALL) == ([], [])
    assert len(closes(intake)) == 1


def test_text_of_a_call_that_never_starts_leaves_nothing_after_two_minutes(intake):
    send(intake, utterance(0), joined("agent"), call_ended())

    intake.advance_watermark_to(T0 + 121_000)

    assert reasons(intake) == ["no_call_started"] * 3
    assert intake.held(CALL) == {}
    assert intake.timers(CALL) == ([], [])


@pytest.mark.parametrize(
    "record", [chunk(0), RejectNotice(CALL, "customer", is_audio=True)], ids=["audio", "notice"]
)
def test_hostile_records_of_unknown_calls_leave_no_state(intake, record):
    send(intake, record)

    assert intake.held(CALL) == {}
    assert intake.timers(CALL) == ([], [])


# --- after the close ---------------------------------------------------------------------------


def test_after_a_complete_close_duplicates_are_silent(intake):
    had_a_transfer(intake)
    before = len(intake.output)

    send(intake, call_started("customer"), joined("agent-2"), chunk(0, who="agent-2"))
    send(intake, call_ended(chunks={"agent-2": 1}, utterances=0), utterance(0))

    assert reasons(intake) == []
    assert len(intake.output) == before
    assert is_buried(intake, complete=True)


@pytest.mark.parametrize(
    "record",
    [
        chunk(1, who="agent-2"),
        joined("stranger"),
        utterance(0, who="stranger"),
        call_started("customer", language="de"),
        call_ended(1),
    ],
)
def test_after_a_complete_close_what_is_no_duplicate_is_late(intake, record):
    had_a_transfer(intake)

    send(intake, record)

    assert reasons(intake) == ["late"]
    assert is_buried(intake, complete=True)


def test_after_the_close_a_strangers_audio_is_refused_without_its_payload(intake):
    had_a_transfer(intake)

    send(intake, chunk(0, who="stranger"))

    (reject,) = rejects(intake)
    assert (reject["reason"], reject["payload"]) == ("unknown_participant", None)


def test_after_an_incomplete_close_everything_is_late_with_its_payload(intake):
    ends_with_something_missing(intake)

    send(intake, chunk(1), RejectNotice(CALL, "customer", is_audio=True))

    (reject,) = rejects(intake)
    assert (reject["step"], reject["reason"], reject["call_id"]) == ("intake", "late", CALL)
    assert b'"sequence":1' in reject["payload"]
    assert len(closes(intake)) == 1


def test_late_records_do_not_prolong_the_tombstone(intake):
    times_out(intake)

    send(intake, chunk(1), arrival_ms=T0 + 700_000)
    intake.advance_watermark_to(T0 + 601_000 + DAY_MS + 1_000)

    assert intake.held(CALL) == {}


def test_a_tombstone_keeps_its_day_after_a_restart_without_a_watermark(intake):
    """After a restart the watermark is unknown: it must not end the tombstone's day."""
    ends_complete(intake)
    intake.restore(intake.snapshot())

    send(intake, chunk(0))

    assert is_buried(intake, complete=True)
    assert len(closes(intake)) == 1


# --- rejects -----------------------------------------------------------------------------------


def test_what_policy_has_not_spoken_of_is_refused_without_its_content(intake):
    send(intake, chunk(0))
    send(intake, call_started("customer"), chunk(0, who="stranger"))
    send(intake, chunk(0), chunk(0, offset_ms=7))

    found = [(row["reason"], row["payload"] is not None) for row in rejects(intake)]
    assert found == [("no_call_started", False), ("unknown_participant", False), ("conflict", True)]


def test_what_was_said_is_stored_without_personal_data(intake):
    said = utterance(0, text="mail john dot smith at example dot com")
    at_the_door = record_json(utterance(1, text="it's john.smith@example.com"))
    notice = RejectNotice(CALL, "customer", False, "wrong_stream", at_the_door)
    send(intake, call_started("customer"), utterance(0, text="other"), said, notice)

    texts = [json.loads(row["payload"])["text"] for row in rejects(intake)]
    assert texts == ["mail <EMAIL>", "it's <EMAIL>"]


def test_a_reject_tells_where_the_record_is_in_kinesis(intake):
    send(intake, chunk(0), arrival_ms=T0 + 5)

    (reject,) = rejects(intake)

    assert reject["arrival"] == T0 + 5
    assert (reject["stream"], reject["sequence_number"]) == ("audio", "0")
    assert reject["dt"] == "2026-11-23"


# --- stream time -------------------------------------------------------------------------------


def test_nothing_is_given_up_while_stream_time_stands(intake):
    send(intake, call_started("customer"), chunk(1), call_ended(chunks={"customer": 2}))

    intake.advance_clock(10 * DAY_MS)

    assert closes(intake) == []


def test_a_record_behind_stream_time_suspends_giving_up(intake, monotonic_ms):
    """The second guard: stream time ran ahead of a shard, so it is not believed for 5 s."""
    send(intake, call_started("customer"), chunk(0), arrival_ms=T0)
    send(intake, call_ended(), arrival_ms=T0 + 1)
    other = call_started("customer", call_id="call-2")
    intake.advance_watermark_to(T0 + 30_000)
    send(intake, other, arrival_ms=T0 + 10)

    intake.advance_watermark_to(T0 + 90_000)
    assert closes(intake) == []

    monotonic_ms[0] = 5_000
    intake.advance_watermark_to(T0 + 92_000)
    assert len(closes(intake)) == 1


# --- lost timers -------------------------------------------------------------------------------


def test_a_lost_timer_leaves_no_call_open(intake):
    """The end's timer is lost with the checkpoint; an older one of the call finds it over."""
    send(intake, call_started("customer"), chunk(0), arrival_ms=T0)
    intake.end_bundle()
    send(intake, chunk(2), call_ended(chunks={"customer": 3}), arrival_ms=T0 + 2_000)

    intake.restore(intake.snapshot().drop_timers_of_last_bundle())
    intake.advance_watermark_to(T0 + 601_000)

    assert len(closes(intake)) == 1
    assert closes(intake)[0].participants[0].missing_sequences == "1"


def test_after_a_lost_timer_any_record_of_the_call_sets_it_anew(intake):
    send(intake, call_started("customer"), chunk(0), call_ended(chunks={"customer": 3}))
    intake.restore(intake.snapshot().drop_timers_of_last_bundle())
    assert intake.timers(CALL) == ([], [])

    send(intake, chunk(2))
    intake.advance_watermark_to(T0 + 61_000)

    assert len(closes(intake)) == 1


def test_a_lost_gap_timer_loses_no_window(intake):
    send(intake, call_started("customer"), chunk(0), chunk(4), chunk(5))
    intake.end_bundle()
    intake.restore(intake.snapshot().drop_timers_of_last_bundle())
    intake.restore(intake.snapshot())
    intake.advance_clock(10_000)

    send(intake, utterance(0))

    works = [decode_work(row[1]) for row in intake.output]
    windows = [work.window for work in works if isinstance(work, WindowCut)]
    assert windows == [0]


def test_a_lost_timer_of_a_tombstone_leaves_nothing_for_ever(intake):
    send(intake, call_started("customer"), chunk(0), arrival_ms=T0)
    intake.end_bundle()
    send(intake, call_ended(chunks={"customer": 1}, utterances=0), arrival_ms=T0 + 2_000)

    intake.restore(intake.snapshot().drop_timers_of_last_bundle())
    intake.advance_watermark_to(T0 + 601_000)
    assert is_buried(intake, complete=True)
    intake.advance_watermark_to(T0 + DAY_MS + 3_000)

    assert intake.held(CALL) == {}


def test_timers_of_a_long_call_stay_few(intake):
    """No more than the idle wait has grid lines, however long the call."""
    send(intake, call_started("customer"))
    most = 0
    for k in range(900):
        send(intake, chunk(k, duration_ms=1_000, payload=b"\xff" * 8), arrival_ms=T0 + 1_000 * k)
        intake.advance_watermark_to(T0 + 1_000 * k)
        most = max(most, len(intake.timers(CALL)[0]))

    assert most <= 602
