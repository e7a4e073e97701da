"""The warehouse's writers as a keyed Flink function: the state and the timers of the loaders.

Keyed by table: each has one writer, wherever it runs. It never waits for the warehouse. A timer can
be missing from a checkpoint, so no writer rests on one: every row looks at what is due, and so does
a tick, which Flink's own generator sends each second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from pyflink.common import Types
from pyflink.datastream import DataStream, KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import (
    ListState,
    ListStateDescriptor,
    ValueState,
    ValueStateDescriptor,
)
from pyflink.table import StreamTableEnvironment

from connectors.suppression import suppression_of
from connectors.suppression_source import SuppressionSource
from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.loading import (
    Loader,
    LoadRules,
    LoadState,
    decode_load_state,
    encode_load_state,
)
from connectors.warehouse.opening import open_warehouse
from flink_job.arrows import loads_type
from flink_job.keyed import keyed
from udfs.events import STEP_OPENED
from udfs.flink_metrics import metrics_in
from udfs.metrics import (
    WAREHOUSE_LOADS,
    WAREHOUSE_OLDEST_MS,
    WAREHOUSE_RETRIES,
    WAREHOUSE_ROWS_WAITING,
    begin,
)
from udfs.rows import WAREHOUSE_TABLES
from udfs.worker_process import tune_worker

UID = "warehouse"
HOLD_BACK_S = 1.0
"""A row that is one too many is held for so long at most: checkpoints still come through."""
_HOLD_STEP_S = 0.05


class WarehouseWriter(KeyedProcessFunction):
    """``(table, row)`` in, keyed by table, and ``(table, NULL)`` as a tick; nothing out."""

    def __init__(
        self, spec: WarehouseSpec, rules: LoadRules, suppression: SuppressionSource | None = None
    ) -> None:
        self._spec = spec
        self._rules = rules
        self._suppression_source = suppression

    def open(self, runtime_context: RuntimeContext) -> None:
        tune_worker()
        data = Types.PRIMITIVE_ARRAY(Types.BYTE())
        self._state = runtime_context.get_state(ValueStateDescriptor("load", data))
        self._rows = FlinkRowStore(
            runtime_context.get_list_state(ListStateDescriptor("gathered", data)),
            runtime_context.get_state(ValueStateDescriptor("loading", data)),
        )
        self._warehouse = open_warehouse(self._spec)
        is_erased = suppression_of(self._suppression_source).has_call
        metrics = metrics_in(runtime_context.get_metrics_group())
        self._loaders = {
            table.folder: Loader(table, self._warehouse, self._rules, is_erased, metrics)
            for table in WAREHOUSE_TABLES
        }
        self._num_waiting: dict[str, int] = {}
        self._waited_ms: dict[str, int] = {}
        """By table, as seen last; a tick a second sees it."""
        begin(metrics, WAREHOUSE_LOADS, WAREHOUSE_RETRIES)
        metrics.show(WAREHOUSE_ROWS_WAITING, lambda: sum(self._num_waiting.values()))
        metrics.show(WAREHOUSE_OLDEST_MS, lambda: max(self._waited_ms.values(), default=0))
        STEP_OPENED.log(step=UID, pid=os.getpid())

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        loader, state = self._loaders[ctx.get_current_key()], self._load_state()
        now_ms = ctx.timer_service().current_processing_time()
        if value is not None:
            self._hold_back(loader, state, ctx)
            loader.take(state, self._rows, bytes(value), now_ms)
        self._advance(loader, state, ctx, now_ms)
        return iter(())

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        now_ms = max(timestamp, ctx.timer_service().current_processing_time())
        self._advance(self._loaders[ctx.get_current_key()], self._load_state(), ctx, now_ms)
        return iter(())

    def close(self) -> None:
        self._warehouse.close()

    def _load_state(self) -> LoadState:
        data = self._state.value()
        return LoadState() if data is None else decode_load_state(bytes(data))

    def _hold_back(self, loader: Loader, state: LoadState, ctx: Any) -> None:
        """Slow down whoever sends, while too much waits; a row is taken in the end."""
        until_s = time.monotonic() + HOLD_BACK_S
        while loader.is_full(state) and time.monotonic() < until_s:
            time.sleep(_HOLD_STEP_S)
            loader.advance(state, self._rows, ctx.timer_service().current_processing_time())

    def _advance(self, loader: Loader, state: LoadState, ctx: Any, now_ms: int) -> None:
        loader.advance(state, self._rows, now_ms)
        self._state.update(encode_load_state(state))
        self._num_waiting[ctx.get_current_key()] = loader.num_waiting(state)
        self._waited_ms[ctx.get_current_key()] = loader.waited_ms(state, now_ms)
        due_ms = loader.next_look_ms(state)
        if due_ms is not None:
            ctx.timer_service().register_processing_time_timer(max(due_ms, now_ms + 1))


class FlinkRowStore:
    """A writer's rows in Flink's state: a list that is only added to, and one value."""

    def __init__(self, gathered: ListState, loading: ValueState) -> None:
        self._gathered = gathered
        self._loading = loading

    def gather(self, packed: bytes) -> None:
        self._gathered.add(packed)

    def take_gathered(self) -> list[bytes]:
        rows = [bytes(packed) for packed in self._gathered.get()]
        self._gathered.clear()
        return rows

    def keep_loading(self, packed: list[bytes]) -> None:
        self._loading.update(msgspec.msgpack.encode(packed))

    def loading(self) -> list[bytes]:
        return msgspec.msgpack.decode(bytes(self._loading.value()), type=list[bytes])

    def forget_loading(self) -> None:
        self._loading.clear()


def write_to_warehouse(
    tables: StreamTableEnvironment,
    loads: DataStream,
    spec: WarehouseSpec,
    rules: LoadRules,
    suppression: SuppressionSource,
) -> None:
    """Attach the writers.

    Args:
        tables: where the ticks are planned.
        loads: ``(table, row)``, see ``flink_job.arrows``.
        spec: which warehouse.
        rules: how many rows at a time.
        suppression: whose rows are not loaded.
    """
    tables.create_temporary_view("loads", tables.from_data_stream(loads))
    tables.execute_sql(
        "CREATE TEMPORARY TABLE ticks (n INT) "
        "WITH ('connector' = 'datagen', 'rows-per-second' = '1')"
    )
    # No join with a list of the tables: it would keep every tick, and under no uid.
    each_tick = " UNION ALL ".join(
        f"SELECT '{table.folder}', CAST(NULL AS BYTES) FROM ticks"  # noqa: S608 - names are ours
        for table in WAREHOUSE_TABLES
    )
    with_ticks = tables.to_data_stream(
        tables.sql_query(f"SELECT `table`, `row` FROM loads UNION ALL {each_tick}")  # noqa: S608
    )
    writer = keyed(with_ticks, loads_type()).process(WarehouseWriter(spec, rules, suppression))
    writer.name(UID).uid(UID)
