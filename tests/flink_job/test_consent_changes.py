"""Rows when a consent changes in mid-call: what is taken back, shown again, counted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flink_job import call_intake
from tests.builders import (
    STARTED_AT_MS,
    call_ended,
    call_started,
    chunk,
    consent_changed,
    utterance,
)
from tests.job_run import JobRun, newest
from tests.policies import policy, rule
from udfs.rows import CALLS, LEDGER, SEGMENTS

WORDS_NEED_CONSENT = policy(
    rule("no", when={"consent": ["refused"]}, audio="withhold", text="withhold"),
    rule("yes", audio="score", text="score"),
)
OF_A_VOICE = (
    "audio_negative", "audio_neutral", "audio_positive", "disagreement",
    "speech_ratio", "loudness_dbfs", "snr_db", "gap_ms", "audio_model_id",
)  # fmt: skip


@pytest.fixture(autouse=True)
def monotonic_ms(monkeypatch):
    monkeypatch.setattr(call_intake, "_monotonic_ms", lambda: 0)


def talking(rules=None) -> JobRun:
    """15 s of a customer's voice and words, all of it shown."""
    job = JobRun(policy=rules) if rules else JobRun()
    job.send(call_started(), *(chunk(k) for k in range(15)))
    job.send(*(utterance(k, 5_000 * k + 1_000) for k in range(3)))
    job.advance_clock(3_000)
    return job


def customer_rows(job: JobRun) -> list[dict]:
    rows = newest(SEGMENTS, job.segments)
    return [row for key, row in sorted(rows.items()) if key[1] == "customer"]


def test_a_retroactive_withdrawal_takes_every_shown_voice_back_at_a_higher_revision():
    job = talking()
    before = customer_rows(job)

    job.send(consent_changed(14_000, retroactive=True))

    after = customer_rows(job)
    assert [row["revision"] for row in after] == [row["revision"] + 1 for row in before]
    for row in after:
        assert [row[name] for name in OF_A_VOICE] == [None] * len(OF_A_VOICE)
        assert row["missing"] == "audio:withheld"
        assert (row["text_weight"], row["audio_weight"], row["score"] is None) == (1, 0, False)


def test_a_withdrawal_takes_back_the_voice_from_its_window_on_and_no_more():
    job = talking()
    before, shown = customer_rows(job), len(job.segments)

    job.send(consent_changed(7_000))

    after = customer_rows(job)
    assert after[0] == before[0]
    assert [row["missing"] for row in after] == ["", "audio:withheld", "audio:withheld"]
    assert len(job.segments) == shown + 2


def test_words_are_taken_back_where_policy_asks_for_consent():
    job = talking(WORDS_NEED_CONSENT)

    job.send(consent_changed(7_000))

    first, *others = customer_rows(job)
    assert (first["missing"], first["word_count"]) == ("", 2)
    for row in others:
        assert row["missing"] == "audio:withheld,text:withheld"
        assert (row["word_count"], row["language"], row["text_model_id"]) == (0, None, None)
        assert row["score"] is None


def test_the_others_rows_stay_as_they_are():
    job = talking()
    job.send(*(chunk(k, who="agent") for k in range(5)))
    job.advance_clock(3_000)
    agents = [row for row in job.segments if row["participant_id"] == "agent"]

    job.send(consent_changed(0, retroactive=True))

    assert [row for row in job.segments if row["participant_id"] == "agent"] == agents


def test_the_end_tells_of_what_was_withheld():
    job = talking()
    job.send(*(chunk(k, who="agent") for k in range(5)))
    job.send(consent_changed(14_000, retroactive=True))
    job.send(call_ended(15_000, chunks={"customer": 15, "agent": 5}, utterances=3))

    ledger = {key[1]: row for key, row in newest(LEDGER, job.ledgers).items()}
    assert (ledger["customer"]["chunks_seen"], ledger["customer"]["chunks_withheld"]) == (15, 15)
    assert ledger["customer"]["windows_missing"] == "audio:withheld=3"
    assert ledger["all"]["complete"]
    assert ledger["all"]["revision"] == 1 + 20 + 3 + 1 + 1
    summary = {key[1]: row for key, row in newest(CALLS, job.summaries).items()}
    assert (summary["customer"]["talk_ms"], summary["customer"]["loudness_dbfs"]) == (None, None)
    assert (summary["agent"]["talk_ms"], summary["agent"]["interruptions"]) == (5_000, None)
    assert (summary["all"]["talk_ms"], summary["all"]["non_talk_ms"]) == (None, None)


def test_after_the_close_a_withdrawal_leaves_as_an_order_that_says_all():
    job = talking()
    job.send(call_ended(15_000, chunks={"customer": 15}, utterances=3))
    shown = len(job.segments)

    job.send(consent_changed(14_000, retroactive=True))

    (reject,) = job.rejects
    assert (reject["reason"], reject["call_id"]) == ("consent_withdrawn", "call-1")
    assert reject["payload"] == (
        b'{"type":"consent_changed","call_id":"call-1","participant_id":"customer",'
        b'"consent":false,"at_ms":14000,"retroactive":true}'
    )
    assert len(job.segments) == shown


@given(
    st.lists(
        st.builds(
            consent_changed,
            st.integers(0, 20_000),
            st.sampled_from(["customer", "agent"]),
            retroactive=st.booleans(),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda change: (change.participant_id, change.at_ms),
    ),
    st.sampled_from([None, WORDS_NEED_CONSENT]),
    st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_withdrawals_in_any_order_and_across_restarts_give_the_same_rows(changes, rules, seed):
    records = [
        *(chunk(k, duration_ms=1_300, who=who) for k in range(12) for who in ("customer", "agent")),
        *(utterance(k, 3_000 * k, 3_000 * k + 2_500, who) for k in range(5) for who in ("agent",)),
        *changes,
    ]
    end = call_ended(16_000, chunks={"customer": 12, "agent": 12}, utterances=5)

    def run(order: random.Random | None) -> JobRun:
        job = JobRun(policy=rules) if rules else JobRun()
        job.send(call_started())
        sent = list(records) if order is None else order.sample(records, k=len(records))
        for number, record in enumerate(sent):
            job.send(record)
            if order is not None and number % 9 == 4:
                job.advance_clock(4_000)
                job.end_bundle()
                job.restart(job.checkpoint())
        job.send(end)
        job.advance_watermark_to(STARTED_AT_MS + 100_000)
        return job

    one, other = run(None), run(random.Random(seed))

    for table, rows in (
        (SEGMENTS, (one.segments, other.segments)),
        (CALLS, (one.summaries, other.summaries)),
        (LEDGER, (one.ledgers, other.ledgers)),
    ):
        first, second = (
            {key: {**row, "emitted_at": 0} for key, row in newest(table, each).items()}
            for each in rows
        )
        assert first == second
