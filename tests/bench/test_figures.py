"""The benchmark's own arithmetic."""

from __future__ import annotations

import pytest

from tests.bench.figures import (
    Arrivals,
    BenchError,
    Interval,
    cpu_within,
    first_shown_s,
    num_within,
    peak_within,
    percentile,
    steady_interval,
)
from tests.bench.live import SPEAKING, schedule
from tests.bench.workload import CHUNKS_A_WINDOW, backlog, read_bank
from tests.row_builders import segment

WAIT_MS = 3_000


def test_a_window_counts_once_when_its_audio_was_first_shown() -> None:
    rows = [
        segment(window=0, emitted_at=1_000, speech_ratio=None),
        segment(window=0, emitted_at=5_000),
        segment(window=0, emitted_at=9_000),
        segment(window=1, emitted_at=4_000),
    ]

    assert first_shown_s(rows) == [4.0, 5.0]


def test_steady_state_begins_after_the_warm_up() -> None:
    shown_s = [10.0, 12.0, 15.0, 16.0, 19.9, 20.0]

    interval = steady_interval(shown_s, warm_up_s=5, measure_s=5)

    assert interval == Interval(15.0, 20.0)
    assert num_within(shown_s, interval) == 3


def test_a_backlog_that_ends_early_gives_no_figure() -> None:
    with pytest.raises(BenchError, match="3 s of 5 s"):
        steady_interval([10.0, 18.0], warm_up_s=5, measure_s=5)


def test_cpu_time_is_cut_at_the_interval() -> None:
    samples = [(0.0, 0.0), (10.0, 5.0), (20.0, 25.0)]

    # Half of the first ten seconds and half of the second: 2.5 + 10.
    assert cpu_within(samples, Interval(5.0, 15.0)) == pytest.approx(12.5)


def test_cpu_time_is_not_guessed_beyond_the_samples() -> None:
    with pytest.raises(BenchError):
        cpu_within([(0.0, 0.0), (10.0, 5.0)], Interval(5.0, 15.0))


@pytest.fixture
def arrivals() -> Arrivals:
    """Window 0 whole at 5 s, with words at 4 s and late words at 9 s; window 1 whole at 10 s."""
    voice = Arrivals({0: 5_000, 1: 10_000})
    for at_ms in (1_000, 4_000, 5_000, 9_000):
        voice.note(0, at_ms)
    for at_ms in (6_000, 10_000):
        voice.note(1, at_ms)
    return voice


def test_a_first_row_is_possible_when_the_text_wait_of_its_window_is_over(
    arrivals: Arrivals,
) -> None:
    # The call's start, two chunks and words: revision 4.
    assert arrivals.possible_at_ms(0, 4, WAIT_MS) == 5_000 + WAIT_MS


def test_late_words_make_the_next_revision_possible_at_once(arrivals: Arrivals) -> None:
    assert arrivals.possible_at_ms(0, 5, WAIT_MS) == 9_000


def test_a_row_rests_on_the_windows_before_it(arrivals: Arrivals) -> None:
    # All six records and the call's start.
    assert arrivals.possible_at_ms(1, 7, WAIT_MS) == 10_000 + WAIT_MS


@pytest.mark.parametrize("revision", [1, 8])
def test_a_revision_that_no_records_explain_is_an_error(arrivals: Arrivals, revision: int) -> None:
    with pytest.raises(BenchError):
        arrivals.possible_at_ms(1, revision, WAIT_MS)


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(BenchError):
        percentile([], 50)


@pytest.mark.parametrize("num_calls", [10, 100, 1_000])
def test_as_many_windows_a_second_at_every_size(num_calls: int) -> None:
    last_pieces = [due for due in schedule(num_calls, 60) if due.piece == CHUNKS_A_WINDOW - 1]

    assert len(last_pieces) == SPEAKING * 60 // 5
    # Evenly: in each of the first 5 s a fifth of one turn ends.
    ends_ms = [due.at_ms for due in last_pieces[:SPEAKING]]
    assert ends_ms == [5_000 + 250 * turn for turn in range(SPEAKING)]


@pytest.mark.parametrize("num_calls", [10, 100])
def test_a_backlog_holds_the_windows_asked_for(num_calls: int) -> None:
    streams = [stream for stream, _ in backlog(read_bank(), num_calls, 400)]

    starts = num_calls
    assert streams.count("audio") == 400 * CHUNKS_A_WINDOW + starts


def test_a_peak_is_looked_for_in_the_interval_alone():
    samples = [(0.0, 9.0), (1.0, 3.0), (2.0, 4.0), (3.0, 8.0)]

    assert peak_within(samples, Interval(0.5, 2.5)) == 4.0
    with pytest.raises(BenchError):
        peak_within(samples, Interval(3.5, 4.0))
