"""Any one change is found, and nothing is found where nothing is wrong."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.row_builders import ledger, reject, segment, summary, unheard
from udfs.reconcile import against, checksum, committed_twice, open_calls, within_lake
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS

SEGMENT_ROWS = [
    *(segment(n) for n in range(3)),
    unheard(3),
    segment(0, participant_id="a1", role="agent"),
]
COUNTS = {"windows_missing": "audio:no_speech=1,text:no_words=1", "windows_scored": 3}
LEDGERS = [
    ledger(**COUNTS),
    ledger(participant_id="a1", windows_scored=1),
    ledger(participant_id="all", **{**COUNTS, "windows_scored": 4}),
]
SUMMARIES = [summary(participant_id=who) for who in ("c1", "a1", "all")]
LAKE = {SEGMENTS: SEGMENT_ROWS, CALLS: SUMMARIES, LEDGER: LEDGERS}

a_table = st.sampled_from(list(LAKE))


def changed(row, name):
    value = getattr(row, name)
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, int | float):
        other = value + 1
    else:
        other = f"{value or ''}x" if not name.endswith(("_at", "_ms")) else 7
    return dataclasses.replace(row, **{name: other})


def test_a_closed_call_agrees_with_itself():
    assert list(within_lake(SEGMENT_ROWS, SUMMARIES, LEDGERS)) == []


@given(a_table, st.data())
def test_a_row_lost_from_the_lake_is_found(table, data):
    rows = {name: list(kept) for name, kept in LAKE.items()}
    rows[table].pop(data.draw(st.integers(0, len(rows[table]) - 1)))
    assert list(within_lake(rows[SEGMENTS], rows[CALLS], rows[LEDGER]))


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (SEGMENTS, "fused_label"),
        (SEGMENTS, "missing"),
        (CALLS, "revision"),
        (LEDGER, "windows_scored"),
        (LEDGER, "windows_missing"),
        (LEDGER, "revision"),
    ],
)
def test_numbers_that_contradict_each_other_are_found(table, column):
    for position, row in enumerate(LAKE[table]):
        other = None if column == "fused_label" else getattr(changed(row, column), column)
        if other == getattr(row, column):
            continue
        rows = dict(LAKE)
        rows[table] = [*LAKE[table]]
        rows[table][position] = dataclasses.replace(row, **{column: other})
        assert list(within_lake(rows[SEGMENTS], rows[CALLS], rows[LEDGER]))


def test_a_segment_may_not_rest_on_more_records_than_its_call_had():
    (first, second) = within_lake([segment(revision=301), *SEGMENT_ROWS[1:]], SUMMARIES, LEDGERS)
    assert (first.key, first.columns) == (("call-1", "c1"), ("revision",))
    assert second.key == ("call-1", "all")


def test_a_call_that_is_open_is_no_difference():
    others = [segment(call_id="call-2")]
    assert list(within_lake([*SEGMENT_ROWS, *others], SUMMARIES, LEDGERS)) == []
    assert open_calls([*SEGMENT_ROWS, *others], LEDGERS) == {"call-2"}


@given(a_table, st.data())
def test_any_single_change_in_the_warehouse_is_found(table, data):
    rows = LAKE[table]
    position = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(
        st.sampled_from([c.name for c in table.columns if c.name != "emitted_at"]), "column"
    )
    other = [*rows]
    other[position] = changed(rows[position], name)

    found = list(against("warehouse", table, rows, other))

    if name in table.key:
        # a key that is there already hides the row that had it
        assert {each.kind for each in found} <= {
            "missing",
            "unknown to the lake",
            "committed twice",
        }
        assert found
    else:
        (one,) = found
        assert one.key == tuple(getattr(rows[position], key) for key in table.key)
        assert one.columns == (name,)
    assert checksum(rows) != checksum(other)


@given(a_table, st.data())
def test_nothing_is_found_where_nothing_is_wrong(table, data):
    rows = LAKE[table]
    others = data.draw(st.permutations(rows))
    if table is SEGMENTS:
        others = [changed(row, "emitted_at") for row in others]
    assert list(against("warehouse", table, rows, others)) == []
    assert checksum(rows) == checksum(others)


@given(a_table, st.data())
def test_a_row_lost_or_added_is_found(table, data):
    rows = LAKE[table]
    fewer = [*rows]
    gone = fewer.pop(data.draw(st.integers(0, len(rows) - 1)))
    (missing,) = against("warehouse", table, rows, fewer)
    (unknown,) = against("warehouse", table, fewer, rows)
    key = table.key_of(gone)
    assert (missing.kind, missing.key) == ("missing", key)
    assert (unknown.kind, unknown.key) == ("unknown to the lake", key)


def test_revisions_are_told_by_their_direction():
    ours = [segment(revision=5)]
    kinds = [
        next(against("warehouse", SEGMENTS, ours, [segment(revision=revision)])).kind
        for revision in (4, 6)
    ]
    assert kinds == ["older", "newer"]


def test_a_reference_agrees_within_its_tolerance_whatever_was_counted():
    ours = [segment(score=0.5, revision=25)]
    assert not list(against("reference", SEGMENTS, ours, [segment(score=0.50005, revision=9)]))
    (one,) = against("reference", SEGMENTS, ours, [segment(score=0.5002, revision=9)])
    assert one.columns == ("score",)


def test_a_segment_committed_twice_is_found_in_any_files():
    (one,) = committed_twice(SEGMENTS, [[segment(0), segment(1)], [segment(0)]])
    assert one.key == ("call-1", "c1", 0)
    # a later one of the same revision was emitted again
    assert not list(committed_twice(SEGMENTS, [[segment(0)], [segment(0, emitted_at=1)]]))


@pytest.mark.parametrize(
    ("table", "row"), [(CALLS, summary()), (LEDGER, ledger()), (REJECTS, reject())]
)
def test_other_rows_are_committed_twice_within_a_file(table, row):
    assert len(list(committed_twice(table, [[row, row]]))) == 1
    assert not list(committed_twice(table, [[row], [row]]))  # the calls were replayed


def test_not_a_number_is_like_itself():
    row = segment(snr_db=float("nan"))
    assert not list(against("warehouse", SEGMENTS, [row], [segment(snr_db=float("nan"))]))
    assert list(against("warehouse", SEGMENTS, [row], [segment(snr_db=1.0)]))
