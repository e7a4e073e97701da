"""Assembly as a keyed Flink function: the state and the timers of ``udfs.assembly``.

Its only timers run on the clock and show rows whose text wait is over. A lost one costs latency:
the call's next record or its close shows the row. Of a call that was erased no row is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapState, MapStateDescriptor, ValueStateDescriptor

from connectors.lake_tables import to_flink_row
from connectors.suppression import suppression_of
from connectors.suppression_source import SuppressionSource
from flink_job.arrows import (
    AUDIO_SCORE,
    TEXT_SCORE,
    WORK,
    calls_tag,
    decode_text_score,
    decode_window_score,
    decode_work,
    ledger_tag,
    load_row,
    loads_tag,
)
from udfs.assembly import Assembly, OpenAssembly, decode_assembly, encode_assembly
from udfs.events import STEP_OPENED
from udfs.flink_metrics import metrics_in
from udfs.fusion import Fuser
from udfs.metrics import (
    CALLS_INCOMPLETE,
    CHUNKS_MISSING,
    MODELS,
    SEGMENTS_OUT,
    WINDOWS_LOST,
    Modality,
    begin,
)
from udfs.models.scorer import MODEL_FAILURES, MissingReason
from udfs.records import (
    Announced,
    CallClosed,
    CallForgotten,
    ConsentRuled,
    UtteranceAccepted,
    WindowCut,
)
from udfs.rows import (
    ALL_PARTICIPANTS,
    CALLS,
    LEDGER,
    SEGMENTS,
    Ledger,
    Segment,
    Table,
    partition_date,
)
from udfs.score_text import WITHHELD_TEXT
from udfs.score_window import WITHHELD_AUDIO
from udfs.segments import ScoredAudio, ScoredText, Window
from udfs.worker_process import tune_worker


class CallAssembly(KeyedProcessFunction):
    """Scored work of a call in, order kept; segments out, summaries and ledgers beside them."""

    def __init__(
        self,
        fuser: Fuser,
        text_wait_ms: int,
        suppression: SuppressionSource | None = None,
        *,
        has_warehouse: bool = False,
    ) -> None:
        self._fuser = fuser
        self._text_wait_ms = text_wait_ms
        self._suppression_source = suppression
        self._has_warehouse = has_warehouse

    def open(self, runtime_context: RuntimeContext) -> None:
        tune_worker()
        data = Types.PRIMITIVE_ARRAY(Types.BYTE())
        self._assembly = Assembly(self._fuser, self._text_wait_ms)
        self._call = runtime_context.get_state(ValueStateDescriptor("call", data))
        self._windows = FlinkWindowStore(
            runtime_context.get_map_state(MapStateDescriptor("windows", Types.STRING(), data))
        )
        self._tags = {CALLS: calls_tag(), LEDGER: ledger_tag()}
        self._loads_tag = loads_tag()
        self._suppression = suppression_of(self._suppression_source)
        self._metrics = metrics_in(runtime_context.get_metrics_group())
        begin(self._metrics, CALLS_INCOMPLETE)
        for model in MODELS.values():
            begin(self._metrics, model.scored, model.failed)
        STEP_OPENED.log(step="assembly", pid=os.getpid())

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        now_ms = ctx.timer_service().current_processing_time()
        call_id = ctx.get_current_key()
        work = decode_work(bytes(value[WORK]))
        if isinstance(work, CallForgotten) or self._suppression.has_call(call_id):
            self._forget()
            return
        data = self._call.value()
        state = OpenAssembly() if data is None else decode_assembly(bytes(data))
        assembly, windows = self._assembly, self._windows
        rows: Iterator[Any] = iter(())
        match work:
            case Announced():
                assembly.announce(state, work)
            case WindowCut():
                heard = (
                    WITHHELD_AUDIO
                    if work.withheld
                    else decode_window_score(bytes(value[AUDIO_SCORE]))
                )
                self._count_score("audio", heard.missing)
                audio = ScoredAudio(work, heard)
                rows = assembly.take_audio(call_id, state, windows, audio, now_ms)
            case UtteranceAccepted():
                read = (
                    WITHHELD_TEXT if work.withheld else decode_text_score(bytes(value[TEXT_SCORE]))
                )
                self._count_score("text", read.missing)
                text = ScoredText(work, read)
                rows = assembly.take_text(call_id, state, windows, text, now_ms)
            case ConsentRuled():
                rows = assembly.take_consent(call_id, state, windows, work, now_ms)
            case CallClosed():
                rows = assembly.close(call_id, state, windows, work, now_ms)
        yield from self._emit(rows, state.started_at_ms)
        if isinstance(work, CallClosed):
            self._call.clear()
        else:
            self._keep(state, ctx, now_ms)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        data = self._call.value()
        if data is None:
            return
        if self._suppression.has_call(ctx.get_current_key()):
            self._forget()
            return
        state = decode_assembly(bytes(data))
        now_ms = max(timestamp, ctx.timer_service().current_processing_time())
        rows = self._assembly.show_due(ctx.get_current_key(), state, self._windows, now_ms)
        yield from self._emit(rows, state.started_at_ms)
        self._keep(state, ctx, now_ms)

    def _forget(self) -> None:
        self._call.clear()
        self._windows.clear()

    def _keep(self, state: OpenAssembly, ctx: Any, now_ms: int) -> None:
        self._call.update(encode_assembly(state))
        if state.due_ms is not None:
            ctx.timer_service().register_processing_time_timer(max(state.due_ms, now_ms + 1))

    def _emit(self, rows: Iterator[Any], started_at_ms: int) -> Iterator[Any]:
        dt = partition_date(started_at_ms)
        for row in rows:
            table = _TABLES[type(row)]
            self._count_row(row)
            flink_row = to_flink_row(row, _COLUMNS[table], dt)
            yield flink_row if table is SEGMENTS else (self._tags[table], flink_row)
            if self._has_warehouse:
                yield self._loads_tag, load_row(table, row)

    def _count_score(self, modality: Modality, missing: MissingReason | None) -> None:
        model = MODELS[modality]
        if missing is None:
            self._metrics.count(model.scored)
            return
        self._metrics.count(model.missing[missing])
        if missing in MODEL_FAILURES:
            self._metrics.count(model.failed)

    def _count_row(self, row: Any) -> None:
        if isinstance(row, Segment):
            self._metrics.count(SEGMENTS_OUT)
        elif isinstance(row, Ledger) and row.participant_id == ALL_PARTICIPANTS:
            self._metrics.count(CALLS_INCOMPLETE, int(not row.complete))
            self._metrics.count(CHUNKS_MISSING, row.chunks_missing)
            self._metrics.count(WINDOWS_LOST, row.windows_lost)


_TABLES: dict[type[Any], Table] = {table.row: table for table in (SEGMENTS, CALLS, LEDGER)}
_COLUMNS = {table: tuple(column.name for column in table.columns) for table in _TABLES.values()}

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Window)


class FlinkWindowStore:
    """A call's windows in a Flink map state."""

    def __init__(self, windows: MapState) -> None:
        self._windows = windows

    def get(self, participant_id: str, index: int) -> Window | None:
        data = self._windows.get(f"{participant_id}|{index}")
        return None if data is None else _decoder.decode(bytes(data))

    def put(self, participant_id: str, index: int, window: Window) -> None:
        self._windows.put(f"{participant_id}|{index}", _encoder.encode(window))

    def all(self) -> Mapping[str, Mapping[int, Window]]:
        windows: dict[str, dict[int, Window]] = {}
        # The whole list first: PyFlink's map must not be touched while it is iterated.
        for key, data in list(self._windows.items()):
            participant_id, _, index = key.rpartition("|")
            windows.setdefault(participant_id, {})[int(index)] = _decoder.decode(bytes(data))
        return windows

    def clear(self) -> None:
        self._windows.clear()
