"""What late withdrawals order goes from lake and warehouse, and what they do not order stays."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.finding import Finder
from connectors.erasure.lake_store import LakeRules
from connectors.erasure.staged_objects import StagedObjects
from connectors.erasure.withdrawals import Carried, Withdrawals
from connectors.lake_reader import read_rows, write_rows
from connectors.warehouse.contract import Batch, WarehouseSpec
from connectors.warehouse.opening import open_session, open_warehouse
from connectors.warehouse.reader import read_warehouse
from tests.connectors.warehouse.loads import load
from tests.row_builders import STARTED_AT, ledger, reject, segment, summary
from udfs.fusion import PriorFusion
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, Table, newest, partition_date

DATE = partition_date(STARTED_AT)
ROWS: dict[Table, list[Any]] = {
    SEGMENTS: [
        segment(0, revision=20),
        *(segment(window) for window in range(3)),
        segment(0, participant_id="a1", role="agent"),
        segment(0, call_id="call-2"),
    ],
    CALLS: [summary(), summary(participant_id="all", role=None), summary(call_id="call-2")],
    LEDGER: [
        ledger(),
        ledger(participant_id="all"),
        ledger(call_id="call-2", participant_id="all"),
    ],
}


def order(at_ms: int = 0, *, retroactive: bool = True) -> Any:
    change = {
        "type": "consent_changed",
        "call_id": "call-1",
        "participant_id": "c1",
        "consent": False,
        "at_ms": at_ms,
        "retroactive": retroactive,
    }
    return reject(
        step="intake",
        reason="consent_withdrawn",
        call_id="call-1",
        payload=json.dumps(change).encode(),
    )


def fill(root: Path, *orders: Any) -> None:
    for table, rows in {**ROWS, REJECTS: list(orders)}.items():
        write_rows(root, table, rows, lambda _: DATE)


def carry_out(root: Path, spec: WarehouseSpec | None = None, **rules: Any) -> list[Carried]:
    lake = CountedLake(root)
    warehouse = None if spec is None else open_warehouse(spec)
    withdrawals = Withdrawals(
        lake,
        Finder(lake, None),
        warehouse,
        StagedObjects(None),
        LakeRules(**{"min_age_s": 0, **rules}),
        PriorFusion(),
    )
    try:
        return list(withdrawals.carry_out(now_ms=STARTED_AT + 1))
    finally:
        if warehouse is not None:
            warehouse.close()


def of_customer(rows: list[Any]) -> list[Any]:
    return [row for row in rows if (row.call_id, row.participant_id) == ("call-1", "c1")]


def others(rows: list[Any]) -> list[Any]:
    return [row for row in rows if (row.call_id, row.participant_id) != ("call-1", "c1")]


def test_the_voice_goes_from_every_revision_and_the_words_stay(tmp_path: Path) -> None:
    fill(tmp_path, order())

    [carried] = carry_out(tmp_path)

    assert not carried.pending
    rows = read_rows(tmp_path, SEGMENTS)
    customer = of_customer(rows)
    assert sorted(row.window_start_ms for row in customer) == [0, 5_000, 10_000]
    for row in customer:
        assert (row.audio_negative, row.loudness_dbfs, row.audio_model_id) == (None, None, None)
        assert row.missing == "audio:withheld"
        assert row.fused_negative == row.text_negative
        assert row.revision == 26
    assert sorted(others(rows), key=SEGMENTS.key_of) == sorted(
        others(ROWS[SEGMENTS]), key=SEGMENTS.key_of
    )
    assert {row.talk_ms for row in of_customer(read_rows(tmp_path, CALLS))} == {None}
    assert [row for row in read_rows(tmp_path, CALLS) if row.call_id == "call-2"] == [
        ROWS[CALLS][2]
    ]


def test_only_from_the_window_of_the_withdrawal_on(tmp_path: Path) -> None:
    fill(tmp_path, order(7_000, retroactive=False), order(11_000, retroactive=False))

    carry_out(tmp_path)

    kept = {
        row.window_start_ms: row.missing
        for row in newest(of_customer(read_rows(tmp_path, SEGMENTS)), SEGMENTS)
    }
    assert kept == {0: "", 5_000: "audio:withheld", 10_000: "audio:withheld"}


def test_done_again_it_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path, order())
    carry_out(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}

    [again] = carry_out(tmp_path)

    assert again.changed == 0
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}


def test_broken_off_before_the_old_files_went_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, order())
    monkeypatch.setattr(CountedLake, "remove_for_good", _crash)
    with pytest.raises(ConnectionAbortedError):
        carry_out(tmp_path)
    monkeypatch.undo()

    carry_out(tmp_path)

    assert {row.missing for row in of_customer(read_rows(tmp_path, SEGMENTS))} == {"audio:withheld"}


def _crash(*_: object) -> None:
    raise ConnectionAbortedError


def test_the_warehouse_has_the_new_rows(tmp_path: Path, spec: WarehouseSpec) -> None:
    fill(tmp_path, order())
    with closing(open_warehouse(spec)) as warehouse:
        for table, rows in ROWS.items():
            load(warehouse, Batch(table, tuple(newest(rows, table))))

    carry_out(tmp_path, spec)

    with closing(open_session(spec)) as session:
        for table in ROWS:
            loaded = read_warehouse(session, spec, table, None)
            in_lake = newest(read_rows(tmp_path, table), table)
            assert sorted(loaded, key=table.key_of) == sorted(in_lake, key=table.key_of)


def test_the_jobs_last_files_wait_but_the_newest_rows_are_right(tmp_path: Path) -> None:
    fill(tmp_path, order())

    [carried] = carry_out(tmp_path, min_age_s=900)

    assert set(carried.pending.values()) == {"among the job's last files"}
    rows = newest(of_customer(read_rows(tmp_path, SEGMENTS)), SEGMENTS)
    assert {row.missing for row in rows} == {"audio:withheld"}


def test_a_call_that_has_no_rows_is_told(tmp_path: Path) -> None:
    write_rows(tmp_path, REJECTS, [replace(order(), call_id="call-9")], lambda _: DATE)

    assert [carried.dt for carried in carry_out(tmp_path)] == [None]
