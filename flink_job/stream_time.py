"""Stream time: the arrival time that the slowest shard has reached.

It decides how long we wait for a call, so no field of a record may move it, and no quiet shard may
let it run ahead of a busy one in a backlog. The Kinesis connector's own watermarks cannot do this
(after a restart a source without a record yet calls itself idle), so it is made here, in the step
that opens records, from each record's shard and arrival time.
"""

from __future__ import annotations

from typing import Any

from pyflink.common.watermark_strategy import TimestampAssigner

_MAX_STEP_MS = 1_000
"""Time in which no record came at all counts for no more than this: backpressure is not silence."""


class ShardClock:
    """Stream time of one source subtask.

    Args:
        hold_ms: it stands still for so long from the first record after a start, since until then
            some shard may not have spoken.
        silent_ms: a shard without a record for so long, while others speak, is left out (it was
            closed by a reshard, or nobody sends it heartbeats).
    """

    def __init__(self, hold_ms: int, silent_ms: int) -> None:
        self._hold_ms = hold_ms
        self._silent_ms = silent_ms
        self._first_ms: int | None = None
        self._previous_ms = 0
        self._active_ms = 0
        self._shards: dict[str, tuple[int, int]] = {}
        self._stream_ms = 0

    def see(self, shard: str, arrival_ms: int, now_ms: int) -> int:
        """Take note of a record; the stream time after it.

        Args:
            shard: the shard it was read from.
            arrival_ms: when Kinesis got it.
            now_ms: a clock that never goes back.
        """
        if self._first_ms is None:
            self._first_ms = self._previous_ms = now_ms
        self._active_ms += min(now_ms - self._previous_ms, _MAX_STEP_MS)
        self._previous_ms = now_ms
        newest_ms, _ = self._shards.get(shard, (0, 0))
        self._shards[shard] = (max(arrival_ms, newest_ms), self._active_ms)
        if now_ms - self._first_ms >= self._hold_ms:
            slowest_ms = min(
                reached_ms
                for reached_ms, heard_ms in self._shards.values()
                if self._active_ms - heard_ms <= self._silent_ms
            )
            self._stream_ms = max(self._stream_ms, slowest_ms)
        return self._stream_ms


class StreamTimeAssigner(TimestampAssigner):
    """Event time in Flink is our stream time, which the opened record carries."""

    def __init__(self, position: int) -> None:
        self._position = position

    def extract_timestamp(self, value: Any, record_timestamp: int) -> int:
        return value[self._position]
