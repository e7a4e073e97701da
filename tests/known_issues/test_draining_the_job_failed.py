"""``stop --drain`` failed: the day of a tombstone began at the last watermark and left 64 bits."""

from __future__ import annotations

from flink_job.settings import CallSettings, TimeSettings
from tests.builders import CALL, STARTED_AT_MS, call_started, chunk, utterance
from tests.job_run import JobRun


def test_the_end_of_the_stream_closes_every_call_and_leaves_nothing():
    job = JobRun()
    job.send(call_started("customer"), chunk(0), utterance(0, call_id="call-2"))

    job.intake.end_of_stream()
    job.advance_clock(0)

    assert [row["closed_by"] for row in job.ledgers] == ["timeout"] * 2
    assert [row["reason"] for row in job.rejects] == ["no_call_started"]
    assert job.held(CALL) == ({}, {})
    assert job.held("call-2") == ({}, {})


def test_even_while_stream_time_is_not_trusted():
    job = JobRun(CallSettings(), TimeSettings(distrust_ms=3_600_000))
    job.send(call_started("customer"))
    job.intake.advance_watermark_to(STARTED_AT_MS + 30_000)
    job.send(chunk(0), arrival_ms=STARTED_AT_MS)

    job.intake.end_of_stream()

    assert job.held(CALL)[0] == {}
