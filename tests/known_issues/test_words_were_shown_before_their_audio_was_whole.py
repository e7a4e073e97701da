"""The first row of every participant was shown without its audio.

An utterance of the first five seconds was accepted before the first window was whole, so nothing
told it from a chat's: it was shown 3 s later as ``audio:no_audio``, and again with its audio.
"""

from tests.builders import call_started, chunk, utterance
from tests.job_run import JobRun


def test_words_wait_for_the_audio_of_their_window():
    #  clock   2.0 words ── 5.0 audio whole ── 8.0 the row
    job = JobRun()
    job.send(call_started("customer"), chunk(0), chunk(1))
    job.advance_clock(2_000)
    job.send(utterance(0, 500, 1_500))
    job.advance_clock(3_000)
    assert job.segments == []
    job.send(chunk(2), chunk(3), chunk(4))

    job.advance_clock(2_999)
    assert job.segments == []
    job.advance_clock(1)

    (row,) = job.segments
    assert row["missing"] == ""
    assert row["revision"] == 7


def test_words_before_a_participants_first_audio_do_not_wait_for_ever():
    #  words in window 0, audio from window 2 on
    job = JobRun()
    job.send(call_started("customer"), *(chunk(k, 10_000 + 1_000 * k) for k in range(4)))
    job.send(utterance(0, 500, 1_500))
    job.send(chunk(4, 14_000))

    job.advance_clock(3_000)

    assert [row["window_start_ms"] for row in job.segments] == [0, 10_000]


def test_words_of_a_chat_wait_for_nothing():
    job = JobRun()
    job.send(call_started("customer"), utterance(0, 500, 500))

    job.advance_clock(3_000)

    assert [row["missing"] for row in job.segments] == ["audio:no_audio"]
