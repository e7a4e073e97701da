"""Withdrawals that came after the close, carried out: the voice goes from rows that have left.

    rejects ``consent_withdrawn`` ─► journal ─► new rows ─► lake ─► warehouse ─► staged objects
        ─► older revisions out of the lake, every version of them ─► search again
        ─► receipt ─► audit log

The new rows are a revision newer, so that they win wherever both are. They are written first; what
is older goes then. Done again, it finds the new rows and only removes what is still older; the
journal keeps what was there the first time. Each order gets one receipt.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.erasure.erasure import Stores
from connectors.erasure.finding import Finder
from connectors.erasure.journal import Journal, Journals
from connectors.erasure.lake_store import LakeStore, Partition
from connectors.erasure.parquet_rows import Superseded
from connectors.erasure.records import Records, made_with
from connectors.erasure.signing import Signer
from connectors.lake_reader import arrow_table, read_files
from connectors.warehouse.contract import Batch, Warehouse
from udfs.erasure import Place
from udfs.fusion import Fuser
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, Table, newest
from udfs.suppression import Entry, digesters
from udfs.windows import WINDOW_MS
from udfs.withdrawal import (
    CallRows,
    Withdrawal,
    is_carried_out,
    rests_on,
    withdrawal_of,
    withdrawn,
)

_TABLES = (SEGMENTS, CALLS, LEDGER)
_POLL_S = 0.2


@dataclass(slots=True)
class Carried:
    """What became of one withdrawal."""

    dt: str | None
    """None: the lake has no row of the call."""
    changed: int = 0
    """Rows that were written anew."""
    pending: dict[str, str] = field(default_factory=dict)
    """By place, why it must wait."""
    receipt_path: str | None = None
    """Of the receipt, where it was written just now."""


@dataclass(frozen=True, slots=True)
class Told:
    """What stands in the receipts."""

    reason: str
    erased_by: str


class Withdrawals:
    """Carries out what the rejects of one lake order."""

    def __init__(
        self,
        stores: Stores,
        warehouse: Warehouse | None,
        fuser: Fuser,
        signer: Signer | None,
        told: Told,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Do nothing yet.

        Args:
            stores: the lake has the rejects, and the rows.
            warehouse: is loaded with the new rows; None: there is none.
            fuser: as the job has it.
            signer: vouches for the receipts; None: only the orders are wanted.
            told: stands in the receipts.
            sleep: waits so many seconds.
        """
        self._stores = stores
        self._lake = stores.lake
        self._finder = Finder(stores.lake, stores.warehouse, whole_lake=stores.whole_lake)
        self._warehouse = warehouse
        self._store = LakeStore(stores.lake, stores.rules)
        self._fuser = fuser
        self._journals = Journals(stores.lake)
        self._records = Records(stores.lake, signer)
        self._told = told
        self._sleep = sleep

    def orders(self) -> list[Withdrawal]:
        """What is ordered: of a participant's withdrawals the one from the earliest window on.

        Raises:
            LakeError: the rejects cannot be read.
        """
        found: dict[tuple[str, str], Withdrawal] = {}
        for _, rows in read_files(self._lake, REJECTS, lambda _: True):
            for order in filter(None, map(withdrawal_of, rows)):
                whose = (order.call_id, order.participant_id)
                found[whose] = min(order, found.get(whose, order))
        return sorted(found.values())

    def carry_out(self, now_ms: int) -> Iterator[Carried]:
        """Carry out every order; what is done already changes nothing.

        Args:
            now_ms: when the new rows are made, epoch milliseconds.

        Raises:
            LakeError: the lake cannot be read or written; run again.
            LoadError: the warehouse did not take the rows; run again.
            WarehouseError: the warehouse cannot be asked; run again.
            SigningError: a receipt cannot be signed; run again.
        """
        subjects_told = self._journals.subjects_told()
        for order in self.orders():
            dt = self._finder.call(order.call_id)[order.call_id]
            carried = Carried(dt)
            if dt is not None:
                self._carry_out(order, dt, carried, subjects_told, now_ms)
            yield carried

    def _carry_out(
        self,
        order: Withdrawal,
        dt: str,
        carried: Carried,
        subjects_told: Sequence[Entry],
        now_ms: int,
    ) -> None:
        known = self._rows(order.call_id, dt)
        is_new = not is_carried_out(order, known)
        rows = withdrawn(order, known, self._fuser, now_ms) if is_new else _resting_on(order, known)
        by_table = rows.by_table()
        goes = Superseded(
            {
                table: {table.key_of(row): row.revision for row in of_table}
                for table, of_table in by_table.items()
            }
        )
        journal = self._journal(order, dt, subjects_told, now_ms)
        if journal is not None:
            names = {place.name for place in journal.before}
            found = self._search(order.call_id, dt, goes)
            journal.before += [place for place in found if place.name not in names]
            self._journals.keep(journal)
        if is_new:
            carried.changed = sum(map(len, by_table.values()))
            self._write(rows, dt)
        self._load(by_table)
        self._stores.staged.erase(goes)
        for table in _TABLES:
            partition = self._partition(table, dt)
            why = self._store.erase(partition, goes)
            if why is not None:
                carried.pending[partition.name] = why
        for place in self._search(order.call_id, dt, goes):
            carried.pending.setdefault(place.name, "something was still there; run again")
        if journal is not None and not carried.pending:
            self._finish(journal, carried, now_ms)

    def _journal(
        self, order: Withdrawal, dt: str, subjects_told: Sequence[Entry], now_ms: int
    ) -> Journal | None:
        """Of an order that is under way or new; None: there is a receipt of it."""
        for journal in self._journals.under_way():
            if self._is_of(journal.subject, order):
                return journal
        if any(self._is_of(subject, order) for subject in subjects_told):
            return None
        made = made_with(self._lake, self._stores.keys)
        from_ms = order.from_window * WINDOW_MS
        return Journal(
            receipt_id=uuid.uuid4().hex,
            scope="voice",
            subject=made.voice(order.call_id, order.participant_id, dt, from_ms),
            reason=self._told.reason,
            erased_by=self._told.erased_by,
            began_ms=now_ms,
        )

    def _is_of(self, subject: Entry, order: Withdrawal) -> bool:
        from_ms = order.from_window * WINDOW_MS
        return any(
            made.voice(order.call_id, order.participant_id, subject.dt, from_ms) == subject
            for made in digesters([subject.under], self._stores.keys)
        )

    def _search(self, call_id: str, dt: str, goes: Superseded) -> list[Place]:
        """The rows that go, by place; what stays is not told of, since new rows come to it."""
        places = []
        if self._stores.warehouse is not None:
            places += self._stores.warehouse.search_rows({call_id}, goes)
        places += self._stores.staged.search(goes)
        for table in _TABLES:
            places += self._store.search(self._partition(table, dt), goes, with_kept=False)
        return [Place(place.name, place.rows, place.digest) for place in places]

    def _finish(self, journal: Journal, carried: Carried, now_ms: int) -> None:
        if self._journals.receipt(journal.receipt_id) is None:
            self._records.receipt(journal, (), (), now_ms)
        carried.receipt_path = self._records.audit(journal, now_ms)
        self._journals.forget(journal.receipt_id)

    def _rows(self, call_id: str, dt: str) -> CallRows:
        found = (newest(self._rows_of(table, call_id, dt), table) for table in _TABLES)
        return CallRows(*found)

    def _rows_of(self, table: Table, call_id: str, dt: str) -> Iterable[Any]:
        for _, rows in read_files(self._lake, table, lambda file: file.dt == dt):
            yield from (row for row in rows if row.call_id == call_id)

    def _write(self, rows: CallRows, dt: str) -> None:
        for table, of_table in rows.by_table().items():
            if of_table:
                told = msgspec.json.encode([table.key_of(row) for row in of_table])
                name = f"withdrawn-{hashlib.sha256(told).hexdigest()[:16]}.parquet"
                folder = f"{self._lake.base}/{table.folder}/dt={dt}"
                self._lake.put(f"{folder}/{name}", arrow_table(table, of_table))

    def _load(self, rows: Mapping[Table, Sequence[Any]]) -> None:
        if self._warehouse is None:
            return
        for table, of_table in rows.items():
            if not of_table:
                continue
            batch = Batch(table, tuple(of_table))
            statement = self._warehouse.submit(batch, 0)
            while not self._warehouse.is_loaded(batch, statement):
                self._sleep(_POLL_S)

    def _partition(self, table: Table, dt: str) -> Partition:
        folder = Partition(table, dt, ()).folder
        return Partition(table, dt, tuple(self._lake.files(folder)))


def _resting_on(order: Withdrawal, rows: CallRows) -> CallRows:
    """The rows that the order is about, as they are."""
    return CallRows([row for row in rows.segments if rests_on(order, row)], *rows[1:])
