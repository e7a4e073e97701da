"""The door as a Flink step: bytes to records, with the stream time at which they count."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from pyflink.common import Row
from pyflink.datastream import ProcessFunction, RuntimeContext

from connectors.kinesis_source import ARRIVAL_MS, PAYLOAD, SEQUENCE_NUMBER, SHARD
from connectors.secret_key import NO_KEY, KeySource, read_key
from connectors.suppression import suppression_of
from connectors.suppression_source import SuppressionSource
from flink_job.arrows import Opened, encode, reject_row, rejects_tag
from flink_job.settings import TimeSettings
from flink_job.stream_time import NO_CALL, ShardClock
from udfs.audio_codec import BYTES_PER_SAMPLE
from udfs.envelope import Door, Dropped, Limits, Refused
from udfs.events import STEP_OPENED
from udfs.flink_metrics import metrics_in
from udfs.metrics import (
    AUDIO_MS,
    HEARTBEATS,
    RECORDS,
    RECORDS_SUPPRESSED,
    REJECTED,
    SHARDS_SILENT,
    STREAM_TIME_LAG_MS,
    begin,
    count_reject,
)
from udfs.pseudonyms import Pseudonyms
from udfs.records import (
    Arrival,
    AudioChunk,
    Heartbeat,
    PersonSuppressed,
    Record,
    RejectNotice,
    StreamName,
)
from udfs.rows import EpochMs, Reject
from udfs.worker_process import tune_worker


class OpenRecords(ProcessFunction):
    """One source row to one opened record, or to a reject.

    A heartbeat goes on under ``NO_CALL`` until its stream time has become the watermark. A reject
    whose call is known tells the call's ledger; one that holds what was said in a known call is
    written there, where policy says with what content. Of a call or a person that was erased
    nothing goes on but the stream time.
    """

    def __init__(
        self,
        stream: StreamName,
        limits: Limits,
        time_settings: TimeSettings,
        key_source: KeySource = NO_KEY,
        suppression: SuppressionSource | None = None,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._time = time_settings
        self._key_source = key_source
        self._suppression_source = suppression

    def open(self, runtime_context: RuntimeContext) -> None:
        tune_worker()
        self._door = Door(
            self._limits,
            Pseudonyms(read_key(self._key_source)),
            suppression_of(self._suppression_source),
        )
        self._clock = ShardClock(self._time.start_hold_ms, self._time.silent_shard_ms)
        self._rejects = rejects_tag()
        self._metrics = metrics_in(runtime_context.get_metrics_group())
        begin(self._metrics, RECORDS, HEARTBEATS, REJECTED)
        self._metrics.show(
            STREAM_TIME_LAG_MS, lambda: self._clock.lag_ms(time.time_ns() // 1_000_000)
        )
        self._metrics.show(SHARDS_SILENT, self._clock.num_silent)
        STEP_OPENED.log(step=f"open-{self._stream}", pid=os.getpid())

    def process_element(self, value: Any, ctx: ProcessFunction.Context) -> Iterator[Any]:
        shard, arrival_ms = value[SHARD], value[ARRIVAL_MS]
        stream_ms = self._clock.see(shard, arrival_ms, time.monotonic_ns() // 1_000_000)
        arrival = Arrival(self._stream, shard, value[SEQUENCE_NUMBER], arrival_ms)
        try:
            record: Record | PersonSuppressed = self._door.open(bytes(value[PAYLOAD]), arrival)
        except Dropped as dropped:
            self._metrics.count(RECORDS_SUPPRESSED)
            if dropped.notice is None:  # stream time goes on all the same
                yield Row(NO_CALL, stream_ms, arrival_ms, b"")
                return
            record = dropped.notice
        except Refused as refused:
            self._metrics.count(RECORDS)
            for_policy = refused.is_speech and refused.call_id is not None
            if not for_policy:
                count_reject(self._metrics, refused.reason)
                yield self._rejects, _reject(refused, arrival)
            if refused.call_id is not None:
                notice = RejectNotice(
                    refused.call_id,
                    refused.participant_id,
                    refused.is_audio,
                    refused.reason if for_policy else None,
                    refused.content if for_policy else None,
                )
                opened = encode(Opened(notice, arrival))
                yield Row(refused.call_id, stream_ms, arrival_ms, opened)
            return
        if isinstance(record, Heartbeat):
            self._metrics.count(HEARTBEATS)
            yield Row(NO_CALL, stream_ms, arrival_ms, b"")
        else:
            self._metrics.count(RECORDS)
            if isinstance(record, AudioChunk):
                self._metrics.count(AUDIO_MS, _length_ms(record))
            opened = encode(Opened(record, arrival))
            yield Row(record.call_id, stream_ms, arrival_ms, opened)


def _length_ms(chunk: AudioChunk) -> int:
    num_samples = len(chunk.payload) // BYTES_PER_SAMPLE[chunk.encoding]
    return num_samples * 1_000 // chunk.sample_rate_hz


def _reject(refused: Refused, arrival: Arrival) -> Row:
    return reject_row(
        Reject(
            step="open",
            reason=refused.reason,
            call_id=refused.call_id,
            stream=arrival.stream,
            shard=arrival.shard,
            sequence_number=arrival.sequence_number,
            arrival=EpochMs(arrival.arrival_ms),
            payload=None if refused.is_speech else refused.content,
        )
    )
