"""What late withdrawals order goes from lake and warehouse, and what they do not order stays."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.audit_log import AuditLog
from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.erasure import Stores
from connectors.erasure.lake_store import LakeRules
from connectors.erasure.signing import LocalSigner
from connectors.erasure.staged_objects import StagedObjects
from connectors.erasure.verifying import verify
from connectors.erasure.warehouse_store import WarehouseStore
from connectors.erasure.withdrawals import Carried, Told, Withdrawals
from connectors.lake_files import Lake
from connectors.lake_reader import read_rows, write_rows
from connectors.warehouse.contract import Batch, WarehouseSpec
from connectors.warehouse.opening import open_session, open_warehouse
from connectors.warehouse.reader import read_warehouse
from tests.connectors.warehouse.loads import load
from tests.erasure_world import KEY, SIGNING_KEY
from tests.row_builders import STARTED_AT, ledger, reject, segment, summary
from udfs.audit_chain import Erasure
from udfs.erasure import SignedReceipt, parsed_receipt
from udfs.fusion import PriorFusion
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, Table, newest, partition_date

SIGNER = LocalSigner(SIGNING_KEY)
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


def stores(
    root: Path, spec: WarehouseSpec | None = None, keys: tuple[bytes, ...] = (), **rules: Any
) -> Stores:
    return Stores(
        CountedLake(root),
        None if spec is None else WarehouseStore(open_session(spec), spec),
        StagedObjects(None),
        keys,
        LakeRules(**{"min_age_s": 0, **rules}),
    )


def carry_out(root: Path, spec: WarehouseSpec | None = None, **how: Any) -> list[Carried]:
    warehouse = None if spec is None else open_warehouse(spec)
    withdrawals = Withdrawals(
        stores(root, spec, **how), warehouse, PriorFusion(), SIGNER, Told("why", "who")
    )
    try:
        return list(withdrawals.carry_out(now_ms=STARTED_AT + 1))
    finally:
        if warehouse is not None:
            warehouse.close()


def receipts(root: Path) -> list[SignedReceipt]:
    return [parsed_receipt(path.read_bytes()) for path in root.glob("erasures/*/receipt.json")]


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
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    [again] = carry_out(tmp_path)

    assert again.changed == 0
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_broken_off_before_the_old_files_went_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, order())
    monkeypatch.setattr(CountedLake, "remove_for_good", _crash)
    with pytest.raises(ConnectionAbortedError):
        carry_out(tmp_path)
    monkeypatch.undo()

    assert receipts(tmp_path) == []

    carry_out(tmp_path)

    assert {row.missing for row in of_customer(read_rows(tmp_path, SEGMENTS))} == {"audio:withheld"}
    [signed] = receipts(tmp_path)
    before = {place.name: place.rows for place in signed.receipt.before}
    assert before[f"lake/segments/dt={DATE}"] == 4
    assert list(tmp_path.glob("erasures/*/journal.json")) == []


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
    assert receipts(tmp_path) == []
    [later] = carry_out(tmp_path)
    [signed] = receipts(tmp_path)
    assert later.receipt_path is not None
    assert Path(later.receipt_path).parent.name == signed.receipt.receipt_id


def test_a_call_that_has_no_rows_is_told(tmp_path: Path) -> None:
    write_rows(tmp_path, REJECTS, [replace(order(), call_id="call-9")], lambda _: DATE)

    assert [carried.dt for carried in carry_out(tmp_path)] == [None]


@pytest.mark.parametrize("keys", [(), (KEY,)])
def test_it_leaves_a_receipt_and_an_audit_entry(tmp_path: Path, keys: tuple[bytes, ...]) -> None:
    fill(tmp_path, order(7_000, retroactive=False))

    carry_out(tmp_path, keys=keys)
    carry_out(tmp_path, keys=keys)

    [signed] = receipts(tmp_path)
    receipt = signed.receipt
    assert (receipt.scope, receipt.reason, receipt.erased_by) == ("voice", "why", "who")
    assert (receipt.subject.from_ms, receipt.subject.dt, receipt.suppressed) == (5_000, DATE, ())
    assert {place.name: place.rows for place in receipt.before} == {
        f"lake/segments/dt={DATE}": 2,
        f"lake/calls/dt={DATE}": 2,
        f"lake/ledger/dt={DATE}": 2,
    }
    assert {place.rows for place in receipt.after} == {0}
    [line] = AuditLog(Lake(tmp_path)).lines()
    assert isinstance(line.entry, Erasure)
    assert (line.entry.scope, line.entry.receipt_id) == ("voice", receipt.receipt_id)
    assert line.entry.erased == {place.name: place.rows for place in receipt.before}
    told = [path.read_text() for path in (tmp_path / "erasures").rglob("*.json")]
    assert not [text for text in told if "call-1" in text]


def test_each_order_has_a_receipt_of_its_own(tmp_path: Path) -> None:
    fill(tmp_path, order(7_000, retroactive=False))
    carry_out(tmp_path)
    write_rows(tmp_path, REJECTS, [order()], lambda _: DATE, "part-1.parquet")

    carry_out(tmp_path)

    assert sorted(one.receipt.subject.from_ms or 0 for one in receipts(tmp_path)) == [0, 5_000]


def test_verify_finds_the_voice_where_it_came_back(tmp_path: Path, spec: WarehouseSpec) -> None:
    fill(tmp_path, order())
    with closing(open_warehouse(spec)) as warehouse:
        for table, rows in ROWS.items():
            load(warehouse, Batch(table, tuple(newest(rows, table))))
    carry_out(tmp_path, spec, keys=(KEY,))
    [signed] = receipts(tmp_path)
    assert {"warehouse/call_segment", "warehouse/call_summary"} < {
        place.name for place in signed.receipt.before
    }
    assert list(verify(signed, stores(tmp_path, spec, keys=(KEY,)), SIGNER)) == []

    write_rows(tmp_path, SEGMENTS, ROWS[SEGMENTS], lambda _: DATE, "restored.parquet")
    with closing(open_session(spec)) as session:
        session.execute([f"UPDATE {spec.schema}.call_segment SET missing = ''"])
        session.execute([f"UPDATE {spec.schema}.call_summary SET talk_ms = 1"])

    assert list(verify(signed, stores(tmp_path, spec, keys=(KEY,)), SIGNER)) == [
        "warehouse/call_segment: 3 found",
        "warehouse/call_summary: 1 found",
        f"lake/segments/dt={DATE}: 4 found",
    ]
    [unknown] = verify(signed, stores(tmp_path, spec), SIGNER)
    assert "under a key of the pseudonyms that is not given" in unknown
