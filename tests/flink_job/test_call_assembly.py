"""Rows under Flink: when each is shown, what revisions say, what is left after the close."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flink_job import call_intake
from tests.builders import (
    CALL,
    STARTED_AT_MS,
    call_ended,
    call_started,
    chunk,
    joined,
    utterance,
)
from tests.job_run import FUSER, JobRun, hear, newest, read
from udfs.audio_codec import samples_at_ms
from udfs.call_rows import ledger_rows, summary_rows
from udfs.records import AudioChunk, Utterance, UtteranceAccepted, WindowCut, WindowLedger
from udfs.rows import CALLS, LEDGER, SEGMENTS
from udfs.segments import ScoredAudio, ScoredText, Window, segment
from udfs.windows import arrange, chunk_end_us, last_window_of, window_of, windows_of
from udfs.words import count_words

T0 = STARTED_AT_MS


@pytest.fixture(autouse=True)
def monotonic_ms(monkeypatch):
    monkeypatch.setattr(call_intake, "_monotonic_ms", lambda: 0)


def sound(*sequences: int, who: str = "customer") -> list[AudioChunk]:
    return [chunk(k, who=who) for k in sequences]


def shown(job: JobRun) -> list[tuple[str, int, int]]:
    """Who, which window, at which revision, in order."""
    return [
        (r["participant_id"], r["window_start_ms"] // 5_000, r["revision"]) for r in job.segments
    ]


# --- when a row is shown -----------------------------------------------------------------------


def test_a_row_is_shown_when_its_audio_is_whole_and_the_text_wait_is_over():
    #  clock    0 ── audio whole ── 3000
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 2, 3, 4))

    job.advance_clock(2_999)
    assert job.segments == []
    job.advance_clock(1)

    assert shown(job) == [("customer", 0, 6)]  # the call's start and five chunks
    (row,) = job.segments
    assert row["missing"] == "text:no_words"
    assert row["emitted_at"] == 3_000
    assert row["dt"] == "2026-11-23"


def test_text_within_the_wait_is_in_the_first_row():
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 2, 3, 4))
    job.advance_clock(2_000)
    job.send(utterance(0, 1_000, 2_000))
    assert job.segments == []

    job.advance_clock(1_000)

    (row,) = job.segments
    assert row["missing"] == ""
    assert row["revision"] == 7
    assert row["word_count"] == 2.0


def test_text_after_the_wait_shows_the_row_again():
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 2, 3, 4))
    job.advance_clock(3_000)

    job.send(utterance(0, 1_000, 2_000))

    assert shown(job) == [("customer", 0, 6), ("customer", 0, 7)]


def test_a_gap_is_waited_for_before_the_text_wait_begins():
    #  clock    0: audio after the gap ── 3000: cut with the gap ── 6000: shown
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 3, 4, 5))

    job.advance_clock(5_999)
    assert job.segments == []
    job.advance_clock(1)

    (row,) = job.segments
    assert row["gap_ms"] == 1_000
    assert row["revision"] == 5


def test_a_chunk_after_the_row_was_shown_shows_it_again():
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 3, 4, 5))
    job.advance_clock(6_000)

    job.send(*sound(2))

    assert shown(job) == [("customer", 0, 5), ("customer", 0, 6)]
    assert job.segments[-1]["gap_ms"] == 0


def test_a_late_change_revises_the_row_and_up_to_five_later_ones():
    job = JobRun()
    job.send(call_started("customer"), *sound(*range(40)))  # 8 windows
    job.advance_clock(3_000)
    before = len(job.segments)

    job.send(utterance(0, 5_000, 6_000))

    assert [key[:2] for key in shown(job)[before:]] == [("customer", k) for k in range(1, 7)]


def test_an_utterance_over_two_windows_weighs_on_both():
    job = JobRun()
    job.send(call_started("customer"), *sound(*range(10)))
    job.send(utterance(0, 4_000, 8_000, text="one two three four"))

    job.advance_clock(3_000)

    assert [row["word_count"] for row in job.segments] == [1.0, 3.0]


def test_a_chat_has_rows_without_audio():
    job = JobRun()
    job.send(call_started("customer", "agent"), utterance(0, 7_000, 7_000))
    job.advance_clock(3_000)

    (row,) = job.segments

    assert (row["window_start_ms"], row["missing"]) == (5_000, "audio:no_audio")
    assert row["revision"] == 2
    assert row["gap_ms"] is None
    assert row["audio_weight"] == 0.0


def test_the_close_shows_every_row_not_yet_shown_then_summary_and_ledger():
    job = JobRun()
    job.send(call_started("customer", "agent"), *sound(0, 1, 2), utterance(0, 20_000, 21_000))

    job.send(call_ended(21_000, chunks={"customer": 3}, utterances=1))

    assert [key[:2] for key in shown(job)] == [("customer", 0), ("customer", 4)]
    assert [row["participant_id"] for row in job.summaries] == ["agent", "customer", "all"]
    assert [row["participant_id"] for row in job.ledgers] == ["agent", "customer", "all"]
    assert all(row["complete"] for row in job.ledgers)


def test_a_transfer_gives_rows_of_three_participants():
    job = JobRun()
    job.send(call_started("customer", "agent"), *sound(0), *sound(0, who="agent"))
    job.send(joined("agent-2"), *sound(0, who="agent-2"))
    job.send(call_ended(chunks={"customer": 1, "agent": 1, "agent-2": 1}, utterances=0))

    assert {row["participant_id"] for row in job.segments} == {"customer", "agent", "agent-2"}
    assert [r["participant_id"] for r in job.ledgers] == ["agent", "agent-2", "customer", "all"]


def test_duplicates_and_rejects_show_nothing_again():
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 2, 3, 4), utterance(0, 1_000, 2_000))
    job.advance_clock(3_000)
    before = len(job.segments)

    job.send(*sound(0, 4), utterance(0, 1_000, 2_000), utterance(0, 1_000, 2_000, text="other"))
    job.send(chunk(0, offset_ms=3), call_started("customer"))

    assert len(job.segments) == before
    assert len(job.rejects) == 2


def test_a_participant_s_id_may_hold_the_separator():
    job = JobRun()
    who = "a|7|b"
    job.send(call_started(who), *sound(0, 1, 2, 3, 4, who=who))
    job.advance_clock(3_000)

    job.send(call_ended(chunks={who: 5}, utterances=0))

    assert {row["participant_id"] for row in job.segments} == {who}
    assert job.ledgers[0]["windows_scored"] == 1


# --- what is left ------------------------------------------------------------------------------


def complete(job: JobRun) -> None:
    job.send(call_ended(chunks={"customer": 5}, utterances=1))


def ended(job: JobRun) -> None:
    job.send(call_ended())
    job.advance_watermark_to(T0 + 61_000)


def idle(job: JobRun) -> None:
    job.advance_watermark_to(T0 + 601_000)


@pytest.mark.parametrize("end", [complete, ended, idle])
@pytest.mark.parametrize("shown_before_ms", [0, 3_000])
def test_after_the_close_assembly_holds_nothing(end, shown_before_ms):
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 2, 3, 4), utterance(0))
    job.advance_clock(shown_before_ms)

    end(job)

    assert len(job.ledgers) == 2
    assert job.assembly.held(CALL) == {}
    assert list(job.intake.held(CALL)["kept"]) == ["call"]
    job.advance_clock(60_000)
    job.advance_watermark_to(T0 + 2 * 86_400_000)
    assert job.held(CALL) == ({}, {})
    assert job.assembly.timers(CALL) == ([], [])
    assert job.intake.timers(CALL) == ([], [])
    assert len(job.segments) == 1


# --- lost timers -------------------------------------------------------------------------------


def test_a_lost_timer_loses_no_segment_once_another_record_comes():
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 2, 3, 4))
    job.restart(job.checkpoint(timers_of_last_bundle=False))
    job.advance_clock(60_000)
    assert job.segments == []  # lost: the row waits

    job.send(utterance(7, 50_000, 51_000))

    assert shown(job)[0] == ("customer", 0, 6)


def test_a_lost_timer_loses_no_segment_at_the_close():
    job = JobRun()
    job.send(call_started("customer"), *sound(0, 1, 2, 3, 4))
    job.end_bundle()
    job.send(utterance(0, 1_000, 2_000))
    job.restart(job.checkpoint(timers_of_last_bundle=False))

    job.advance_watermark_to(T0 + 601_000)

    assert shown(job) == [("customer", 0, 7)]
    assert job.held(CALL)[1] == {}


# --- any order, any time, any restart ----------------------------------------------------------


def reference(records: list[Any]) -> dict[str, dict[Any, dict[str, Any]]]:
    """Every row straight from all the records, without a stream."""
    chunks = [r for r in records if isinstance(r, AudioChunk)]
    texts = [r for r in records if isinstance(r, Utterance)]
    job = JobRun()
    job.send(*records)  # in order, in an instant: only for who took part and the books
    (closed,) = job.closed
    windows: dict[str, dict[int, Window]] = {}
    for entry in closed.participants:
        who = entry.participant.participant_id
        theirs = [c for c in chunks if c.participant_id == who]
        touching: dict[int, list[AudioChunk]] = {}
        for c in theirs:
            for k in range(window_of(c.offset_ms), last_window_of(chunk_end_us(c)) + 1):
                touching.setdefault(k, []).append(c)
        windows[who] = {}
        for k, those in touching.items():
            signal = arrange(k, those, audio_follows=k < max(touching))
            begun = sum(window_of(c.offset_ms) == k for c in those)
            cut = WindowCut(who, k, WindowLedger(begun, len(those) - begun), signal.gap_ms, 0)
            windows[who][k] = Window(audio=ScoredAudio(cut, hear(signal)))
        for u in (u for u in texts if u.participant_id == who):
            accepted = UtteranceAccepted(
                who,
                u.utterance_id,
                u.start_ms,
                u.end_ms,
                count_words(u.text),
                u.language,
                u.confidence,
                0,
            )
            for k in windows_of(accepted):
                windows[who].setdefault(k, Window()).with_text(ScoredText(accepted, read(u.text)))
    people = {e.participant.participant_id: e.participant for e in closed.participants}
    segments = [
        segment(CALL, people[who], STARTED_AT_MS, k, theirs, FUSER, 0)
        for who, theirs in windows.items()
        for k in theirs
    ]
    return {
        "segments": newest(SEGMENTS, [dataclasses.asdict(row) for row in segments]),
        "calls": newest(
            CALLS, [dataclasses.asdict(r) for r in summary_rows(CALL, closed, windows, FUSER)]
        ),
        "ledger": newest(
            LEDGER, [dataclasses.asdict(r) for r in ledger_rows(CALL, closed, windows, FUSER)]
        ),
    }


def assert_same(found: dict[Any, dict[str, Any]], expected: dict[Any, dict[str, Any]]) -> None:
    assert sorted(found) == sorted(expected)
    for key, row in expected.items():
        for name, value in row.items():
            if name in ("emitted_at", "chunks_duplicate"):
                continue
            told = pytest.approx(value, abs=1e-9) if isinstance(value, float) else value
            assert found[key][name] == told, (key, name)


@st.composite
def whole_calls(draw) -> list[Any]:
    """A short call of one to three, with gaps, overlapping words, and an end that tells all."""
    who = ["customer", "agent", "agent-2"][: draw(st.integers(1, 3))]
    chunks: list[AudioChunk] = []
    counts = {}
    for one in who:
        at_ms = draw(st.integers(0, 2_000))
        lengths = draw(st.lists(st.integers(300, 4_000), max_size=6))
        counts[one] = 0
        for sequence, length_ms in enumerate(lengths):
            if at_ms > 14_000:
                break
            payload = random.Random(sequence).randbytes(samples_at_ms(length_ms, 8_000))
            chunks.append(chunk(sequence, at_ms, who=one, payload=payload))
            counts[one] += 1
            at_ms += length_ms + draw(st.sampled_from([0, 0, 0, 700]))
    places = st.tuples(st.integers(0, 16_000), st.integers(0, 7_000), st.sampled_from(who))
    texts = [
        utterance(n, start, start + length, who=one, utterance_id=f"u{n}", text="w " * (n % 5))
        for n, (start, length, one) in enumerate(draw(st.lists(places, max_size=5)))
    ]
    end = call_ended(20_000, chunks=counts, utterances=len(texts))
    return [call_started(*who), *chunks, *texts, end]


STEPS = st.lists(
    st.sampled_from(
        [
            "clock 1",
            "clock 2900",
            "clock 3000",
            "clock 7000",
            "bundle",
            "checkpoint",
            "crash",
            "crash without timers",
            "watermark",
            "",
            "",
            "",
            "",
        ]
    ),
    min_size=1,
    max_size=12,
)


@given(whole_calls(), st.randoms(use_true_random=False), STEPS)
@settings(max_examples=60)
def test_the_newest_rows_depend_on_the_records_alone(records, order, steps):
    """Neither on their order, nor on the clock, nor on restarts, nor on lost timers."""
    rest = records[1:]
    rest += order.choices(rest, k=2)
    order.shuffle(rest)
    sent = [records[0], *rest]
    job = JobRun()
    saved, saved_at = job.checkpoint(), 0
    position = number = 0
    while position < len(sent):
        job.send(sent[position])
        position += 1
        match steps[number % len(steps)].split():
            case ["clock", by_ms]:
                job.advance_clock(int(by_ms))
            case ["bundle"]:
                job.end_bundle()
            case ["watermark"]:
                job.advance_watermark_to(T0 + 30_000)
            case ["checkpoint"]:
                saved, saved_at = job.checkpoint(timers_of_last_bundle=number % 2 == 0), position
            case ["crash", *_] if number < 60:
                job.restart(saved)
                position = saved_at
        number += 1

    expected = reference(records)
    assert_same(newest(SEGMENTS, job.segments), expected["segments"])
    assert_same(newest(CALLS, job.summaries), expected["calls"])
    assert_same(newest(LEDGER, job.ledgers), expected["ledger"])
    assert job.rejects == []
    assert job.assembly.held(CALL) == {}
    assert list(job.intake.held(CALL)["kept"]) == ["call"]


@given(whole_calls(), st.randoms(use_true_random=False), STEPS)
def test_a_later_row_has_no_lower_revision(records, order, steps):
    rest = records[1:]
    order.shuffle(rest)
    job = JobRun()
    for number, record in enumerate([records[0], *rest]):
        job.send(record)
        step = steps[number % len(steps)].split()
        if step and step[0] == "clock":
            job.advance_clock(int(step[1]))

    last: dict[Any, dict[str, Any]] = {}
    for row in job.segments:
        key = tuple(row[name] for name in SEGMENTS.key)
        before = last.get(key)
        if before is not None:
            # Equal where a window hears the end of a chunk that its 30 s counted already, as one
            # that begins in the window before: of two equal ones the later load wins.
            assert row["revision"] >= before["revision"]
        last[key] = row
