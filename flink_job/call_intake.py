"""Intake as a keyed Flink function: the state and the timers of ``udfs.intake``.

Timers are coarse and never relied on alone (one can be missing from a checkpoint, since PyFlink's
wait in the task's mailbox while the barrier passes): what data can decide, data decides; each
record registers its call's next deadline again; a timer that fires reads the state, does what is
due, and registers the next. And where all of a call's timers are lost, pulses come in their place
(``flink_job.pulses``). So a lost timer costs time, never a call.

A call that was erased is forgotten when its next record, timer or pulse comes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapState, MapStateDescriptor

from connectors.suppression import suppression_of
from connectors.suppression_source import SuppressionSource
from flink_job.arrows import decode_opened, encode, reject_row, rejects_tag
from flink_job.settings import CallSettings, TimeSettings
from udfs.call_state import (
    CallState,
    KeptChunk,
    OpenCall,
    Tombstone,
    decode_state,
    encode_state,
)
from udfs.decisions import Decision, Refusal, ToDo
from udfs.events import STEP_OPENED
from udfs.flink_metrics import metrics_in
from udfs.intake import Intake
from udfs.late_records import LateRecords
from udfs.metrics import (
    CALLS_CLOSED,
    CALLS_FORGOTTEN,
    CALLS_OPEN,
    CALLS_OPENED,
    begin,
    count_reject,
)
from udfs.policy import Policy
from udfs.record_json import CallRecord
from udfs.records import (
    CallClosed,
    CallForgotten,
    PersonSuppressed,
    RejectNotice,
    UtteranceAccepted,
)
from udfs.redaction.stored import StoredContent, first_use
from udfs.rows import EpochMs, Reject, partition_date
from udfs.suppression import has_suppressed_person, is_taken_along
from udfs.worker_process import tune_worker

DEADLINE_GRID_MS = 1_000
IDLE_GRID_MS = 10_000
"""Every record moves the idle deadline of a call that goes on: a coarser grid, fewer timers."""
BEHIND_MS = 1_000
"""A record this far behind stream time shows that stream time was wrong."""
LOOK_GRID_MS = 30_000
"""Clock time: an open call of which nothing comes is looked at so often, lest it was erased."""
END_OF_STREAM_MS = 2**63 - 1
"""The last watermark, sent when the job is drained: no stream time comes after it."""


class CallIntake(KeyedProcessFunction):
    """Opened records of a call in, its work in order out; refused records as rejects."""

    def __init__(
        self,
        calls: CallSettings,
        time_settings: TimeSettings,
        policy: Policy,
        suppression: SuppressionSource | None = None,
    ) -> None:
        self._calls = calls
        self._policy = policy
        self._time = time_settings
        self._suppression_source = suppression

    def open(self, runtime_context: RuntimeContext) -> None:
        tune_worker()
        self._intake = Intake(self._calls.rules(), self._policy)
        self._late = LateRecords(self._policy)
        self._content = StoredContent(first_use())
        self._store = FlinkCallStore(
            runtime_context.get_map_state(
                MapStateDescriptor("kept", Types.STRING(), Types.PRIMITIVE_ARRAY(Types.BYTE()))
            )
        )
        self._rejects = rejects_tag()
        self._suppression = suppression_of(self._suppression_source)
        self._distrust_until_ms = 0
        self._wakes: dict[str, int] = {}
        """By open call, the timer of stream time registered last."""
        self._looks: dict[str, int] = {}
        """By open call, the timer of clock time after which it is looked at in any case."""
        self._metrics = metrics_in(runtime_context.get_metrics_group())
        begin(self._metrics, CALLS_OPENED, CALLS_CLOSED)
        self._metrics.show(CALLS_OPEN, lambda: len(self._wakes))
        STEP_OPENED.log(step="intake", pid=os.getpid())

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        if value is None:  # a pulse
            yield from self._look_again(ctx)
            return
        opened = decode_opened(bytes(value))
        now_ms = ctx.timer_service().current_processing_time()
        stream_ms = ctx.timer_service().current_watermark()
        self._note_behind(opened.arrival.arrival_ms, stream_ms)
        call = self._read() or OpenCall()
        record = self._unless_suppressed(ctx.get_current_key(), call, opened.record)
        if record is None:
            yield from self._forget(ctx)
            return
        if isinstance(call, Tombstone):
            late = self._late.take(call, record, opened.arrival)
            yield from self._carry_out(ctx.get_current_key(), late)
            self._bury(call, ctx)
            return
        was_started = call.started is not None
        decisions = self._intake.take(call, self._store, record, opened.arrival, now_ms)
        yield from self._carry_out(ctx.get_current_key(), decisions)
        if not was_started and call.started is not None:
            self._metrics.count(CALLS_OPENED)
        yield from self._settle(call, ctx, now_ms, stream_ms, opened.arrival.arrival_ms)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        self._wakes.pop(ctx.get_current_key(), None)
        yield from self._look_again(ctx)

    def _look_again(self, ctx: Any) -> Iterator[Any]:
        """Do what is due: a timer or a pulse came."""
        call = self._read()
        if call is None:
            return
        if self._is_suppressed(ctx.get_current_key(), call):
            yield from self._forget(ctx)
            return
        stream_ms = ctx.timer_service().current_watermark()
        now_ms = ctx.timer_service().current_processing_time()
        if isinstance(call, Tombstone):
            self._bury(call, ctx)
            return
        decisions = self._intake.stop_waiting_for_gaps(call, self._store, now_ms)
        yield from self._carry_out(ctx.get_current_key(), decisions)
        yield from self._settle(call, ctx, now_ms, stream_ms, 0)

    def _unless_suppressed(
        self, call_id: str, call: CallState, record: CallRecord | RejectNotice | PersonSuppressed
    ) -> CallRecord | RejectNotice | None:
        """The record, as far as it may be taken; None: nothing of the call may be kept."""
        if isinstance(record, PersonSuppressed):
            open_call = call if isinstance(call, OpenCall) else None
            if record.joined is None or is_taken_along(open_call, record):
                self._suppress(call_id, call, record.started_at_ms)
                return None
            record = record.joined
        return None if self._is_suppressed(call_id, call) else record

    def _is_suppressed(self, call_id: str, call: CallState) -> bool:
        if self._suppression.has_call(call_id):
            return True
        if isinstance(call, OpenCall) and has_suppressed_person(call, self._suppression):
            self._suppress(call_id, call)
            return True
        return False

    def _suppress(self, call_id: str, call: CallState, started_at_ms: int | None = None) -> None:
        """Whoever erases cannot know of a call without a summary: its person is not in its rows."""
        if isinstance(call, OpenCall) and call.started is not None:
            started_at_ms = call.started.started_at_ms
        dt = None if started_at_ms is None else partition_date(started_at_ms)
        self._suppression.add_call(call_id, dt)

    def _forget(self, ctx: Any) -> Iterator[Any]:
        """Keep nothing of an erased call, and tell the step behind."""
        self._stop_waking(ctx)
        if self._store.call() is None:
            return
        self._store.clear()
        self._metrics.count(CALLS_FORGOTTEN)
        yield from self._carry_out(ctx.get_current_key(), [ToDo(CallForgotten())])

    def _read(self) -> CallState | None:
        call = self._store.call()
        if isinstance(call, OpenCall):
            self._intake.admit_unruled(call, self._store)
        return call

    def _settle(
        self, call: OpenCall, ctx: Any, now_ms: int, stream_ms: int, arrival_ms: int
    ) -> Iterator[Any]:
        """Give up what is due, close the call if it is over, keep the state, set the timers."""
        key = ctx.get_current_key()
        believed_ms = stream_ms if self._trusts(stream_ms) else 0
        yield from self._carry_out(key, self._intake.give_up(call, believed_ms))
        if self._intake.is_over(call, believed_ms):
            yield from self._carry_out(key, self._intake.close(call, self._store, now_ms))
            closed_at_ms = max(stream_ms, arrival_ms, call.last_arrival_ms)
            self._bury(self._late.tombstone(call, closed_at_ms), ctx)
        elif call.is_blank:
            self._store.drop_call()
            self._stop_waking(ctx)
        else:
            self._store.put_call(call)
            self._register(call, ctx, now_ms, stream_ms)

    def _register(self, call: OpenCall, ctx: Any, now_ms: int, stream_ms: int) -> None:
        deadline_ms = self._intake.deadline_ms(call)
        if deadline_ms is not None:
            # One that has passed but is not believed yet comes back on the next grid line.
            at_ms = max(deadline_ms, stream_ms + 1)
            grid_ms = IDLE_GRID_MS if call.ended is None else DEADLINE_GRID_MS
            self._wake_at(_on_grid(at_ms, grid_ms), ctx)
        look_at_ms = _on_grid(now_ms + 1, LOOK_GRID_MS)
        if self._looks.get(ctx.get_current_key()) != look_at_ms:
            self._looks[ctx.get_current_key()] = look_at_ms
            ctx.timer_service().register_processing_time_timer(look_at_ms)
        gap_deadline_ms = self._intake.gap_deadline_ms(call)
        if gap_deadline_ms is not None:
            ctx.timer_service().register_processing_time_timer(max(gap_deadline_ms, now_ms + 1))

    def _wake_at(self, at_ms: int, ctx: Any) -> None:
        """Register a timer of stream time, once for the many records that share it.

        What was registered is not kept in state: after a restart it is registered again.
        """
        key = ctx.get_current_key()
        if self._wakes.get(key) != at_ms:
            self._wakes[key] = at_ms
            ctx.timer_service().register_event_time_timer(at_ms)

    def _stop_waking(self, ctx: Any) -> None:
        key = ctx.get_current_key()
        self._wakes.pop(key, None)
        look_at_ms = self._looks.pop(key, None)
        if look_at_ms is not None:
            ctx.timer_service().delete_processing_time_timer(look_at_ms)

    def _bury(self, tombstone: Tombstone, ctx: Any) -> None:
        """Keep the tombstone until its day is over."""
        over_ms = tombstone.closed_at_ms + self._calls.tombstone_ms
        self._stop_waking(ctx)
        if ctx.timer_service().current_watermark() >= min(over_ms, END_OF_STREAM_MS):
            self._store.clear()
            return
        self._store.put_call(tombstone)
        ctx.timer_service().register_event_time_timer(_on_grid(over_ms))

    def _note_behind(self, arrival_ms: int, stream_ms: int) -> None:
        if arrival_ms + BEHIND_MS < stream_ms:
            self._distrust_until_ms = _monotonic_ms() + self._time.distrust_ms

    def _trusts(self, stream_ms: int) -> bool:
        return stream_ms == END_OF_STREAM_MS or _monotonic_ms() >= self._distrust_until_ms

    def _carry_out(self, call_id: str, decisions: Iterable[Decision]) -> Iterator[Any]:
        for decision in decisions:
            if isinstance(decision, Refusal):
                count_reject(self._metrics, decision.reason)
                yield self._rejects, self._reject_row(decision)
                continue
            work = decision.work
            if isinstance(work, CallClosed):
                self._metrics.count(CALLS_CLOSED)
            signal = None if decision.signal is None else encode(decision.signal)
            language = work.language if isinstance(work, UtteranceAccepted) else None
            yield Row(call_id, encode(work), signal, decision.text, language, decision.may_send_raw)

    def _reject_row(self, refusal: Refusal) -> Row:
        """A refused record; its content is stored only where policy has spoken, and lets it."""
        record, arrival = refusal.record, refusal.arrival
        return reject_row(
            Reject(
                step="open" if isinstance(record, RejectNotice) else "intake",
                reason=refusal.reason,
                call_id=record.call_id,
                stream=arrival.stream,
                shard=arrival.shard,
                sequence_number=arrival.sequence_number,
                arrival=EpochMs(arrival.arrival_ms),
                payload=self._content.of(record) if refusal.keeps_content else None,
            )
        )


def _on_grid(at_ms: int, grid_ms: int = DEADLINE_GRID_MS) -> int:
    """The next coarse instant: many records of a call share one timer."""
    return -(-at_ms // grid_ms) * grid_ms


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class FlinkCallStore:
    """All that intake keeps of a call, in one map state of Flink.

    At the end of a bundle PyFlink sends what it changed of each key to Flink, and waits: once for
    each state that changed, with two requests for a value and one for a map. Most records change
    their call and its chunks, so these lie in one map.

    A pulse that changes nothing writes nothing.

    Entries are removed one by one: in PyFlink, ``clear`` followed by the removal of something else
    in one bundle fails, so it is used only when nothing but the call itself may follow.
    """

    def __init__(self, kept: MapState) -> None:
        self._kept = kept
        self._read: bytes | None = None
        """The call as it was read last."""

    def call(self) -> CallState | None:
        """The current key's."""
        data = self._kept.get(_CALL)
        self._read = None if data is None else bytes(data)
        return None if self._read is None else decode_state(self._read)

    def put_call(self, call: CallState) -> None:
        """Keep what was read before with the same key, if it has changed."""
        data = encode_state(call)
        if data != self._read:
            self._kept.put(_CALL, data)

    def drop_call(self) -> None:
        self._kept.remove(_CALL)

    def put_chunk(self, participant_id: str, kept: KeptChunk) -> None:
        self._kept.put(_chunk_key(participant_id, kept.chunk.sequence), _encode(kept))

    def chunk(self, participant_id: str, sequence: int) -> KeptChunk | None:
        data = self._kept.get(_chunk_key(participant_id, sequence))
        return None if data is None else _decode_chunk(bytes(data))

    def drop_chunk(self, participant_id: str, sequence: int) -> None:
        self._kept.remove(_chunk_key(participant_id, sequence))

    def put_digests(self, participant_id: str, window: int, digests: dict[int, int]) -> None:
        self._kept.put(_digests_key(participant_id, window), _encode(digests))

    def digests(self, participant_id: str, window: int) -> dict[int, int]:
        data = self._kept.get(_digests_key(participant_id, window))
        return {} if data is None else _decode_digests(bytes(data))

    def put_utterance(self, utterance_id: str, digest: int) -> None:
        self._kept.put(_utterance_key(utterance_id), _encode(digest))

    def utterance(self, utterance_id: str) -> int | None:
        data = self._kept.get(_utterance_key(utterance_id))
        return None if data is None else _decode_digest(bytes(data))

    def clear(self) -> None:
        self._kept.clear()
        self._read = None


_CALL = "call"
_encode = msgspec.msgpack.Encoder().encode
_decode_chunk = msgspec.msgpack.Decoder(KeptChunk).decode
_decode_digests = msgspec.msgpack.Decoder(dict[int, int]).decode
_decode_digest = msgspec.msgpack.Decoder(int).decode


def _chunk_key(participant_id: str, sequence: int) -> str:
    return f"chunk|{participant_id}|{sequence}"


def _digests_key(participant_id: str, window: int) -> str:
    return f"digests|{participant_id}|{window}"


def _utterance_key(utterance_id: str) -> str:
    return f"utterance|{utterance_id}"
