"""Withdrawals that came after the close, carried out: the voice goes from rows that have left.

    rejects ``consent_withdrawn`` ─► new rows ─► lake ─► warehouse ─► staged objects
        ─► older revisions out of the lake, every version of them

The new rows are a revision newer, so that they win wherever both are. They are written first; what
is older goes then. Done again, it finds the new rows and only removes what is still older.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.finding import Finder
from connectors.erasure.lake_store import LakeRules, LakeStore, Partition
from connectors.erasure.parquet_rows import Superseded
from connectors.erasure.staged_objects import StagedObjects
from connectors.lake_reader import arrow_table, read_files
from connectors.warehouse.contract import Batch, Warehouse
from udfs.erasure import Target
from udfs.fusion import Fuser
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, Table, newest
from udfs.suppression import SuppressionList, digester
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


class Withdrawals:
    """Carries out what the rejects of one lake order."""

    def __init__(
        self,
        lake: CountedLake,
        finder: Finder,
        warehouse: Warehouse | None,
        staged: StagedObjects,
        rules: LakeRules,
        fuser: Fuser,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Do nothing yet.

        Args:
            lake: has the rejects, and the rows.
            finder: knows a call's date.
            warehouse: is loaded with the new rows; None: there is none.
            staged: objects on their way into it.
            rules: what of the lake must wait.
            fuser: as the job has it.
            sleep: waits so many seconds.
        """
        self._lake = lake
        self._finder = finder
        self._warehouse = warehouse
        self._staged = staged
        self._store = LakeStore(lake, rules)
        self._fuser = fuser
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
        """
        for order in self.orders():
            dt = self._finder.call(order.call_id)[order.call_id]
            carried = Carried(dt)
            if dt is not None:
                self._carry_out(order, dt, carried, now_ms)
            yield carried

    def _carry_out(self, order: Withdrawal, dt: str, carried: Carried, now_ms: int) -> None:
        known = self._rows(order.call_id, dt)
        rows = _resting_on(order, known)
        if not is_carried_out(order, known):
            rows = withdrawn(order, known, self._fuser, now_ms)
            carried.changed = sum(map(len, rows.by_table().values()))
            self._write(rows, dt)
        by_table = rows.by_table()
        self._load(by_table)
        entry = digester((), b"").call(order.call_id, dt)
        self._staged.erase(Target(SuppressionList([entry], ())))
        goes = Superseded(
            {
                table: {table.key_of(row): row.revision for row in of_table}
                for table, of_table in by_table.items()
            }
        )
        for table in _TABLES:
            partition = self._partition(table, dt)
            why = self._store.erase(partition, goes)
            if why is not None:
                carried.pending[partition.name] = why

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
