"""Rows of the warehouse that are too old go, in either dialect; their neighbours stay."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.warehouse.contract import Batch
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session, open_warehouse
from connectors.warehouse.reader import read_warehouse
from connectors.warehouse.retention import _pieces, overdue_in_warehouse
from tests.connectors.warehouse.loads import load
from tests.retention_rules import RULES, TODAY
from tests.row_builders import ledger, segment, summary
from udfs.rows import CALLS, LEDGER, SEGMENTS, EpochMs

AGES = (0, 9, 10, 11, 20, 21, 30, 31)
"""Days; each is a call that begins half a second before midnight."""


@pytest.fixture(params=["postgresql", pytest.param("redshift", marks=pytest.mark.slow)])
def either_spec(request):
    if request.param == "postgresql":
        return request.getfixturevalue("empty_spec")
    return request.getfixturevalue("redshift").spec


def started_at(age: int) -> EpochMs:
    day = datetime(2026, 11, 24, 23, 59, 59, 500_000, tzinfo=UTC) - timedelta(days=age)
    return EpochMs(int(day.timestamp() * 1_000))


@pytest.fixture
def filled(either_spec):
    """A call of each age in all three tables."""
    people = ("c1", "all")
    rows = {
        SEGMENTS: [segment(call_id=f"{age}", window_start_at=started_at(age)) for age in AGES],
        CALLS: [
            summary(call_id=f"{age}", participant_id=one, started_at=started_at(age))
            for age in AGES
            for one in people
        ],
        LEDGER: [ledger(call_id=f"{age}", participant_id=one) for age in AGES for one in people],
    }
    with closing(open_session(either_spec)) as session:
        with closing(open_warehouse(either_spec)) as warehouse:
            migrate(session, either_spec)
            for table, of_table in rows.items():
                load(warehouse, Batch(table, tuple(of_table)))
        yield session, either_spec


def ages_in(session, spec, table) -> set[int]:
    return {int(row.call_id) for row in read_warehouse(session, spec, table, None)}


def test_each_table_keeps_its_own_days(filled):
    session, spec = filled

    overdue = list(overdue_in_warehouse(session, spec, RULES, TODAY))
    for one in overdue:
        one.remove()

    counts = Counter()
    for one in overdue:
        counts[one.what] += one.amount
    assert counts == {"call_segment": 5, "call_summary": 2, "call_ledger": 6}
    assert ages_in(session, spec, SEGMENTS) == {0, 9, 10}
    assert ages_in(session, spec, LEDGER) == {0, 9, 10, 11, 20}
    assert ages_in(session, spec, CALLS) == {0, 9, 10, 11, 20, 21, 30}
    assert list(overdue_in_warehouse(session, spec, RULES, TODAY)) == []


def test_broken_off_anywhere_and_run_again_it_ends_the_same(filled):
    session, spec = filled

    for one in list(overdue_in_warehouse(session, spec, RULES, TODAY, batch_rows=1))[:7]:
        one.remove()
    for one in overdue_in_warehouse(session, spec, RULES, TODAY, batch_rows=1):
        one.remove()

    assert ages_in(session, spec, SEGMENTS) == {0, 9, 10}
    assert ages_in(session, spec, LEDGER) == {0, 9, 10, 11, 20}
    assert ages_in(session, spec, CALLS) == {0, 9, 10, 11, 20, 21, 30}


def test_what_was_loaded_long_ago_is_forgotten(filled):
    session, spec = filled
    far = TODAY + timedelta(days=10_000)

    for one in overdue_in_warehouse(session, spec, RULES, far):
        one.remove()

    [(count,)] = session.query(f'SELECT COUNT(*) FROM "{spec.schema}".load_ledger')
    assert count == 0


MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
hours_of = st.dictionaries(st.integers(1, 200), st.integers(1, 100), max_size=20).map(
    lambda found: [(MIDNIGHT - timedelta(hours=ago), found[ago]) for ago in sorted(found)][::-1]
)


@given(hours_of, st.integers(1, 200))
def test_pieces_hold_every_hour_once_and_no_more_rows_than_may_be(hours, batch_rows):
    pieces = list(_pieces(hours, MIDNIGHT, batch_rows))

    assert sum(piece.num_rows for piece in pieces) == sum(rows for _, rows in hours)
    assert all(one.end <= next_one.start for one, next_one in pairwise(pieces))
    assert all(piece.end <= MIDNIGHT for piece in pieces)
    for piece in pieces:
        within = [rows for hour, rows in hours if piece.start <= hour < piece.end]
        assert sum(within) == piece.num_rows
        assert piece.num_rows <= batch_rows or len(within) == 1
