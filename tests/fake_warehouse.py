"""A warehouse in memory that does as a test says: away, slow, failing, or forgetting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connectors.warehouse.contract import Batch, LoadError

AWAY, UNKNOWN = "away", "unknown statement"


@dataclass
class FakeWarehouse:
    """Loads a batch when ``finish`` is called, by the rules of the real ones."""

    rows: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    is_away: bool = False
    submitted: list[tuple[str, int]] = field(default_factory=list)
    """Batch id and attempt, each time."""
    looks: int = 0
    _statements: dict[str, Batch] = field(default_factory=dict)
    _loaded: set[str] = field(default_factory=set)

    def submit(self, batch: Batch, attempt: int) -> str:
        self.submitted.append((batch.batch_id, attempt))
        if self.is_away:
            raise LoadError(AWAY)
        statement_id = f"{batch.batch_id}-{attempt}"
        self._statements.setdefault(statement_id, batch)
        return statement_id

    def is_loaded(self, batch: Batch, statement_id: str) -> bool:
        self.looks += 1
        if self.is_away:
            raise LoadError(AWAY)
        if statement_id not in self._statements:
            raise LoadError(UNKNOWN)
        assert self._statements[statement_id].batch_id == batch.batch_id
        return statement_id in self._loaded

    def close(self) -> None: ...

    def finish(self) -> None:
        """Whatever is on its way arrives."""
        for statement_id, batch in self._statements.items():
            if statement_id not in self._loaded:
                self._loaded.add(statement_id)
                self._merge(batch)

    def forget(self) -> None:
        """What was on its way is lost, ids and all: the warehouse was killed."""
        self._statements.clear()

    def _merge(self, batch: Batch) -> None:
        keys = [self._key(batch, row) for row in batch.rows]
        assert len(set(keys)) == len(keys), "a batch has one row a key"
        for key, row in zip(keys, batch.rows, strict=True):
            if key not in self.rows or row.revision >= self.rows[key].revision:
                self.rows[key] = row

    @staticmethod
    def _key(batch: Batch, row: Any) -> tuple[Any, ...]:
        return (batch.table.folder, *batch.table.key_of(row))
