"""A lake and a warehouse full of calls, one person among them, and what must be found nowhere."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.erasure import Request, Stores
from connectors.erasure.lake_store import LakeRules
from connectors.erasure.staged_objects import StagedObjects
from connectors.erasure.warehouse_store import WarehouseStore
from connectors.lake_files import Lake
from connectors.lake_reader import write_rows
from connectors.replay_ledger import ReplayLedger
from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.opening import open_session
from connectors.warehouse.postgres_load import copy_rows
from tests.row_builders import STARTED_AT, ledger, reject, segment, summary
from udfs.dead_letters import key_of
from udfs.pseudonyms import Pseudonyms
from udfs.rows import (
    ALL_PARTICIPANTS,
    CALLS,
    LEDGER,
    REJECTS,
    SEGMENTS,
    WAREHOUSE_TABLES,
    EpochMs,
    Table,
    partition_date,
)

KEY = bytes(range(32))
SIGNING_KEY = bytes(range(32, 64))
PERSON = "anna-4711"
PERSON_KEY = Pseudonyms(KEY).person_key(PERSON) or ""
SAID = "my card is four one one one"
"""Stands in a reject of the person's."""
DAY_MS = 86_400_000
AT_ONCE = LakeRules(min_age_s=0)
REQUEST = Request("person", PERSON, "Art. 17, ticket 81", "tester")


@dataclass
class World:
    """Days of calls; the person called once on each day of ``of_person``."""

    root: Path
    spec: WarehouseSpec | None = None
    num_days: int = 2
    calls_a_day: int = 3
    of_person: tuple[int, ...] = (0,)
    windows: int = 2
    days_of_rejects: int = 10_000
    """Rejects are kept for the last so many days only."""
    rows: dict[Table, list[Any]] = field(default_factory=dict)

    def fill(self) -> World:
        """Write everything: two files a table and day, so that some hold nothing of the person."""
        self.rows = {table: [] for table in (SEGMENTS, CALLS, LEDGER, REJECTS)}
        for day in range(self.num_days):
            has_rejects = day >= self.num_days - self.days_of_rejects
            calls = [self.call_id(day, number) for number in range(self.calls_a_day)]
            half = -(-len(calls) // 2)
            for part, some in enumerate((calls[:half], calls[half:])):
                for table in self.rows:
                    if table is REJECTS and not has_rejects:
                        continue
                    rows = [row for call_id in some for row in self._rows(table, day, call_id)]
                    self.rows[table] += rows
                    if rows:
                        write_rows(
                            self.root,
                            table,
                            rows,
                            lambda _, day=day: self.dt(day),
                            f"part-{part}.parquet",
                        )
        replays = ReplayLedger(Lake(self.root), STARTED_AT)
        claim, _ = replays.claim([key_of(row) for row in self.rows[REJECTS]])
        replays.settle(claim, [key_of(row) for row in self.rows[REJECTS]], [])
        if self.spec is not None:
            self._load(self.spec)
        return self

    def call_id(self, day: int, number: int) -> str:
        is_person = day in self.of_person and number == 0
        return f"{'erased' if is_person else 'kept'}-call-{day}-{number}"

    @staticmethod
    def dt(day: int) -> str:
        return partition_date(STARTED_AT + day * DAY_MS)

    @property
    def erased_ids(self) -> set[str]:
        return {self.call_id(day, 0) for day in self.of_person}

    def others(self, table: Table) -> list[Any]:
        """The rows that stay."""
        return [
            row
            for row in self.rows[table]
            if row.call_id not in self.erased_ids
            and not (table is REJECTS and PERSON_KEY.encode() in row.payload)
        ]

    def secrets(self) -> Iterator[bytes]:
        """What must be nowhere after the erasure."""
        yield from (call_id.encode() for call_id in self.erased_ids)
        yield from (PERSON.encode(), PERSON_KEY.encode(), SAID.encode())

    def stores(self, rules: LakeRules = AT_ONCE, keys: tuple[bytes, ...] = (KEY,)) -> Stores:
        warehouse = None
        if self.spec is not None:
            warehouse = WarehouseStore(open_session(self.spec), self.spec)
        return Stores(CountedLake(self.root), warehouse, StagedObjects(None), keys, rules)

    def _rows(self, table: Table, day: int, call_id: str) -> Iterator[Any]:
        start = EpochMs(STARTED_AT + day * DAY_MS)
        who = {
            "customer": PERSON_KEY if call_id in self.erased_ids else "f" * 64,
            "agent": "a" * 64,
        }
        if table is SEGMENTS:
            for participant_id in who:
                for window in range(self.windows):
                    yield segment(
                        window,
                        call_id=call_id,
                        participant_id=participant_id,
                        window_start_at=EpochMs(start + window * 5_000),
                        score=zlib.crc32(f"{call_id}/{window}".encode()) % 100 / 100,
                    )
        elif table is REJECTS:
            content = {"type": "utterance", "call_id": call_id, "text": SAID}
            if call_id in self.erased_ids:
                yield self._reject(call_id, call_id, start, content)
                announced = {"type": "call_started", "participants": [{"person_key": PERSON_KEY}]}
                yield self._reject(call_id + "-b", None, start, announced)
            else:
                yield self._reject(call_id, call_id, start, {**content, "text": "hello"})
        else:
            make = summary if table is CALLS else ledger
            for participant_id in (*who, ALL_PARTICIPANTS):
                told = {"call_id": call_id, "participant_id": participant_id}
                if table is CALLS:
                    told |= {"started_at": start, "person_key": who.get(participant_id)}
                yield make(**told)

    @staticmethod
    def _reject(number: str, call_id: str | None, start: int, content: dict[str, Any]) -> Any:
        return reject(
            call_id=call_id,
            stream="text",
            sequence_number=str(zlib.crc32(number.encode())),
            arrival=EpochMs(start + 1_000),
            payload=json.dumps(content).encode(),
        )

    def _load(self, spec: WarehouseSpec) -> None:
        with psycopg.connect(spec.url) as connection:
            connection.execute(f'SET search_path TO "{spec.schema}"'.encode())
            for table in WAREHOUSE_TABLES:
                copy_rows(connection, table, self.rows[table], str(table.warehouse_table))


def bytes_of_files(root: Path) -> Iterator[bytes]:
    """Every file under a folder, hidden ones too; Parquet also as it reads."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                yield repr(Lake(root).read(str(path)).to_pylist()).encode()


def bytes_of_warehouse(spec: WarehouseSpec) -> Iterator[bytes]:
    """Every row of every table of a schema, as text."""
    with psycopg.connect(spec.url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (spec.schema,)
        ).fetchall()
        for (name,) in tables:
            rows = connection.execute(f'SELECT * FROM "{spec.schema}"."{name}"'.encode())
            yield repr(rows.fetchall()).encode()
