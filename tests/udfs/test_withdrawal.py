"""A withdrawal after the close makes the rows that it would have made before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import call_ended, call_started, chunk, consent_changed, utterance
from tests.job_run import FUSER, JobRun, newest
from tests.row_builders import reject, segment
from tests.row_comparison import differences
from udfs.rows import CALLS, LEDGER, SEGMENTS, Reject, Table
from udfs.withdrawal import CallRows, Withdrawal, is_carried_out, withdrawal_of, withdrawn

SECONDS = 32
NOT_TOLD = {"chunks_withheld"}
"""Closed rows do not tell which chunks lie in which window."""


def rows_of_call(*, withdrawal: Any = None) -> tuple[JobRun, CallRows]:
    job = JobRun()
    job.send(call_started("customer", "agent"))
    for second in range(SECONDS):
        job.send(chunk(second), chunk(second, who="agent"))
    for number, start_s in enumerate((1, 8, 14, 21, 29)):
        job.send(utterance(number, start_ms=start_s * 1_000, end_ms=start_s * 1_000 + 3_000))
    if withdrawal is not None:
        job.send(withdrawal)
    job.send(
        call_ended(SECONDS * 1_000, chunks={"customer": SECONDS, "agent": SECONDS}, utterances=5)
    )
    assert job.closed
    return job, CallRows(
        as_rows(SEGMENTS, job.segments),
        as_rows(CALLS, job.summaries),
        as_rows(LEDGER, job.ledgers),
    )


def as_rows(table: Table, rows: list[dict[str, Any]]) -> list[Any]:
    return [
        table.row(**{name: value for name, value in row.items() if name != "dt"})
        for row in newest(table, rows).values()
    ]


@pytest.mark.parametrize(("at_ms", "retroactive"), [(14_000, True), (14_000, False), (0, False)])
def test_rows_are_those_of_a_withdrawal_before_the_close(at_ms: int, retroactive: bool) -> None:
    change = consent_changed(at_ms, retroactive=retroactive)
    _, expected = rows_of_call(withdrawal=change)
    job, closed = rows_of_call()
    job.send(change)
    [ordered] = job.rejects
    ordered.pop("dt")
    order = withdrawal_of(Reject(**ordered))
    assert order is not None
    assert not is_carried_out(order, closed)

    changed = withdrawn(order, closed, FUSER, now_ms=0)

    assert is_carried_out(order, CallRows(changed.segments, [], []))
    for table, of_table in changed.by_table().items():
        wanted = {table.key_of(row): row for row in expected.by_table()[table]}
        for row in of_table:
            other = wanted.pop(table.key_of(row))
            assert row.revision == other.revision
            assert {name for name, _, _ in differences(row, other)} <= NOT_TOLD
        before = {table.key_of(row): row for row in closed.by_table()[table]}
        for key, row in wanted.items():
            assert not differences(before[key], row)


def test_other_rejects_order_nothing() -> None:
    assert withdrawal_of(reject()) is None
    assert withdrawal_of(reject(reason="consent_withdrawn", payload=None)) is None


def test_a_window_without_audio_has_none_to_take_back() -> None:
    order = Withdrawal("call-1", "c1", 0)

    assert is_carried_out(order, CallRows([segment(missing="audio:no_audio")], [], []))
    assert not is_carried_out(order, CallRows([segment(missing="text:no_words")], [], []))
    assert is_carried_out(order._replace(from_window=1), CallRows([segment(0)], [], []))
