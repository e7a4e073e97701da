"""Rows in the warehouse: found by person, call or date, and deleted.

The warehouse knows nothing of digests: it is asked for the ids of a date, which are compared here.
What is deleted goes in one transaction where it fits, summaries last: by them a person's calls are
found again after a crash. In Redshift a deletion takes its turn with the loads, by their lock.

``load_ledger`` has nothing to delete: of a batch it holds a digest and counts, and names no call.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.erasure.parquet_rows import Goes
from connectors.warehouse.contract import Session, WarehouseSpec
from connectors.warehouse.load_sql import LOAD_LEDGER
from connectors.warehouse.schema import qualified, quoted, warehouse_name
from udfs.erasure import Place, Target
from udfs.rows import CALLS, LEDGER, SEGMENTS, Table

_IN_ORDER = (SEGMENTS, LEDGER, CALLS)
_IDS_A_STATEMENT = 200
_STATEMENTS_A_TRANSACTION = 30
_DAYS_OF_A_CALL = 2
"""A call's windows are on the date of its start or the next: it has twelve hours at most."""


class WarehouseStore:
    """The rows of one warehouse."""

    def __init__(self, session: Session, spec: WarehouseSpec) -> None:
        self._session = session
        self._spec = spec

    def calls_of(self, person_keys: Iterable[str]) -> dict[str, str]:
        """The calls of a person who has had these pseudonyms, each with its date.

        Raises:
            WarehouseError: it cannot be asked.
        """
        return self._starts(f'"person_key" IN ({_list(self._literal(one) for one in person_keys)})')

    def date_of(self, call_id: str) -> str | None:
        """The date of a call; None where the warehouse has no row of it that tells.

        Raises:
            WarehouseError: it cannot be asked.
        """
        is_it = f'"call_id" = {self._literal(call_id)}'
        if found := self._starts(is_it):
            return found[call_id]
        columns = '"window_start_at", "window_start_ms"'
        rows = self._session.query(
            f"SELECT {columns} FROM {self._table(SEGMENTS)} WHERE {is_it} LIMIT 1"  # noqa: S608
        )
        for instant, into_call_ms in rows:
            return _date(instant - timedelta(milliseconds=into_call_ms))
        return None

    def calls_among(self, target: Target, *, everywhere: bool) -> set[str]:
        """The ids of the calls that go, of those that have rows.

        Raises:
            WarehouseError: it cannot be asked.
        """
        dates = None if everywhere else target.dates
        questions = [self._ids(table, "") for table in _IN_ORDER] if dates is None else []
        for dt in sorted(dates or ()):
            questions += [self._ids(table, condition) for table, condition in self._of_date(dt)]
        return target.calls_among(
            call_id for question in questions for (call_id,) in self._session.query(question)
        )

    def search(self, call_ids: set[str]) -> list[Place]:
        """What of these calls is in each table; empty where nothing is.

        Raises:
            WarehouseError: it cannot be asked.
        """
        places = []
        for table in _IN_ORDER:
            names = _list(quoted(column.name) for column in table.columns)
            rows = [
                row
                for ids in self._portions(call_ids)
                for row in self._session.query(
                    f'SELECT {names} FROM {self._table(table)} WHERE "call_id" IN ({ids})'  # noqa: S608
                )
            ]
            if rows:
                places.append(Place(self.place(table), len(rows), _digest(rows)))
        return places

    def voices(self, dt: str) -> set[tuple[str, str]]:
        """Whose rows there are of the calls of a date: call and participant.

        Raises:
            WarehouseError: it cannot be asked.
        """
        columns = '"call_id", "participant_id"'
        return {
            (call_id, participant_id)
            for table, condition in self._of_date(dt)
            for call_id, participant_id in self._session.query(
                f"SELECT DISTINCT {columns} FROM {self._table(table)}{condition}"  # noqa: S608
            )
        }

    def search_rows(self, call_ids: set[str], goes: Goes) -> list[Place]:
        """How many of some calls' rows go; empty where none does.

        Raises:
            WarehouseError: it cannot be asked.
        """
        places = []
        for table in _IN_ORDER:
            names = goes.columns(table)
            told = _list(map(quoted, names))
            rows = [
                dict(zip(names, row, strict=True))
                for ids in self._portions(call_ids)
                for row in self._session.query(
                    f'SELECT {told} FROM {self._table(table)} WHERE "call_id" IN ({ids})'  # noqa: S608
                )
            ]
            num = int(goes.mask(table, pa.Table.from_pylist(rows)).sum()) if rows else 0
            if num:
                places.append(Place(self.place(table), num))
        return places

    def erase(self, call_ids: set[str]) -> None:
        """Delete every row of these calls.

        Raises:
            WarehouseError: it could not be done; some transactions may have been.
        """
        statements = [
            f'DELETE FROM {self._table(table)} WHERE "call_id" IN ({ids})'  # noqa: S608
            for table in _IN_ORDER
            for ids in self._portions(call_ids)
        ]
        for begin in range(0, len(statements), _STATEMENTS_A_TRANSACTION):
            portion = statements[begin : begin + _STATEMENTS_A_TRANSACTION]
            self._session.execute([*self._turn(), *portion])

    @staticmethod
    def _of_date(dt: str) -> Iterator[tuple[Table, str]]:
        """The tables that tell of a date, each with its condition."""
        end = date.fromisoformat(dt) + timedelta(days=_DAYS_OF_A_CALL)
        for table, column in ((SEGMENTS, "window_start_at"), (CALLS, "started_at")):
            yield (
                table,
                f" WHERE \"{column}\" >= '{dt} 00:00:00+00' AND \"{column}\" < '{end} 00:00:00+00'",
            )

    @staticmethod
    def place(table: Table) -> str:
        return f"warehouse/{warehouse_name(table)}"

    def _turn(self) -> list[str]:
        if self._spec.dialect == "postgresql":
            return []
        return [f"LOCK TABLE {qualified(self._spec.schema, LOAD_LEDGER)}"]

    def _starts(self, condition: str) -> dict[str, str]:
        rows = self._session.query(
            f'SELECT DISTINCT "call_id", "started_at" FROM {self._table(CALLS)} WHERE {condition}'  # noqa: S608 - quoted
        )
        return {call_id: _date(started_at) for call_id, started_at in rows}

    def _ids(self, table: Table, condition: str) -> str:
        return f'SELECT DISTINCT "call_id" FROM {self._table(table)}{condition}'  # noqa: S608

    def _portions(self, call_ids: set[str]) -> Iterator[str]:
        ordered = sorted(call_ids)
        for begin in range(0, len(ordered), _IDS_A_STATEMENT):
            yield _list(map(self._literal, ordered[begin : begin + _IDS_A_STATEMENT]))

    def _table(self, table: Table) -> str:
        return qualified(self._spec.schema, warehouse_name(table))

    def _literal(self, text: str) -> str:
        """Of an id, which may hold anything; in Redshift a backslash may be an escape."""
        plain = "'" + text.replace("'", "''") + "'"
        return plain if self._spec.dialect == "postgresql" else plain.replace("\\", "'||CHR(92)||'")


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _date(instant: datetime) -> str:
    return instant.astimezone(UTC).date().isoformat()


def _digest(rows: list[tuple[Any, ...]]) -> str:
    told = sorted(json.dumps(row, default=str) for row in rows)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
