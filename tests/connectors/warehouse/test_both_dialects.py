"""The same job on either warehouse: migrate, check, load, read; the same rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from connectors.warehouse.check import check_warehouse
from connectors.warehouse.contract import Batch
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session, open_warehouse
from connectors.warehouse.reader import read_warehouse
from tests.connectors.warehouse.loads import load
from tests.row_builders import ledger, segment, summary, unheard
from udfs.rows import CALLS, LEDGER, SEGMENTS

pytestmark = pytest.mark.slow


ROWS = {
    SEGMENTS: (segment(0), unheard(1)),
    CALLS: (summary(), summary(participant_id="all", role=None, ended_at=None)),
    LEDGER: (ledger(), ledger(participant_id="all", complete=False)),
}


@pytest.fixture(params=["postgresql", "redshift"])
def either_spec(request):
    if request.param == "postgresql":
        return request.getfixturevalue("empty_spec")
    return request.getfixturevalue("redshift").spec


def test_what_is_loaded_is_read_again(either_spec) -> None:
    session, warehouse = open_session(either_spec), open_warehouse(either_spec)
    try:
        migrate(session, either_spec)
        check_warehouse(session, either_spec)
        for table, rows in ROWS.items():
            load(warehouse, Batch(table, rows))
            for since in (None, date(2026, 11, 23)):
                found = read_warehouse(session, either_spec, table, since)
                assert sorted(found, key=str) == sorted(rows, key=str)
            assert read_warehouse(session, either_spec, table, date(2026, 11, 24)) == []
    finally:
        warehouse.close()
        session.close()


THERE = segment(0, revision=7, score=0.5, emitted_at=1_000)
COMES = {
    "older": replace(THERE, revision=6, score=0.1),
    "the same, emitted later": replace(THERE, emitted_at=2_000),
    "an answer of a model that had failed": replace(THERE, score=0.9, emitted_at=2_000),
    "none any more": replace(THERE, score=None, emitted_at=2_000),
    "newer": replace(THERE, revision=8, emitted_at=2_000),
}
IS_NEWS = {"an answer of a model that had failed", "none any more", "newer"}


def test_what_is_news_is_the_same_to_both(either_spec) -> None:
    session, warehouse = open_session(either_spec), open_warehouse(either_spec)
    try:
        migrate(session, either_spec)
        for rows in ([replace(THERE, call_id=case) for case in COMES],
                     [replace(row, call_id=case) for case, row in COMES.items()]):  # fmt: skip
            load(warehouse, Batch(SEGMENTS, tuple(rows)))
        found = {row.call_id: row for row in read_warehouse(session, either_spec, SEGMENTS, None)}
    finally:
        warehouse.close()
        session.close()

    assert found == {
        case: replace(row if case in IS_NEWS else THERE, call_id=case)
        for case, row in COMES.items()
    }
