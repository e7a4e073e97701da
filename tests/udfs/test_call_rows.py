"""Summary and ledger of a small call, worked out by hand."""

from __future__ import annotations

import pytest

from tests.builders import (
    STARTED_AT_MS,
    call_closed,
    participant_ledger,
    scored_audio,
    scored_text,
    window,
)
from udfs.call_rows import ledger_rows, quarter_of, summary_rows
from udfs.fusion import PriorFusion
from udfs.models.contract import Triple

SAD, CALM, GLAD = Triple(0.7, 0.2, 0.1), Triple(0.2, 0.6, 0.2), Triple(0.1, 0.2, 0.7)
FUSER = PriorFusion()


def summaries(closed, windows):
    return {row.participant_id: row for row in summary_rows("call-1", closed, windows, FUSER)}


def ledgers(closed, windows=None):
    return {row.participant_id: row for row in ledger_rows("call-1", closed, windows or {}, FUSER)}


def voices(*triples, who="customer", **fields):
    """One window after another."""
    return {k: window(scored_audio(k, t, who, **fields)) for k, t in enumerate(triples)}


# --- score -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "length_ms", "quarter"),
    [
        (0, 20_000, 0),
        (1, 20_000, 1),
        (3, 20_000, 3),
        (0, 10_000, 1),  # its middle, 2.5 s, is where the second quarter begins
        (0, 10_001, 0),
        (9, 20_000, 3),  # beyond the end
        (0, 0, 3),
    ],
)
def test_a_window_lies_in_the_quarter_of_its_middle(index, length_ms, quarter):
    assert quarter_of(index, length_ms) == quarter


def test_the_score_is_the_mean_and_its_course_goes_by_quarters():
    windows = {"customer": voices(SAD, CALM, CALM, None, CALM, GLAD, GLAD, GLAD)}  # 40 s

    row = summaries(call_closed(ended_at_ms=STARTED_AT_MS + 40_000), windows)["customer"]

    assert row.score == pytest.approx((-3 + 0 + 0 + 0 + 3 + 3 + 3) / 7)
    assert row.score_q1 == pytest.approx(-1.5)
    assert row.score_q2 == pytest.approx(0.0)  # CALM, and one without a score
    assert row.score_q3 == pytest.approx(1.5)
    assert row.score_q4 == pytest.approx(3.0)
    assert row.score_change == pytest.approx(4.5)
    assert (row.windows_negative, row.windows_neutral, row.windows_positive) == (1, 3, 3)


def test_a_quarter_without_a_score_has_none_and_no_change_is_told():
    windows = {"customer": voices(None, CALM, CALM, GLAD)}

    row = summaries(call_closed(), windows)["customer"]

    assert row.score_q1 is None
    assert row.score_change is None
    assert row.score_q4 == pytest.approx(3.0)


def test_quarters_are_those_of_the_call_for_everybody():
    closed = call_closed(
        participant_ledger("customer"), participant_ledger("agent", audio_end_ms=40_000)
    )

    row = summaries(closed, {"customer": voices(SAD, GLAD)})["customer"]

    assert (row.score_q1, row.score_q2) == (pytest.approx(0.0), None)


def test_the_row_of_all_is_over_every_window_of_everybody():
    windows = {"customer": voices(SAD), "agent": voices(GLAD, GLAD, who="agent")}
    closed = call_closed(participant_ledger("agent"), participant_ledger("customer"))

    rows = summaries(closed, windows)

    assert list(rows) == ["agent", "customer", "all"]
    assert rows["all"].score == pytest.approx(1.0)
    assert rows["all"].role is None
    assert rows["agent"].role == "agent"
    assert rows["all"].revision == 22


def test_disagreement_is_the_mean_over_windows_that_have_both():
    both_apart = window(scored_audio(0, SAD), scored_text(0, 0, 1_000, GLAD))
    both_alike = window(scored_audio(1, CALM), scored_text(1, 5_000, 6_000, CALM))
    one_only = window(scored_audio(2, SAD))

    row = summaries(call_closed(), {"customer": {0: both_apart, 1: both_alike, 2: one_only}})

    assert row["customer"].disagreement == pytest.approx(0.36515**0.5 / 2, abs=1e-4)


# --- speech ------------------------------------------------------------------------------------


def test_talk_non_talk_and_interruptions():
    #  customer ████████████            0 - 3000
    #  agent           ████████        2000 - 4000, begins while the customer speaks
    #  nobody                  ┊ ...   4000 - 20000
    windows = {
        "customer": {0: window(scored_audio(0, speech_ms=((0, 3_000),)))},
        "agent": {0: window(scored_audio(0, who="agent", speech_ms=((2_000, 4_000),)))},
    }
    closed = call_closed(participant_ledger("agent"), participant_ledger("customer"))

    rows = summaries(closed, windows)

    assert (rows["customer"].talk_ms, rows["agent"].talk_ms) == (3_000, 2_000)
    assert (rows["customer"].interruptions, rows["agent"].interruptions) == (0, 1)
    assert (rows["all"].talk_ms, rows["all"].non_talk_ms) == (4_000, 16_000)
    assert rows["all"].interruptions == 1
    assert rows["customer"].non_talk_ms is None


def test_a_chat_has_no_speech_to_measure():
    windows = {"customer": {0: window(None, scored_text(0, 0, 0))}}
    closed = call_closed(participant_ledger(audio_end_ms=0, chunks_expected=None, chunks_seen=0))

    for row in summaries(closed, windows).values():
        assert (row.talk_ms, row.non_talk_ms, row.interruptions) == (None, None, None)
        assert (row.talk_speed_wpm, row.loudness_dbfs) == (None, None)


def test_talk_speed_counts_each_utterance_once():
    #  20 words in 10 s over three windows, 10 words in 5 s, and a chat line without length
    long = scored_text(0, 2_000, 12_000, num_words=20)
    windows = {
        0: window(None, long),
        1: window(None, long),
        2: window(None, long, scored_text(1, 12_000, 17_000, num_words=10)),
        3: window(None, scored_text(1, 12_000, 17_000, num_words=10)),
        4: window(None, scored_text(2, 20_000, 20_000, num_words=90)),
    }

    row = summaries(call_closed(), {"customer": windows})["customer"]

    assert row.talk_speed_wpm == pytest.approx(30 / 15 * 60)


def test_loudness_is_averaged_as_power_by_speech():
    windows = {
        0: window(scored_audio(0, speech_ratio=0.75, loudness_dbfs=-20.0)),
        1: window(scored_audio(1, speech_ratio=0.25, loudness_dbfs=-40.0)),
        2: window(scored_audio(2, None)),
    }

    row = summaries(call_closed(), {"customer": windows})["customer"]

    # 10 log10(0.75 x 0.01 + 0.25 x 0.0001)
    assert row.loudness_dbfs == pytest.approx(-21.235, abs=1e-3)


# --- ledger ------------------------------------------------------------------------------------


def test_a_call_of_which_everything_came_is_complete():
    windows = {"customer": voices(CALM, None, CALM, CALM)}

    rows = ledgers(call_closed(), windows)

    assert rows["customer"].complete
    assert rows["all"].complete
    assert rows["customer"].windows_scored == 3
    assert rows["customer"].windows_missing == "audio:no_speech=1,text:no_words=4"
    assert (rows["all"].chunks_expected, rows["all"].chunks_seen) == (20, 20)


@pytest.mark.parametrize(
    ("entry", "whole"),
    [
        ({"chunks_missing": 1, "missing_sequences": "7"}, {}),
        ({"windows_lost": 1}, {}),
        ({}, {"ended_at_ms": None, "closed_by": "timeout"}),
        ({}, {"utterances_expected": 1}),
        ({}, {"chunks_expected_of_others": 3}),
    ],
)
def test_what_makes_a_call_incomplete(entry, whole):
    assert not ledgers(call_closed(participant_ledger(**entry), **whole))["all"].complete


@pytest.mark.parametrize(
    ("missing", "complete"),
    [("no_speech", True), ("withheld", True), ("no_model", True), ("model_error", False)],
)
def test_silence_and_withholding_are_complete_and_a_models_error_is_not(missing, complete):
    windows = {"customer": {0: window(scored_audio(0, None, missing=missing))}}

    rows = ledgers(call_closed(), windows)

    assert rows["customer"].complete == complete
    assert rows["all"].complete == complete


def test_a_text_models_error_is_incomplete_too():
    failed = scored_text(0, 0, 1_000, None, missing="model_error")

    rows = ledgers(call_closed(), {"customer": {0: window(None, failed)}})

    assert not rows["customer"].complete


def test_a_text_models_error_is_no_lack_where_the_window_was_scored_without_it():
    failed = scored_text(0, 0, 1_000, None, missing="model_error", num_words=1)
    fine = scored_text(1, 1_000, 5_000, CALM, num_words=9)

    rows = ledgers(call_closed(), {"customer": {0: window(scored_audio(), failed, fine)}})

    assert rows["customer"].complete


def test_rejects_and_duplicates_are_counted_and_do_not_make_it_incomplete():
    entry = participant_ledger(chunks_duplicate=4, chunks_rejected=2)

    rows = ledgers(call_closed(entry, chunks_rejected=3))

    assert rows["customer"].chunks_rejected == 2
    assert rows["all"].chunks_rejected == 5
    assert rows["all"].chunks_duplicate == 4
    assert rows["all"].complete


def test_what_was_expected_of_strangers_is_expected_and_missing():
    rows = ledgers(call_closed(chunks_expected_of_others=7))

    assert rows["all"].chunks_expected == 27
    assert rows["all"].chunks_missing == 7


def test_one_incomplete_participant_makes_the_call_incomplete():
    closed = call_closed(
        participant_ledger("agent"),
        participant_ledger("customer", chunks_missing=2, missing_sequences="3-4"),
    )

    rows = ledgers(closed)

    assert (rows["agent"].complete, rows["customer"].complete) == (True, False)
    assert not rows["all"].complete
    assert rows["customer"].missing_sequences == "3-4"
