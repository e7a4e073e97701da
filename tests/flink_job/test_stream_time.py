"""Stream time: the arrival that the slowest shard has reached, and when a shard is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flink_job.stream_time import ShardClock

HOLD_MS, SILENT_MS = 30_000, 60_000


def clock() -> ShardClock:
    return ShardClock(HOLD_MS, SILENT_MS)


def running(*shards: str, arrival_ms: int = 1_000) -> tuple[ShardClock, int]:
    """A clock past its hold, with each shard heard at an arrival time; and the time it is."""
    found = clock()
    now_ms = 500
    for _ in range(31):
        for shard in shards:
            found.see(shard, arrival_ms, now_ms)
        now_ms += 1_000
    return found, now_ms


def test_it_stands_still_for_thirty_seconds_from_the_first_record():
    found = clock()

    assert found.see("a", 5_000, now_ms=100) == 0
    assert found.see("a", 6_000, now_ms=30_099) == 0
    assert found.see("a", 7_000, now_ms=30_100) == 7_000


def test_the_hold_begins_with_the_first_record_however_late_the_worker_is():
    found = clock()

    assert found.see("a", 5_000, now_ms=10_000_000) == 0
    assert found.see("a", 6_000, now_ms=10_029_999) == 0


def test_it_is_the_slowest_shards():
    found, now_ms = running("a", "b")

    assert found.see("a", 900_000, now_ms) == 1_000
    assert found.see("b", 2_000, now_ms) == 2_000
    assert found.see("b", 3_000, now_ms) == 3_000


def test_a_quiet_shard_does_not_run_ahead_of_a_backlog():
    """The busy shard is an hour behind; heartbeats keep the quiet one at the present."""
    found, now_ms = running("busy", "quiet", arrival_ms=0)

    for step in range(300):
        found.see("quiet", 3_600_000 + step, now_ms)
        stream_ms = found.see("busy", step * 1_000, now_ms)
        assert stream_ms == step * 1_000
        now_ms += 10


def test_it_never_goes_back():
    found, now_ms = running("a")
    assert found.see("a", 9_000, now_ms) == 9_000

    assert found.see("a", 2_000, now_ms + 1) == 9_000
    assert found.see("new", 4_000, now_ms + 2) == 9_000


def test_a_shard_silent_for_a_minute_is_left_out_and_counts_again_when_it_speaks():
    found, now_ms = running("a", "b")
    for second in range(1, 62):
        stream_ms = found.see("a", 100_000 + second, now_ms + 1_000 * second)
        assert stream_ms == (1_000 if second <= 59 else stream_ms)
    assert stream_ms == 100_061

    assert found.see("b", 100_062, now_ms + 62_000) == 100_061
    assert found.see("a", 500_000, now_ms + 62_000) == 100_062


def test_backpressure_is_not_silence():
    """Nothing was read from any shard for an hour: none has been silent."""
    found, now_ms = running("a", "b")

    later_ms = now_ms + 3_600_000

    assert found.see("a", 9_000_000, later_ms) == 1_000
    assert found.see("b", 8_000_000, later_ms + 1) == 8_000_000


def test_a_shard_that_appears_holds_the_others_back():
    """After a split the children begin where their parent ended."""
    found, now_ms = running("parent")
    found.see("parent", 5_000, now_ms)

    found.see("child", 5_001, now_ms + 1)

    assert found.see("parent", 90_000, now_ms + 2) == 5_001


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 10**6), st.integers(0, 5_000)),
        max_size=80,
    )
)
def test_it_never_goes_back_nor_beyond_what_the_records_say(records):
    found, now_ms, last, newest = clock(), 0, 0, 0
    for shard, arrival_ms, step_ms in records:
        now_ms += step_ms
        newest = max(newest, arrival_ms)
        stream_ms = found.see(shard, arrival_ms, now_ms)
        assert last <= stream_ms <= newest
        last = stream_ms
