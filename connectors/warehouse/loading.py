"""When rows go to the warehouse: what one table's writer decides, without Flink and without AWS.

    row ─► gathered ─── enough, or long enough ago ───► loading ─► loaded: forgotten
              ▲                                            │ ▲
              └── rows that come meanwhile                 ▼ │ after a while, again
                                                          failed

One batch of a table is on its way at a time, so batches are loaded in the order in which they were
gathered. A batch is kept until it is known to be loaded; one that fails is tried again for as long
as it takes, since what stops it (rights, a paused cluster, a host that is away) can be mended
while rows wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from connectors.warehouse.contract import Batch, LoadError, Warehouse
from udfs.events import LOAD_FAILED
from udfs.kept_state import KeptState
from udfs.metrics import (
    WAREHOUSE_LOADS,
    WAREHOUSE_RETRIES,
    WAREHOUSE_ROWS_LOADED,
    Metrics,
    NoMetrics,
)
from udfs.rows import Table, newest

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class LoadRules:
    """How many rows make a batch, and how long is waited."""

    batch_rows: int = 5_000
    batch_bytes: int = 4_000_000
    batch_wait_ms: int = 10_000
    """No row is gathered longer, while the warehouse answers."""
    poll_ms: int = 500
    first_retry_ms: int = 1_000
    last_retry_ms: int = 60_000
    """The pause after a failure doubles up to here."""
    max_waiting_rows: int = 100_000
    """Beyond these the writer holds back whoever sends more."""


class LoadState(msgspec.Struct):
    """What one table's writer remembers beside its rows."""

    version: int = 1
    num_rows: int = 0
    """Gathered, and not yet loading."""
    num_bytes: int = 0
    gathering_since_ms: int | None = None
    is_loading: bool = False
    attempt: int = 0
    statement_id: str | None = None
    look_at_ms: int = 0
    """Not before: the next look at what is loading, or its next attempt."""


_VERSION = 1
_kept = KeptState[LoadState](LoadState, _VERSION)
encode_load_state = _kept.encode
decode_load_state = _kept.decode


class RowStore(Protocol):
    """Where a writer keeps its rows, each packed."""

    def gather(self, packed: bytes) -> None: ...

    def take_gathered(self) -> list[bytes]:
        """All that was gathered, in order; it is gathered no more."""
        ...

    def keep_loading(self, packed: list[bytes]) -> None: ...

    def loading(self) -> list[bytes]: ...

    def forget_loading(self) -> None: ...


def pack_row(row: Any) -> bytes:
    """A row of ``udfs.rows`` on its way to the writer."""
    return _encode(row)


def unpack_row(table: Table, packed: bytes) -> Any:
    """The row again; a column that was added since it was packed is null."""
    values = _decode(packed)
    return table.row(*[values.get(column.name) for column in table.columns])


class Loader:
    """One table's writer.

    Args:
        table: which rows it loads.
        warehouse: where to.
        rules: how many at a time, and how long is waited.
        is_erased: asked for each row's call, whenever a batch is sent: such a row goes nowhere.
        metrics: where loads and failures are counted.
    """

    def __init__(
        self,
        table: Table,
        warehouse: Warehouse,
        rules: LoadRules,
        is_erased: Callable[[str], bool] = lambda _: False,
        metrics: Metrics | None = None,
    ) -> None:
        self._table = table
        self._warehouse = warehouse
        self._rules = rules
        self._is_erased = is_erased
        self._metrics = metrics or NoMetrics()
        self._loading_since_ms: int | None = None
        self._batch: Batch | None = None

    def take(self, state: LoadState, rows: RowStore, packed: bytes, now_ms: int) -> None:
        """Gather one row."""
        rows.gather(packed)
        state.num_rows += 1
        state.num_bytes += len(packed)
        if state.gathering_since_ms is None:
            state.gathering_since_ms = now_ms

    def advance(self, state: LoadState, rows: RowStore, now_ms: int) -> None:
        """Do what is due: look after the batch on its way, then begin the next."""
        if state.is_loading and self._loading_since_ms is None:  # after a restart
            self._loading_since_ms = now_ms
        if state.is_loading and now_ms >= state.look_at_ms:
            self._look_after(state, rows, now_ms)
        if not state.is_loading and self._is_batch_due(state, now_ms):
            self._begin(state, rows, now_ms)

    def next_look_ms(self, state: LoadState) -> int | None:
        """When something is due next; None while there is nothing to load."""
        if state.is_loading:
            return state.look_at_ms
        if state.gathering_since_ms is not None:
            return state.gathering_since_ms + self._rules.batch_wait_ms
        return None

    def is_full(self, state: LoadState) -> bool:
        """Whether more rows wait than may."""
        return state.num_rows >= self._rules.max_waiting_rows

    def num_waiting(self, state: LoadState) -> int:
        """Rows that are not known to be loaded; after a restart without those on their way."""
        num_loading = len(self._batch.rows) if state.is_loading and self._batch else 0
        return state.num_rows + num_loading

    def waited_ms(self, state: LoadState, now_ms: int) -> int:
        """How long the oldest of them has waited; of those on their way, since a restart."""
        begun = (self._loading_since_ms, state.gathering_since_ms)
        return now_ms - min((ms for ms in begun if ms is not None), default=now_ms)

    def _is_batch_due(self, state: LoadState, now_ms: int) -> bool:
        if state.gathering_since_ms is None:
            return False
        return (
            state.num_rows >= self._rules.batch_rows
            or state.num_bytes >= self._rules.batch_bytes
            or now_ms - state.gathering_since_ms >= self._rules.batch_wait_ms
        )

    def _begin(self, state: LoadState, rows: RowStore, now_ms: int) -> None:
        gathered = (unpack_row(self._table, packed) for packed in rows.take_gathered())
        self._batch = Batch(self._table, tuple(newest(gathered, self._table)))
        rows.keep_loading([pack_row(row) for row in self._batch.rows])
        state.num_rows = state.num_bytes = 0
        self._loading_since_ms, state.gathering_since_ms = state.gathering_since_ms, None
        state.is_loading, state.attempt, state.statement_id = True, 0, None
        self._submit(state, rows, now_ms)

    def _look_after(self, state: LoadState, rows: RowStore, now_ms: int) -> None:
        if state.statement_id is None:
            self._submit(state, rows, now_ms)
            return
        try:
            is_loaded = self._warehouse.is_loaded(self._batch_of(rows), state.statement_id)
        except LoadError as error:
            self._fail(state, error, now_ms)
            return
        if is_loaded:
            self._metrics.count(WAREHOUSE_LOADS)
            self._metrics.count(WAREHOUSE_ROWS_LOADED, len(self._batch_of(rows).rows))
            self._finish(state, rows)
        else:
            state.look_at_ms = now_ms + self._rules.poll_ms

    def _finish(self, state: LoadState, rows: RowStore) -> None:
        rows.forget_loading()
        self._batch = self._loading_since_ms = None
        state.is_loading, state.attempt, state.statement_id = False, 0, None

    def _leave_out_erased(self, rows: RowStore) -> None:
        """Of a batch that failed, too: what was erased meanwhile must not be loaded."""
        batch = self._batch_of(rows)
        kept = tuple(row for row in batch.rows if not self._is_erased(row.call_id))
        if len(kept) < len(batch.rows):
            self._batch = Batch(self._table, kept)
            rows.keep_loading([pack_row(row) for row in kept])

    def _submit(self, state: LoadState, rows: RowStore, now_ms: int) -> None:
        self._leave_out_erased(rows)
        if not self._batch_of(rows).rows:
            self._finish(state, rows)
            return
        try:
            state.statement_id = self._warehouse.submit(self._batch_of(rows), state.attempt)
        except LoadError as error:
            self._fail(state, error, now_ms)
            return
        state.look_at_ms = now_ms + self._rules.poll_ms

    def _fail(self, state: LoadState, error: LoadError, now_ms: int) -> None:
        pause_ms = min(
            self._rules.first_retry_ms * 2 ** min(state.attempt, 20), self._rules.last_retry_ms
        )
        state.attempt += 1
        state.statement_id = None
        state.look_at_ms = now_ms + pause_ms
        self._metrics.count(WAREHOUSE_RETRIES)
        LOAD_FAILED.log(
            table=str(self._table.warehouse_table),
            attempt=state.attempt,
            rows=len(self._batch.rows) if self._batch else 0,
            reason=str(error),
            pause_ms=pause_ms,
        )

    def _batch_of(self, rows: RowStore) -> Batch:
        """What is loading; read from the state after a restart."""
        if self._batch is None:
            self._batch = Batch(
                self._table, tuple(unpack_row(self._table, packed) for packed in rows.loading())
            )
        return self._batch
