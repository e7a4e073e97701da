"""Pulses: a call is looked at again, even if every timer of its own was lost.

PyFlink's timers wait in the task's mailbox and can be missing from a checkpoint; the window
operator of Flink's table layer keeps its own safely. So a hopping window over a call's records
yields one pulse a call every ten seconds of stream time until some time after the longest wait;
intake takes a pulse as it takes a timer. No pulse rests on the one before.
"""

from __future__ import annotations

from typing import Any

from pyflink.datastream import DataStream
from pyflink.table import StreamTableEnvironment, Table

EVERY_S = 10
SLACK_S = 60
"""Stream time may be distrusted for some seconds just when a call is due."""


def with_pulses(tables: StreamTableEnvironment, records: Table, longest_wait_ms: int) -> DataStream:
    """The records and, among them, their calls' pulses: ``(call_id, NULL, rowtime)``.

    Args:
        tables: where the window is planned.
        records: ``(call_id, opened, rowtime)``.
        longest_wait_ms: after a call's last record, the longest that anything waits.
    """
    tables.create_temporary_view("records", records)
    hops = -(-(longest_wait_ms // 1_000 + SLACK_S) // EVERY_S)
    stream = tables.to_data_stream(
        tables.sql_query(
            "SELECT call_id, opened, rowtime FROM records UNION ALL "  # noqa: S608
            "SELECT call_id, CAST(NULL AS BYTES), window_time "
            "FROM TABLE(HOP(TABLE records, DESCRIPTOR(rowtime), "
            f"INTERVAL '{EVERY_S}' SECOND, INTERVAL '{hops * EVERY_S}' SECOND({_DIGITS}))) "
            "GROUP BY call_id, window_start, window_end, window_time"
        )
    )
    _pin_window_uids(stream._j_data_stream.getTransformation())  # noqa: SLF001 - no public way
    return stream


_DIGITS = 6
"""A day has 86,400 seconds."""


def _pin_window_uids(transformation: Any) -> None:
    """Uids for the planner's window operators: a savepoint finds their windows by them."""
    if transformation.getUid() is not None:
        return
    name = transformation.getName().partition("[")[0]
    if name.endswith("WindowAggregate"):
        transformation.setUid(f"pulses-{name}")
    for before in transformation.getInputs().toArray():
        _pin_window_uids(before)
