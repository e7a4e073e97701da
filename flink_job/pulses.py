"""Pulses: a call is looked at again, even if every timer of its own was lost.

PyFlink's timers wait in the task's mailbox and can be missing from a checkpoint; the window
operator of Flink's table layer keeps its own safely. So a hopping window over a call's records
yields one pulse a call every ten seconds of stream time until some time after the longest wait;
intake takes a pulse as it takes a timer. No pulse rests on the one before.
"""

from __future__ import annotations

from typing import Any

from pyflink.common import Row
from pyflink.datastream import DataStream
from pyflink.table import Schema, StreamTableEnvironment

from flink_job.arrows import opened_type

EVERY_S = 10
SLACK_S = 60
"""Stream time may be distrusted for some seconds just when a call is due."""
NO_RECORD = b""
"""Stands for the opened record of a pulse."""


def add_pulses(
    tables: StreamTableEnvironment, records: DataStream, longest_wait_ms: int
) -> DataStream:
    """The records and, among them, their calls' pulses.

    Args:
        tables: where the window is planned.
        records: ``(call_id, stream_ms, opened)`` with timestamps and watermarks.
        longest_wait_ms: after a call's last record, the longest that anything waits.
    """
    table = tables.from_data_stream(
        records,
        Schema.new_builder()
        .column("call_id", "STRING")
        .column("stream_ms", "BIGINT")
        .column("opened", "BYTES")
        .column_by_metadata("rowtime", "TIMESTAMP_LTZ(3)")
        .watermark("rowtime", "SOURCE_WATERMARK()")
        .build(),
    )
    tables.create_temporary_view("records", table)
    hops = -(-(longest_wait_ms // 1_000 + SLACK_S) // EVERY_S)
    pulses = tables.sql_query(
        "SELECT call_id, window_time FROM TABLE(HOP(TABLE records, DESCRIPTOR(rowtime), "  # noqa: S608
        f"INTERVAL '{EVERY_S}' SECOND, INTERVAL '{hops * EVERY_S}' SECOND({_DIGITS}))) "
        "GROUP BY call_id, window_start, window_end, window_time"
    )
    stream = tables.to_data_stream(pulses)
    _pin_window_uids(stream)
    return records.union(stream.map(_pulse, output_type=opened_type()).name("pulses").uid("pulses"))


_DIGITS = 6
"""A day has 86,400 seconds."""


def _pin_window_uids(stream: DataStream) -> None:
    """Uids for the planner's window operators: a savepoint finds their windows by them."""
    transformation = stream._j_data_stream.getTransformation()  # noqa: SLF001 - no public way
    while transformation.getUid() is None:
        name = transformation.getName().partition("[")[0]
        if name.endswith("WindowAggregate"):
            transformation.setUid(f"pulses-{name}")
        (transformation,) = transformation.getInputs().toArray()
        if name == "LocalWindowAggregate":
            return


def _pulse(row: Any) -> Row:
    return Row(row[0], 0, NO_RECORD)
