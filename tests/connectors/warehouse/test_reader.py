"""Rows of the warehouse since a day, in both dialects' ways to tell an instant."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from connectors.warehouse.contract import Batch, WarehouseSpec
from connectors.warehouse.reader import read_warehouse
from tests.connectors.warehouse.loads import load
from tests.row_builders import ledger, segment, summary
from udfs.rows import CALLS, LEDGER, SEGMENTS, EpochMs, partition_date

MIDNIGHT = EpochMs(int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000))
BEFORE = EpochMs(MIDNIGHT - 10_000)
LATE_CALL = {"call_id": "late", "started_at": BEFORE}
EARLY_CALL = {"call_id": "early", "started_at": MIDNIGHT}


def test_since_a_day_means_calls_that_started_then(session, spec, warehouse) -> None:
    rows = {
        CALLS: [summary(**LATE_CALL), summary(**EARLY_CALL)],
        LEDGER: [ledger(call_id="late"), ledger(call_id="early"), ledger(call_id="open")],
        SEGMENTS: [
            # a window on the day after its call's start is the call's
            segment(3, call_id="late", window_start_at=EpochMs(BEFORE + 15_000)),
            segment(3, call_id="early", window_start_at=EpochMs(MIDNIGHT + 15_000)),
        ],
    }
    for table, of_table in rows.items():
        load(warehouse, Batch(table, tuple(of_table)))
    day = date.fromisoformat(partition_date(MIDNIGHT))

    for table, of_table in rows.items():
        found = read_warehouse(session, spec, table, day)
        assert [row.call_id for row in found] == ["early"]
        assert len(read_warehouse(session, spec, table, None)) == len(of_table)


class DataApi:
    """A session that answers as the Data API does: instants as text, UTC without saying so."""

    def __init__(self, answer: list[tuple[object, ...]]) -> None:
        self._answer = answer

    def query(self, statement: str) -> list[tuple[object, ...]]:
        return self._answer

    def execute(self, statements: list[str]) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("2026-11-24 00:00:00", MIDNIGHT),
        ("2026-11-24 00:00:00.5", MIDNIGHT + 500),
        ("2026-11-24 00:00:00.123456", MIDNIGHT + 123),
        ("1969-12-31 23:59:59.999", -1),
        (None, None),
    ],
)
def test_an_instant_as_text_is_utc(text, epoch_ms) -> None:
    row = summary(ended_at=epoch_ms)
    answer = [
        tuple(
            {"ended_at": text, "started_at": "2026-11-23 13:30:00"}.get(
                column.name, getattr(row, column.name)
            )
            for column in CALLS.columns
        )
    ]
    spec = WarehouseSpec("redshift://cluster/calls/dev")

    assert read_warehouse(DataApi(answer), spec, CALLS, None) == [row]
