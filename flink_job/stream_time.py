"""Stream time: the arrival time that the slowest shard has reached.

It decides how long we wait for a call, so no field of a record may move it, and no quiet shard may
let it run ahead of a busy one in a backlog. The Kinesis connector's own watermarks cannot do this
(after a restart a source without a record yet calls itself idle), so it is made here, in the step
that opens records, from each record's shard and arrival time.
"""

from __future__ import annotations

from pyflink.datastream import DataStream
from pyflink.table import Schema, StreamTableEnvironment, Table

NO_CALL = ""
"""Stands for the call of a heartbeat."""
_CLOSED_AFTER_MS = 600_000
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

    def lag_ms(self, clock_ms: int) -> int:
        """How far stream time is behind the clock; 0 while it stands still after a start.

        Args:
            clock_ms: epoch time.
        """
        return max(0, clock_ms - self._stream_ms) if self._stream_ms else 0

    def num_silent(self) -> int:
        """Shards that are left out, and were not ten minutes ago: by then they are closed ones."""
        silent_ms = (self._active_ms - heard_ms for _, heard_ms in self._shards.values())
        return sum(self._silent_ms < ms <= self._silent_ms + _CLOSED_AFTER_MS for ms in silent_ms)


def with_stream_time(tables: StreamTableEnvironment, opened: DataStream, view: str) -> Table:
    """Make stream time Flink's event time and its watermark; then drop the heartbeats.

    By the table layer, in Java: PyFlink's own assigner takes every record through Python twice. A
    subtask without records is left out after ``table.exec.source.idle-timeout``.

    A record's own event time is its arrival, if stream time is not past that. Stream time itself
    would do but for a start, when it stands still at 0: then it goes through the years to now in
    one step, and with it all pulses of each call would come at once, 66 a call.

    Args:
        tables: where it is planned.
        opened: ``(call_id, stream_ms, arrival_ms, opened)``, heartbeats under ``NO_CALL``.
        view: a name of its own.

    Returns:
        ``(call_id, opened, rowtime)``.
    """
    table = tables.from_data_stream(
        opened,
        Schema.new_builder()
        .column("call_id", "STRING")
        .column("stream_ms", "BIGINT")
        .column("arrival_ms", "BIGINT")
        .column("opened", "BYTES")
        .column_by_expression("rowtime", "TO_TIMESTAMP_LTZ(GREATEST(stream_ms, arrival_ms), 3)")
        # A millisecond less: the next record may have the same time.
        .watermark("rowtime", "TO_TIMESTAMP_LTZ(stream_ms, 3) - INTERVAL '0.001' SECOND")
        .build(),
    )
    tables.create_temporary_view(view, table)
    return tables.sql_query(
        f"SELECT call_id, opened, rowtime FROM {view} WHERE call_id <> '{NO_CALL}'"  # noqa: S608
    )
