"""A call whose every record lay in the one bundle whose timers a checkpoint lost stayed open.

No element and no older timer touched its key again, and PyFlink cannot visit keys. Now Flink's own
window operator sends each call pulses, and its timers are in every checkpoint.
"""

import pytest

from tests.builders import CALL, STARTED_AT_MS, call_ended, call_started, utterance
from tests.job_run import JobRun

DAY_MS = 86_400_000


@pytest.fixture
def restarted() -> JobRun:
    job = JobRun()
    job.send(call_started("customer"), utterance(0), call_ended())
    job.restart(job.checkpoint(timers_of_last_bundle=False))
    return job


def test_a_pulse_closes_it(restarted: JobRun) -> None:
    restarted.advance_watermark_to(STARTED_AT_MS + 61_000)
    assert not restarted.ledgers

    restarted.pulse(CALL)

    assert restarted.ledgers
    assert restarted.held(CALL)[1] == {}


def test_a_pulse_buries_it(restarted: JobRun) -> None:
    restarted.advance_watermark_to(STARTED_AT_MS + 61_000)
    restarted.pulse(CALL)
    restarted.restart(restarted.checkpoint(timers_of_last_bundle=False))

    restarted.pulse(CALL)
    restarted.advance_watermark_to(STARTED_AT_MS + 2 * DAY_MS)

    assert restarted.held(CALL) == ({}, {})


def test_a_pulse_of_nobody_leaves_nothing() -> None:
    job = JobRun()
    job.pulse(CALL)
    assert job.held(CALL) == ({}, {})


def test_its_next_record_closes_it(restarted: JobRun) -> None:
    restarted.send(utterance(0))
    restarted.advance_watermark_to(STARTED_AT_MS + 61_000)

    assert restarted.ledgers
    assert restarted.held(CALL)[1] == {}
