"""The rules of acceptance, one by one. Property tests are in test_intake_properties."""

from __future__ import annotations

import msgspec
import pytest

from tests.builders import (
    STARTED_AT_MS,
    call_ended,
    call_started,
    chunk,
    joined,
    noise,
    participant,
    utterance,
)
from tests.intake_run import DEFAULT_POLICY, IntakeRun
from udfs.call_state import (
    VERSION,
    OpenCall,
    Tombstone,
    decode_state,
    encode_state,
)
from udfs.intake import Intake, IntakeRules
from udfs.kept_state import UnknownStateError
from udfs.records import RejectNotice


def started(*who: str) -> IntakeRun:
    intake = IntakeRun()
    intake.take(call_started(*who) if who else call_started())
    return intake


def ledger_of(intake: IntakeRun, who: str = "customer"):
    return next(p for p in intake.closed.participants if p.participant.participant_id == who)


def close(intake: IntakeRun) -> None:
    intake.take(call_ended())
    intake.advance_stream_to(intake.arrival_ms + 60_000)
    assert intake.is_closed


# --- announcements -----------------------------------------------------------------------------


def test_a_call_announces_its_participants():
    assert started("customer", "agent").announced == ["customer", "agent"]


def test_the_start_repeated_on_the_other_stream_is_nothing():
    intake = started()

    assert intake.take(call_started()) == []


@pytest.mark.parametrize(
    "other",
    [
        call_started("customer"),
        call_started(started_at_ms=STARTED_AT_MS + 1),
        call_started(language="de-DE"),
        call_started(jurisdiction="DE"),
    ],
)
def test_a_second_different_start_is_a_conflict_and_the_first_stays(other):
    intake = started()

    intake.take(other)

    assert intake.reasons == ["conflict"]
    assert intake.call.started == call_started()


def test_a_participant_may_join_and_again_is_nothing():
    intake = started("customer")

    intake.take(joined("agent"), joined("agent"))

    assert intake.announced == ["customer", "agent"]
    assert intake.reasons == []
    assert intake.call.distinct_records == 2


def test_a_participant_who_joins_as_somebody_else_is_a_conflict():
    intake = started("customer")

    intake.take(joined("customer", person_id="another"))

    assert intake.reasons == ["conflict"]
    assert intake.call.voices["customer"].participant == participant("customer")


# --- before the announcement -------------------------------------------------------------------


def test_audio_of_an_unknown_call_is_refused_and_leaves_nothing():
    intake = IntakeRun()

    intake.take(chunk(0), RejectNotice("call-1", "customer", is_audio=True))

    assert intake.reasons == ["no_call_started"]
    assert intake.call == OpenCall()
    assert intake.call.is_blank
    assert intake.store.is_empty


def test_audio_of_a_participant_not_announced_is_refused():
    intake = started("customer")

    intake.take(chunk(0, who="agent"))

    assert intake.reasons == ["unknown_participant"]


def test_text_waits_for_its_call_and_keeps_its_order():
    intake = IntakeRun()

    assert intake.take(utterance(0), utterance(1, 1_000)) == []
    intake.take(call_started())

    assert list(intake.utterances) == ["customer-0", "customer-1"]
    assert intake.reasons == []


def test_text_waits_for_its_participant():
    intake = started("customer")

    assert intake.take(utterance(0, who="agent")) == []
    intake.take(joined("agent"))

    assert list(intake.utterances) == ["agent-0"]


def test_everything_but_audio_may_come_before_the_start():
    intake = IntakeRun()

    intake.take(
        utterance(0, who="agent"),
        call_ended(chunks={}, utterances=1),
        joined("agent"),
        call_started("customer"),
    )

    assert intake.is_closed
    assert intake.closed.all_expected_came
    assert list(intake.utterances) == ["agent-0"]


def test_text_waits_two_minutes_of_stream_time_and_no_longer():
    intake = IntakeRun()
    intake.take(utterance(0), arrival_ms=STARTED_AT_MS)
    intake.take(utterance(1), arrival_ms=STARTED_AT_MS + 10_000)

    assert intake.advance_stream_to(STARTED_AT_MS + 119_999) == []
    intake.advance_stream_to(STARTED_AT_MS + 120_000)
    assert intake.refusals == [("no_call_started", utterance(0))]
    intake.advance_stream_to(STARTED_AT_MS + 130_000)
    assert intake.reasons == ["no_call_started"] * 2
    assert intake.call.is_blank


def test_text_of_a_participant_who_never_comes_is_refused_after_two_minutes():
    intake = started("customer")
    intake.take(utterance(0, who="agent"))

    intake.advance_stream_to(STARTED_AT_MS + 120_000)

    assert intake.reasons == ["unknown_participant"]


def test_text_still_waiting_at_the_close_is_refused():
    intake = started("customer")
    intake.take(utterance(0, who="agent"))

    close(intake)

    assert intake.reasons == ["unknown_participant"]


def test_the_clock_gives_up_nothing_that_stream_time_decides():
    intake = started()
    intake.take(utterance(0, who="agent-2"), chunk(0), call_ended())

    intake.advance_clock_to(10**9)

    assert intake.reasons == []
    assert not intake.is_closed


# --- duplicates and conflicts ------------------------------------------------------------------


def test_the_same_chunk_again_is_counted_and_does_nothing():
    intake = started()
    intake.take(chunk(0))

    assert intake.take(chunk(0), chunk(0)) == []
    close(intake)
    assert ledger_of(intake).chunks_duplicate == 2
    assert ledger_of(intake).chunks_seen == 1


@pytest.mark.parametrize(
    "other",
    [
        chunk(0, payload=noise(8_000, seed=77)),
        chunk(0, offset_ms=1),
        chunk(0, encoding="alaw"),
        chunk(0, offset_ms=9_000),
    ],
)
def test_another_chunk_for_the_same_place_is_a_conflict_and_the_first_stays(other):
    intake = started()
    intake.take(chunk(0), other)

    assert intake.reasons == ["conflict"]
    close(intake)
    _, signal = intake.windows["customer", 0]
    assert signal.tracks[0].payload.startswith(chunk(0).payload)
    assert ledger_of(intake).chunks_rejected == 1


def test_a_duplicate_is_known_long_after_its_audio_was_forgotten():
    intake = started()
    intake.take(*(chunk(k) for k in range(60)))
    assert ("customer", 0) not in intake.store.chunks

    assert intake.take(chunk(0), chunk(3)) == []
    intake.take(chunk(3, payload=noise(8_000, seed=99)))

    assert intake.reasons == ["conflict"]
    assert intake.call.voices["customer"].duplicates == 2


def test_the_audio_kept_of_a_long_call_does_not_grow():
    intake = started()
    kept = []
    for k in range(120):
        intake.take(chunk(k))
        kept.append(len(intake.store.chunks))

    assert max(kept) <= 21  # the newest chunk, 15 s behind it, and what is left of that window
    assert kept[-1] == kept[-6]


def test_the_same_utterance_again_is_nothing_and_another_is_a_conflict():
    intake = started()
    intake.take(utterance(0, text="yes"), utterance(0, text="yes"))
    intake.take(utterance(0, text="no"))

    assert intake.reasons == ["conflict"]
    assert [text for _, text in intake.utterances.values()] == ["yes"]


def test_an_utterance_id_is_taken_once_in_a_call_whoever_says_it():
    intake = started()

    intake.take(utterance(0), utterance(0, who="agent", utterance_id="customer-0"))

    assert intake.reasons == ["conflict"]


def test_a_partial_utterance_is_replaced_by_its_final_one_and_counts_for_nothing():
    intake = started()
    intake.take(
        utterance(0, text="good", is_partial=True),
        utterance(0, text="good mor", is_partial=True),
        utterance(0, text="good morning"),
        utterance(0, text="good", is_partial=True),
        utterance(1, 2_000, text="and", is_partial=True),
    )
    close(intake)

    assert [text for _, text in intake.utterances.values()] == ["good morning"]
    assert intake.reasons == []
    assert ledger_of(intake).utterances_seen == 1
    assert ledger_of(intake).utterances_partial_only == 1
    assert intake.closed.distinct_records == 3  # start, final utterance, end


def test_a_second_different_end_is_a_conflict():
    intake = started()
    intake.take(call_ended(60_000), call_ended(60_000), call_ended(61_000))

    assert intake.reasons == ["conflict"]
    assert intake.call.ended == call_ended(60_000)


def test_an_end_before_the_start_is_refused_and_the_right_one_still_counts():
    intake = started()
    intake.take(call_ended(-1))
    assert intake.reasons == ["ended_before_started"]

    intake.take(call_ended(0, chunks={}, utterances=0))

    assert intake.is_closed


# --- late audio --------------------------------------------------------------------------------


@pytest.mark.parametrize(("behind_ms", "reasons"), [(15_000, []), (15_001, ["late_audio"])])
def test_audio_may_lie_fifteen_seconds_behind_the_newest(behind_ms, reasons):
    intake = started()
    intake.take(chunk(0, 0), chunk(9, 40_000))

    intake.take(chunk(1, 40_000 - behind_ms))

    assert intake.reasons == reasons
    assert intake.call.voices["customer"].rejected == len(reasons)


def test_lateness_is_that_of_the_participant_alone():
    intake = started()
    intake.take(chunk(9, 40_000, who="agent"))

    intake.take(chunk(0, 0))

    assert intake.reasons == []


def test_a_late_chunk_is_missing_in_the_ledger():
    intake = started()
    intake.take(chunk(0), chunk(2, 40_000), chunk(1, 1_000))
    close(intake)

    assert ledger_of(intake).missing_sequences == "1"
    assert ledger_of(intake).chunks_rejected == 1


# --- when a window is cut ----------------------------------------------------------------------


def test_a_window_is_cut_by_the_chunk_that_makes_it_whole():
    intake = started()
    intake.take(*(chunk(k) for k in range(4)))
    assert intake.cuts == []

    intake.take(chunk(4))

    assert intake.cuts == [("customer", 0)]


def test_a_window_with_a_gap_waits_three_seconds_of_clock_after_later_audio():
    #  0 1 _ 3 4 | 5     sequence 2 is missing; 5 comes at 100 ms
    intake = started()
    intake.take(chunk(0), chunk(1), chunk(3), chunk(4), now_ms=0)
    assert intake.advance_clock_to(99) == []
    intake.take(chunk(5), now_ms=100)

    assert intake.advance_clock_to(3_099) == []
    intake.advance_clock_to(3_100)

    assert intake.cuts == [("customer", 0)]
    assert intake.windows["customer", 0][0].gap_ms == 1_000


def test_without_a_timer_the_next_record_of_the_call_ends_the_wait():
    intake = started()
    intake.take(chunk(0), chunk(1), chunk(3), chunk(4), chunk(5), now_ms=0)

    intake.take(utterance(0, who="agent"), now_ms=3_000)

    assert intake.cuts == [("customer", 0)]


def test_a_chunk_that_comes_after_its_window_was_cut_has_it_cut_again():
    intake = started()
    intake.take(chunk(0), chunk(1), chunk(3), chunk(4), chunk(5), now_ms=0)
    intake.advance_clock_to(3_000)

    intake.take(chunk(2), now_ms=4_000)

    assert intake.cuts == [("customer", 0)] * 2
    cut, signal = intake.windows["customer", 0]
    assert cut.gap_ms == 0
    assert cut.chunks.chunks_begun == 5
    assert signal.tracks[0].payload == b"".join(chunk(k).payload for k in range(5))


def test_a_window_out_of_reach_of_late_audio_is_cut_at_once():
    intake = started()
    intake.take(chunk(0), chunk(2, 2_000))

    intake.take(chunk(30, 20_000), now_ms=1)

    assert intake.cuts == [("customer", 0)]


def test_the_last_window_is_cut_at_the_close():
    intake = started("customer")
    intake.take(chunk(0), chunk(1), call_ended(chunks={"customer": 2}, utterances=0))

    assert intake.cuts == [("customer", 0)]
    assert intake.windows["customer", 0][0].gap_ms == 0


def test_a_chunk_over_a_border_counts_where_it_begins_and_is_carried_into_the_next():
    intake = started("customer")
    chunks = [chunk(k, k * 3_000, 3_000) for k in range(4)]  # 0-3, 3-6, 6-9, 9-12
    intake.take(*chunks, call_ended(chunks={"customer": 4}, utterances=0))

    books = {index: cut.chunks for (_, index), (cut, _) in intake.windows.items()}

    assert [(books[k].chunks_begun, books[k].chunks_carried) for k in range(3)] == [
        (2, 0),
        (2, 1),
        (0, 1),
    ]


# --- the close ---------------------------------------------------------------------------------


def test_a_call_closes_at_once_when_all_that_was_expected_came():
    intake = started("customer")
    intake.take(chunk(0), utterance(0))

    intake.take(call_ended(chunks={"customer": 1}, utterances=1))

    assert intake.is_closed
    assert intake.closed.closed_by == "call_ended"
    assert intake.closed.all_expected_came
    assert intake.store.is_empty


def test_the_record_that_was_missing_closes_an_ended_call():
    intake = started("customer")
    intake.take(call_ended(chunks={"customer": 2}, utterances=1), chunk(1), utterance(0))
    assert not intake.is_closed

    intake.take(chunk(0))

    assert intake.is_closed


def test_partial_utterances_and_participants_without_audio_are_nothing_to_expect():
    intake = started("customer", "agent")
    intake.take(chunk(0), utterance(0, is_partial=True))
    intake.take(call_ended(chunks={"customer": 1, "agent": 0}, utterances=1))
    assert not intake.is_closed

    intake.take(utterance(0))

    assert intake.is_closed


def test_an_ended_call_waits_sixty_seconds_of_stream_time_for_the_rest():
    intake = started("customer")
    ended_ms = STARTED_AT_MS + 60_000
    intake.take(call_ended(chunks={"customer": 1}, utterances=0), arrival_ms=ended_ms)
    intake.take(utterance(0), arrival_ms=ended_ms + 50_000)  # does not prolong it

    intake.advance_stream_to(ended_ms + 59_999)
    assert not intake.is_closed
    intake.advance_stream_to(ended_ms + 60_000)

    assert intake.is_closed
    assert not intake.closed.all_expected_came
    assert ledger_of(intake).missing_sequences == "0"


def test_a_call_that_does_not_say_what_to_expect_waits_its_sixty_seconds():
    intake = started("customer")
    intake.take(chunk(0), call_ended())
    assert not intake.is_closed

    intake.advance_stream_to(intake.arrival_ms + 60_000)

    assert intake.closed.closed_by == "call_ended"


def test_a_call_without_end_closes_ten_minutes_after_its_last_record():
    intake = started("customer")
    intake.take(chunk(0), arrival_ms=STARTED_AT_MS + 1_000)

    intake.advance_stream_to(STARTED_AT_MS + 600_999)
    assert not intake.is_closed
    intake.advance_stream_to(STARTED_AT_MS + 601_000)

    assert intake.closed.closed_by == "timeout"
    assert intake.closed.ended_at_ms is None


def test_chunks_expected_of_someone_never_announced_keep_the_call_open_and_are_counted():
    intake = started("customer")
    intake.take(call_ended(chunks={"customer": 0, "stranger": 7}, utterances=0))
    assert not intake.is_closed

    intake.advance_stream_to(intake.arrival_ms + 60_000)

    assert intake.closed.chunks_expected_of_others == 7


def test_refused_records_are_counted_by_participant_or_by_call():
    intake = started("customer")
    intake.take(
        RejectNotice("call-1", "customer", is_audio=True),
        RejectNotice("call-1", "customer", is_audio=False),
        RejectNotice("call-1", "nobody", is_audio=True),
        RejectNotice("call-1", None, is_audio=True),
        chunk(0, who="agent"),
    )
    close(intake)

    assert ledger_of(intake).chunks_rejected == 1
    assert intake.closed.chunks_rejected == 3
    assert intake.closed.distinct_records == 2


# --- waiting for a deadline --------------------------------------------------------------------


def test_the_deadline_is_the_next_instant_at_which_something_is_over():
    rules = Intake(IntakeRules(), DEFAULT_POLICY)
    intake = IntakeRun()
    assert rules.deadline_ms(intake.call) is None
    intake.take(utterance(0), arrival_ms=STARTED_AT_MS)
    assert rules.deadline_ms(intake.call) == STARTED_AT_MS + 120_000
    intake.take(call_started(), arrival_ms=STARTED_AT_MS + 5_000)
    assert rules.deadline_ms(intake.call) == STARTED_AT_MS + 605_000
    intake.take(call_ended(), arrival_ms=STARTED_AT_MS + 9_000)
    assert rules.deadline_ms(intake.call) == STARTED_AT_MS + 69_000
    assert rules.gap_deadline_ms(intake.call) is None


# --- state -------------------------------------------------------------------------------------


def test_state_of_another_version_is_not_read():
    other = VERSION + 1
    for state in (OpenCall(version=other), Tombstone(1, complete=True, version=other)):
        with pytest.raises(UnknownStateError, match=f"version {other}"):
            decode_state(encode_state(state))


@pytest.mark.parametrize("data", [{"type": "newer"}, {"type": "open", "voices": 3}, [1], None])
def test_state_that_is_not_ours_is_not_read(data):
    with pytest.raises(UnknownStateError):
        decode_state(msgspec.msgpack.encode(data))
